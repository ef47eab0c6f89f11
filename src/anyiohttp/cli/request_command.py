"""``anyiohttp get``, ``post`` and the other methods.

Knows: click, the options of a request.
Must not know: how a request is made or shown.
Called by: `app`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from .curl import curl_command
from .exit_codes import ExitCode
from .items import Item, ItemError, parse_item
from .manual import Example, Manual, Option, Page, Section
from .options import (
    AUTH_OPTIONS,
    CONNECTION_OPTIONS,
    HEADER_OPTION,
    REDIRECT_OPTIONS,
    SCREEN_OPTIONS,
    TLS_OPTIONS,
    auth_of,
    connection_of,
    screen_of,
)
from .output import Screen
from .plan import (
    BodyForm,
    PlanError,
    RequestPlan,
    plan_body,
    plan_headers,
    plan_query,
    plan_url,
)
from .running import complain, run_command
from .sending import Shown, print_request, send

__all__ = ("request_commands",)

_REQUEST = "REQUEST"
_OUTPUT = "OUTPUT"

_ITEMS: Section = (
    "ITEMS",
    (
        ("Name:value", "A header. Name: takes back one that goes out by itself, Name; is empty."),
        ("name==value", "A parameter of the query."),
        ("name=value", "A field: text in JSON (the default) or in a form."),
        ("name:=json", "A field of JSON: a number, true, null, an array, an object."),
        ("name@path", "A file in a multipart form; name@path;type=image/png says its type."),
        ("@path", "A file that is the whole body; @- is standard input."),
        ("name=@path", "A field with the text of a file."),
        ("name:=@path", "A field with the JSON of a file."),
        ("\\", "Takes the meaning from the separator after it: a\\:b=c is the field a:b."),
    ),
)


def _items(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[Item]:
    try:
        return [parse_item(text) for text in value]
    except ItemError as exc:
        raise click.BadParameter(str(exc), ctx, param) from exc


def _body_form(name: str, help_text: str, *short: str) -> Option:
    return Option(
        *short, f"--{name}", "form", group=_REQUEST, flag_value=name, type=str, help=help_text
    )


_REQUEST_OPTIONS: tuple[click.Parameter, ...] = (
    HEADER_OPTION,
    Option(
        "-d",
        "--data",
        group=_REQUEST,
        metavar="TEXT|@FILE|@-",
        help="The whole body: a text, a file, or standard input.",
    ),
    _body_form("json", "Fields become JSON; the default unless one of them is a file."),
    _body_form("form", "Fields become a form as browsers send it; multipart with a file.", "-f"),
    _body_form("multipart", "Fields become a multipart form, even without a file."),
    Option(
        "-b",
        "--cookie",
        "cookies",
        group=_REQUEST,
        multiple=True,
        metavar="NAME=VALUE",
        help="A cookie to send.",
    ),
    Option(
        "--cookie-jar",
        group=_REQUEST,
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Take cookies from this file, and keep those that are set in it.",
    ),
    Option("--compress", group=_REQUEST, is_flag=True, help="Send the body gzip-coded."),
)

_OUTPUT_OPTIONS: tuple[click.Parameter, ...] = (
    Option("-i", "--include", group=_OUTPUT, is_flag=True, help="Write the answer's head, too."),
    Option(
        "-v",
        "--verbose",
        group=_OUTPUT,
        is_flag=True,
        help="Tell on standard error what is sent and answered, the time each phase took, and "
        "what the connection agreed on.",
    ),
    Option(
        "-o",
        "--output",
        group=_OUTPUT,
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the body there once it is complete; - is standard output.",
    ),
    *SCREEN_OPTIONS,
    Option(
        "--offline",
        group=_OUTPUT,
        is_flag=True,
        help="Write the request as it would go out, and send nothing.",
    ),
    Option(
        "--curl",
        group=_OUTPUT,
        is_flag=True,
        help="Write the curl command for the same request, and send nothing.",
    ),
    Option(
        "--ignore-status",
        group=_OUTPUT,
        is_flag=True,
        help="Exit with 0 even if the answer's status is 400 or more.",
    ),
)

_TEXT = """\
Without a scheme the URL is https, or http for this machine: example.org/a is
https://example.org/a, and :8000/a is http://localhost:8000/a.

On a terminal JSON is indented and coloured, and nothing that is not printable is written; to a
pipe or file every byte goes as it came."""


def _request_command(method: str, summary: str, examples: Sequence[Example]) -> Manual:
    def callback(**values: Any) -> int:
        return _run(method, values)

    return Manual(
        method.lower(),
        Page(summary, _TEXT, (_ITEMS,), examples),
        callback,
        params=(
            click.Argument(["url"], metavar="URL"),
            click.Argument(["items"], metavar="[ITEM]...", nargs=-1, callback=_items),
            *_REQUEST_OPTIONS,
            *AUTH_OPTIONS,
            *REDIRECT_OPTIONS,
            *_OUTPUT_OPTIONS,
            *CONNECTION_OPTIONS,
            *TLS_OPTIONS,
        ),
    )


def _run(method: str, values: Mapping[str, Any]) -> int:
    screen = screen_of(values)
    try:
        plan = _plan(method, values)
    except (PlanError, UnicodeDecodeError) as exc:
        raise click.UsageError(str(exc)) from exc
    except OSError as exc:
        complain(str(exc))
        return ExitCode.FILE
    output = values["output"]
    shown = Shown(
        include=values["include"],
        verbose=values["verbose"],
        output=None if output == Path("-") else output,
        ignore_status=values["ignore_status"],
        cookie_jar=values["cookie_jar"],
    )
    if values["curl"]:
        return _print_curl(plan, screen, shown)
    if values["offline"]:
        return run_command(values["backend"], partial(print_request, plan, screen))
    return run_command(values["backend"], partial(send, plan, screen, shown))


def _plan(method: str, values: Mapping[str, Any]) -> RequestPlan:
    items: list[Item] = values["items"]
    headers, dropped = plan_headers((*values["headers"], *items))
    form = values["form"]
    return RequestPlan(
        method=method,
        url=plan_url(values["url"]),
        headers=headers,
        dropped=dropped,
        query=plan_query(items),
        body=plan_body(
            items,
            form=None if form is None else BodyForm(form),
            data=values["data"],
            read=_text_of,
        ),
        auth=auth_of(values),
        cookies=tuple(_cookie(text) for text in values["cookies"]),
        follow=values["follow"],
        max_redirects=values["max_redirects"],
        compress=values["compress"],
        connection=connection_of(values),
    )


def _text_of(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _cookie(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"{text!r} is not NAME=VALUE")
    return name, value


def _print_curl(plan: RequestPlan, screen: Screen, shown: Shown) -> int:
    netrc = plan.connection.trust_env and _has_netrc()
    output = None if shown.output is None else str(shown.output)
    command = curl_command(plan, include=shown.include, output=output, netrc=netrc)
    screen.write_text(f"{command}\n")
    for what in (
        *command.left_out,
        *(["--cookie-jar: curl's files differ"] * bool(shown.cookie_jar)),
    ):
        complain(f"left out: {what}")
    return ExitCode.OK


def _has_netrc() -> bool:
    named = os.environ.get("NETRC")
    return Path(named).is_file() if named else (Path.home() / ".netrc").is_file()


_COMMANDS: tuple[tuple[str, str, tuple[Example, ...]], ...] = (
    (
        "GET",
        "fetch a URL",
        (
            ("Fetch a page", "anyiohttp get https://example.org/"),
            ("Search, with a header", "anyiohttp get example.org/search q==anyio Accept:text/html"),
            ("See everything", "anyiohttp get -i -v https://example.org/"),
            ("The same with curl", "anyiohttp get --curl example.org/search q=='a b'"),
            (
                "On trio, through a proxy",
                "anyiohttp get --backend trio --proxy http://p:3128 a.org",
            ),
            ("From a unix socket", "anyiohttp get --unix-socket /run/docker.sock http://d/info"),
            ("Pin a certificate", f"anyiohttp get https://a.org --pin sha256:{'0f' * 32}"),
        ),
    ),
    (
        "POST",
        "send data with POST",
        (
            ("JSON", 'anyiohttp post example.org/users name=Zoë age:=42 tags:=\'["a","b"]\''),
            ("A form", "anyiohttp post --form example.org/login user=me password=secret"),
            ("Files in a multipart form", "anyiohttp post a.org/up 'photo@me.png;type=image/png'"),
            ("A file as the whole body", "anyiohttp post example.org/upload @data.bin"),
            ("Standard input", "tar c . | anyiohttp post example.org/upload @-"),
            ("What would be sent", "anyiohttp post --offline example.org/users name=Zoë"),
        ),
    ),
    (
        "PUT",
        "send data with PUT",
        (
            ("Replace a document", "anyiohttp put example.org/users/1 name=Zoë"),
            ("With a bearer token", "anyiohttp put a.org/x @x.json -a TOKEN --auth-type bearer"),
        ),
    ),
    (
        "PATCH",
        "send data with PATCH",
        (("Change a field", "anyiohttp patch example.org/users/1 age:=43"),),
    ),
    (
        "DELETE",
        "delete a resource",
        (("With credentials", "anyiohttp delete -a me:secret example.org/users/1"),),
    ),
    (
        "HEAD",
        "fetch the head of a URL; -i shows it",
        (("Show it", "anyiohttp head -i https://example.org/"),),
    ),
    (
        "OPTIONS",
        "ask what can be done with a URL",
        (("Show the answer's head", "anyiohttp options -i https://example.org/"),),
    ),
)


def request_commands() -> list[Manual]:
    """Return a command for each method."""
    return [_request_command(*command) for command in _COMMANDS]
