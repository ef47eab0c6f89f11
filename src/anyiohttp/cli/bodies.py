"""A planned request in the words of ``session.request``.

Knows: plans, the public API, files.
Must not know: the options' syntax, where the response goes.
Called by: `sending`.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from multidict import CIMultiDict

from .. import FormData, RequestKwargs
from .plan import FileBody, MultipartBody, RequestPlan, TextBody
from .sessions import auth_arguments, tls_arguments
from .stdin import StandardInput
from .watching import Watch

__all__ = ("request_arguments",)


def request_arguments(
    plan: RequestPlan, files: ExitStack, watch: Watch | None = None
) -> RequestKwargs:
    """Return the arguments that make the planned request.

    Args:
        plan: the request.
        files: closes what is opened here.
        watch: is told of TLS handshakes.

    Raises:
        OSError: a file cannot be read.
    """
    headers = CIMultiDict(plan.headers)
    arguments: RequestKwargs = {
        "headers": headers,
        "skip_auto_headers": plan.dropped,
        "allow_redirects": plan.follows,
        "max_redirects": plan.max_redirects,
        "auto_decompress": True,
        **tls_arguments(plan.connection, watch),
        **auth_arguments(plan.auth, headers),
    }
    if plan.query:
        arguments["params"] = list(plan.query)
    if plan.cookies:
        arguments["cookies"] = dict(plan.cookies)
    if plan.compress and plan.body is not None:
        arguments["compress"] = "gzip"
    body = plan.body
    if body is not None:
        arguments["data"] = _data(body, files)
        dropped = {name.lower() for name in plan.dropped}
        if isinstance(body, TextBody | FileBody) and "content-type" not in dropped:
            headers.setdefault("Content-Type", body.content_type)
    return arguments


def _data(body: TextBody | FileBody | MultipartBody, files: ExitStack) -> object:
    if isinstance(body, TextBody):
        return body.text.encode()
    if isinstance(body, FileBody):
        if body.path == "-":
            return StandardInput()
        return files.enter_context(Path(body.path).open("rb"))
    form = FormData(default_to_multipart=True)
    for part in body.parts:
        if part.path is None:
            form.add_field(part.name, part.value)
        elif part.path == "-":
            form.add_field(part.name, StandardInput(), filename="-", content_type=part.content_type)
        else:
            opened = files.enter_context(Path(part.path).open("rb"))  # noqa: SIM115 - it is closed
            form.add_field(part.name, opened, content_type=part.content_type)
    return form
