"""What a handshake offers, and which answers agree to it."""

from __future__ import annotations

import base64

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from websockets.utils import accept_key

from anyiohttp._protocol.websocket.handshake import Accepted, HandshakeRefused, Offer

EXTENSIONS = "Sec-WebSocket-Extensions"
PROTOCOL = "Sec-WebSocket-Protocol"


def answer(offer: Offer, *fields: tuple[str, str], status: int = 101) -> Accepted:
    """What the offer makes of an answer with these fields in the place of the right ones."""
    right = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_key(offer.key),
    }
    for name, _ in fields:
        right.pop(name, None)
    headers = CIMultiDict([*right.items(), *fields])
    return offer.accepted(status, CIMultiDictProxy(headers))


@pytest.mark.parametrize(
    ("protocols", "compress", "fields"),
    [
        ((), 0, {}),
        (("a", "b"), 0, {PROTOCOL: "a,b"}),
        ((), 15, {EXTENSIONS: "permessage-deflate; client_max_window_bits"}),
        (
            (),
            9,
            {EXTENSIONS: "permessage-deflate; server_max_window_bits=9; client_max_window_bits"},
        ),
    ],
)
def test_what_is_offered(protocols: tuple[str, ...], compress: int, fields: dict[str, str]) -> None:
    offer = Offer(iter(protocols), compress)
    sent = dict(offer.fields())
    key = sent.pop("Sec-WebSocket-Key")
    assert len(base64.b64decode(key)) == 16
    assert sent == fields
    assert Offer().key != key


@pytest.mark.parametrize("compress", [1, 8, 16, -15])
def test_windows_that_there_are_not(compress: int) -> None:
    with pytest.raises(ValueError, match="between 9 and 15"):
        Offer((), compress)


def test_the_example_of_the_rfc() -> None:
    offer = Offer()
    offer.key = "dGhlIHNhbXBsZSBub25jZQ=="
    assert answer(offer, ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))


@pytest.mark.parametrize(
    "fields",
    [
        [("Upgrade", "WebSocket")],
        [("Connection", "upgrade")],
        [("Connection", "keep-alive, Upgrade")],
        [("Connection", "keep-alive"), ("Connection", "UPGRADE")],
    ],
)
def test_answers_that_agree(fields: list[tuple[str, str]]) -> None:
    assert answer(Offer(), *fields) == Accepted(None, None)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ([("Upgrade", "h2c")], "upgrade header"),
        ([("Upgrade", "websocket, h2c")], "upgrade header"),
        ([("Connection", "close")], "connection header"),
        ([("Connection", "up grade")], "connection header"),
        ([("Sec-WebSocket-Accept", "")], "challenge"),
        ([("Sec-WebSocket-Accept", accept_key("another"))], "challenge"),
        ([(EXTENSIONS, "permessage-deflate")], "not offered: permessage-deflate"),
        ([(EXTENSIONS, "x")], "not offered: x"),
        ([(EXTENSIONS, "=")], "cannot be read"),
    ],
)
def test_answers_that_do_not(fields: list[tuple[str, str]], match: str) -> None:
    with pytest.raises(HandshakeRefused, match=match):
        answer(Offer(), *fields)


@pytest.mark.parametrize("status", [200, 204, 400, 426])
def test_another_status(status: int) -> None:
    with pytest.raises(HandshakeRefused, match="status"):
        answer(Offer(), status=status)


def test_a_key_that_is_accepted_twice() -> None:
    offer = Offer()
    right = ("Sec-WebSocket-Accept", accept_key(offer.key))
    with pytest.raises(HandshakeRefused, match="challenge"):
        answer(offer, right, right)


@pytest.mark.parametrize(
    ("values", "protocol"),
    [
        (["a"], "a"),
        ([" b "], "b"),
        (["x, b, a"], "b"),
        (["x"], None),
        ([""], None),
        ([], None),
    ],
)
def test_protocols(values: list[str], protocol: str | None) -> None:
    fields = [(PROTOCOL, value) for value in values]
    assert answer(Offer(("a", "b")), *fields).protocol == protocol
    assert answer(Offer(), *fields).protocol is None


@pytest.mark.parametrize(
    ("value", "peer_forgets", "we_forget", "our_bits"),
    [
        ("permessage-deflate", False, False, 15),
        ("permessage-deflate; server_max_window_bits=9", False, False, 15),
        ("permessage-deflate; client_max_window_bits=9", False, False, 9),
        ("permessage-deflate; server_no_context_takeover", True, False, 15),
        (
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=12",
            False,
            True,
            12,
        ),
    ],
)
@pytest.mark.parametrize("compress", [9, 15])
def test_compression(
    value: str, peer_forgets: bool, we_forget: bool, our_bits: int, compress: int
) -> None:
    deflate = answer(Offer((), compress), (EXTENSIONS, value)).deflate
    assert deflate is not None
    assert deflate.remote_no_context_takeover is peer_forgets
    assert deflate.local_no_context_takeover is we_forget
    assert deflate.local_max_window_bits == our_bits


def test_compression_that_was_not_accepted() -> None:
    assert answer(Offer((), 15)).deflate is None


@pytest.mark.parametrize(
    "value",
    [
        "permessage-deflate; client_max_window_bits=8",  # zlib has no such window
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate, permessage-deflate",
        "x-webkit-deflate-frame",
    ],
)
def test_compression_that_cannot_be(value: str) -> None:
    with pytest.raises(HandshakeRefused):
        answer(Offer((), 15), (EXTENSIONS, value))
