"""What the documentation's build adds: the reference, from the public names, and manual pages.

A page that says ``<!-- manual: get -->`` gets the page of that command. So neither the reference
nor the command line's page can be out of date.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

import anyiohttp
import anyiohttp.abc
import anyiohttp.opentelemetry
import anyiohttp.testing
import anyiohttp.typedefs
from anyiohttp.cli.app import program

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

Test = Callable[[str, object], bool]


def _is_error(name: str, value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseException)


def _named(pattern: str) -> Test:
    matches = re.compile(pattern).fullmatch
    return lambda name, value: matches(name) is not None


def _in_downloads(name: str, value: object) -> bool:
    return getattr(value, "__module__", "").startswith("anyiohttp.downloads")


#: The pages of the reference; a name is on the first whose test it passes.
PAGES: tuple[tuple[str, str, Test], ...] = (
    ("errors", "Errors", _is_error),
    ("downloads", "Downloads", _in_downloads),
    ("middleware", "Middleware and tracing", _named(r"Trace\w+|\w*(Middleware|Handler)(Type)?")),
    (
        "connectors",
        "Connectors, resolvers and TLS",
        _named(r"\w*(Connector|Resolver|Fingerprint|TCPSettings|AddrInfo|SocketFactory)\w*"),
    ),
    (
        "cookies",
        "Cookies and credentials",
        _named(r"\w*(Cookie|BasicAuth|basic_auth|DigestAuth)\w*"),
    ),
    (
        "bodies",
        "Request bodies",
        _named(r"\w*(Payload|PAYLOAD|payload|FormData|Multipart|BodyPart|Upload)\w*"),
    ),
    (
        "responses",
        "Responses, WebSockets and events",
        _named(r"ClientResponse|StreamReader|RequestInfo|ETag|\w*(WS|WebSocket|Event|SSE)\w*"),
    ),
    ("sessions", "Sessions and requests", lambda name, value: True),
)

_INTERFACES = """\
# Interfaces and types

What a program may implement (`anyiohttp.abc`), and the types of what it may pass
(`anyiohttp.typedefs`).

"""

_OPENTELEMETRY = """\
# OpenTelemetry

The guide is [Tracing](../guides/tracing.md). It needs the extra `opentelemetry`.

"""

_TESTING = """\
# Testing

The guide is [Testing](../testing.md).

"""


def reference() -> dict[str, str]:
    """Return the pages of the reference by their path."""
    texts: dict[str, list[str]] = {path: [f"# {title}\n"] for path, title, _ in PAGES}
    for name in sorted(anyiohttp.__all__, key=str.casefold):
        value = getattr(anyiohttp, name)
        path = next(path for path, _, test in PAGES if test(name, value))
        texts[path].append(_entry("anyiohttp", name, value))
    pages = {f"reference/{path}.md": "\n".join(parts) for path, parts in texts.items()}
    pages["reference/testing.md"] = _TESTING + _entries(anyiohttp.testing)
    pages["reference/opentelemetry.md"] = _OPENTELEMETRY + _entries(anyiohttp.opentelemetry)
    interfaces = [_entries(module) for module in (anyiohttp.abc, anyiohttp.typedefs)]
    pages["reference/interfaces.md"] = _INTERFACES + "\n".join(interfaces)
    pages["reference/index.md"] = _index(texts)
    return pages


def _entries(module: types.ModuleType) -> str:
    """Return an entry for each public name of a module."""
    return "\n".join(
        _entry(module.__name__, name, getattr(module, name)) for name in module.__all__
    )


def _entry(module: str, name: str, value: object) -> str:
    plain = not (inspect.isclass(value) or inspect.isroutine(value))
    options = ["members: false"] if isinstance(value, types.ModuleType) else []
    options += ["show_if_no_docstring: true"] * plain
    options += ["inherited_members: true"] * (inspect.isclass(value) and _inherits_unseen(value))
    lines = "".join(f"      {option}\n" for option in options)
    return f"::: {module}.{name}\n" + (f"    options:\n{lines}" if options else "")


def _inherits_unseen(kind: type) -> bool:
    """Whether a class has members of a base that has no entry of its own."""
    return any(
        base.__module__.startswith("anyiohttp.") and base.__name__ not in anyiohttp.__all__
        for base in kind.__mro__[1:]
    )


def _index(texts: dict[str, list[str]]) -> str:
    rows = [f"* [{title}]({path}.md)" for path, title, _ in reversed(PAGES) if len(texts[path]) > 1]
    return "\n".join(
        [
            "# Reference",
            "",
            "Everything that `anyiohttp` offers is here, made from the docstrings. Modules whose",
            "names begin with an underscore are not public.",
            "",
            *rows,
            "* [Interfaces and types](interfaces.md)",
            "* [OpenTelemetry](opentelemetry.md)",
            "* [Testing](testing.md)",
            "",
        ]
    )


_MANUAL = re.compile(r"^<!-- manual: ?([a-z]*) -->$", re.MULTILINE)


def manual_page(name: str) -> str:
    """Return the manual page of a command, or with an empty name that of the program."""
    group = program()
    context = click.Context(group, info_name="anyiohttp", terminal_width=90, max_content_width=90)
    if not name:
        return group.get_help(context)
    command = group.commands[name]
    own = click.Context(
        command, parent=context, info_name=name, terminal_width=90, max_content_width=90
    )
    return command.get_help(own)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the guide for users of aiohttp before those for users of other clients."""
    for section in config.nav or ():
        pages = section.get("Coming from") if isinstance(section, dict) else None
        if pages is not None and (Path(config.docs_dir) / "migration.md").is_file():
            pages.insert(0, "migration.md")
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the reference."""
    from mkdocs.structure.files import File  # the tests need only what is above

    for path, text in reference().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put manual pages where they are asked for; links of files above ``docs`` lead to pages."""
    if page.file.src_uri == "changes.md":
        markdown = (Path(config.docs_dir).parent / "CHANGES.md").read_text(encoding="utf-8")
        # Links lead to pages, or to nothing that is a page.
        markdown = markdown.replace("](docs/", "](").replace(
            "](examples/README.md", "](examples.md"
        )
    return _MANUAL.sub(lambda found: f"```text\n{manual_page(found[1])}\n```", markdown)
