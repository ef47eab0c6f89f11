"""Server-sent events from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from anyiohttp import ServerSentEvent
from anyiohttp.cli.events import EventForm, event_text
from anyiohttp.cli.exit_codes import ExitCode
from anyiohttp.cli.loopback import LoopbackServer, Request, Response, serve
from anyiohttp.cli.main import main

MESSAGE = ServerSentEvent("one\ntwo")
CHANGE = ServerSentEvent("grüß", "change", "7", 100)


@pytest.mark.parametrize(
    ("event", "form", "text"),
    [
        (MESSAGE, EventForm.DATA, "one\ntwo\n"),
        (MESSAGE, EventForm.SSE, "data: one\ndata: two\n\n"),
        (CHANGE, EventForm.SSE, "event: change\nid: 7\nretry: 100\ndata: grüß\n\n"),
        (MESSAGE, EventForm.JSON, '{"event": "message", "data": "one\\ntwo", "id": ""}\n'),
        (CHANGE, EventForm.JSON, '{"event": "change", "data": "grüß", "id": "7"}\n'),
    ],
)
def test_texts(event: ServerSentEvent, form: EventForm, text: str) -> None:
    assert event_text(event, form) == text


async def events(request: Request) -> Response:
    """Two events to begin with; one more for who has seen them; then no more."""
    last = request.headers.get("Last-Event-ID", "0")
    told = json.dumps(request.headers.get("Authorization"))
    bodies = {
        "0": "retry: 1\n\ndata: a\n\nid: 2\ndata: b\n\n",
        "2": f"retry: 1\nid: 3\ndata: {told}\n\n",
    }
    if last not in bodies:
        return Response(204)
    body = f"retry: 1\n{bodies[last]}".encode()
    return Response(200, body, [("Content-Type", "text/event-stream")])


@pytest.fixture(scope="module")
def stream() -> Iterator[LoopbackServer]:
    serving = serve(routes={"/events": events})
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving) as server:
        yield server


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_follows_and_reconnects(
    stream: LoopbackServer, capfd: pytest.CaptureFixture[str], backend: str
) -> None:
    url = str(stream.url / "events")
    options = ["--backend", backend, "-a", "T", "--auth-type", "bearer"]
    assert main(["sse", url, *options]) == 0
    assert capfd.readouterr() == ('a\nb\n"Bearer T"\n', "")
    assert main(["sse", url, *options[:2], "-n", "1", "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["data"] == "a"
    assert main(["sse", url, *options[:2], "-a", "u:p", "--last-event-id", "2"]) == 0
    assert capfd.readouterr().out == '"Basic dTpw"\n'


def test_a_limit_for_all_of_it(stream: LoopbackServer, capfd: pytest.CaptureFixture[str]) -> None:
    url = str(stream.url / "slow")
    assert main(["sse", url, "--timeout", "0.3"]) == ExitCode.TIMEOUT
    assert "the 0.3 s of --timeout have passed" in capfd.readouterr().err


def test_no_stream(stream: LoopbackServer, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["sse", str(stream.url / "get")]) == ExitCode.REFUSED
    assert "EventSourceError" in capfd.readouterr().err
