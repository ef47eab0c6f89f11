"""Lists of downloads: text and metalink."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

import pytest

from anyiohttp import DownloadItem, DownloadListError, parse_download_list
from anyiohttp.downloads.metalink import MAX_SIZE

SHA = f"sha256:{hashlib.sha256(b'x').hexdigest()}"


def told(item: DownloadItem) -> tuple[str, PurePosixPath | None, str | None]:
    path = None if item.path is None else PurePosixPath(item.path)
    return str(item.url), path, item.options.get("digest")


@pytest.mark.parametrize(
    ("line", "name", "digest"),
    [
        ("http://example.org/a", None, None),
        ("  https://example.org/a  b.iso ", "b.iso", None),
        (f"http://example.org/a b.iso {SHA}", "b.iso", SHA),
        (f"http://example.org/a {SHA} b.iso", "b.iso", SHA),
        (f"http://example.org/a\t{SHA}", None, SHA),
        ('http://example.org/a "two words.iso"', "two words.iso", None),
        ("http://example.org/a dir/b.iso # why", "dir/b.iso", None),
        ("http://example.org/a#b 'c'", "c", None),
        ("http://example.org/a?q='x'", None, None),
    ],
)
def test_a_line(line: str, name: str | None, digest: str | None) -> None:
    (item,) = parse_download_list(line)
    url = line.split()[0]
    assert told(item) == (url.replace("'", "'"), PurePosixPath(name) if name else None, digest)


def test_lines() -> None:
    text = "\ufeff# a list\r\n\r\nhttp://example.org/1\r\n   \nhttp://example.org/2\n"
    for data in (text, text.encode()):
        urls = [str(item.url) for item in parse_download_list(data)]
        assert urls == ["http://example.org/1", "http://example.org/2"]
    assert parse_download_list("") == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("http://example.org/\nnothing", "line 2: 'nothing' is no http"),
        ("ftp://example.org/x", "line 1: 'ftp://example.org/x' is no http"),
        ("file:///etc/passwd", "no http"),
        ("http://[", "no http"),
        ("http://example.org/a ../x", "outside"),
        ("http://example.org/a /etc/cron.d/x", "outside"),
        ("http://example.org/a x y", "not 'y' too"),
        (f"http://example.org/a {SHA} {SHA}", "two digests"),
        ("http://example.org/a sha256:12", "digest"),
        ("http://example.org/a crc:12", "digest"),
        ('http://example.org/a "open', "quotation"),
    ],
)
def test_lines_that_are_wrong(text: str, complaint: str) -> None:
    with pytest.raises(DownloadListError, match=complaint.replace("[", r"\[")):
        parse_download_list(text)


def test_neither_text_nor_metalink() -> None:
    with pytest.raises(DownloadListError, match="UTF-8"):
        parse_download_list(b"\xff\xfe\x00")


METALINK = f"""<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <published>2009-05-15T12:23:23Z</published>
  <file name="dir/example.ext">
    <size>14471447</size>
    <identity>Example</identity>
    <language>en</language>
    <hash type="md5">{hashlib.md5(b"x").hexdigest()}</hash>
    <hash type="sha-256">{hashlib.sha256(b"x").hexdigest()}</hash>
    <hash type="odd">00</hash>
    <pieces length="1048576" type="sha-1"><hash>00</hash></pieces>
    <url location="de">http://unknown.example.org/last</url>
    <url priority="2">https://two.example.org/b?x=1&amp;y=2</url>
    <url priority="1"> http://one.example.org/a </url>
    <url priority="1">ftp://example.org/c</url>
    <metaurl mediatype="torrent">http://example.org/t</metaurl>
  </file>
  <file name="second"><url>http://one.example.org/second</url></file>
</metalink>
"""


def test_metalink() -> None:
    first, second = parse_download_list(METALINK)
    assert told(first) == ("http://one.example.org/a", PurePosixPath("dir/example.ext"), SHA)
    assert [str(url) for url in first.options["mirrors"]] == [
        "https://two.example.org/b?x=1&y=2",
        "http://unknown.example.org/last",
    ]
    assert first.options["size"] == 14471447
    assert told(second) == ("http://one.example.org/second", PurePosixPath("second"), None)
    assert set(second.options) == set()


_FILE = '<file name="x"><url>http://e.org/x</url></file>'


def metalink(inside: str, before: str = "") -> str:
    return f'{before}<metalink xmlns="urn:ietf:params:xml:ns:metalink">{inside}</metalink>'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (metalink(_FILE)[:-5], "not a metalink"),
        ("<html/>", "without files"),
        ('<metalink><file name="x"><url>http://e.org/x</url></file></metalink>', "without files"),
        (metalink(""), "without files"),
        (metalink('<file name="../x"><url>http://e.org/x</url></file>'), "outside"),
        (metalink('<file name="/etc/x"><url>http://e.org/x</url></file>'), "outside"),
        (metalink("<file><url>http://e.org/x</url></file>"), "no name"),
        (metalink('<file name="x"/>'), "no http"),
        (metalink('<file name="x"><url>ftp://e.org/x</url></file>'), "no http"),
        (metalink("<a>" * 20 + "</a>" * 20), "nested"),
    ],
)
def test_metalinks_that_are_wrong(text: str, complaint: str) -> None:
    with pytest.raises(DownloadListError, match=complaint):
        parse_download_list(text)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE metalink>",
        '<!DOCTYPE metalink SYSTEM "http://evil.example/x.dtd">',
        '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE m [<!ENTITY % p SYSTEM "http://evil.example/"> %p;]>',
    ],
)
def test_no_document_type_is_read(doctype: str) -> None:
    with pytest.raises(DownloadListError, match="document type"):
        parse_download_list(metalink(_FILE, doctype))


def test_a_metalink_without_end() -> None:
    with pytest.raises(DownloadListError, match="at most"):
        parse_download_list(metalink(_FILE) + " " * MAX_SIZE)
