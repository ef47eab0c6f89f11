"""Credentials out of netrc."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from anyiohttp._client.netrc import load_netrc, netrc_auth

FILE = """\
machine example.com login user password pass
machine UPPER.example login up password per
machine only-account account acc password pass
machine nameless password pass
machine colon login us:er password pass
machine euro login € password pass
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.delenv("NETRC", raising=False)
    return home


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = write(tmp_path / "netrc", FILE)
    monkeypatch.setenv("NETRC", str(path))
    return path


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.com", ("user", "pass", "latin1")),
        ("EXAMPLE.com", ("user", "pass", "latin1")),
        ("upper.example", ("up", "per", "latin1")),
        ("only-account", ("acc", "pass", "latin1")),
        ("nameless", ("", "pass", "latin1")),
        ("euro", ("€", "pass", "utf-8")),
        ("sub.example.com", None),
        ("default", None),
        ("", None),
    ],
)
@pytest.mark.usefixtures("named")
def test_entries(host: str, expected: tuple[str, str, str] | None) -> None:
    assert netrc_auth(host) == expected


@pytest.mark.usefixtures("named")
def test_an_entry_that_cannot_be_sent_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert netrc_auth("colon") is None
    assert "colon" in caplog.text
    assert "pass" not in caplog.text


def test_the_default_entry(named: Path) -> None:
    write(named, FILE + "default login anybody password any\n")
    assert netrc_auth("sub.example.com") == ("anybody", "any", "latin1")
    assert netrc_auth("example.com") == ("user", "pass", "latin1")


def test_the_file_in_the_home_directory(home: Path) -> None:
    write(home / ("_netrc" if sys.platform == "win32" else ".netrc"), FILE)
    assert netrc_auth("example.com") == ("user", "pass", "latin1")


def test_windows_has_another_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / "_netrc", FILE)
    monkeypatch.setattr(sys, "platform", "win32")
    assert netrc_auth("example.com") == ("user", "pass", "latin1")


def test_no_file_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    assert netrc_auth("example.com") is None
    assert not caplog.records


def test_a_named_file_that_is_not_there_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NETRC", "/nowhere/netrc")
    assert netrc_auth("example.com") is None
    assert "Could not read netrc file" in caplog.text


def test_an_empty_name_is_no_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NETRC", "")
    assert netrc_auth("example.com") is None
    assert not caplog.records


def test_a_malformed_file_is_logged_without_what_it_holds(
    named: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(named, "machine h login u password\nhunter2 hunter2\n")
    assert netrc_auth("h") is None
    assert "Could not parse" in caplog.text
    assert str(named) in caplog.text
    assert "hunter2" not in caplog.text


def test_a_file_that_cannot_be_decoded_is_logged(
    named: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(named, b"machine h login u password \xff\xfe\n")
    # netrc falls back to the locale's encoding, which may be able to read anything.
    entries = load_netrc()
    assert entries is not None or "Could not decode" in caplog.text


def test_no_home_directory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if sys.platform == "win32":
        names = ("USERPROFILE", "HOMEPATH", "HOMEDRIVE")
    else:
        names = ("HOME",)
        import pwd

        def unknown(uid: int) -> object:
            raise KeyError(uid)

        monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in names:
        monkeypatch.delenv(name, raising=False)
    caplog.set_level(logging.DEBUG)
    assert netrc_auth("example.com") is None
    assert "home directory" in caplog.text
