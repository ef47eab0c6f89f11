"""What is said to a SOCKS proxy and what its answers mean, byte by byte."""

from __future__ import annotations

import errno
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyiohttp._connect.socks import SCHEMES, Handshake, SocksError, check_credentials

GRANTED_4 = b"\0\x5a\0\0\0\0\0\0"
OPEN_5 = b"\5\0"
GRANTED_5 = b"\5\0\0\1\x7f\0\0\1\x1f\x90"


def converse(handshake: Handshake, answers: bytes, step: int | None = None) -> tuple[bytes, bytes]:
    """Give the proxy's answers to a handshake, as much as it wants or less at a time.

    Returns:
        What was sent, and what of the answers was not wanted.
    """
    sent = handshake.outgoing
    while handshake.missing and answers:
        count = min(handshake.missing, step or handshake.missing)
        data, answers = answers[:count], answers[count:]
        sent += handshake.feed(data)
    return sent, answers


# --- what is asked ---

REQUESTS = {
    "socks4, an address": (
        ("socks4", "192.0.2.1", 80),
        b"\4\1\0\x50\xc0\0\2\1\0",
        GRANTED_4,
    ),
    "socks4, a user": (
        ("socks4", "192.0.2.1", 8080, "fred"),
        b"\4\1\x1f\x90\xc0\0\2\1fred\0",
        GRANTED_4,
    ),
    "socks4a, a name": (
        ("socks4a", "a.example", 443),
        b"\4\1\1\xbb\0\0\0\1\0a.example\0",
        GRANTED_4,
    ),
    "socks4a, a name and a user": (
        ("socks4a", "a.example", 443, "fr\u00e9d"),
        b"\4\1\1\xbb\0\0\0\1fr\xc3\xa9d\0a.example\0",
        GRANTED_4,
    ),
    "socks4a, an address": (
        ("socks4a", "192.0.2.1", 443),
        b"\4\1\1\xbb\xc0\0\2\1\0",
        GRANTED_4,
    ),
    "socks5, an address": (
        ("socks5", "192.0.2.1", 80),
        b"\5\1\0" + b"\5\1\0\1\xc0\0\2\1\0\x50",
        OPEN_5 + GRANTED_5,
    ),
    "socks5, an IPv6 address": (
        ("socks5", "2001:db8::1", 80),
        b"\5\1\0" + b"\5\1\0\4\x20\1\x0d\xb8" + bytes(11) + b"\1\0\x50",
        OPEN_5 + GRANTED_5,
    ),
    "socks5h, an address with a zone": (
        ("socks5h", "fe80::1%eth0", 80),
        b"\5\1\0" + b"\5\1\0\4\xfe\x80" + bytes(13) + b"\1\0\x50",
        OPEN_5 + GRANTED_5,
    ),
    "socks5h, a name": (
        ("socks5h", "a.example", 443),
        b"\5\1\0" + b"\5\1\0\3\x09a.example\1\xbb",
        OPEN_5 + GRANTED_5,
    ),
    "socks5, credentials that are wanted": (
        ("socks5", "192.0.2.1", 80, "fred", "s3cret"),
        b"\5\2\0\2" + b"\1\4fred\6s3cret" + b"\5\1\0\1\xc0\0\2\1\0\x50",
        b"\5\2" + b"\1\0" + GRANTED_5,
    ),
    "socks5, credentials that are not wanted": (
        ("socks5", "192.0.2.1", 80, "fred", "s3cret"),
        b"\5\2\0\2" + b"\5\1\0\1\xc0\0\2\1\0\x50",
        OPEN_5 + GRANTED_5,
    ),
    "socks5, a user without a password": (
        ("socks5", "192.0.2.1", 80, "\u20ac"),
        b"\5\2\0\2" + b"\1\3\xe2\x82\xac\0" + b"\5\1\0\1\xc0\0\2\1\0\x50",
        b"\5\2" + b"\1\0" + GRANTED_5,
    ),
    "socks5, bound to a name": (
        ("socks5h", "a.example", 443),
        b"\5\1\0" + b"\5\1\0\3\x09a.example\1\xbb",
        OPEN_5 + b"\5\0\0\3\5bound\0\1",
    ),
    "socks5, bound to an empty name": (
        ("socks5h", "a.example", 443),
        b"\5\1\0" + b"\5\1\0\3\x09a.example\1\xbb",
        OPEN_5 + b"\5\0\0\3\0\0\1",
    ),
    "socks5, bound to an IPv6 address": (
        ("socks5h", "a.example", 443),
        b"\5\1\0" + b"\5\1\0\3\x09a.example\1\xbb",
        OPEN_5 + b"\5\0\xff\4" + bytes(18),
    ),
}


@pytest.mark.parametrize("step", [None, 1, 3])
@pytest.mark.parametrize(("asked", "said", "answers"), REQUESTS.values(), ids=list(REQUESTS))
def test_granted(asked: tuple[object, ...], said: bytes, answers: bytes, step: int | None) -> None:
    """What follows the answer is the target's and is never asked for."""
    handshake = Handshake(*asked)  # type: ignore[arg-type]
    assert converse(handshake, answers + b"HTTP/1.1", step) == (said, b"HTTP/1.1")
    assert handshake.missing == 0


@pytest.mark.parametrize(("asked", "said", "answers"), REQUESTS.values(), ids=list(REQUESTS))
def test_cut_at_every_byte(asked: tuple[object, ...], said: bytes, answers: bytes) -> None:
    """Before the last byte of the answer nothing is granted."""
    for count in range(len(answers)):
        handshake = Handshake(*asked)  # type: ignore[arg-type]
        sent, left = converse(handshake, answers[:count])
        assert handshake.missing > 0
        assert not left
        assert said.startswith(sent)


# --- no ---

REFUSALS_5 = [
    (1, errno.EIO, "general failure", True),
    (2, errno.EACCES, "rules", False),
    (3, errno.ENETUNREACH, "network unreachable", True),
    (4, errno.EHOSTUNREACH, "host unreachable", True),
    (5, errno.ECONNREFUSED, "connection refused", True),
    (6, errno.ETIMEDOUT, "TTL expired", True),
    (7, errno.EOPNOTSUPP, "does not do CONNECT", False),
    (8, errno.EAFNOSUPPORT, "type of address", True),
    *((code, errno.EIO, "not assigned", False) for code in range(9, 256)),
]


@pytest.mark.parametrize("rest", [b"", b"\0\1\0\0\0\0\0\0"])
def test_replies_of_socks5(rest: bytes) -> None:
    """A refusal is one whether or not an address follows."""
    for code, number, text, of_the_address in REFUSALS_5:
        with pytest.raises(SocksError, match=text) as caught:
            converse(Handshake("socks5", "192.0.2.1", 80), OPEN_5 + bytes([5, code]) + rest)
        assert (caught.value.errno, caught.value.reply) == (number, code)
        assert caught.value.of_the_address is of_the_address
        assert f"reply {code}" in str(caught.value)


REFUSALS_4 = {
    91: (errno.ECONNREFUSED, "rejected or failed", True),
    92: (errno.EACCES, "identd", False),
    93: (errno.EACCES, "another", False),
}


def test_replies_of_socks4() -> None:
    for code in set(range(256)) - {90}:
        number, text, of_the_address = REFUSALS_4.get(code, (errno.EIO, "not assigned", False))
        with pytest.raises(SocksError, match=text) as caught:
            converse(Handshake("socks4", "192.0.2.1", 80), bytes([0, code]) + bytes(6))
        assert (caught.value.errno, caught.value.reply) == (number, code)
        assert caught.value.of_the_address is of_the_address


@pytest.mark.parametrize(
    ("scheme", "login", "answers", "number", "text"),
    [
        ("socks5", None, b"\5\xff", errno.EACCES, "wants credentials"),
        ("socks5", "u", b"\5\xff", errno.EACCES, "takes no user names"),
        ("socks5", None, b"\5\2", errno.EPROTO, "method 2, which was not offered"),
        ("socks5", "u", b"\5\1", errno.EPROTO, "method 1, which was not offered"),
        ("socks5", "u", b"\5\2\1\1", errno.EACCES, "refused the user name"),
        ("socks5", "u", b"\5\2\1\xff", errno.EACCES, "refused the user name"),
        ("socks5", "u", b"\5\2\5\0", errno.EPROTO, "does not speak SOCKS5"),
        ("socks5", None, b"\4\0", errno.EPROTO, "does not speak SOCKS5$"),
        ("socks5", None, b"\0\x5b", errno.EPROTO, "does not speak SOCKS5$"),
        ("socks5", None, b"HTTP/1.1 400", errno.EPROTO, "but HTTP"),
        ("socks5", None, b"\5\0HT", errno.EPROTO, "but HTTP"),
        ("socks5", None, b"\5\0\5\0\0\2", errno.EPROTO, "unknown type 2"),
        ("socks5", None, b"\5\0\5\0\0\0", errno.EPROTO, "unknown type 0"),
        ("socks4", None, b"\4\x5a\0\0\0\0\0\0", errno.EPROTO, "does not speak SOCKS4$"),
        ("socks4a", None, b"HTTP/1.1 400", errno.EPROTO, "but HTTP"),
        ("socks4a", None, b"\5\xff\0\0\0\0\0\0", errno.EPROTO, "does not speak SOCKS4$"),
    ],
)
def test_not_agreed(scheme: str, login: str | None, answers: bytes, number: int, text: str) -> None:
    host = "192.0.2.1"
    with pytest.raises(SocksError, match=text) as caught:
        converse(Handshake(scheme, host, 80, login), answers)
    assert caught.value.errno == number
    assert not caught.value.of_the_address


@pytest.mark.parametrize(
    ("scheme", "host", "text"),
    [
        ("socks4", "2001:db8::1", "IPv4 addresses only"),
        ("socks4a", "::1", "IPv4 addresses only"),
        ("socks5h", "a" * 256, "cannot be given"),
        ("socks4a", "a" * 256, "cannot be given"),
        ("socks5h", "", "cannot be given"),
        ("socks4a", "a\0b", "cannot be given"),
        ("socks5h", "\u00fc", "cannot be given"),
    ],
)
def test_targets_that_cannot_be_asked_for(scheme: str, host: str, text: str) -> None:
    with pytest.raises(SocksError, match=text):
        Handshake(scheme, host, 80)


@pytest.mark.parametrize(
    ("scheme", "login", "password", "text"),
    [
        ("socks4", "u", "p", "no passwords"),
        ("socks4a", "u", "p", "no passwords"),
        ("socks4", "u\0", "", "NUL"),
        ("socks5", "", "p", "1 to 255"),
        ("socks5", "u" * 256, "p", "1 to 255"),
        ("socks5h", "u", "\u20ac" * 86, "at most 255"),
    ],
)
def test_credentials_that_cannot_be_carried(
    scheme: str, login: str, password: str, text: str
) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        check_credentials(scheme, login, password)
    assert password not in str(caught.value).split() or password == "p"


def test_credentials_that_can_be_carried() -> None:
    for scheme in SCHEMES:
        check_credentials(scheme, None, "")
        check_credentials(scheme, "u:with colon", "")
    check_credentials("socks5", "u" * 255, "\u20ac" * 85)


@given(st.sampled_from(sorted(SCHEMES)), st.none() | st.just("user"), st.binary(max_size=300))
def test_whatever_comes_is_an_answer_or_our_error(
    scheme: str, login: str | None, data: bytes
) -> None:
    handshake = Handshake(scheme, "192.0.2.1", 80, login)
    with suppress(SocksError):
        _, left = converse(handshake, data)
        assert not (handshake.missing and left)
