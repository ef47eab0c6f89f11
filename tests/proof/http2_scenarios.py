"""What a client does on a connection that it shares with itself, in HTTP/2.

Those who play along are siblings of the victim, on the same connection: whatever becomes of the
victim, they get their answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyio.lowlevel import checkpoint
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame
from tests.proof.scenarios import NARROW_TLS, SetUp, Victim, scenario, upload
from tests.proof.stage import ORIGIN, PROXY, Stage, body_of, judge, turns

from anyiohttp.testing import HTTP2Peer, Peer

__all__ = ()


def http2(name: str, **traits: Any) -> Callable[[SetUp], SetUp]:
    settings = {"http_versions": ["h2"], **traits.pop("settings", {})}
    return scenario(f"HTTP/2: {name}", settings=settings, in_turns=True, **traits)


async def siblings(stage: Stage, *kinds: str) -> None:
    """Have others make requests on the connection, beside the victim."""
    for kind in kinds:
        stage.along(stage.fetch, kind)


# --- requests -------------------------------------------------------------------------------


@http2("new connection", sockets=True)
async def new_connection(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    return stage.fetch


@http2("kept connection")
async def kept_connection(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    return stage.fetch


@http2("several ask before there is a connection, the victim first", timed=True)
async def dial_for_many(stage: Stage) -> Victim:
    stage.open_origin(http2=True)

    async def play() -> None:
        await stage.until(lambda: stage.connector.stats.dialing > 0)
        await siblings(stage, "echo", "later", "plain")

    stage.along(play)
    return stage.fetch


@http2("several ask before there is a connection, the victim waits")
async def wait_for_a_dial(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await siblings(stage, "echo", "later", "plain")
    await stage.until(lambda: stage.connector.stats.dialing > 0)
    return stage.fetch


@http2("the victim reads for all", sockets=True, timed=True)
async def reads_for_all(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()

    async def play() -> None:
        await stage.until(lambda: stage.connector.stats.busy > 0)
        await siblings(stage, "later", "gzip", "plain")

    stage.along(play)

    async def victim() -> None:
        await stage.fetch("gzip")

    return victim


@http2("others read for the victim", timed=True)
async def others_read(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    await siblings(stage, "later", "gzip", "plain")
    await stage.until(lambda: stage.connector.stats.busy > 0)
    await turns(1)

    async def victim() -> None:
        await stage.fetch("plain")

    return victim


@http2("half-read body beside others")
async def half_read(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    await siblings(stage, "gzip", "plain")

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.get(stage.path("gzip", marker)) as response:
            got = await response.content.readexactly(900)
            await checkpoint()
        judge(got, body_of(marker)[: len(got)])

    return victim


@http2("redirect chain")
async def redirects(stage: Stage) -> Victim:
    stage.open_origin(http2=True)

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.get(stage.path("hop", 3, marker)) as response:
            judge(await response.read(), marker.encode())

    return victim


@http2("ALPN over TLS", narrow=NARROW_TLS, sockets=True)
async def alpn(stage: Stage) -> Victim:
    stage.open_origin(tls=True, http2=True)
    return stage.fetch


@http2("ALPN over TLS, through CONNECT", narrow=NARROW_TLS, direct=False)
async def alpn_through_connect(stage: Stage) -> Victim:
    stage.open_origin(tls=True, http2=True)
    stage.options["proxy"] = stage.network.proxy(PROXY).url
    return stage.fetch


@http2("waiting for a stream", timed=True)
async def waiting_for_a_stream(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
    server = stage.network.serve_http2(ORIGIN, stage.origin.routes, settings=settings)
    stage.url = server.url
    await siblings(stage, "later", "gzip")
    await stage.until(lambda: stage.connector.stats.busy > 0)
    return stage.fetch


@http2("not begun with before GOAWAY")
async def goaway(stage: Stage) -> Victim:
    stage.open_origin(http2=True)

    async def script(peer: Peer) -> None:
        server = HTTP2Peer(peer)
        while True:
            request = await server.request()
            path = dict(request.headers)[":path"]
            if path.startswith("/again/") and peer.number == 0:
                await turns(1)
                await server.send_frames(GoAwayFrame(0, last_stream_id=1))
                await server.wait_closed()
                return
            await server.respond(request.stream_id, path.rpartition("/")[2].encode())

    stage.network.listen(ORIGIN, 80, script)
    await stage.fetch()

    async def victim() -> None:
        marker = stage.marker()
        async with stage.session.post(stage.path("again", marker), data=b"once") as response:
            judge(await response.read(), marker.encode())

    return victim


# --- uploads --------------------------------------------------------------------------------


@http2("streaming upload from an async generator")
async def streaming_upload(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    await siblings(stage, "gzip")

    async def victim() -> None:
        marker = stage.marker()
        expected = b"".join(f"{marker} {place}\n".encode() for place in range(4))
        await upload(stage, stage.pieces(marker), marker, expected)

    return victim


@http2("upload without a block", timed=True)
async def upload_without_block(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    await siblings(stage, "gzip")

    async def victim() -> None:
        marker = stage.marker()
        expected = b"".join(f"{marker} {place}\n".encode() for place in range(4))
        response = await stage.session.post(stage.path("upload", marker), data=stage.pieces(marker))
        judge(await response.read(), expected)

    return victim


@http2("upload of more bytes than the windows allow at once", sockets=True, narrow=0)
async def large_upload(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    await siblings(stage, "gzip")

    async def victim() -> None:
        marker = stage.marker()
        data = marker.encode() * 20_000
        await upload(stage, data, marker, data)

    return victim


@http2("early response during upload")
async def early_response(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    await siblings(stage, "plain")

    async def victim() -> None:
        marker = stage.marker()
        data = stage.pieces(marker, 40, 32 * 1024)
        async with stage.session.post(stage.path("refuse", marker), data=data) as response:
            assert response.status == 413
            judge(await response.read(), marker.encode())

    return victim


@http2("answer read while the body is sent", sockets=True)
async def duplex(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    await siblings(stage, "gzip")

    async def victim() -> None:
        marker = stage.marker()
        lines = [f"{marker} {place}\n".encode() for place in range(4)]
        url = stage.path("duplex", marker)
        async with stage.session.post(url, data=stage.pieces(marker)) as response:
            for line in lines:
                judge(await response.content.readline(), line)
            judge(await response.content.read(), b"")

    return victim


@http2("the end of a block whose body is still being sent")
async def duplex_left(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    await stage.fetch()
    await siblings(stage, "gzip")

    async def victim() -> None:
        marker = stage.marker()
        url = stage.path("duplex", marker)
        data = stage.pieces(marker, 1000)
        async with stage.session.post(url, data=data) as response:
            judge(await response.content.readline(), f"{marker} 0\n".encode())
        await checkpoint()

    return victim


# --- closing --------------------------------------------------------------------------------


@http2("session.close() while others are busy", closes=True)
async def close_beside_others(stage: Stage) -> Victim:
    stage.open_origin(http2=True)
    response = await stage.session.get(stage.path("hold", stage.marker()))
    assert response.status == 200

    async def victim() -> None:
        await stage.session.close()
        await response.release()
        await checkpoint()

    return victim
