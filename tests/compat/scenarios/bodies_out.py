"""What requests can carry."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.lowlevel
from multidict import MultiDict
from tests.compat.registry import scenario
from tests.compat.stage import Stage
from tests.servers import ScriptedPeer


async def _post_all(aiohttp: Any, stage: Stage, bodies: dict[str, Any], **kwargs: Any) -> None:
    async with aiohttp.ClientSession() as session:
        for name, data in bodies.items():
            async with session.post(stage.url / "echo", data=data, **kwargs) as response:
                told = await response.json()
                stage.saw(name, told["size"])


@scenario
async def forms(aiohttp: Any, stage: Stage) -> None:
    await _post_all(
        aiohttp,
        stage,
        {
            "dict": {"a": "1", "b": "ä &=+ ~*"},
            "pairs": [("a", "1"), ("a", "2")],
            "tuple of pairs": (("a", "1"), ("b", "")),
            "multidict": MultiDict([("a", "1"), ("a", "2")]),
            "FormData": aiohttp.FormData({"x": "y z"}),
            "empty dict": {},
        },
    )


@scenario
async def form_with_a_charset(aiohttp: Any, stage: Stage) -> None:
    await _post_all(aiohttp, stage, {"latin1": aiohttp.FormData({"a": "ä"}, charset="latin1")})


@scenario
async def form_values_that_are_no_text(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, value in {"int": 1, "none": None, "list": ["a"], "bool": True}.items():
            await stage.fails(name, session.post(stage.url / "echo", data={"a": value}))


@scenario
async def bytes_and_text(aiohttp: Any, stage: Stage) -> None:
    await _post_all(
        aiohttp,
        stage,
        {
            "bytes": b"\0\xff",
            "bytearray": bytearray(b"abc"),
            "memoryview": memoryview(b"abcdef")[::1],
            "str": "grüß dich",
            "empty bytes": b"",
            "empty str": "",
            "BytesIO": io.BytesIO(b"in memory"),
            "StringIO": io.StringIO("ïn memory"),
            "BytesIO half read": _half_read(),
            "a megabyte": bytes(1_000_000),
            "none": None,
        },
    )


def _half_read() -> io.BytesIO:
    stream = io.BytesIO(b"0123456789")
    stream.read(5)
    return stream


@scenario
async def files(aiohttp: Any, stage: Stage) -> None:
    path = stage.directory / "some.txt"
    path.write_bytes(b"line\n" * 10_000)
    async with aiohttp.ClientSession() as session:
        for mode in ("rb", "r"):
            with path.open(mode) as file:
                async with session.post(stage.url / "upload", data=file) as response:
                    stage.saw(mode, await response.json())
        with path.open("rb") as file:
            file.seek(40_000)
            async with session.put(stage.url / "upload", data=file) as response:
                stage.saw("from the middle", await response.json())


@scenario
async def a_file_in_a_form(aiohttp: Any, stage: Stage) -> None:
    path = stage.directory / "päper.html"
    path.write_bytes(b"<p>")
    async with aiohttp.ClientSession() as session:
        with path.open("rb") as file:
            async with session.post(stage.url / "upload", data={"file": file}) as response:
                stage.saw("alone", await response.json())
        with path.open("rb") as file:
            form = {"text": "value", "file": file}
            async with session.post(stage.url / "upload", data=form) as response:
                stage.saw("with text", await response.json())


@scenario
async def add_field(aiohttp: Any, stage: Stage) -> None:
    form = aiohttp.FormData()
    form.add_field("plain", "välue")
    form.add_field("typed", "{}", content_type="application/json")
    form.add_field("named", b"bytes", filename="a b.bin")
    form.add_field("both", io.BytesIO(b"stream"), filename="x.png", content_type="image/png")
    form.add_field("text", io.StringIO("text"), filename="x.txt")
    form.add_field('quo"ted', "v", filename='we"ird\\nämé.txt')
    stage.saw("is multipart", form.is_multipart)
    async with aiohttp.ClientSession() as session:
        async with session.post(stage.url / "upload", data=form) as response:
            stage.saw("told", await response.json())


@scenario
async def add_fields(aiohttp: Any, stage: Stage) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_fields(("a", "1"), ("b", "2"), MultiDict([("c", "3"), ("c", "4")]))
    stage.saw("is multipart", form.is_multipart)
    other = aiohttp.FormData(default_to_multipart=True)
    other.add_field("name", "välue")
    await _post_all(aiohttp, stage, {"urlencoded": form, "multipart": other})


@scenario
async def fields_that_are_refused(aiohttp: Any, stage: Stage) -> None:
    form = aiohttp.FormData()
    stage.refuses("file name", form.add_field, "a", "b", filename=1)
    stage.refuses("content type", form.add_field, "a", "b", content_type=1)
    stage.refuses("injection", form.add_field, "a", "b", content_type="a\r\nb")
    stage.refuses("a triple", form.add_fields, ("a", "b", "c"))
    stage.refuses("an int", form.add_fields, 1)


@scenario
async def async_generators(aiohttp: Any, stage: Stage) -> None:
    async def three() -> AsyncIterator[bytes]:
        for part in (b"one", b"two", b"three"):
            yield part

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    class Iterable:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return three()

    await _post_all(
        aiohttp, stage, {"three": three(), "nothing": nothing(), "iterable": Iterable()}
    )
    await _post_all(aiohttp, stage, {"with a length": three()}, headers={"Content-Length": "11"})


@scenario
async def a_generator_that_fails(aiohttp: Any, stage: Stage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError("no more")

    async with aiohttp.ClientSession() as session:
        await stage.fails("broken", session.post(stage.url / "echo", data=broken()))


@scenario
async def one_response_into_the_next_request(aiohttp: Any, stage: Stage) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(stage.url / "stream" / "1000000") as source,
        session.post(stage.url / "upload", data=source.content) as response,
    ):
        stage.saw("told", await response.json())


@scenario
async def json_bodies(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        values: tuple[Any, ...] = ({"a": [1, None, "ä"]}, [], "", 0, False)
        for value in values:
            async with session.post(stage.url / "echo", json=value) as response:
                stage.saw(json.dumps(value), (await response.json())["body"])
        headers = {"Content-Type": "application/problem+json"}
        async with session.post(stage.url / "echo", json={}, headers=headers) as response:
            stage.saw("typed", response.status)
        async with session.post(stage.url / "echo", json=None) as response:
            stage.saw("none", (await response.json())["body"])
        await stage.fails("no JSON", session.post(stage.url / "echo", json=object()))


@scenario
async def compressed_bodies(aiohttp: Any, stage: Stage) -> None:
    async def generate() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"generated " * 100

    async with aiohttp.ClientSession() as session:
        for coding in (True, "deflate", "gzip"):
            for name, data in {"bytes": b"words " * 500, "generator": generate()}.items():
                async with session.post(stage.url / "echo", data=data, compress=coding) as response:
                    told = await response.json()
                    stage.saw(f"{coding} {name}", [told["size"], told["sha256"]])
        async with session.post(stage.url / "echo", json={"a": 1}, compress="gzip") as response:
            stage.saw("json", (await response.json())["body"])


@scenario
async def chunked_on_demand(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(stage.url / "echo", data=b"whole", chunked=True) as response:
            stage.saw("bytes", (await response.json())["body"])
        async with session.get(stage.url / "echo", chunked=True) as response:
            stage.saw("nothing", (await response.json())["body"])
        headers = {"Transfer-Encoding": "chunked"}
        async with session.post(stage.url / "echo", data=b"by hand", headers=headers) as response:
            stage.saw("by hand", response.status)
        await stage.fails(
            "twice", session.post(stage.url / "echo", data=b"x", headers=headers, chunked=True)
        )


@scenario
async def expect_100(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        url = stage.url / "expect-continue"
        async with session.post(url, data=b"expected", expect100=True) as response:
            stage.saw("option", await response.json())
        async with session.post(url, data=b"xy", headers={"Expect": "100-continue"}) as response:
            stage.saw("header", await response.json())
        async with session.post(url, data=b"plain") as response:
            stage.saw("neither", await response.json())


@scenario
async def an_early_answer(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(stage.url / "early-413", data=bytes(20_000_000)) as response:
            stage.saw("status", response.status)
            stage.saw("text", await response.text())
        async with session.get(stage.url / "get") as response:
            stage.saw("next", response.status)


@scenario
async def a_content_type_by_hand(aiohttp: Any, stage: Stage) -> None:
    typed = {"Content-Type": "application/x-own"}
    await _post_all(
        aiohttp,
        stage,
        {"bytes": b"x", "str": "x", "dict": {"a": "b"}, "BytesIO": io.BytesIO(b"x")},
        headers=typed,
    )


@scenario
async def payloads_by_hand(aiohttp: Any, stage: Stage) -> None:
    await _post_all(
        aiohttp,
        stage,
        {
            "bytes": aiohttp.BytesPayload(b"x", content_type="a/b", headers={"X-Own": "1"}),
            "string": aiohttp.StringPayload("ä", encoding="latin1"),
            "json": aiohttp.JsonPayload({"a": 1}),
        },
    )
    payload = aiohttp.get_payload(b"abc")
    stage.saw("size", payload.size)
    stage.saw("content type", payload.content_type)
    stage.saw("class", type(payload).__name__)


@scenario
async def multipart_writer(aiohttp: Any, stage: Stage) -> None:
    with aiohttp.MultipartWriter("mixed") as writer:
        writer.append("text")
        writer.append(b"bytes", {"X-Part": "2"})
        writer.append_json({"a": 1})
        writer.append_form([("b", "c")])
    stage.saw("length", len(writer))
    async with aiohttp.ClientSession() as session:
        async with session.post(stage.url / "echo", data=writer) as response:
            stage.saw("size", (await response.json())["size"])


@scenario
async def data_that_is_no_body(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, data in {"int": 1, "object": object(), "list of str": ["a", "b"]}.items():
            await stage.fails(name, session.post(stage.url / "echo", data=data))
        path = stage.directory / "closed"
        path.write_bytes(b"x")
        with path.open("rb") as file:
            pass
        await stage.fails("closed file", session.post(stage.url / "echo", data=file))


@scenario
async def wrong_lengths_by_hand(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for length in ("x", "-1", "3, 4"):
            headers = {"Content-Length": length}
            await stage.fails(
                length, session.post(stage.url / "echo", data=b"abc", headers=headers)
            )


@scenario
async def a_stream_fed_by_another_task(aiohttp: Any, stage: Stage) -> None:
    class Protocol:
        _reading_paused = False

        def pause_reading(self) -> None:
            pass

        def resume_reading(self, resume_parser: bool = True) -> None:
            pass

    stream = aiohttp.StreamReader(Protocol(), limit=2**16)

    async def feed() -> None:
        for part in (b"one", b"two", b"three"):
            await anyio.lowlevel.checkpoint()
            stream.feed_data(part)
        stream.feed_eof()

    async with aiohttp.ClientSession() as session, anyio.create_task_group() as tasks:
        tasks.start_soon(feed)
        async with session.post(stage.url / "echo", data=stream) as response:
            stage.saw("body", (await response.json())["body"])


@scenario
async def upload_tracker(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, path in {
            "plain": "echo",
            "redirected": "redirect-to?status=307&url=/echo",
        }.items():
            tracker = aiohttp.UploadTracker()
            stage.saw(f"{name} before", [tracker.attempts, tracker.bytes_written])
            async with session.post(
                f"{stage.url}{path}", data=b"x" * 1000, upload_tracker=tracker
            ) as response:
                stage.saw(name, (await response.json())["size"])
            stage.saw(f"{name} after", [tracker.attempts, tracker.bytes_written])
            stage.saw(f"{name} done", tracker.upload_complete.done())


@scenario
async def an_upload_that_goes_on_beside_its_answer(aiohttp: Any, stage: Stage) -> None:
    async def script(peer: ScriptedPeer) -> None:
        while True:
            await peer.receive_head()
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            await peer.send(b"5\r\nbegun\r\n")
            await peer.receive_until(b"0\r\n\r\n")
            await peer.send(b"4\r\ndone\r\n0\r\n\r\n")

    async def pieces(failure: Exception | None = None) -> AsyncIterator[bytes]:
        yield b"one"
        await go_on.wait()
        if failure is not None:
            raise failure
        yield b"two"

    url = await stage.scripted(script)
    async with aiohttp.ClientSession() as session:
        go_on = anyio.Event()
        tracker = aiohttp.UploadTracker()
        async with session.post(url, data=pieces(), upload_tracker=tracker) as response:
            stage.saw("begun", await response.content.readexactly(5))
            stage.saw("done already", tracker.upload_complete.done())
            go_on.set()
            await tracker.upload_complete
            stage.saw("written", tracker.bytes_written)
            stage.saw("rest", await response.read())
        go_on = anyio.Event()
        tracker = aiohttp.UploadTracker()
        failing = pieces(LookupError("no more"))
        async with session.post(url, data=failing, upload_tracker=tracker):
            go_on.set()
            await stage.fails("told", tracker.upload_complete)
