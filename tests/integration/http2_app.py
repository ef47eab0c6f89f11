"""An ASGI application for hypercorn, which serves it by HTTP/2.

``/echo`` sends back what comes, piece by piece; over a WebSocket, message by message. ``/trailers``
says how long the body was in a trailer. ``/told`` tells HTTP's version and the request's fields.
"""

from __future__ import annotations

import json


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await _websocket(scope, receive, send)
    elif scope["path"] == "/echo":
        await _start(send)
        async for data in _pieces(receive):
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body"})
    elif scope["path"] == "/trailers":
        await _start(send, trailers=True)
        size = 0
        async for data in _pieces(receive):
            size += len(data)
        await send({"type": "http.response.body", "body": b"done"})
        trailers = [(b"x-size", b"%d" % size), (b"x-twice", b"1"), (b"x-twice", b"2")]
        await send({"type": "http.response.trailers", "headers": trailers})
    else:
        await _start(send)
        fields = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        told = {"version": scope["http_version"], "fields": fields, "method": scope["method"]}
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})


async def _start(send, **options):
    await send({"type": "http.response.start", "status": 200, "headers": [], **options})


async def _pieces(receive):
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _websocket(scope, receive, send):
    await receive()
    protocols = scope["subprotocols"]
    await send({"type": "websocket.accept", "subprotocol": protocols[0] if protocols else None})
    await send({"type": "websocket.send", "text": scope["http_version"]})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "close":
            # Hypercorn drops the connection if the answer comes when this function has returned.
            await send({"type": "websocket.close", "code": 4001, "reason": "as you wish"})
            continue
        answer = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **answer})
