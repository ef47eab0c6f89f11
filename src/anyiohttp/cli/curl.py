"""A request as the curl command that makes the same.

Knows: curl's options (8.x), how curl and shells quote.
Must not know: sessions, click.
Called by: `request_command`, for ``--curl``.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from yarl import URL

from .plan import AuthKind, FileBody, MultipartBody, Part, RequestPlan, TextBody
from .settings import ConnectionSettings

__all__ = ("CurlCommand", "curl_command")

_GLOBS = frozenset("[]{}")


@dataclass(slots=True)
class CurlCommand:
    """The words of a curl command.

    Attributes:
        words: not quoted.
        left_out: what curl has no words for.
    """

    words: list[str] = field(default_factory=lambda: ["curl"])
    left_out: list[str] = field(default_factory=list)

    def add(self, *words: str) -> None:
        """Add an option."""
        self.words += words

    def __str__(self) -> str:
        """The command, quoted for a POSIX shell."""
        return shlex.join(self.words)


def curl_command(
    plan: RequestPlan, *, include: bool = False, output: str | None = None, netrc: bool = False
) -> CurlCommand:
    """Return the curl command for a plan.

    Args:
        plan: what is to be requested.
        include: show the response's head, too.
        output: the file the body goes to.
        netrc: whether credentials may come from a netrc file.
    """
    command = CurlCommand()
    if include:
        command.add("--include")
    _add_method(command, plan)
    if plan.follows:
        command.add("--location", "--max-redirs", str(plan.max_redirects))
    _add_headers(command, plan)
    _add_body(command, plan)
    _add_auth(command, plan, netrc=netrc)
    _add_connection(command, plan.connection, plan.url.scheme)
    if output is not None:
        command.add("--output", output)
    url = str(plan.url.extend_query(plan.query) if plan.query else plan.url)
    if not _GLOBS.isdisjoint(url):
        command.add("--globoff")
    command.add(url)
    return command


def _add_method(command: CurlCommand, plan: RequestPlan) -> None:
    if plan.method == "HEAD":
        command.add("--head")
    elif plan.method != ("GET" if plan.body is None else "POST"):
        command.add("--request", plan.method)


def _add_headers(command: CurlCommand, plan: RequestPlan) -> None:
    given = {name.lower() for name, _ in plan.headers}
    dropped = {name.lower() for name in plan.dropped}
    if not {"accept-encoding"} & (given | dropped):
        command.add("--compressed")
    for name, value in plan.headers:
        # ``Name;`` is curl's way to send an empty one.
        command.add("--header", f"{name}: {value}" if value else f"{name};")
    for name in plan.dropped:
        command.add("--header", f"{name}:")
    for name, value in plan.cookies:
        command.add("--cookie", f"{name}={value}")
    body = plan.body
    if isinstance(body, TextBody | FileBody) and "content-type" not in given | dropped:
        command.add("--header", f"Content-Type: {body.content_type}")


def _add_body(command: CurlCommand, plan: RequestPlan) -> None:
    body = plan.body
    if plan.compress:
        command.left_out.append("--compress: curl does not compress what it sends")
    if isinstance(body, TextBody):
        command.add("--data-raw", body.text)
    elif isinstance(body, FileBody):
        command.add("--data-binary", f"@{body.path}")
    elif isinstance(body, MultipartBody):
        for part in body.parts:
            if "=" in part.name:
                command.left_out.append(f"the field {part.name!r}: curl allows no = in its name")
            elif part.path is None:
                command.add("--form-string", f"{part.name}={part.value}")
            else:
                command.add("--form", f"{part.name}=@{_form_file(part)}")


def _form_file(part: Part) -> str:
    """Return the file of a form as curl reads it: in double quotes, with backslashes."""
    path = (part.path or "").replace("\\", "\\\\").replace('"', '\\"')
    kind = f";type={part.content_type}" if part.content_type else ""
    return f'"{path}"{kind}'


def _add_auth(command: CurlCommand, plan: RequestPlan, *, netrc: bool) -> None:
    auth = plan.auth
    if auth is None:
        if netrc:
            command.add("--netrc-optional")
    elif auth.kind is AuthKind.BEARER:
        command.add("--oauth2-bearer", auth.password)
    else:
        if auth.kind is AuthKind.DIGEST:
            command.add("--digest")
        command.add("--user", f"{auth.user}:{auth.password}")


def _add_connection(command: CurlCommand, settings: ConnectionSettings, scheme: str) -> None:
    if settings.http == "2" and scheme == "http":
        command.add("--http2-prior-knowledge")
    elif settings.http is not None:
        command.add(f"--http{settings.http}")
    _add_proxy(command, settings)
    if settings.unix_socket is not None:
        command.add("--unix-socket", settings.unix_socket)
    _add_tls(command, settings)
    for option, seconds in (
        ("--max-time", settings.timeout),
        ("--connect-timeout", settings.connect_timeout),
    ):
        if seconds:
            command.add(option, f"{seconds:g}")
    if settings.read_timeout:
        # The nearest that curl has: less than a byte in so many seconds.
        command.add("--speed-limit", "1", "--speed-time", f"{max(1, round(settings.read_timeout))}")


def _add_proxy(command: CurlCommand, settings: ConnectionSettings) -> None:
    if settings.proxy is not None:
        command.add("--proxy", str(URL(settings.proxy)))
        if settings.proxy_auth is not None:
            command.add("--proxy-user", settings.proxy_auth)
    elif not settings.trust_env:
        command.add("--noproxy", "*")


def _add_tls(command: CurlCommand, settings: ConnectionSettings) -> None:
    if settings.cert is not None:
        command.add("--cert", settings.cert)
    if settings.key is not None:
        command.add("--key", settings.key)
    if settings.ca is not None:
        command.add("--capath" if settings.ca.endswith("/") else "--cacert", settings.ca)
    if settings.insecure:
        command.add("--insecure")
    if settings.tls_min is not None:
        command.add(f"--tlsv{settings.tls_min}")
    if settings.pin is not None:
        command.left_out.append("--pin: curl pins public keys, not certificates")
    if settings.server_name is not None:
        command.left_out.append("--server-name: curl expects the URL's host")
