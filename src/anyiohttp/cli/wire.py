"""The heads of requests and responses as they look on the wire, and what TLS agreed on.

Knows: the public request and response; how a body is announced (RFC 9112 6).
Must not know: where the text goes.
Called by: `sending`, for ``--offline``, ``--include`` and ``--verbose``.
"""

from __future__ import annotations

from .. import ClientRequest, ClientResponse, HttpVersion
from .formatting import printable

__all__ = ("http_name", "request_lines", "response_lines")


def http_name(version: HttpVersion) -> str:
    """Return ``HTTP/1.1``, ``HTTP/2``."""
    return f"HTTP/{version.major}.{version.minor}" if version.major < 2 else f"HTTP/{version.major}"


def request_lines(request: ClientRequest, version: HttpVersion | None = None) -> list[str]:
    """Return the lines of a request's head.

    Args:
        request: as it comes to the innermost middleware.
        version: that was spoken, once that is known; by default the one that was asked for.
    """
    head = request.head()
    target = head.target
    if head.absolute:
        target = f"{head.scheme}://{head.authority}{'' if target == '*' else target}"
    version = version or HttpVersion(*head.version)
    names = {name.lower() for name, _ in head.headers}
    lines = [f"{head.method} {target} {http_name(version)}"]
    if "host" not in names:
        lines.append(f"Host: {head.authority}")
    lines += [f"{name}: {value}" for name, value in head.headers]
    if version.major < 2 and (framing := _framing(request, names)):
        lines.append(framing)
    if head.expect_continue and "expect" not in names:
        lines.append("Expect: 100-continue")
    if version < HttpVersion(1, 1) and "connection" not in names:
        lines.append("Connection: keep-alive")
    return lines


def _framing(request: ClientRequest, names: set[str]) -> str | None:
    """Return the field that says how long the body is, as HTTP/1.1 adds it."""
    if {"content-length", "transfer-encoding"} & names:
        return None
    body = request.payload
    if body is None:
        return "Content-Length: 0" if request.method in ("PATCH", "POST", "PUT") else None
    if body.size is None or request.options.chunked:
        return "Transfer-Encoding: chunked"
    return f"Content-Length: {body.size}"


def response_lines(response: ClientResponse) -> list[str]:
    """Return the lines of a response's head, as it came but for what is not printable."""
    status = f"{http_name(response.version)} {response.status} {response.reason or ''}".rstrip()
    lines = [status]
    for name, value in response.raw_headers:
        lines.append(f"{name.decode('latin-1')}: {value.decode('utf-8', 'replace')}")
    return [printable(line) for line in lines]
