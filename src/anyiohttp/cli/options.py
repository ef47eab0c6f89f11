"""The options that several commands share, and what their values become.

Knows: click, the options' names, types and help.
Must not know: what is done with them.
Called by: the commands' modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .backends import BACKENDS
from .items import Item, ItemError, parse_header
from .manual import Option
from .output import Screen
from .plan import Auth, AuthKind
from .settings import ConnectionSettings, PinError, parse_pin

__all__ = (
    "AUTH_OPTIONS",
    "BACKEND_OPTION",
    "CONNECTION_OPTIONS",
    "CONVERSATION_OPTIONS",
    "HEADER_OPTION",
    "REDIRECT_OPTIONS",
    "SCREEN_OPTIONS",
    "TLS_OPTIONS",
    "auth_of",
    "connection_of",
    "screen_of",
)

_CONNECTION = "CONNECTION"
_TLS = "TLS"
_AUTH = "AUTHORIZATION"
_OUTPUT = "OUTPUT"
_REDIRECTS = "REDIRECTS"
_REQUEST = "REQUEST"

_FILE = click.Path(exists=True, dir_okay=False)
_WHEN = click.Choice(("auto", "always", "never"))


def _headers(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[Item]:
    try:
        return [parse_header(text) for text in value]
    except ItemError as exc:
        raise click.BadParameter(str(exc), ctx, param) from exc


def _pin(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    try:
        return None if value is None else parse_pin(value)
    except PinError as exc:
        raise click.BadParameter(str(exc), ctx, param) from exc


BACKEND_OPTION = Option(
    "--backend",
    group=_CONNECTION,
    type=click.Choice(tuple(BACKENDS)),
    default="asyncio",
    envvar="ANYIOHTTP_BACKEND",
    show_default=True,
    help="The event loop to run on (also by the variable ANYIOHTTP_BACKEND).",
)

HEADER_OPTION = Option(
    "-H",
    "--header",
    "headers",
    group=_REQUEST,
    callback=_headers,
    multiple=True,
    metavar="'NAME: VALUE'",
    help="A header to send. 'Name:' takes back one that would go out by itself.",
)

_SECONDS = click.FloatRange(min=0)

CONNECTION_OPTIONS: tuple[click.Parameter, ...] = (
    Option(
        "--http",
        group=_CONNECTION,
        type=click.Choice(("1.0", "1.1", "2")),
        help="The HTTP version to speak; by default 2 if TLS agrees on it, else 1.1. With 2, "
        "also for plain http (prior knowledge).",
    ),
    Option(
        "--proxy",
        group=_CONNECTION,
        metavar="URL",
        help="The proxy to go through (http, https, socks4, socks4a, socks5, socks5h; may hold "
        "user:password).",
    ),
    Option("--proxy-auth", group=_CONNECTION, metavar="USER:PASSWORD", help="Credentials for it."),
    Option(
        "--env/--no-env",
        "trust_env",
        group=_CONNECTION,
        default=True,
        help="Use the environment's proxies (http_proxy, no_proxy …) and credentials (netrc); "
        "the default.",
    ),
    Option(
        "--unix-socket",
        group=_CONNECTION,
        type=click.Path(),
        metavar="PATH",
        help="Connect to this socket, whatever the URL's host.",
    ),
    Option(
        "--timeout",
        group=_CONNECTION,
        type=_SECONDS,
        metavar="SECONDS",
        help="A limit for all of it; none by default.",
    ),
    Option(
        "--connect-timeout",
        group=_CONNECTION,
        type=_SECONDS,
        metavar="SECONDS",
        help="A limit for connecting; 30 by default, 0 for none.",
    ),
    Option(
        "--read-timeout",
        group=_CONNECTION,
        type=_SECONDS,
        metavar="SECONDS",
        help="A limit between two pieces from the server; 60 by default (none for ws and sse), "
        "0 for none.",
    ),
    BACKEND_OPTION,
)

TLS_OPTIONS: tuple[click.Parameter, ...] = (
    Option(
        "--cert",
        group=_TLS,
        type=_FILE,
        metavar="FILE",
        help="The client's certificate (PEM), maybe with its key.",
    ),
    Option("--key", group=_TLS, type=_FILE, metavar="FILE", help="The certificate's private key."),
    Option(
        "--ca",
        group=_TLS,
        type=click.Path(exists=True),
        metavar="FILE|DIR",
        help="Trust these authorities (PEM) instead of the system's.",
    ),
    Option(
        "-k",
        "--insecure",
        group=_TLS,
        is_flag=True,
        help="Do not verify the server's certificate. With --pin only the pin counts.",
    ),
    Option(
        "--pin",
        group=_TLS,
        callback=_pin,
        metavar="sha256:HEX",
        help="Accept only the certificate with this digest, besides verifying it.",
    ),
    Option(
        "--server-name",
        group=_TLS,
        metavar="NAME",
        help="The name to ask for and to expect in the certificate.",
    ),
    Option(
        "--tls-min",
        group=_TLS,
        type=click.Choice(("1.2", "1.3")),
        help="The lowest version of TLS.",
    ),
)

AUTH_OPTIONS: tuple[click.Parameter, ...] = (
    Option(
        "-a",
        "--auth",
        group=_AUTH,
        metavar="USER[:PASSWORD]|TOKEN",
        help="Credentials; a password that is missing is asked for.",
    ),
    Option(
        "--auth-type",
        group=_AUTH,
        type=click.Choice([kind.value for kind in AuthKind]),
        default="basic",
        show_default=True,
        help="How they are shown. For bearer, --auth is the token.",
    ),
)

REDIRECT_OPTIONS: tuple[click.Parameter, ...] = (
    Option(
        "-L/-N",
        "--follow/--no-follow",
        "follow",
        group=_REDIRECTS,
        default=None,
        help="Whether redirects are followed; by default all are, but those of HEAD.",
    ),
    Option(
        "--max-redirects",
        group=_REDIRECTS,
        type=click.IntRange(min=0),
        default=10,
        show_default=True,
        help="How many redirects are followed.",
    ),
)

COLOR_OPTION = Option(
    "--color",
    group=_OUTPUT,
    type=_WHEN,
    default="auto",
    help="Colours; auto is on a terminal, unless NO_COLOR is set.",
)

SCREEN_OPTIONS: tuple[click.Parameter, ...] = (
    COLOR_OPTION,
    Option(
        "--pretty",
        group=_OUTPUT,
        type=_WHEN,
        default="auto",
        help="Indent JSON; auto is on a terminal.",
    ),
)


#: Of every command that goes to a server but asks for no single answer.
CONVERSATION_OPTIONS: tuple[click.Parameter, ...] = (
    HEADER_OPTION,
    *AUTH_OPTIONS,
    COLOR_OPTION,
    *CONNECTION_OPTIONS,
    *TLS_OPTIONS,
)


def connection_of(values: Mapping[str, Any]) -> ConnectionSettings:
    """Return how the server is reached, from the values of `CONNECTION_OPTIONS` and `TLS_OPTIONS`.

    Raises:
        click.UsageError: they contradict each other.
    """
    if values["key"] is not None and values["cert"] is None:
        raise click.UsageError("--key needs --cert")
    if values["unix_socket"] is not None and values["proxy"] is not None:
        raise click.UsageError("--unix-socket and --proxy exclude each other")
    names = ConnectionSettings.__dataclass_fields__
    chosen = {name: values[name] for name in names}
    ca = chosen["ca"]
    if ca is not None and Path(ca).is_dir():
        chosen["ca"] = f"{ca.rstrip('/')}/"
    return ConnectionSettings(**chosen)


def auth_of(values: Mapping[str, Any]) -> Auth | None:
    """Return the credentials, from the values of `AUTH_OPTIONS`; asks for a missing password."""
    text, kind = values["auth"], AuthKind(values["auth_type"])
    if text is None:
        if kind is not AuthKind.BASIC:
            raise click.UsageError("--auth-type needs --auth")
        return None
    if kind is AuthKind.BEARER:
        return Auth(kind, "", text)
    user, colon, password = text.partition(":")
    if not colon:
        password = click.prompt(f"password of {user}", hide_input=True, err=True)
    return Auth(kind, user, password)


def screen_of(values: Mapping[str, Any]) -> Screen:
    """Return the screen, from the values of `SCREEN_OPTIONS`."""
    return Screen(values["color"], values["pretty"])
