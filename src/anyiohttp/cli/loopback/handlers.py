"""What the loopback server offers: one function for each path.

Knows: requests and responses.
Must not know: connections, framing.
Called by: `server`, which routes requests to them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode

import anyio

from ...testing.server.connection import Handler
from ...testing.server.messages import Request, Response, Send, json_response
from ...testing.server.websocket import accept_websocket, echo_websocket
from .multipart import MultipartReader

__all__ = ("ROUTES", "pattern")

_BLOCK = bytes(range(256)) * 256


def pattern(size: int) -> bytes:
    """Return the bytes that ``/stream/{size}`` sends."""
    whole, rest = divmod(size, len(_BLOCK))
    return _BLOCK * whole + _BLOCK[:rest]


async def get(request: Request) -> Response:
    """Tell what was asked, without the body."""
    return json_response(_told(request))


async def echo(request: Request) -> Response:
    """Tell what was asked, with the body: decoded if it came gzip or deflate coded."""
    body = await request.read()
    coding = request.headers.get("Content-Encoding", "")
    if coding == "gzip":
        body = gzip.decompress(body)
    elif coding == "deflate":
        body = zlib.decompress(body)
    return json_response(
        {
            **_told(request),
            "body": body.decode("utf-8", "replace"),
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "trailers": list(request.trailers.items()),
        }
    )


async def headers(request: Request) -> Response:
    """Tell the header fields, in order."""
    return json_response(list(request.headers.items()))


async def some_json(request: Request) -> Response:
    """Return a JSON document."""
    return json_response({"name": "anyiohttp", "numbers": [1, 2, 3], "text": "grüß dich"})


async def form(request: Request) -> Response:
    """Tell the fields of a form, however it is encoded."""
    content_type = request.headers.get("Content-Type", "")
    if content_type.startswith("multipart/"):
        reader = MultipartReader(content_type)
        reader.feed(await request.read())
        fields = [(part.name, part.value.decode("utf-8", "replace")) for part in reader.parts]
        return json_response({"fields": fields, "complete": reader.ended})
    body = (await request.read()).decode()
    return json_response({"fields": parse_qsl(body, keep_blank_values=True), "complete": True})


async def upload(request: Request) -> Response:
    """Tell sizes and digests of what was sent, multipart or not; the body is not kept."""
    content_type = request.headers.get("Content-Type", "")
    reader = MultipartReader(content_type) if content_type.startswith("multipart/") else None
    digest, size = hashlib.sha256(), 0
    while data := await request.receive():
        digest.update(data)
        size += len(data)
        if reader is not None:
            reader.feed(data)
    told: dict[str, object] = {"size": size, "sha256": digest.hexdigest()}
    if reader is not None:
        told["complete"] = reader.ended
        told["parts"] = [
            {
                "name": part.name,
                "filename": part.filename,
                "content_type": part.content_type,
                "size": part.size,
                "sha256": part.sha256,
            }
            for part in reader.parts
        ]
    return json_response(told)


async def stream(request: Request) -> Response:
    """Send ``n`` bytes; chunked if the query has ``chunked``."""
    size = int(request.params[0])

    async def write(send: Send) -> None:
        left = size
        while left:
            block = _BLOCK if left >= len(_BLOCK) else _BLOCK[:left]
            await send(block)
            left -= len(block)

    content_type = [("Content-Type", "application/octet-stream")]
    chunked = "chunked" in request.query
    return Response(headers=content_type, writer=write, size=None if chunked else size)


async def gzipped(request: Request) -> Response:
    """Send JSON, or ``size`` bytes if the query says so, gzip-coded."""
    return _coded(request, "gzip", gzip.compress)


async def deflated(request: Request) -> Response:
    """Send JSON, or ``size`` bytes if the query says so, deflate-coded (zlib, RFC 1950)."""
    return _coded(request, "deflate", zlib.compress)


async def chunked(request: Request) -> Response:
    """Send three chunks and a trailer field."""

    async def write(send: Send) -> None:
        for part in (b"one\n", b"two\n", b"three\n"):
            await send(part)

    return Response(
        headers=[("Content-Type", "text/plain"), ("Trailer", "X-Checksum")],
        writer=write,
        trailers=[("X-Checksum", hashlib.sha256(b"one\ntwo\nthree\n").hexdigest())],
    )


async def cookies(request: Request) -> Response:
    """Tell the cookies that came, in order."""
    pairs = [pair.partition("=") for pair in request.headers.get("Cookie", "").split("; ") if pair]
    return json_response([(name, value) for name, _, value in pairs])


async def set_cookies(request: Request) -> Response:
    """Set the query's first pair as a cookie and redirect to do the next; then to /cookies."""
    (name, value), *rest = list(request.query.items()) or [("", "")]
    location = f"/cookies/set?{urlencode(rest)}" if rest else "/cookies"
    set_cookie = [("Set-Cookie", f"{name}={value}; Path=/")] if name else []
    return Response(302, headers=[("Location", location), *set_cookie])


async def redirect(request: Request) -> Response:
    """Redirect ``n`` times, then to /get."""
    left = int(request.params[0]) - 1
    return Response(302, headers=[("Location", f"/redirect/{left}" if left > 0 else "/get")])


async def redirect_to(request: Request) -> Response:
    """Redirect to ``url`` with ``status`` (302 unless told)."""
    status = int(request.query.get("status", "302"))
    return Response(status, headers=[("Location", request.query["url"])])


async def status(request: Request) -> Response:
    """Answer with the given status."""
    code = int(request.params[0])
    return Response(code, f"{code}\n".encode(), [("Content-Type", "text/plain")])


async def slow(request: Request) -> Response:
    """Never answer: wait until the client goes."""
    await request.wait_client_gone()
    return Response(499, silent_close=True)


async def drip(request: Request) -> Response:
    """Send ``n`` bytes (5), one every ``delay`` seconds (0.05), the head at once."""
    count = int(request.query.get("n", "5"))
    delay = float(request.query.get("delay", "0.05"))

    async def write(send: Send) -> None:
        for _ in range(count):
            await anyio.sleep(delay)
            await send(b"*")

    return Response(headers=[("Content-Type", "text/plain")], writer=write, size=count)


async def basic_auth(request: Request) -> Response:
    """Ask for the user and password that the path names (RFC 7617)."""
    user, password = request.params
    wanted = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    if request.headers.get("Authorization") != wanted:
        return Response(401, headers=[("WWW-Authenticate", 'Basic realm="loopback"')])
    return json_response({"user": user})


async def early_413(request: Request) -> Response:
    """Refuse the body without reading any of it."""
    return Response(413, b"too large\n", close=True)


async def expect_continue(request: Request) -> Response:
    """Tell whether a 100 (Continue) was asked for and sent; with ``refuse``, answer 417."""
    if "refuse" in request.query and request.expects_continue:
        return Response(417)
    body = await request.read()
    return json_response(
        {
            "expected": request.expects_continue,
            "continued": request.continued,
            "size": len(body),
        }
    )


async def close(request: Request) -> Response:
    """Close the connection after the answer without having said so."""
    return Response(body=b"goodbye\n", silent_close=True)


async def websocket(request: Request) -> Response:
    """Accept a WebSocket, and send back what comes."""
    return accept_websocket(request, echo_websocket)


async def events(request: Request) -> Response:
    """Send three server-sent events, and end; ``n`` (6) in all, after ``Last-Event-ID``."""
    count = int(request.query.get("n", "6"))
    done = int(request.headers.get("Last-Event-ID", "0"))
    if done >= count:
        return Response(204)

    async def write(send: Send) -> None:
        await send(b"retry: 10\n\n")
        for number in range(done + 1, min(done + 3, count) + 1):
            await send(b"event: count\nid: %d\ndata: event %d\n\n" % (number, number))

    return Response(headers=[("Content-Type", "text/event-stream")], writer=write)


ROUTES: Mapping[str, Handler] = {
    "/get": get,
    "/echo": echo,
    "/headers": headers,
    "/json": some_json,
    "/form": form,
    "/upload": upload,
    "/stream/{size}": stream,
    "/gzip": gzipped,
    "/deflate": deflated,
    "/chunked": chunked,
    "/cookies": cookies,
    "/cookies/set": set_cookies,
    "/redirect/{n}": redirect,
    "/redirect-to": redirect_to,
    "/status/{code}": status,
    "/slow": slow,
    "/drip": drip,
    "/basic-auth/{user}/{password}": basic_auth,
    "/early-413": early_413,
    "/expect-continue": expect_continue,
    "/close": close,
    "/websocket": websocket,
    "/events": events,
}


def _told(request: Request) -> dict[str, object]:
    return {
        "method": request.method,
        "target": request.target,
        "path": request.path,
        "query": list(request.query.items()),
        "headers": list(request.headers.items()),
        "secure": request.secure,
    }


def _coded(request: Request, coding: str, encode: Callable[[bytes], bytes]) -> Response:
    if "size" in request.query:
        body, content_type = pattern(int(request.query["size"])), "application/octet-stream"
    else:
        body, content_type = json.dumps(_told(request)).encode(), "application/json"
    fields = [("Content-Type", content_type), ("Content-Encoding", coding)]
    return Response(200, encode(body), fields)
