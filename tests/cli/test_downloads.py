"""Downloads from the command line: plans, how they are shown, and the real thing."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console
from tests.cli.stage import CONTENT, on_terminal
from yarl import URL

from anyiohttp import (
    ClientError,
    DownloadItem,
    DownloadOutcome,
    DownloadResult,
    Progress,
    SegmentProgress,
)
from anyiohttp.cli.download_plan import plan_items
from anyiohttp.cli.exit_codes import ExitCode
from anyiohttp.cli.loopback import LoopbackServer
from anyiohttp.cli.main import main
from anyiohttp.cli.plan import PlanError
from anyiohttp.cli.progress import BarsView, LinesView, outcome_line, progress_line
from anyiohttp.cli.settings import RateError, parse_rate

U = URL("http://a.org/b/file.bin?x")


# --- plans ---


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1", 1), ("500K", 512_000), ("1.5M", 1_572_864), ("2g", 2**31), ("2 MiB/s", 2**21)],
)
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "fast", "-1", "1T", "K"])
def test_no_rates(text: str) -> None:
    with pytest.raises(RateError, match="is no rate"):
        parse_rate(text)


LISTED = DownloadItem("http://c.org/d", "e")


@pytest.mark.parametrize(
    ("urls", "listed", "output", "items", "to"),
    [
        (["a.org"], [], None, [DownloadItem(URL("https://a.org"))], "."),
        (["a.org"], [], "new", [DownloadItem(URL("https://a.org"), "new")], "{}"),
        (["a.org"], [], "new/", [DownloadItem(URL("https://a.org"))], "{}/new"),
        (["a.org"], [], ".", [DownloadItem(URL("https://a.org"))], "{}"),
        (["a.org"], [LISTED], "new", [DownloadItem(URL("https://a.org")), LISTED], "{}/new"),
        ([], [LISTED], None, [LISTED], "."),
        ([], [LISTED], "sub/new", [DownloadItem("http://c.org/d", "new")], "{}/sub"),
    ],
)
def test_targets(
    urls: Sequence[str],
    listed: Sequence[DownloadItem],
    output: str | None,
    items: Sequence[DownloadItem],
    to: str,
    tmp_path: Path,
) -> None:
    given = None if output is None else f"{tmp_path}/{output}"
    assert plan_items(urls, listed, output=given, digest=None) == (
        list(items),
        Path(to.format(tmp_path)),
    )


def test_what_contradicts_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlanError, match="nothing to download"):
        plan_items([], [], output=None, digest=None)
    with pytest.raises(PlanError, match="--digest is for a single file"):
        plan_items(["a", "b"], [], output=None, digest="md5:0")
    with pytest.raises(PlanError, match="is no directory"):
        plan_items(["a", "b"], [], output=str(tmp_path / "file"), digest=None)
    (item,), _ = plan_items(["a"], [], output=None, digest="md5:0")
    assert item.options == {"digest": "md5:0"}


# --- how they are shown ---


def fetching(count: int, total: int | None = 4096, state: str = "fetching") -> Progress:
    segments = (SegmentProgress(0, 1, 2), SegmentProgress(2, 3, 4))
    return Progress(U, Path("x/f.bin"), state, count, total, 1024.0, 3.0, segments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (fetching(1024), "f: 25% of 4.0 KiB, 1.0 KiB/s, 3.00 s left"),
        (Progress(U, None, "fetching", 9, None, 3.0, None), "f: 9 B, 3 B/s"),
        (fetching(1024, state="waiting"), "f: waiting, 1.0 KiB are there"),
    ],
)
def test_progress_lines(progress: Progress, line: str) -> None:
    assert progress_line("f", progress) == line


ITEM = DownloadItem(U)
DONE = DownloadResult(Path("x/f\x1b"), U, 4096, 2048, 2048, verified=("sha256:00",), seconds=2.0)

UNMODIFIED = DownloadResult(Path("f"), U, 9, unmodified=True)


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            DownloadOutcome(ITEM, DONE),
            "x/f\\x1b: 4.0 KiB, 2.0 KiB of it from before, in 2.00 s (1.0 KiB/s), sha256 verified",
        ),
        (
            DownloadOutcome(ITEM, DownloadResult(Path("f"), U, 9, unmodified=True)),
            "f: not modified",
        ),
        (DownloadOutcome(ITEM, error=ClientError("no\nway")), "f: ClientError: no way"),
    ],
)
def test_outcome_lines(outcome: DownloadOutcome, line: str) -> None:
    assert outcome_line("f", outcome) == line


def test_lines_now_and_then() -> None:
    lines: list[str] = []
    now = [0.0]
    with LinesView(lines.append, lambda: now[0]) as view:
        view.told(0, ITEM, fetching(0, state="connecting"))
        for now[0] in (0.0, 4.9, 5.0, 5.1, 10.0):
            view.told(0, ITEM, fetching(int(now[0] * 100)))
        view.ended(0, DownloadOutcome(ITEM, error=ClientError("x")))
        view.ended(1, DownloadOutcome(ITEM, error=ClientError("y")))
    assert lines == [
        "f.bin: 12% of 4.0 KiB, 1.0 KiB/s, 3.00 s left",
        "f.bin: 24% of 4.0 KiB, 1.0 KiB/s, 3.00 s left",
        "f.bin: ClientError: x",
        "file.bin: ClientError: y",
    ]


def test_bars() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100, color_system=None)
    with BarsView(console, 2) as view:
        view.told(
            0, DownloadItem(U, "[odd] name" * 5), Progress(U, None, "connecting", 0, None, 0, None)
        )
        view.told(1, ITEM, fetching(1024))
        text = re.sub(r"\x1b\[[\d;?]*\w", "", shown.getvalue())
        assert "[odd] name[odd] name[odd] name[…" in text
        assert re.search(
            r"f\.bin +━+[╸╺]? *.*1\.0 KiB of 4\.0 KiB 1\.0 KiB/s x2 3\.00 s left", text
        )
        assert "0 of 2 files" in text
        view.ended(1, DownloadOutcome(ITEM, DONE))
        view.ended(0, DownloadOutcome(ITEM, error=ClientError("[no]")))
    text = shown.getvalue()
    assert "✓ x/f\\x1b: 4.0 KiB" in text
    assert ": ClientError: [no]" in text
    assert "2 of 2 files" in text


# --- the real thing ---


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_download(
    server: LoopbackServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], backend: str
) -> None:
    digest = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    (tmp_path / "list").write_text(f"{server.url / 'file.bin'} two.bin {digest}\n# a comment\n")
    into = ["-o", f"{tmp_path}/out/", "--backend", backend]
    urls = [str(server.url / "file.bin"), "--input", str(tmp_path / "list"), "-x", "2", "-j", "2"]
    assert main(["download", *urls, *into]) == 0
    told = capfd.readouterr().err
    for name in ("file.bin", "two.bin"):
        assert (tmp_path / "out" / name).read_bytes() == CONTENT
        assert f"out/{name}: 3.0 MiB, in " in told
    assert ", sha256 verified\n" in told
    assert main(["download", urls[0], *into, "--overwrite", "--newer"]) == 0
    # Each failure has its status; several that differ have 1.
    one = [urls[0], "--digest", f"sha256:{'0' * 64}", "-o", str(tmp_path / "x"), *into[2:]]
    assert main(["download", *one]) == ExitCode.DIGEST
    missing = str(server.url / "status/404")
    assert main(["download", missing, *into]) == ExitCode.CLIENT_STATUS
    assert main(["download", missing, "http://127.0.0.1:1/", "--retries", "0", *into]) == 1
    assert "404" in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list", "out"]


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_a_limit_for_all_of_it(
    server: LoopbackServer, tmp_path: Path, capfd: pytest.CaptureFixture[str], backend: str
) -> None:
    """It is not one for each request, after which another would go on."""
    url = str(server.url / "drip" % {"n": 1000, "delay": 0.02})
    into = ["-o", f"{tmp_path}/", "--backend", backend]
    assert main(["download", url, "--timeout", "0.5", *into]) == ExitCode.TIMEOUT
    assert "the 0.5 s of --timeout have passed" in capfd.readouterr().err
    assert not (tmp_path / "drip").exists()


def test_credentials(server: LoopbackServer, tmp_path: Path) -> None:
    url = str(server.url / "basic-auth/me/secret")
    for auth, code in ((["-a", "me:secret"], 0), (["-a", "me:x"], ExitCode.CLIENT_STATUS)):
        assert main(["download", url, *auth, "-o", str(tmp_path / "file")]) == code
    digest = ["-a", "me:secret", "--auth-type", "digest", "-o", str(tmp_path / "file")]
    assert main(["download", str(server.url / "digest"), *digest]) == 0
    assert (tmp_path / "file").read_bytes() == b"welcome"
    token = ["-a", "T", "--auth-type", "bearer", "-H", "X-A: b"]
    assert main(["download", str(server.url / "headers"), *token, "-o", f"{tmp_path}/h"]) == 0
    told = (tmp_path / "h").read_text()
    assert '["Authorization", "Bearer T"]' in told
    assert '["X-A", "b"]' in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to download"),
        (["a.org", "--limit-rate", "fast"], "is no rate"),
        (["a.org", "b.org", "--mirror", "c.org"], "--mirror is for a single file"),
        (["--input", "/dev/null"], "nothing to download"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["download", *arguments]) == ExitCode.USAGE
    assert said in " ".join(capsys.readouterr().err.split())


def test_no_such_list() -> None:
    assert main(["download", "--input", "/nowhere"]) == ExitCode.FILE


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_ctrl_c_and_again(server: LoopbackServer, tmp_path: Path, backend: str) -> None:
    """With bars on a terminal; the second command goes on where the first was."""
    target = tmp_path / "file"
    command = ["download", str(server.url / "file.bin"), "-o", str(target), "--backend", backend]
    slowly = ["--limit-rate", "1M"]
    code, shown = on_terminal([*command, *slowly], [(b"iB of 3.0 MiB", b"\x03")])
    assert code == ExitCode.INTERRUPTED
    assert "━" in shown
    assert "what was fetched is kept" in shown
    assert "Traceback" not in shown
    assert not target.exists()
    code, shown = on_terminal(command)
    assert code == 0
    assert "of it from before" in shown
    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]
