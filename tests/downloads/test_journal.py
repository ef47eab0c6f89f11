"""The journal: what it says is said again, however it was cut off."""

from __future__ import annotations

import pytest
from yarl import URL

from anyiohttp.downloads.journal import Identity, JournalWriter, Recorded, decode, url_key
from anyiohttp.downloads.spans import Spans

IDENTITY = Identity("key", 1000, '"v1"', "sha256:00", "Wed, 21 Oct 2015 07:28:00 GMT")


def journal() -> tuple[list[bytes], list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]]:
    """The lines of a journal, and what was written and synced after each of them."""
    writer = JournalWriter()
    lines = [writer.begin(Recorded(IDENTITY), "boot")]
    states: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]] = [([], [])]
    for record, written, synced in (
        (writer.wrote(0, 10), [(0, 10)], []),
        (writer.wrote(20, 30), [(0, 10), (20, 30)], []),
        (writer.synced(), [(0, 10), (20, 30)], [(0, 10), (20, 30)]),
        (writer.wrote(10, 15), [(0, 15), (20, 30)], [(0, 10), (20, 30)]),
    ):
        lines.append(record)
        states.append((written, synced))
    assert writer.lines == 5
    return lines, states


def test_cut_off_at_every_byte() -> None:
    lines, states = journal()
    data = b"".join(lines)
    ends = [len(b"".join(lines[: n + 1])) for n in range(len(lines))]
    for cut in range(len(data) + 1):
        recorded = decode(data[:cut], "boot")
        whole = sum(end <= cut for end in ends)
        if not whole:
            assert recorded is None
        else:
            assert recorded is not None
            assert recorded.identity == IDENTITY
            assert (list(recorded.written), list(recorded.synced)) == states[whole - 1]


def test_changed_at_every_byte() -> None:
    lines, states = journal()
    data = b"".join(lines)
    for place in range(len(data)):
        broken = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        recorded = decode(broken, "boot")
        # What stands before the line that is broken holds, and nothing after it.
        intact = data[:place].count(b"\n")
        if not intact:
            assert recorded is None
        else:
            assert recorded is not None
            assert list(recorded.written) == states[intact - 1][0]


def test_a_line_that_is_missing_ends_it() -> None:
    lines, _ = journal()
    del lines[1]
    recorded = decode(b"".join(lines), "boot")
    assert recorded is not None
    assert not recorded.written


@pytest.mark.parametrize(("boot", "trusted"), [("boot", 25), ("another", 20), ("", 20)])
def test_after_the_machine_has_stopped_only_what_was_synced_counts(boot: str, trusted: int) -> None:
    lines, _ = journal()
    recorded = decode(b"".join(lines), boot)
    assert recorded is not None
    assert recorded.written.total == trusted


def test_no_boot_is_known() -> None:
    data = JournalWriter().begin(Recorded(IDENTITY, Spans([(0, 5)])), "")
    recorded = decode(data, "")
    assert recorded is not None
    assert not recorded.written


def test_begun_anew_with_what_is_known() -> None:
    known = Recorded(IDENTITY, Spans([(0, 50), (70, 80)]), Spans([(0, 40)]))
    recorded = decode(JournalWriter().begin(known, "boot"), "boot")
    assert recorded == known


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\x00\xff" * 50,
        b"anyiohttp-download 1 {} 00000000\n",
        b"W 0 10 00000000\n",
    ],
)
def test_what_is_no_journal(data: bytes) -> None:
    assert decode(data, "boot") is None


@pytest.mark.parametrize("facts", ["{}", "[]", "{", '{"boot": 1}', '{"boot": "b", "url": "u"}'])
@pytest.mark.parametrize("magic", ["anyiohttp-download 1", "anyiohttp-download 2"])
def test_facts_that_are_none(magic: str, facts: str) -> None:
    import zlib

    text = f"{magic} {facts}".encode()
    assert decode(b"%b %08x\n" % (text, zlib.crc32(text + b"\n")), "boot") is None


def test_urls_are_told_apart_and_not_shown() -> None:
    url = URL("https://user:secret@example.org/a?token=secret#top")
    key = url_key(url)
    assert "secret" not in key
    assert key == url_key(URL("https://example.org/a?token=secret"))
    assert key != url_key(URL("https://example.org/a?token=other"))
    assert url_key(URL("/relative")) != key
