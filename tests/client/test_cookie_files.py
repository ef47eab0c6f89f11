from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.client.cookie_jars import HTTP, HTTPS, IN_2012, Clock, sent, set_

from anyiohttp._client.cookies import CookieJar


def test_saved_and_loaded(jar: CookieJar, clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "cookies.json"
    set_(
        jar, HTTPS, "a=1; Secure; HttpOnly; Path=/x", "a=2; Domain=example.org", 'a="ü"; max-age=50'
    )
    set_(jar, HTTP, "gone=1; max-age=1", "raw=\udcff")
    jar.update_cookies({"shared": "x y"})
    clock.now += 2
    jar.save(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["cookies.json"]

    other = CookieJar(clock=clock)
    other.update_cookies({"old": "1"})
    other.load(str(file))
    for url in ("https://example.org/x", HTTP, "http://www.example.org/", "http://else.test/"):
        assert sent(other, url) == sent(jar, url) != ""
    assert list(other) == list(jar)
    assert other.host_only_cookies == jar.host_only_cookies
    clock.now += 50
    assert len(other) == len(jar) == 4
    other.load(file)
    assert len(other) == 4


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o660, 0o400])
def test_saving_replaces_a_file_in_one_step(jar: CookieJar, tmp_path: Path, mode: int) -> None:
    """With the mode that somebody gave it, as curl and aiohttp do."""
    file = tmp_path / "real.json"
    file.write_text("old")
    file.chmod(mode)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    set_(jar, HTTP, "a=1")
    jar.save(link)
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == mode
    assert json.loads(file.read_text())["cookies"][0]["name"] == "a"


def test_a_failed_save_leaves_nothing_behind(jar: CookieJar, tmp_path: Path) -> None:
    target = tmp_path / "directory"
    target.mkdir()
    with pytest.raises(OSError, match="directory"):
        jar.save(target)
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(FileNotFoundError):
        jar.save(tmp_path / "missing" / "file")


def test_aiohttp_s_files_are_read(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "cookies.json"
    records = {
        "|": {"s": {"key": "s", "value": "x y", "coded_value": '"x y"', "path": "/"}},
        "example.org|": {
            "h": {
                "key": "h",
                "value": "1",
                "coded_value": "1",
                "domain": "example.org",
                "path": "/",
                "host_only": True,
                "expires_timestamp": IN_2012 + 10,
            },
            "d": {
                "key": "d",
                "value": "2",
                "coded_value": "2",
                "domain": "example.org",
                "secure": True,
            },
        },
        "example.org|/x": {"p": {"key": "p", "value": "3", "coded_value": "3", "path": "/x/"}},
    }
    file.write_text(json.dumps(records))
    jar = CookieJar(clock=clock)
    jar.load(file)
    assert sent(jar, HTTP) == 's="x y"; h=1'
    assert sent(jar, "https://www.example.org/x/y") == 'p=3; s="x y"; d=2'
    assert sent(jar, "https://www.example.org/x") == 's="x y"; d=2'
    clock.now += 10
    assert sent(jar, HTTP) == 's="x y"'


GOOD = {
    "name": "a", "value": "1", "domain": "x.org", "host_only": True, "path": "/", "deadline": None,
    "attributes": [],
}  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        "no json",
        "[]",
        "5",
        '{"x": 5}',
        '{"|": {"a": {}}}',
        "[" * 100_000,
        *[
            json.dumps({"format": "anyiohttp cookies 1", "cookies": [GOOD, {**GOOD, **change}]})
            for change in (
                {"name": ""},
                {"name": 5},
                {"value": "a\r\nb"},
                {"path": "x"},
                {"path": None},
                {"deadline": "soon"},
                {"deadline": float("nan")},
                {"attributes": 5},
                {"attributes": [["path", "\n"]]},
            )
        ],
        json.dumps({"format": "anyiohttp cookies 1"}),
    ],
    ids=lambda data: data[-40:],
)
def test_other_files_are_refused(data: str, jar: CookieJar, tmp_path: Path) -> None:
    file = tmp_path / "cookies.json"
    file.write_text(data)
    jar.update_cookies({"kept": "1"})
    with pytest.raises(ValueError, match="not a file of saved cookies"):
        jar.load(file)
    assert sent(jar, HTTP) == "kept=1"
    with pytest.raises(FileNotFoundError):
        jar.load(tmp_path / "missing")
