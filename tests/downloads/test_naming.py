"""Names that servers, URLs and lists give."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from yarl import URL

from anyiohttp.downloads.naming import MAX_NAME, relative_path, safe_name, url_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("Grüße aus Köln.txt", "Grüße aus Köln.txt"),
        ("Gru\u0308ße", "Grüße"),
        # no way out of the directory
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\autoexec.bat", "autoexec.bat"),
        ("C:x", "C_x"),
        ("a/..", None),
        ("..", None),
        (".", None),
        ("", None),
        ("/", None),
        ("a/", None),
        # devices
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul", "_nul"),
        ("COM1.tar.gz", "_COM1.tar.gz"),
        ("lpt\u00b2", "_lpt\u00b2"),
        ("CONIN$", "_CONIN$"),
        ("console", "console"),
        ("com10", "com10"),
        # what hides, what looks like an option
        (".bashrc", "_bashrc"),
        ("...", None),
        ("-rf", "_rf"),
        ("~", None),
        ("~root", "_root"),
        ("  x  ", "x"),
        # what is not seen, or deceives
        ("a\x00b\x1f\x7f\x9bc", "abc"),
        ("a\r\nb", "ab"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u200bb\ufeff", "ab"),
        ("a\udcffb", "ab"),
        ("a\u2028b", "ab"),
        # what Windows cannot have
        ('a<b>c:d"e|f?g*h', "a_b_c_d_e_f_g_h"),
        ("name. . .", "name"),
        ("???", None),
        # what another download uses
        ("victim.part", "victim.part_"),
        ("victim.PART", "victim.PART_"),
        ("victim.part.journal", "victim.part.journal_"),
    ],
)
def test_made_harmless(name: str, expected: str | None) -> None:
    assert safe_name(name) == expected


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("a" * 300 + ".tar", ".tar"),
        ("ü" * 300 + ".txt", "ü.txt"),
        ("\U0001f600" * 100, "\U0001f600"),
        ("a" * 100 + "." + "b" * 300, "b"),
    ],
)
def test_long_names(name: str, end: str) -> None:
    short = safe_name(name)
    assert short is not None
    assert MAX_NAME - 4 <= len(short.encode()) <= MAX_NAME
    assert short.endswith(end)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a/b.iso?x=/etc/passwd", "b.iso"),
        ("https://example.org/a/", "download"),
        ("https://example.org", "download"),
        ("https://example.org/..%2f..%2fetc%2fpasswd", "passwd"),
        ("https://example.org/%2e%2e", "download"),
        ("https://example.org/nul", "_nul"),
        ("https://example.org/a%00b", "ab"),
    ],
)
def test_of_urls(url: str, expected: str) -> None:
    assert url_name(URL(url)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.iso", "a.iso"),
        ("images/a.iso", "images/a.iso"),
        ("images\\a.iso", "images/a.iso"),
        ("./a//b", "a/b"),
        ("x/.ssh/config", "x/_ssh/config"),
        ("a..b", "a..b"),
    ],
)
def test_paths(text: str, expected: str) -> None:
    assert relative_path(text) == PurePosixPath(expected)


@pytest.mark.parametrize(
    "text",
    ["", "/", "/etc/passwd", "../a", "a/../b", "a/..", "C:/x", "c:x", "\\\\host\\x", "a/???"],
)
def test_paths_that_lead_outside_or_nowhere(text: str) -> None:
    with pytest.raises(ValueError, match=r"outside|no name"):
        relative_path(text)
