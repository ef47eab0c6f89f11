"""Bodies on their way out over real connections, and the tracker that watches them."""

from __future__ import annotations

import array
import gzip
import hashlib
import io
import itertools
import json
import os
import socket
import tempfile
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from multidict import CIMultiDict, MultiDict
from tests.servers import ScriptedPeer, ScriptedServer, StartScripted

import anyiohttp
from anyiohttp._client.uploads import TrackedBody, UploadOutcome
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio

#: Of no repeating structure that a lost block could hide in.
BIG = bytes(itertools.islice(itertools.cycle(range(251)), 3_000_000))


async def told(response: anyiohttp.ClientResponse) -> dict[str, Any]:
    """What the loopback server says it was sent."""
    answer = await response.json()
    answer["fields"] = CIMultiDict(answer["headers"])
    return answer


async def answering(peer: ScriptedPeer) -> None:
    """Answer every request after its body."""
    while True:
        await peer.receive_request()
        await peer.answer(b"ok")


def request_of(server: ScriptedServer) -> tuple[CIMultiDict[str], bytes]:
    """The only request that the server's last connection received: fields and body."""
    head, _, body = bytes(server.peers[-1].received).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return CIMultiDict(line.split(": ", 1) for line in lines), body


class Pieces:
    """An async generator of pieces that notes how far it was taken and whether it was closed."""

    def __init__(self, *pieces: bytes | Exception, endless: bool = False) -> None:
        self.given = 0
        self.closed = False
        self._pieces = pieces
        self._endless = endless

    def __call__(self) -> AsyncIterator[bytes]:
        return self._run()

    async def _run(self) -> AsyncIterator[bytes]:
        try:
            while True:
                for piece in self._pieces:
                    if isinstance(piece, Exception):
                        raise piece
                    self.given += 1
                    yield piece
                if not self._endless:
                    break
            if not self._pieces:
                await anyio.sleep_forever()
        finally:
            self.closed = True


class Iterable:
    """An async iterable that is no generator."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> Iterable:
        return self

    async def __anext__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            raise StopAsyncIteration from None


# --- kinds of bodies ------------------------------------------------------------------------

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("data", "body", "content_type"),
    [
        ({"a": "1", "b": "ü &="}, "a=1&b=%C3%BC+%26%3D", FORM),
        ([("a", "1"), ("a", "2")], "a=1&a=2", FORM),
        ((("a", "1"), ("b", 2)), "a=1&b=2", FORM),
        (MultiDict([("a", "1"), ("a", "2")]), "a=1&a=2", FORM),
        ({}, "", FORM),
        ("text ü", "text ü", "text/plain; charset=utf-8"),
        ("", "", "text/plain; charset=utf-8"),
        (b"bytes", "bytes", "application/octet-stream"),
        (b"", "", "application/octet-stream"),
        (bytearray(b"array"), "array", "application/octet-stream"),
        (memoryview(b"-view-")[1:-1], "view", "application/octet-stream"),
        (memoryview(array.array("H", [0x6161, 0x6262])), "aabb", "application/octet-stream"),
        (io.BytesIO(b"io"), "io", "application/octet-stream"),
        (anyiohttp.FormData({"a": "1"}), "a=1", FORM),
        (anyiohttp.JsonPayload({"a": 1}), '{"a": 1}', "application/json"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_of_known_size(
    loopback: LoopbackServer, data: Any, body: str, content_type: str
) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("echo", data=data) as response,
    ):
        answer = await told(response)
    assert answer["body"] == body
    assert answer["fields"]["Content-Type"] == content_type
    assert answer["fields"].getall("Content-Length") == [str(len(body.encode()))]
    assert "Transfer-Encoding" not in answer["fields"]


async def test_string_io(loopback: LoopbackServer) -> None:
    file = io.StringIO("skip iö")
    file.seek(5)
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("echo", data=file) as response,
    ):
        answer = await told(response)
    assert answer["body"] == "iö"
    assert answer["fields"]["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["fields"]["Content-Length"] == "3"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pieces(b"one ", b"", b"two ", b"three")(),
        lambda: Iterable(b"one ", b"", b"two ", b"three"),
        lambda: Pieces(bytearray(b"one "), memoryview(b"two "), b"three")(),
    ],
    ids=["generator", "iterable", "bytes-like"],
)
async def test_of_unknown_size(scripted_server: StartScripted, make: Callable[[], Any]) -> None:
    server = await scripted_server(answering)
    async with anyiohttp.ClientSession(server.url) as session:
        for _ in range(2):
            async with session.post("/", data=make()) as response:
                assert await response.text() == "ok"
        assert server.connections == 1
    fields, body = request_of(server)
    assert fields["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in fields
    assert body.startswith(b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\nPOST")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET", "DELETE"])
async def test_without_a_body(loopback: LoopbackServer, method: str) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.request(method, "echo") as response,
    ):
        fields = (await told(response))["fields"]
    expected = "0" if method in ("POST", "PUT", "PATCH") else None
    assert fields.get("Content-Length") == expected
    assert "Transfer-Encoding" not in fields
    assert "Content-Type" not in fields


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
async def test_any_method_may_have_a_body(loopback: LoopbackServer, method: str) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.request(method, "echo", data=b"body") as response,
    ):
        assert (await told(response))["body"] == "body"


@pytest.mark.parametrize(
    "data",
    [object(), 5, ["a"], [("a", "b", "c")], (byte for byte in [b"x"]), {"a": object()}, [1, 2]],
)
async def test_what_is_no_body(data: Any) -> None:
    if isinstance(data, dict):
        data = anyiohttp.FormData(data, default_to_multipart=True)
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(anyiohttp.InvalidBodyError) as caught:
            await session.post("http://localhost", data=data)
        assert isinstance(caught.value, TypeError)


async def test_a_generator_that_gives_no_bytes(loopback: LoopbackServer) -> None:
    async def texts() -> AsyncIterator[Any]:
        yield "text"

    async with anyiohttp.ClientSession(loopback.url) as session:
        with pytest.raises(anyiohttp.InvalidBodyError, match="str"):
            await session.post("echo", data=texts())


# --- files ----------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A big file of a telling name."""
    path = tmp_path / "big.bin"
    path.write_bytes(BIG)
    return path


async def test_binary_file(loopback: LoopbackServer, path: Path) -> None:
    file = path.open("rb")
    async with anyiohttp.ClientSession(loopback.url) as session:
        async with session.post("upload", data=file) as response:
            answer = await response.json()
            fields = response.request_info.headers
        assert file.closed
        with pytest.raises(anyiohttp.InvalidRequestError, match="closed"):
            await session.post("upload", data=file)
    assert answer == {"size": len(BIG), "sha256": hashlib.sha256(BIG).hexdigest()}
    assert fields["Content-Type"] == "application/octet-stream"


async def test_file_from_its_position(scripted_server: StartScripted, path: Path) -> None:
    server = await scripted_server(answering)
    with path.open("rb") as file:
        file.seek(2_999_000)
        async with anyiohttp.ClientSession(server.url) as session, session.put("/", data=file):
            pass
    fields, body = request_of(server)
    assert fields["Content-Length"] == "1000"
    assert body == BIG[-1000:]


async def test_text_file(scripted_server: StartScripted, tmp_path: Path) -> None:
    text = "Grüße\n" * 100_000
    (tmp_path / "greetings.txt").write_text(text, encoding="utf-16")
    server = await scripted_server(answering)
    file = (tmp_path / "greetings.txt").open(encoding="utf-16")
    async with anyiohttp.ClientSession(server.url) as session, session.put("/", data=file):
        pass
    assert file.closed
    fields, body = request_of(server)
    assert fields["Content-Type"] == "text/plain; charset=utf-8"
    assert fields["Transfer-Encoding"] == "chunked"
    received = b"".join(body[match : match + size] for match, size in _chunks(body))
    assert received.decode() == text


def _chunks(body: bytes) -> list[tuple[int, int]]:
    """Where the chunks of a chunked body are, and how long."""
    found, position = [], 0
    while True:
        end = body.index(b"\r\n", position)
        size = int(body[position:end], 16)
        if not size:
            return found
        found.append((end + 2, size))
        position = end + 2 + size + 2


async def test_a_pipe_does_not_block_the_event_loop(loopback: LoopbackServer) -> None:
    """Its end comes only after another task has had its turn."""
    reading, writing = os.pipe()

    async def feed() -> None:
        for _ in range(3):
            await anyio.wait_all_tasks_blocked()
            os.write(writing, b"drop ")
        os.close(writing)

    async with anyiohttp.ClientSession(loopback.url) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(feed)
        async with session.post("echo", data=os.fdopen(reading, "rb")) as response:
            answer = await told(response)
    assert answer["body"] == "drop drop drop "
    assert answer["fields"]["Transfer-Encoding"] == "chunked"


@pytest.mark.parametrize(
    "make",
    [
        lambda path: {"file": path.open("rb")},
        lambda path: [("file", path.open("rb"))],
        lambda path: _form(path.open("rb")),
    ],
    ids=["dict", "pairs", "FormData"],
)
async def test_a_file_in_a_form(
    loopback: LoopbackServer, path: Path, make: Callable[[Path], Any]
) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("upload", data=make(path)) as response,
    ):
        answer = await response.json()
        content_type = response.request_info.headers["Content-Type"]
    assert content_type.startswith("multipart/form-data; boundary=")
    assert answer["complete"]
    (part,) = answer["parts"]
    assert part == {
        "name": "file",
        "filename": "big.bin",
        "content_type": "application/octet-stream",
        "size": len(BIG),
        "sha256": hashlib.sha256(BIG).hexdigest(),
    }


def _form(file: Any) -> anyiohttp.FormData:
    form = anyiohttp.FormData()
    form.add_field("file", file)
    return form


async def test_a_form_with_all_of_add_field(scripted_server: StartScripted) -> None:
    form = anyiohttp.FormData(boundary="BOUND")
    form.add_field("plain", "värde")
    form.add_field("typed", "värde", content_type="text/plain; charset=latin-1")
    form.add_field("named", b"\x00\xff", filename='we"ird.png', content_type="image/png")
    form.add_field("coded", b"bytes", content_transfer_encoding="binary")
    form.add_field("streamed", Pieces(b"a", b"b")(), filename="s")
    server = await scripted_server(answering)
    async with anyiohttp.ClientSession(server.url) as session, session.post("/", data=form):
        pass
    fields, body = request_of(server)
    assert fields["Content-Type"] == "multipart/form-data; boundary=BOUND"
    assert fields["Transfer-Encoding"] == "chunked"
    content = b"".join(body[at : at + size] for at, size in _chunks(body))
    parts = content.split(b"--BOUND")
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]] == [
        "värde\r\n".encode(),
        "värde\r\n".encode("latin-1"),
        b"\x00\xff\r\n",
        b"bytes\r\n",
        b"ab\r\n",
    ]
    assert b'name="named"; filename="we%22ird.png"' in parts[3]
    assert b"Content-Type: image/png" in parts[3]
    assert b"filename" not in parts[4]


async def test_a_form_of_known_size(loopback: LoopbackServer) -> None:
    form = anyiohttp.FormData({"a": "1"})
    form.add_field("f", io.BytesIO(BIG), filename="f")
    async with anyiohttp.ClientSession(loopback.url) as session:
        for _ in range(2):  # in memory, so that it can be sent again
            async with session.post("upload", data=form) as response:
                answer = await response.json()
            assert answer["complete"]
            assert [part["size"] for part in answer["parts"]] == [1, len(BIG)]


async def test_spooled_and_named_temporary_files(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(loopback.url) as session:
        with tempfile.SpooledTemporaryFile() as spooled, tempfile.NamedTemporaryFile() as named:
            for file in (spooled, named):
                file.write(b"content")
                file.seek(0)
                async with session.post("echo", data=file) as response:
                    answer = await told(response)
                assert answer["body"] == "content"
                assert answer["fields"]["Content-Length"] == "7"


# --- streams --------------------------------------------------------------------------------


async def test_a_reader_fed_by_another_task(loopback: LoopbackServer) -> None:
    reader = anyiohttp.StreamReader()

    async def feed() -> None:
        for _ in range(3):
            await anyio.wait_all_tasks_blocked()
            reader.feed_data(b"drop ")
        reader.feed_eof()

    async with anyiohttp.ClientSession(loopback.url) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(feed)
        async with session.post("echo", data=reader) as response:
            answer = await told(response)
    assert answer["body"] == "drop drop drop "
    assert answer["fields"]["Transfer-Encoding"] == "chunked"


async def test_a_reader_that_fails(loopback: LoopbackServer) -> None:
    reader = anyiohttp.StreamReader()
    reader.feed_data(b"begin")
    reader.set_exception(LookupError("no more"))
    async with anyiohttp.ClientSession(loopback.url) as session:
        with pytest.raises(anyiohttp.RequestBodyError, match="no more") as caught:
            await session.post("echo", data=reader)
        assert isinstance(caught.value.__cause__, LookupError)
    await loopback.counts.wait_for(lambda counts: counts.open == 0)


async def test_get_chained_into_post(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.get("stream/3000000") as source,
        session.post("upload", data=source.content) as response,
    ):
        answer = await response.json()
    assert answer["size"] == 3_000_000
    assert loopback.counts.connections == 2


async def test_a_chain_takes_constant_memory(loopback: LoopbackServer) -> None:
    size = 48 * 1024 * 1024
    async with anyiohttp.ClientSession(loopback.url) as session:
        tracemalloc.start()
        try:
            async with (
                session.get(f"stream/{size}") as source,
                session.post("upload", data=source.content) as response,
            ):
                answer = await response.json()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer["size"] == size
    assert peak < 8 * 1024 * 1024


async def test_a_big_file_takes_constant_memory(loopback: LoopbackServer, tmp_path: Path) -> None:
    size = 64 * 1024 * 1024
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(size)
    async with anyiohttp.ClientSession(loopback.url) as session:
        tracemalloc.start()
        try:
            async with session.post(
                "upload", data={"file": (tmp_path / "sparse").open("rb")}
            ) as response:
                answer = await response.json()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer["parts"][0]["size"] == size
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize("chunked", [None, True])
async def test_blocks_of_a_file_share_their_memory(
    loopback: LoopbackServer, tmp_path: Path, chunked: bool | None
) -> None:
    """Nothing holds one any more when the next is read: no request, and no stream."""

    class Watched(anyiohttp.payload.BufferedReaderPayload):
        async def next_chunk(self) -> bytes:
            chunk = await super().next_chunk()
            if chunk:
                places.append(id(chunk))
            return chunk

    places: list[int] = []
    path = tmp_path / "file"
    path.write_bytes(BIG * 2)
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("upload", data=Watched(path.open("rb")), chunked=chunked) as response,
    ):
        assert (await response.json())["size"] == len(BIG) * 2
    assert len(places) == 6
    assert len(set(places)) == 1


# --- compress, chunked, framing -------------------------------------------------------------


@pytest.mark.parametrize(
    ("compress", "coding", "decode"),
    [
        (True, "deflate", zlib.decompress),
        ("deflate", "deflate", zlib.decompress),
        ("gzip", "gzip", gzip.decompress),
    ],
)
@pytest.mark.parametrize("data", [b"", b"small", BIG], ids=len)
async def test_compress(
    scripted_server: StartScripted,
    compress: str | bool,
    coding: str,
    decode: Callable[[bytes], bytes],
    data: bytes,
) -> None:
    server = await scripted_server(answering)
    async with (
        anyiohttp.ClientSession(server.url) as session,
        session.post("/", data=data, compress=compress) as response,
    ):
        assert response.status == 200
    fields, body = request_of(server)
    assert fields["Content-Encoding"] == coding
    assert fields["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in fields
    assert decode(b"".join(body[at : at + size] for at, size in _chunks(body))) == data


async def test_compress_json(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("echo", json={"a": 1}, compress="gzip") as response,
    ):
        assert json.loads((await told(response))["body"]) == {"a": 1}


@pytest.mark.parametrize(
    ("headers", "compress"),
    [
        ({"Content-Encoding": "gzip"}, True),
        ({"Content-Length": "5"}, "gzip"),
        ({}, "rot13"),
    ],
)
async def test_compress_refused(headers: dict[str, str], compress: str | bool) -> None:
    async with anyiohttp.ClientSession() as session:
        with pytest.raises(ValueError):
            await session.post(
                "http://localhost", data=b"bytes", headers=headers, compress=compress
            )


@pytest.mark.parametrize("data", [b"bytes", b"x" * 100_000, "text", {"a": "b"}], ids=len)
async def test_chunked_on_demand(scripted_server: StartScripted, data: Any) -> None:
    server = await scripted_server(answering)
    async with (
        anyiohttp.ClientSession(server.url) as session,
        session.post("/", data=data, chunked=True) as response,
    ):
        assert response.status == 200
    fields, body = request_of(server)
    assert fields.getall("Transfer-Encoding") == ["chunked"]
    assert "Content-Length" not in fields
    expected = data if isinstance(data, bytes) else b"text" if data == "text" else b"a=b"
    assert b"".join(body[at : at + size] for at, size in _chunks(body)) == expected


async def test_transfer_encoding_by_hand(scripted_server: StartScripted) -> None:
    server = await scripted_server(answering)
    headers = {"transfer-encoding": "chunked"}
    async with (
        anyiohttp.ClientSession(server.url) as session,
        session.post("/", data=b"x", headers=headers),
    ):
        pass
    fields, body = request_of(server)
    assert fields.getall("Transfer-Encoding") == ["chunked"]
    assert body == b"1\r\nx\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": b"bytes", "headers": {"Content-Length": "5"}, "chunked": True}, "exclude"),
        (
            {"data": b"x", "headers": {"Content-Length": "1", "Transfer-Encoding": "chunked"}},
            "exclude",
        ),
        ({"data": b"bytes", "headers": {"Content-Length": "6"}}, "6"),
        ({"data": b"bytes", "headers": {"Content-Length": "five"}}, "one number"),
        ({"data": b"bytes", "headers": {"Transfer-Encoding": "gzip"}}, "chunked"),
        ({"headers": {"Content-Length": "5"}}, "5"),
    ],
)
async def test_contradictions_of_framing(
    scripted_server: StartScripted, options: dict[str, Any], words: str
) -> None:
    server = await scripted_server(answering)
    async with anyiohttp.ClientSession(server.url) as session:
        with pytest.raises(anyiohttp.InvalidRequestError, match=words):
            await session.post("/", **options)
        async with session.get("/"):
            pass
    assert bytes(server.peers[0].received).startswith(b"GET / ")


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"0123456789" * 2,
        lambda: BIG,
        lambda: io.BytesIO(b"0123456789" * 2),
        lambda: Pieces(b"01234", b"56789", b"01234", b"56789")(),
        lambda: Pieces(b"0123456789" * 2)(),
        lambda: Pieces(b"0123456789", endless=True)(),
    ],
    ids=["bytes", "big", "BytesIO", "pieces", "one piece", "endless"],
)
async def test_a_content_length_by_hand_bounds_the_body(
    scripted_server: StartScripted, make: Callable[[], Any]
) -> None:
    server = await scripted_server(answering)
    data = make()
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.post("/", data=data, headers={"Content-Length": "12"}):
            pass
        async with session.get("/"):
            pass
        assert server.connections == 1
    fields, body = request_of(server)
    assert fields.getall("Content-Length") == ["12"]
    assert "Transfer-Encoding" not in fields
    expected = BIG[:12] if data is BIG else b"012345678901"
    assert body.startswith(expected + b"GET / HTTP/1.1\r\n")


async def test_a_generator_that_keeps_its_word(scripted_server: StartScripted) -> None:
    server = await scripted_server(answering)
    headers = {"Content-Length": "5"}
    async with (
        anyiohttp.ClientSession(server.url) as session,
        session.post("/", data=Pieces(b"ab", b"cde")(), headers=headers),
    ):
        pass
    assert request_of(server)[1] == b"abcde"


async def test_a_generator_shorter_than_its_content_length(scripted_server: StartScripted) -> None:
    server = await scripted_server(answering)
    async with anyiohttp.ClientSession(server.url) as session:
        with pytest.raises(anyiohttp.UploadAbortedError, match="3 of 5"):
            await session.post("/", data=Pieces(b"abc")(), headers={"Content-Length": "5"})
        await server.wait_for(lambda server: server.open == 0)


# --- Expect: 100-continue -------------------------------------------------------------------


async def test_continue(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        for _ in range(2):
            head = await peer.receive_head()
            assert b"\r\nexpect: 100-continue\r\n" in head.lower()
            await anyio.wait_all_tasks_blocked()
            assert peer.received.endswith(b"\r\n\r\n")  # the body waits
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert await peer.receive_exactly(4) == b"body"
            await peer.answer(b"ok")

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.post("/", data=b"body", expect100=True) as response:
            assert await response.text() == "ok"
        # By hand it means the same.
        headers = {"expect": "100-continue"}
        async with session.post("/", data=b"body", headers=headers) as response:
            assert await response.text() == "ok"
        assert server.connections == 1


async def test_continue_without_a_body(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(loopback.url) as session:
        for data in (None, b""):
            async with session.post("expect-continue", data=data, expect100=True) as response:
                answer = await response.json()
            assert answer == {"expected": False, "continued": False, "size": 0}


async def test_continue_with_a_generator(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("expect-continue", data=Pieces(b"ab", b"c")(), expect100=True) as response,
    ):
        assert await response.json() == {"expected": True, "continued": True, "size": 3}


async def test_silence_instead_of_continue(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        began = anyio.current_time()
        assert await peer.receive_exactly(4) == b"body"
        waited.append(anyio.current_time() - began)
        await peer.answer(b"ok")

    waited: list[float] = []
    server = await scripted_server(script)
    async with (
        anyiohttp.ClientSession(server.url) as session,
        session.post("/", data=b"body", expect100=True) as response,
    ):
        assert await response.text() == "ok"
    assert 0.8 < waited[0] < 3


async def test_a_final_response_instead_of_continue(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.answer(b"who are you?", status=b"401 Unauthorized")
        assert await peer.wait_closed() == b""

    pieces = Pieces(b"never sent")
    tracker = anyiohttp.UploadTracker()
    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.post(
            "/", data=pieces(), expect100=True, upload_tracker=tracker
        ) as response:
            assert response.status == 401
            assert await response.text() == "who are you?"
        await server.wait_for(lambda server: server.open == 0)
    assert pieces.given == 0
    assert isinstance(tracker.upload_complete.exception(), anyiohttp.UploadAbortedError)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(
    "make",
    [lambda path: b"body", lambda path: Pieces(b"bo", b"dy")(), lambda path: path.open("rb")],
    ids=["bytes", "generator", "file"],
)
async def test_a_refused_expectation_is_dropped(
    loopback: LoopbackServer, tmp_path: Path, make: Callable[[Path], Any], by_hand: bool
) -> None:
    """417; nothing of the body was taken yet, so that even a generator can be sent."""
    (tmp_path / "f").write_bytes(b"body")
    options: dict[str, Any] = {"expect100": True}
    if by_hand:
        options = {"headers": {"Expect": "100-continue"}}
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("expect-continue?refuse", data=make(tmp_path / "f"), **options) as response,
    ):
        assert response.status == 200
        assert await response.json() == {"expected": False, "continued": False, "size": 4}
    assert loopback.counts.requests == 2


async def test_a_refused_expectation_of_a_body_that_was_begun(
    scripted_server: StartScripted,
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await peer.receive_until(b"first")
        await peer.answer(status=b"417 Expectation Failed")
        await peer.wait_closed()

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        pieces = Pieces(b"first", endless=True)
        async with session.post("/", data=pieces(), expect100=True) as response:
            assert response.status == 417
        assert pieces.closed
        assert server.connections == 1


async def test_417_out_of_the_blue(loopback: LoopbackServer) -> None:
    async with anyiohttp.ClientSession(loopback.url) as session:
        async with session.post("status/417", data=b"body") as response:
            assert response.status == 417
        async with session.get("status/417", expect100=True) as response:
            assert response.status == 417
    assert loopback.counts.requests == 2


async def test_417_for_ever(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        head = await peer.receive_head()
        expects.append(b"Expect" in head)
        await peer.answer(status=b"417 Expectation Failed")
        await peer.wait_closed()

    expects: list[bool] = []
    server = await scripted_server(script)
    async with (
        anyiohttp.ClientSession(server.url) as session,
        session.post("/", data=b"body", expect100=True) as response,
    ):
        assert response.status == 417
    assert expects == [True, False]


# --- early responses ------------------------------------------------------------------------

HUGE = bytes(26 * 1024 * 1024)


@pytest.mark.parametrize("how", ["stays", "closes", "resets"])
@pytest.mark.parametrize("data", [HUGE, io.BytesIO(HUGE)], ids=["bytes", "BytesIO"])
async def test_refused_at_once(scripted_server: StartScripted, how: str, data: Any) -> None:
    """26 MB to a server that answers 413 and reads nothing."""

    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.answer(b"too large", status=b"413 Payload Too Large")
        if how == "resets":
            peer.reset()
        elif how == "stays":
            await done.wait()

    done = anyio.Event()
    server = await scripted_server(script)
    tracker = anyiohttp.UploadTracker()
    async with anyiohttp.ClientSession(server.url) as session:
        with anyio.fail_after(5):
            async with session.post("/", data=data, upload_tracker=tracker) as response:
                assert response.status == 413
                assert await response.text() == "too large"
        done.set()
        await server.wait_for(lambda server: server.open == 0)
    assert tracker.bytes_written < len(HUGE)
    assert isinstance(tracker.upload_complete.exception(), anyiohttp.UploadAbortedError)


def small_socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return sock


@pytest.mark.parametrize("size", [50_000, 200_000, 300_000])
@pytest.mark.parametrize("streamed", [False, True])
async def test_refused_at_once_through_small_buffers(
    scripted_server: StartScripted, tmp_path: Path, size: int, streamed: bool
) -> None:
    """A body that fits into one block, but not into the kernel's buffers, is no different."""

    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        await peer.answer(b"too large", status=b"413 Payload Too Large")
        await done.wait()

    done = anyio.Event()
    server = await scripted_server(script)
    server.receive_buffer(4096)
    data: Any = b"x" * size
    if streamed:
        (tmp_path / "f").write_bytes(data)
        data = (tmp_path / "f").open("rb")
    tracker = anyiohttp.UploadTracker()
    connector = anyiohttp.TCPConnector(socket_factory=small_socket)
    async with anyiohttp.ClientSession(server.url, connector=connector) as session:
        with anyio.fail_after(5):
            async with session.post("/", data=data, upload_tracker=tracker) as response:
                assert response.status == 413
                assert await response.text() == "too large"
        done.set()
    assert isinstance(tracker.upload_complete.exception(), anyiohttp.UploadAbortedError)


async def test_an_early_response_stops_a_generator(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_until(b"piece")
        await peer.answer(b"enough", status=b"200 OK")
        await peer.wait_closed()

    server = await scripted_server(script)
    pieces = Pieces(b"piece", endless=True)
    waiting = Pieces()
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.post("/", data=pieces()) as response:
            assert await response.text() == "enough"
        assert pieces.closed

        async def then_waiting() -> AsyncIterator[bytes]:
            yield b"piece"
            async for piece in waiting():
                yield piece

        async with session.post("/", data=then_waiting()) as response:
            assert await response.text() == "enough"
        await server.wait_for(lambda server: server.open == 0)
        assert server.connections == 2


# --- in a block, beside the response --------------------------------------------------------

BEGUN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"


async def beginning_to_answer(peer: ScriptedPeer) -> None:
    """Answer at once, and to the end when the request has ended."""
    while True:
        await peer.receive_head()
        await peer.send(BEGUN)
        await peer.receive_until(b"0\r\n\r\n")
        await peer.send(b"4\r\nlast\r\n0\r\n\r\n")


async def test_the_upload_goes_on_in_the_block(scripted_server: StartScripted) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        await go_on.wait()
        yield b"two"

    server = await scripted_server(beginning_to_answer)
    tracker = anyiohttp.UploadTracker()
    go_on = anyio.Event()
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.post("/", data=pieces(), upload_tracker=tracker) as response:
            assert await response.content.readexactly(5) == b"first"
            assert not tracker.upload_complete.done()
            go_on.set()
            await tracker.upload_complete
            assert tracker.bytes_written == 6
            assert await response.read() == b"last"
        # Both have come to their end.
        go_on = anyio.Event()
        async with session.post("/", data=pieces()) as response:
            go_on.set()
            assert await response.read() == b"firstlast"
        assert server.connections == 1


async def test_what_a_generator_raises_beside_the_response(scripted_server: StartScripted) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        await go_on.wait()
        raise Mine("out of paper")

    server = await scripted_server(beginning_to_answer)
    tracker = anyiohttp.UploadTracker()
    go_on = anyio.Event()
    async with anyiohttp.ClientSession(server.url) as session:
        async with session.post("/", data=pieces(), upload_tracker=tracker) as response:
            assert await response.content.readexactly(5) == b"first"
            go_on.set()
            with pytest.raises(anyiohttp.RequestBodyError) as told:
                await tracker.upload_complete
            with pytest.raises(anyiohttp.RequestBodyError) as caught:
                await response.read()
            assert caught.value is told.value
            assert isinstance(told.value.__cause__, Mine)
        await server.wait_for(lambda server: server.open == 0)


@pytest.mark.parametrize("how", ["the block ends", "the block fails", "released", "not accepted"])
async def test_an_upload_that_is_not_finished(scripted_server: StartScripted, how: str) -> None:
    """The body is closed, by who was using it, before the call or its block has ended."""

    async def check(response: anyiohttp.ClientResponse) -> None:
        if how == "not accepted":
            raise Mine("unwanted")

    async def never_ending() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            closed.append(True)

    server = await scripted_server(beginning_to_answer)
    tracker = anyiohttp.UploadTracker()
    closed: list[bool] = []
    options: Any = {"upload_tracker": tracker, "raise_for_status": check}
    async with anyiohttp.ClientSession(server.url) as session:
        with suppress(Mine):
            async with session.post("/", data=never_ending(), **options) as response:
                assert await response.content.readexactly(5) == b"first"
                if how == "the block fails":
                    raise Mine("nothing more")
                if how == "released":
                    response.release()
                    with pytest.raises(anyiohttp.UploadAbortedError):
                        await tracker.upload_complete
        assert closed
        await server.wait_for(lambda server: server.open == 0)
    assert isinstance(tracker.upload_complete.exception(), anyiohttp.UploadAbortedError)


class Slow(anyiohttp.Payload):
    """A body that gives its second piece only when it is sent for the second time."""

    replayable = True
    consumed = False

    def __init__(self) -> None:
        super().__init__(b"")
        self.attempt = 0
        self.asked = False
        self.closed = False
        self._given = 0

    @property
    def size(self) -> int | None:
        return None

    async def next_chunk(self) -> bytes:
        self.asked = True
        try:
            self._given += 1
            if self._given == 2 and self.attempt == 0:
                await anyio.sleep_forever()
            return [b"one", b"two", b""][self._given - 1]
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            self.asked = False

    async def rewind(self) -> None:
        assert not self.asked, "the attempt before still has the body"
        self.attempt += 1
        self._given = 0

    async def aclose(self) -> None:
        assert not self.asked, "the attempt before still has the body"
        self.closed = True


@pytest.mark.parametrize("closes", [True, False])
async def test_a_middleware_sends_again_while_the_upload_goes_on(
    scripted_server: StartScripted, closes: bool
) -> None:
    """The body is one attempt's at a time: the one before lets go of it first."""

    async def script(peer: ScriptedPeer) -> None:
        if peer.number == 0:
            await peer.receive_until(b"one")
            await peer.send(BEGUN)
            await peer.wait_closed()
            return
        await peer.receive_request()
        await peer.answer(b"all")

    async def twice(
        request: anyiohttp.ClientRequest, handler: anyiohttp.ClientHandlerType
    ) -> anyiohttp.ClientResponse:
        first = await handler(request)
        assert first.status == 200
        if closes:
            first.close()
        response = await handler(request)
        first.close()
        return response

    server = await scripted_server(script)
    tracker, body = anyiohttp.UploadTracker(), Slow()
    async with anyiohttp.ClientSession(server.url, middlewares=(twice,)) as session:
        with anyio.fail_after(5):
            async with session.post("/", data=body, upload_tracker=tracker) as response:
                assert await response.read() == b"all"
            assert body.closed
    assert bytes(server.peers[1].received).endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    assert (tracker.attempts, tracker.bytes_written) == (2, 6)
    assert tracker.upload_complete.exception() is None


async def test_without_a_block_an_early_response_ends_the_upload(
    scripted_server: StartScripted,
) -> None:
    server = await scripted_server(beginning_to_answer)
    tracker = anyiohttp.UploadTracker()
    pieces = Pieces(b"one", endless=True)
    async with anyiohttp.ClientSession(server.url) as session:
        response = await session.post("/", data=pieces(), upload_tracker=tracker)
        assert pieces.closed
        assert isinstance(tracker.upload_complete.exception(), anyiohttp.UploadAbortedError)
        assert await response.content.readexactly(5) == b"first"
        response.release()
        await server.wait_for(lambda server: server.open == 0)


async def test_a_response_after_the_last_byte_keeps_the_connection(
    scripted_server: StartScripted,
) -> None:
    server = await scripted_server(answering)
    async with anyiohttp.ClientSession(server.url) as session:
        for data in (b"x" * 1_000_000, io.BytesIO(b"x" * 500_000), Pieces(b"x" * 300_000)()):
            async with session.post("/", data=data) as response:
                assert response.status == 200
        assert server.connections == 1


# --- closing --------------------------------------------------------------------------------


class Outcome:
    """How a call ends, for bodies to be closed after."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, peer: ScriptedPeer) -> None:
        if self.name == "error":
            await peer.receive_head()
            return
        if self.name == "early":
            await peer.receive_head()
            await peer.answer(status=b"413 Payload Too Large")
            await peer.wait_closed()
            return
        if self.name == "cancelled":
            await peer.receive_head()
            self.arrived.set()
            await peer.wait_closed()
            return
        await peer.receive_request()
        await peer.answer()

    async def run(self, session: anyiohttp.ClientSession, data: Any) -> None:
        """Send ``data`` and let it come to its end."""
        self.arrived = anyio.Event()
        if self.name == "cancelled":
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: session.post("/", data=data))
                await self.arrived.wait()
                tasks.cancel_scope.cancel()
            return
        method = "GET\n" if self.name == "refused" else "POST"
        with suppress(anyiohttp.ClientConnectionError, anyiohttp.InvalidRequestError):
            async with session.request(method, "/", data=data):
                pass


OUTCOMES = ["success", "error", "early", "cancelled", "refused"]


@pytest.mark.parametrize("name", OUTCOMES)
async def test_files_are_closed(scripted_server: StartScripted, name: str, path: Path) -> None:
    outcome = Outcome(name)
    server = await scripted_server(outcome)
    async with anyiohttp.ClientSession(server.url) as session:
        plain = path.open("rb")
        await outcome.run(session, plain)
        assert plain.closed
        in_form = path.open("rb")
        await outcome.run(session, {"a": "b", "file": in_form})
        assert in_form.closed


@pytest.mark.parametrize("name", OUTCOMES)
async def test_generators_are_closed(scripted_server: StartScripted, name: str) -> None:
    outcome = Outcome(name)
    server = await scripted_server(outcome)
    async with anyiohttp.ClientSession(server.url) as session:
        pieces = Pieces(b"x" * 1000, endless=name != "success")
        generator = pieces()
        await outcome.run(session, generator)
        assert pieces.closed or not pieces.given
        with pytest.raises(StopAsyncIteration):
            await anext(generator)


async def test_a_generators_clean_up_may_wait(scripted_server: StartScripted) -> None:
    """Also when the call was cancelled; it runs in the task that made the call."""
    cleaned: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        task = anyio.get_current_task().id
        try:
            yield b"piece"
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0)
            assert anyio.get_current_task().id == task
            cleaned.append(task)

    outcome = Outcome("cancelled")
    server = await scripted_server(outcome)
    async with anyiohttp.ClientSession(server.url) as session:
        await outcome.run(session, pieces())
    assert len(cleaned) == 1


class Mine(Exception):
    pass


async def awaited(
    session: anyiohttp.ClientSession, data: object, tracker: anyiohttp.UploadTracker
) -> None:
    await session.post("/", data=data, upload_tracker=tracker)


async def entered(
    session: anyiohttp.ClientSession, data: object, tracker: anyiohttp.UploadTracker
) -> None:
    async with session.post("/", data=data, upload_tracker=tracker):
        raise AssertionError("there is no response")


@pytest.mark.parametrize("call", [awaited, entered])
@pytest.mark.parametrize("before", [(), (b"piece",), (b"x" * 300_000,) * 3], ids=len)
async def test_what_a_generator_raises_is_the_cause(
    scripted_server: StartScripted, before: tuple[bytes, ...], call: Any
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.wait_closed()

    server = await scripted_server(script)
    error = Mine("out of paper")
    pieces = Pieces(*before, error)
    tracker = anyiohttp.UploadTracker()
    async with anyiohttp.ClientSession(server.url) as session:
        with pytest.raises(anyiohttp.RequestBodyError, match="out of paper") as caught:
            await call(session, pieces(), tracker)
        assert caught.value.__cause__ is error
        assert pieces.closed
        await server.wait_for(lambda server: bool(server.peers) and server.open == 0)
    assert tracker.attempts == 1
    assert tracker.upload_complete.exception() is caught.value
    assert b"0\r\n\r\n" not in bytes(server.peers[0].received)


async def test_an_interrupt_while_a_generator_runs(scripted_server: StartScripted) -> None:
    """It comes out of the block by itself."""

    class Interrupt(BaseException):
        pass

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        raise Interrupt

    async def script(peer: ScriptedPeer) -> None:
        await peer.wait_closed()

    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session:
        for call in (awaited, entered):
            with pytest.raises(Interrupt):
                await call(session, pieces(), anyiohttp.UploadTracker())
        await server.wait_for(lambda server: server.open == 0)


async def test_a_deadline_of_the_generators_own(loopback: LoopbackServer) -> None:
    """A scope inside the body is as good as anywhere: it is run by the caller's task."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        with anyio.move_on_after(0.01):
            await anyio.sleep_forever()
        yield b"two"

    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("echo", data=pieces()) as response,
    ):
        assert (await told(response))["body"] == "one two"


async def test_total_covers_the_upload(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.wait_closed()

    server = await scripted_server(script)
    pieces = Pieces()
    async with anyiohttp.ClientSession(server.url) as session:
        with pytest.raises(anyiohttp.ServerTimeoutError) as caught:
            await session.post("/", data=pieces(), timeout=0.05)
        assert caught.value.phase == "total"
        assert pieces.closed
        await server.wait_for(lambda server: server.open == 0)


async def test_a_redirect_replays_what_can_be_replayed(loopback: LoopbackServer) -> None:
    target = "redirect-to?url=/echo&status=307"
    tracker = anyiohttp.UploadTracker()
    async with anyiohttp.ClientSession(loopback.url) as session:
        async with session.post(
            target, data=io.BytesIO(b"body"), upload_tracker=tracker
        ) as response:
            assert (await told(response))["body"] == "body"
        pieces = Pieces(b"body")
        with pytest.raises(anyiohttp.BodyNotReplayableError, match="cannot be replayed"):
            await session.post(target, data=pieces())
        assert pieces.closed
    assert tracker.attempts == 2
    assert tracker.bytes_written == 4


# --- the tracker ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: None, 0),
        (lambda: b"", 0),
        (lambda: b"bytes", 5),
        (lambda: BIG, len(BIG)),
        (lambda: io.BytesIO(BIG), len(BIG)),
        (lambda: {"a": "b"}, 3),
        (lambda: Pieces(b"ab", b"c")(), 3),
        (lambda: anyiohttp.FormData({"a": "b"}, boundary="b", default_to_multipart=True), 100),
    ],
)
async def test_tracker(loopback: LoopbackServer, make: Callable[[], Any], size: int) -> None:
    tracker = anyiohttp.UploadTracker()
    outcome = tracker.upload_complete
    assert (tracker.attempts, tracker.bytes_written, outcome.done()) == (0, 0, False)
    with pytest.raises(RuntimeError, match="under way"):
        outcome.result()
    async with anyiohttp.ClientSession(loopback.url) as session:
        async with session.post("echo", data=make(), upload_tracker=tracker) as response:
            assert response.status == 200
        assert tracker.attempts == 1
        assert tracker.bytes_written == size
        assert outcome.done()
        assert outcome.exception() is None
        outcome.result()
        await outcome
        with pytest.raises(RuntimeError, match="already bound"):
            await session.post("echo", upload_tracker=tracker)
        assert outcome.exception() is None


@pytest.mark.parametrize("body", [b"x" * 8192, BIG])
async def test_tracker_counts_before_compression(loopback: LoopbackServer, body: bytes) -> None:
    tracker = anyiohttp.UploadTracker()
    async with (
        anyiohttp.ClientSession(loopback.url) as session,
        session.post("upload", data=body, compress="deflate", upload_tracker=tracker) as response,
    ):
        assert (await response.json())["size"] < len(body)
    assert tracker.bytes_written == len(body)


async def test_tracker_of_a_closed_session() -> None:
    session = anyiohttp.ClientSession()
    await session.close()
    tracker = anyiohttp.UploadTracker()
    with pytest.raises(RuntimeError, match="closed"):
        await session.get("http://localhost/", upload_tracker=tracker)
    assert tracker.attempts == 0
    assert isinstance(tracker.upload_complete.exception(), anyiohttp.UploadAbortedError)


async def test_tracker_seen_from_another_task(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_until(b"first")
        await arrived.wait()
        await peer.receive_until(b"0\r\n\r\n")
        await peer.answer()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        first_sent.set()
        await go_on.wait()
        yield b"second"

    async def watch() -> None:
        await tracker.upload_complete
        ended.append(tracker.bytes_written)

    arrived, first_sent, go_on = anyio.Event(), anyio.Event(), anyio.Event()
    ended: list[int] = []
    tracker = anyiohttp.UploadTracker()
    server = await scripted_server(script)
    async with anyiohttp.ClientSession(server.url) as session, anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        tasks.start_soon(lambda: session.post("/", data=pieces(), upload_tracker=tracker))
        await first_sent.wait()
        assert tracker.bytes_written == 5
        assert not tracker.upload_complete.done()
        assert ended == []
        arrived.set()
        go_on.set()
    assert ended == [11]


async def test_tracker_of_a_call_that_fails() -> None:
    for url, data in (("nowhere", b"x"), ("http://127.0.0.1:1/", b"x"), ("http://h/", object())):
        tracker = anyiohttp.UploadTracker()
        async with anyiohttp.ClientSession() as session:
            with pytest.raises(anyiohttp.ClientError) as caught:
                await session.post(url, data=data, upload_tracker=tracker)
        outcome = tracker.upload_complete.exception()
        assert isinstance(outcome, anyiohttp.UploadAbortedError)
        assert outcome.__cause__ is caught.value
        with pytest.raises(anyiohttp.UploadAbortedError):
            await tracker.upload_complete
        with pytest.raises(anyiohttp.UploadAbortedError):
            tracker.upload_complete.result()


async def test_tracker_of_a_cancelled_call(scripted_server: StartScripted) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_until(b"piece")
        tasks.cancel_scope.cancel()
        await peer.wait_closed()

    server = await scripted_server(script)
    tracker = anyiohttp.UploadTracker()
    async with anyiohttp.ClientSession(server.url) as session:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                lambda: session.post(
                    "/", data=Pieces(b"piece", endless=True)(), upload_tracker=tracker
                )
            )
        assert tracker.upload_complete.done()
        with pytest.raises(anyiohttp.UploadAbortedError):
            await tracker.upload_complete


async def test_outcome_is_settled_once() -> None:
    outcome = UploadOutcome()
    outcome.settle(None)
    outcome.settle(LookupError())
    assert outcome.exception() is None


async def test_tracked_body_passes_on() -> None:
    tracker = anyiohttp.UploadTracker()
    pieces = Pieces(b"x")
    payload = anyiohttp.get_payload(pieces())
    body = TrackedBody(payload, tracker)
    assert body.size is None
    assert await body.next_chunk() == b"x"
    await body.aclose()
    assert pieces.closed
