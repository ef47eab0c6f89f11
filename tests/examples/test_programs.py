"""The programs of ``examples/`` that need nothing but this library, on each backend."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import types
from pathlib import Path

import pytest
import trio

import anyiohttp
from anyiohttp.cli.loopback import LoopbackServer, Request, Response, serve
from anyiohttp.cli.loopback.handlers import pattern

ROOT = Path(__file__).parents[2]

each_backend = pytest.mark.anyio


def load(name: str) -> types.ModuleType:
    """Import a program from its file, as its users would."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(*links: str) -> Response:
    body = "".join(f'<a href="{link}">x</a>' for link in links)
    return Response(200, body.encode(), [("Content-Type", "text/html; charset=utf-8")])


async def site(request: Request) -> Response:
    """A page that leads on, back, elsewhere and astray."""
    number = int(request.params[0])
    if number == 3:
        return page()
    elsewhere = "http://elsewhere.invalid/"
    return page(
        str(number + 1), "#top", "/site/0", "/status/404", "mailto:x", elsewhere, "http://["
    )


@each_backend
async def test_crawler() -> None:
    crawler = load("crawler")
    async with serve(routes={"/site/{n}": site}) as server:
        found = await crawler.crawl(str(server.url / "site/0"))
        assert {url.path: status for url, status in found.pages.items()} == {
            "/site/0": 200,
            "/site/1": 200,
            "/site/2": 200,
            "/site/3": 200,
            "/status/404": 404,
        }
        assert not found.errors
        found = await crawler.crawl(str(server.url / "site/0"), limit=2)
        assert len(found.pages) == 2
    found = await crawler.crawl("http://127.0.0.1:1/")
    assert len(found.errors) == 1


@each_backend
async def test_mirrored_downloads(loopback: LoopbackServer, tmp_path: Path) -> None:
    program = load("mirrored_downloads")
    digest = hashlib.sha256(pattern(300_000)).hexdigest()
    (tmp_path / "list.meta4").write_text(
        f"""<?xml version="1.0"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">
        <file name="whole.bin"><size>300000</size><hash type="sha-256">{digest}</hash>
        <url priority="1">{loopback.url / "status/404"}</url>
        <url priority="2">{loopback.url / "stream/300000"}</url></file>
        <file name="gone.bin"><url>{loopback.url / "status/410"}</url></file></metalink>"""
    )
    told = await program.fetch_list(tmp_path / "list.meta4", tmp_path / "to")
    assert told.pop("whole.bin") == "300000 bytes, sha256"
    assert "410" in told.popitem()[1]
    assert (tmp_path / "to/whole.bin").read_bytes() == pattern(300_000)


@each_backend
async def test_chain(loopback: LoopbackServer, capsys: pytest.CaptureFixture[str]) -> None:
    program = load("chain")
    url = loopback.url
    await program.main(str(url / "stream/100000"), str(url / "upload"))
    digest = hashlib.sha256(pattern(100_000)).hexdigest()
    assert capsys.readouterr().out == f"100000 bytes, sha256:{digest}\n"
    with pytest.raises(anyiohttp.ClientResponseError):
        await program.main(str(url / "status/404"), str(url / "upload"))


def test_trio_program() -> None:
    program = load("trio_program")

    async def main() -> dict[str, str]:
        async with serve() as server:
            urls = [str(server.url / "stream/5"), "http://127.0.0.1:1/"]
            return {url[-1]: text for url, text in (await program.check_all(urls)).items()}

    told = trio.run(main)
    assert told["5"] == "200, 5 bytes"
    assert told["/"].startswith("failed: Cannot connect")


def test_all_are_tested() -> None:
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    programs = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert {name for name in programs if f'"{name}"' in tests} == programs


def test_the_readme_names_all() -> None:
    readme = (ROOT / "examples/README.md").read_text("utf-8")
    assert all(f"`{path.name}`" in readme for path in (ROOT / "examples").glob("*.py"))
