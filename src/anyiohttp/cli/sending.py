"""One request: made, shown, and its answer written where it is to go.

Knows: plans, the public API, the screen.
Must not know: the options' syntax, how a plan is made.
Called by: `request_command`.
"""

from __future__ import annotations

import codecs
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .. import (
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    CookieJar,
    RequestKwargs,
)
from .bodies import request_arguments
from .exit_codes import ExitCode, exit_code_of_status
from .formatting import is_json, is_text, is_utf8, plural, pretty_json, size
from .output import Screen
from .plan import RequestPlan
from .saving import save
from .sessions import open_session
from .timeline import Phase
from .watching import Watch
from .wire import request_lines, response_lines

__all__ = ("Shown", "print_request", "send")

#: JSON that is longer is written as it comes: indenting needs all of it.
_MAX_PRETTY = 2 * 1024 * 1024
#: A request's body that is longer is only named by ``--verbose``.
_MAX_SHOWN = 64 * 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a request and its answer, and where.

    Args:
        include: the answer's head goes before its body.
        verbose: heads, times and facts are told on standard error.
        output: the file the body goes to; ``None`` for standard output.
        ignore_status: an answer of 400 or more is no failure.
        cookie_jar: the file that keeps cookies from one command to the next.
    """

    include: bool = False
    verbose: bool = False
    output: Path | None = None
    ignore_status: bool = False
    cookie_jar: Path | None = None


async def send(plan: RequestPlan, screen: Screen, shown: Shown) -> int:
    """Make the request and show the answer.

    Returns:
        The exit status that the answer's status stands for.
    """
    jar = _cookies(shown.cookie_jar)
    with ExitStack() as files:
        watch = Watch() if shown.verbose else None
        arguments = request_arguments(plan, files, watch)
        if watch is not None:
            _add_middleware(arguments, _Telling(screen, watch))
        async with (
            open_session(plan.connection, cookie_jar=jar, watch=watch) as session,
            session.request(plan.method, plan.url, **arguments) as response,
        ):
            await _show(response, screen, shown)
            if watch is not None:
                watch.timeline.end(Phase.BODY)
                screen.tell(f"* {watch.timeline.summary()}", "dim")
    if shown.cookie_jar is not None:
        jar.save(shown.cookie_jar)
    return ExitCode.OK if shown.ignore_status else exit_code_of_status(response.status)


async def print_request(plan: RequestPlan, screen: Screen) -> int:
    """Write the request to standard output as it would go out, and send nothing."""
    with ExitStack() as files:
        arguments = request_arguments(plan, files)
        _add_middleware(arguments, _Printing(screen))
        async with open_session(plan.connection) as session:
            try:
                await session.request(plan.method, plan.url, **arguments)
            except _Printed:
                return ExitCode.OK
    raise AssertionError("the request was answered")  # pragma: no cover - _Printing sends nothing


def _add_middleware(arguments: RequestKwargs, middleware: ClientMiddlewareType) -> None:
    """Add the innermost one: it sees what the others send."""
    arguments["middlewares"] = [*(arguments.get("middlewares") or ()), middleware]


def _cookies(path: Path | None) -> CookieJar:
    jar = CookieJar()
    if path is not None and path.exists():
        jar.load(path)
    return jar


# --- the request ----------------------------------------------------------------------------


class _Printed(Exception):
    """The request was written and is not sent."""


class _Printing:
    """Writes each request to standard output, and sends none.

    Args:
        screen: where it goes.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> NoReturn:
        screen = self._screen
        # As a connector would say: an HTTP proxy forwards plain requests, and tunnels the rest.
        forwards = request.proxy is not None and request.proxy.scheme in ("http", "https")
        request.absolute = forwards and request.url.scheme == "http"
        screen.write_head(request_lines(request))
        body = request.payload
        if body is not None:
            while data := await body.next_chunk():
                screen.write_data(data)
            if screen.on_terminal:
                screen.out.print()
        raise _Printed


class _Telling:
    """Tells each request and the head of its answer on standard error.

    Args:
        screen: where it is told.
        watch: what is known of the connection; told when a head arrives.
    """

    def __init__(self, screen: Screen, watch: Watch) -> None:
        self._screen = screen
        self._watch = watch

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        screen, watch = self._screen, self._watch
        sent = await _shown_body(request)
        try:
            response = await handler(request)
        except BaseException:
            screen.tell_head(request_lines(request), ">")
            raise
        watch.head_arrived()
        peer = watch.peer()
        for line in (*([f"connected to {peer}"] if peer else []), *watch.tls_lines()):
            screen.tell(f"* {line}", "dim")
        watch.tls = None
        screen.tell_head(request_lines(request, response.version), ">")
        if sent:
            screen.tell(sent)
        screen.tell_head(response_lines(response), "<")
        return response


async def _shown_body(request: ClientRequest) -> str:
    """Return what is told of a request's body."""
    body = request.payload
    if body is None:
        return ""
    if not body.replayable or body.size is None or body.size > _MAX_SHOWN:
        known = "a body of unknown size" if body.size is None else f"a body of {size(body.size)}"
        return f"({known})\n"
    data = await body.as_bytes()
    return f"{data.decode()}\n" if is_utf8(data) else f"(a body of {size(len(data))})\n"


# --- the answer -----------------------------------------------------------------------------


async def _show(response: ClientResponse, screen: Screen, shown: Shown) -> None:
    if shown.include:
        for each in (*response.history, response):
            screen.write_head(response_lines(each))
    elif not response.ok and not shown.verbose and not shown.ignore_status:
        screen.tell(f"{response.status} {response.reason or ''}".rstrip(), "red")
    if shown.output is not None:
        saved = await save(response, shown.output)
        if screen.err_on_terminal or shown.verbose:
            hops = f" after {plural(len(response.history), 'redirect')}" * bool(response.history)
            screen.tell(f"{size(saved)} from {response.url}{hops} in {shown.output}")
    elif screen.pretty and is_json(response.content_type):
        await _write_json(response, screen)
    elif not screen.on_terminal:
        await _pass_on(response, screen)
    elif "Content-Type" in response.headers and not is_text(response.content_type):
        length = response.content_length
        known = "" if length is None else f", {size(length)}"
        screen.tell(f"({response.content_type}{known}: use -o FILE, or a pipe)")
    else:
        await _write_text(response, screen)


async def _write_json(response: ClientResponse, screen: Screen) -> None:
    """Write JSON with indents if it is JSON and not too long, or as it is."""
    data = b""
    async for piece in response.content.iter_any():
        data += piece
        if len(data) > _MAX_PRETTY:
            break
    else:
        indented = pretty_json(data.decode(_charset(response), "replace"))
        if indented is not None:
            screen.write_json(indented)
            return
    if screen.on_terminal:
        await _write_text(response, screen, data)
    else:
        screen.write(data)
        await _pass_on(response, screen)


async def _pass_on(response: ClientResponse, screen: Screen) -> None:
    async for data in response.content.iter_any():
        screen.write(data)


async def _write_text(response: ClientResponse, screen: Screen, before: bytes = b"") -> None:
    """Write text to a terminal as it comes."""
    decoder = codecs.getincrementaldecoder(_charset(response))("replace")
    text = last = decoder.decode(before)
    screen.write_text(text)
    async for data in response.content.iter_any():
        text = decoder.decode(data)
        screen.write_text(text)
        last = text or last
    text = decoder.decode(b"", final=True)
    last = text or last
    screen.write_text(text if not last or last.endswith("\n") else text + "\n")


def _charset(response: ClientResponse) -> str:
    name = response.charset or "utf-8"
    try:
        b"".decode(name)
    except LookupError:
        return "utf-8"
    return name
