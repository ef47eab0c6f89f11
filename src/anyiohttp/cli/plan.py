"""What is to be requested, as the command line says it: a value that can be sent or rendered.

Knows: how items become headers, query and body; which of them exclude each other; short URLs.
Must not know: sessions, click, how a plan is carried out.
Called by: `request_command` makes plans; `sending` and `curl` read them.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlencode

from yarl import URL

from .items import Item, Kind
from .settings import ConnectionSettings

__all__ = (
    "Auth",
    "AuthKind",
    "Body",
    "BodyForm",
    "Destination",
    "FileBody",
    "MultipartBody",
    "Part",
    "PlanError",
    "RequestPlan",
    "TextBody",
    "full_url",
    "plan_body",
    "plan_headers",
    "plan_query",
    "plan_url",
)


class PlanError(ValueError):
    """What was asked for contradicts itself."""


@dataclass(frozen=True, slots=True)
class TextBody:
    """Text that is the whole body: JSON, a urlencoded form, or as it was given."""

    text: str
    content_type: str


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file that is the whole body; ``-`` is standard input."""

    path: str
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart form: a value, or a file."""

    name: str
    value: str = ""
    path: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class MultipartBody:
    """A multipart form."""

    parts: tuple[Part, ...]


Body = TextBody | FileBody | MultipartBody


class BodyForm(Enum):
    """What fields become."""

    JSON = "json"
    FORM = "form"
    MULTIPART = "multipart"


class AuthKind(Enum):
    """How credentials are shown."""

    BASIC = "basic"
    DIGEST = "digest"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials: a user and password, or a token as ``password``."""

    kind: AuthKind
    user: str
    password: str

    def __repr__(self) -> str:
        return f"<Auth {self.kind.value}>"  # a traceback shows no password


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a conversation is begun, and as whom.

    Args:
        url: of whoever answers.
        headers: of the request that begins it.
        auth: credentials for it.
    """

    url: URL
    headers: Sequence[tuple[str, str]] = ()
    auth: Auth | None = None


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """One request.

    Args:
        method: in upper case.
        url: without the query that items add.
        headers: in order.
        dropped: names of automatic headers that are not to be sent.
        query: what items add to the URL's own query.
        body: what is sent.
        auth: credentials.
        cookies: names and values.
        follow: whether redirects are followed; ``None`` for the method's default.
        max_redirects: how many.
        compress: whether the body is sent gzip-coded.
        connection: how the server is reached.
    """

    method: str
    url: URL
    headers: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    body: Body | None = None
    auth: Auth | None = None
    cookies: tuple[tuple[str, str], ...] = ()
    follow: bool | None = None
    max_redirects: int = 10
    compress: bool = False
    connection: ConnectionSettings = field(default_factory=ConnectionSettings)

    @property
    def follows(self) -> bool:
        """Whether redirects are followed."""
        return self.method != "HEAD" if self.follow is None else self.follow


#: ``:8000/path`` is the same machine.
_PORT_ONLY = re.compile(r":(\d*)(?=[/?#]|$)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/?#]|$)", re.IGNORECASE)


def full_url(text: str, *, secure: str = "https", plain: str = "http") -> str:
    """Return a URL with its scheme: ``secure`` unless it is the same machine.

    Args:
        text: as it was given; ``:8000/path`` stands for ``http://localhost:8000/path``.
        secure: the scheme for the rest of the world.
        plain: the scheme for this machine.
    """
    if _SCHEME.match(text):
        return text
    if found := _PORT_ONLY.match(text):
        port = f":{found[1]}" if found[1] else ""
        return f"{plain}://localhost{port}{text[found.end() :]}"
    return f"{plain if _LOCAL.match(text) else secure}://{text}"


def plan_url(text: str) -> URL:
    """Return the URL to request, from a text that may be short (see `full_url`).

    Raises:
        PlanError: it is none.
    """
    try:
        url = URL(full_url(text))
    except ValueError as exc:
        raise PlanError(f"{text!r} is no URL: {exc}") from exc
    if not url.host:
        raise PlanError(f"{text!r} is no URL: there is no host")
    return url


def plan_headers(items: Iterable[Item]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return the headers to send, and the names of those that are not to be sent."""
    headers, dropped = [], []
    for item in items:
        if item.kind is Kind.HEADER:
            if item.value is None:
                dropped.append(item.name)
            else:
                headers.append((item.name, item.value))
    return tuple(headers), tuple(dropped)


def plan_query(items: Iterable[Item]) -> tuple[tuple[str, str], ...]:
    """Return what items add to the query, in order."""
    return tuple((item.name, item.value or "") for item in items if item.kind is Kind.QUERY)


_FIELDS = (Kind.TEXT, Kind.JSON, Kind.FILE, Kind.TEXT_OF_FILE, Kind.JSON_OF_FILE)


def plan_body(
    items: Iterable[Item],
    *,
    form: BodyForm | None = None,
    data: str | None = None,
    read: Callable[[str], str],
) -> Body | None:
    """Return the body that the items and options ask for.

    Args:
        items: all items; headers and query are passed over.
        form: what fields become; by default JSON, or a multipart form if one of them is a file.
        data: the whole body as it was given, or ``@path``.
        read: returns the text of a file.

    Raises:
        PlanError: they exclude each other, or a value is not JSON.
        OSError, ValueError: as ``read``.
    """
    fields = [item for item in items if item.kind in _FIELDS]
    whole = [item for item in fields if item.kind is Kind.FILE and not item.name]
    if len(whole) + (data is not None) > 1:
        raise PlanError("the body can only be given once: by one @file or --data")
    if whole or data is not None:
        if len(fields) > len(whole):
            raise PlanError("fields cannot be sent beside a body that is given as a whole")
        if form is not None:
            raise PlanError(f"--{form.value} is for fields, not for a body given as a whole")
        if whole:
            return _file_body(whole[0].value or "", whole[0].content_type)
        assert data is not None
        if data.startswith("@"):
            return _file_body(data[1:] or "-", None)
        return TextBody(data, "text/plain; charset=utf-8")
    if not fields:
        return TextBody("{}", _JSON) if form is BodyForm.JSON else None
    if form is None:
        files = any(item.kind is Kind.FILE for item in fields)
        form = BodyForm.MULTIPART if files else BodyForm.JSON
    if form is BodyForm.JSON:
        return _json_body(fields, read)
    return _form_body(fields, form, read)


def _file_body(path: str, content_type: str | None) -> FileBody:
    guessed = content_type or mimetypes.guess_type(path)[0]
    return FileBody(path, guessed) if guessed else FileBody(path)


_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


def _json_body(fields: Sequence[Item], read: Callable[[str], str]) -> TextBody:
    pairs = []
    for item in fields:
        value = item.value or ""
        if item.kind is Kind.FILE:
            raise PlanError(f"{item.name}@{value}: a file is for a form (--form), not for JSON")
        if item.kind in (Kind.TEXT_OF_FILE, Kind.JSON_OF_FILE):
            value = read(value)
        if item.kind in (Kind.JSON, Kind.JSON_OF_FILE):
            try:
                json.loads(value)
            except ValueError as exc:
                raise PlanError(f"the value of {item.name} is not JSON: {exc}") from exc
            value = value.strip()  # as it was written: 1.10 stays 1.10
        else:
            value = json.dumps(value, ensure_ascii=False)
        pairs.append(f"{json.dumps(item.name, ensure_ascii=False)}: {value}")
    return TextBody("{" + ", ".join(pairs) + "}", _JSON)


def _form_body(
    fields: Sequence[Item], form: BodyForm, read: Callable[[str], str]
) -> TextBody | MultipartBody:
    parts = []
    for item in fields:
        value = item.value or ""
        if item.kind in (Kind.JSON, Kind.JSON_OF_FILE):
            raise PlanError(f"{item.name}{item.kind.value}…: JSON is not for a form")
        if item.kind is Kind.FILE:
            parts.append(Part(item.name, path=value, content_type=item.content_type))
        else:
            text = read(value) if item.kind is Kind.TEXT_OF_FILE else value
            parts.append(Part(item.name, text))
    if form is BodyForm.FORM and all(part.path is None for part in parts):
        return TextBody(urlencode([(part.name, part.value) for part in parts]), _FORM)
    return MultipartBody(tuple(parts))
