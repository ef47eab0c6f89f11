"""What a response tells besides its body."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage


def _reply(*fields: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: 0", *fields, b"", b""])


@scenario
async def attributes(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(headers={"X-A": "b"}) as session:
        async with session.post(stage.url / "json" % {"q": "1"}, data=b"x") as response:
            for name in (
                "method",
                "status",
                "reason",
                "ok",
                "version",
                "url",
                "real_url",
                "host",
                "request_info",
                "history",
                "content_type",
                "charset",
                "content_disposition",
                "content_length",
                "cookies",
                "headers",
                "raw_headers",
                "links",
            ):
                stage.saw(name, getattr(response, name))
            await response.read()
            stage.saw("connection", response.connection)
            stage.saw("closed", response.closed)


@scenario
async def an_open_response(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        response = await session.get(stage.url / "stream" / "1000000")
        stage.saw("connection", response.connection is not None)
        stage.saw("closed", response.closed)
        response.close()
        stage.saw("connection then", response.connection)
        stage.saw("closed then", response.closed)


@scenario
async def header_fields(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(
        _reply(
            b"X-A: 1",
            b"x-a: 2",
            b"X-Empty:",
            b"X-Spaces: \t v \t",
            b"X-Latin: \xe4",
            b"X-Utf8: \xc3\xa4",
        )
    )
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        stage.saw("headers", response.headers)
        stage.saw("getall", response.headers.getall("x-A"))
        stage.saw("case", response.headers["X-EMPTY"])
        stage.saw("raw", response.raw_headers)
        stage.saw("as json", response.headers.get("X-Latin"))


@scenario
async def content_types(aiohttp: Any, stage: Stage) -> None:
    for value in (
        b"text/html",
        b"Text/HTML; Charset=UTF-8",
        b'application/json; charset="utf-8"; x=y',
        b"garbage",
        b"",
        b"text/",
        b"text/html;",
        b"a/b; charset=",
    ):
        url = await stage.answering(_reply(b"Content-Type: " + value), name="TYPE")
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            stage.saw(f"{value!r} type", response.content_type)
            stage.saw(f"{value!r} charset", response.charset)


@scenario
async def content_dispositions(aiohttp: Any, stage: Stage) -> None:
    for value in (
        b'attachment; filename="a b.txt"',
        b"attachment; filename=plain.txt; size=3",
        b"attachment; filename*=utf-8''%e2%82%ac.txt",
        b"attachment; filename=\"fallback\"; filename*=UTF-8''r%C3%A9al",
        b"inline",
        b'attachment; filename*0="long"; filename*1=".txt"',
        b'attachment; filename="quo\\"ted"',
        b'attachment; filename="C:\\\\dir\\\\x"',
    ):
        url = await stage.answering(_reply(b"Content-Disposition: " + value), name="DISPOSITION")
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            found = response.content_disposition
            stage.saw(f"{value!r} type", found.type)
            stage.saw(f"{value!r} filename", found.filename)
            stage.saw(f"{value!r} parameters", dict(found.parameters))


@scenario
async def links(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(
        _reply(
            b'Link: <http://example.org/a>; rel=next, </b?c=d>; rel="prev"; title="x, y"',
            b"Link: <../e>; rel=last",
            b"Link: <f>",
        ),
    )
    async with aiohttp.ClientSession() as session, session.get(url / "dir/here") as response:
        for rel, link in response.links.items():
            stage.saw(rel, {key: str(value) for key, value in link.items()})


@scenario
async def status_lines(aiohttp: Any, stage: Stage) -> None:
    for line in (
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 299 All is well",
        b"HTTP/1.1 999 Beyond",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 200 \xc3\xa4",
        b"HTTP/1.1 418 I'm a teapot",
    ):
        reply = line + b"\r\nContent-Length: 2\r\n\r\nok"
        url = await stage.answering(reply, name="STATUS")
        label = repr(line)
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(url) as response:
                    stage.saw(f"{label} status", response.status)
                    stage.saw(f"{label} reason", response.reason)
                    stage.saw(f"{label} version", response.version)
                    stage.saw(f"{label} text", await response.text())
            except aiohttp.ClientError as exc:
                stage.observations.add_error(label, exc)


@scenario
async def replies_that_are_not_http(aiohttp: Any, stage: Stage) -> None:
    ok = b"HTTP/1.1 200 OK\r\n"
    for name, reply in {
        "garbage": b"SSH-2.0-OpenSSH\r\n\r\n",
        "no status": b"HTTP/1.1\r\n\r\n",
        "a word for a status": b"HTTP/1.1 abc OK\r\n\r\n",
        "a bad field": ok + b"no colon\r\n\r\n",
        "two lengths": ok + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "a negative length": ok + b"Content-Length: -1\r\n\r\n",
        "a word for a length": ok + b"Content-Length: x\r\n\r\n",
        "length and chunked": ok
        + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "space before the colon": ok + b"X-A : b\r\nContent-Length: 0\r\n\r\n",
        "NUL in a value": ok + b"X-A: b\0c\r\nContent-Length: 0\r\n\r\n",
        "a folded field": ok + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    }.items():
        url = await stage.answering(reply, name=name)
        async with aiohttp.ClientSession() as session:
            await _status(aiohttp, stage, name, session.get(url))


async def _status(aiohttp: Any, stage: Stage, label: str, action: Any) -> None:
    try:
        async with action as response:
            stage.saw(label, response.status)
    except aiohttp.ClientError as exc:
        stage.observations.add_error(label, exc)


@scenario
async def nothing_comes(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(b"")
    async with aiohttp.ClientSession() as session:
        await stage.fails("nothing", session.post(url, data=b"x"))
    url = await stage.answering(b"HTTP/1.1 200 OK\r\nX-", name="HALF")
    async with aiohttp.ClientSession() as session:
        await stage.fails("half a head", session.post(url, data=b"x"))


@scenario
async def limits_of_heads(aiohttp: Any, stage: Stage) -> None:
    for size in (8000, 8300, 20_000):
        reply = _reply(b"X-Long: " + b"v" * size)
        url = await stage.answering(reply, name=f"LONG{size}", keep=True)
        async with aiohttp.ClientSession() as session:
            await _status(aiohttp, stage, f"value of {size}", session.get(url))
            await _status(
                aiohttp, stage, f"value of {size} allowed", session.get(url, max_field_size=30_000)
            )
    url = await stage.answering(_reply(*(b"X-%d: v" % n for n in range(200))))
    async with aiohttp.ClientSession() as session:
        await _status(aiohttp, stage, "200 fields", session.get(url))


@scenario
async def interim_responses(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + _reply(b"X-Final: 1")
    )
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        stage.saw("status", response.status)
        stage.saw("headers", response.headers)


@scenario
async def keep_alive(aiohttp: Any, stage: Stage) -> None:
    counts = stage.server.counts
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(stage.url / "get") as response:
                await response.read()
        stage.saw("reused", counts.connections)
        async with session.get(stage.url / "stream" / "10000000"):
            pass
        async with session.get(stage.url / "get") as response:
            await response.read()
        stage.saw("after an unread body", counts.connections)
        for _ in range(2):
            async with session.get(stage.url / "close") as response:
                await response.read()
        async with session.get(stage.url / "get") as response:
            stage.saw("after silent closes", response.status)
