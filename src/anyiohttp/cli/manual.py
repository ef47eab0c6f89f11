"""Commands with help like a manual page: what it is for, options by group, examples, exit status.

Knows: click, the layout of help.
Must not know: any command.
Called by: `app` and the commands' modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from .exit_codes import MEANINGS

__all__ = ("Example", "Manual", "ManualGroup", "Option", "Page", "Section")

#: What an example shows, and its command line.
Example = tuple[str, str]
#: A title, and rows of terms with what they mean.
Section = tuple[str, Sequence[tuple[str, str]]]


class Option(click.Option):
    """An option that belongs to a group of the help.

    Args:
        *declarations: its names.
        group: the group's title.
        **attributes: those of `click.Option`.
    """

    def __init__(self, *declarations: str, group: str = "OPTIONS", **attributes: Any) -> None:
        super().__init__(declarations, **attributes)
        self.group = group


@dataclass(frozen=True, slots=True)
class Page:
    """What a command's manual page says.

    Args:
        summary: what it does, in a line without a full stop.
        text: more of it, in paragraphs.
        sections: tables before the options.
        examples: with what each of them shows.
    """

    summary: str
    text: str
    sections: Sequence[Section] = ()
    examples: Sequence[Example] = ()


class Manual(click.Command):
    """A command.

    Args:
        name: of the command.
        page: its manual page.
        callback: runs it with the parameters as keywords; returns the exit status.
        params: arguments and options.
    """

    def __init__(
        self,
        name: str,
        page: Page,
        callback: Callable[..., int],
        params: Sequence[click.Parameter],
    ) -> None:
        super().__init__(
            name, callback=callback, params=list(params), help=page.text, short_help=page.summary
        )
        self.page = page

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the manual page."""
        _paragraphs(formatter, "NAME", f"{ctx.command_path} - {self.page.summary}")
        with formatter.section("SYNOPSIS"):
            usage = " ".join(self.collect_usage_pieces(ctx))
            formatter.write_text(f"{ctx.command_path} {usage}")
        _paragraphs(formatter, "DESCRIPTION", self.help or "")
        for title, rows in self.page.sections:
            _table(formatter, title, rows)
        for title, options in self._groups(ctx).items():
            _table(formatter, title, options)
        _write_examples(formatter, self.page.examples)
        codes = [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]
        _table(formatter, "EXIT STATUS", codes)

    def _groups(self, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
        """Return the options' rows by group, in the order in which groups first come."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None and isinstance(parameter, click.Option):
                title = parameter.group if isinstance(parameter, Option) else "OTHER OPTIONS"
                groups.setdefault(title, []).append(row)
        return groups


class ManualGroup(click.Group):
    """The program: its commands in the order in which they were added.

    Args:
        name: of the program.
        page: its manual page.
        params: its own options.
    """

    def __init__(self, name: str, page: Page, params: Sequence[click.Parameter] = ()) -> None:
        super().__init__(name, help=page.text, params=list(params), no_args_is_help=True)
        self.page = page

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names in their order."""
        return list(self.commands)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the manual page."""
        _paragraphs(formatter, "NAME", f"{ctx.command_path} - {self.page.summary}")
        with formatter.section("SYNOPSIS"):
            formatter.write_text(f"{ctx.command_path} COMMAND [ARGUMENT]...")
        _paragraphs(formatter, "DESCRIPTION", self.help or "")
        rows = [(name, command.get_short_help_str(80)) for name, command in self.commands.items()]
        _table(formatter, "COMMANDS", rows)
        own = [parameter.get_help_record(ctx) for parameter in self.get_params(ctx)]
        _table(formatter, "OPTIONS", [row for row in own if row is not None])
        _write_examples(formatter, self.page.examples)


def _paragraphs(formatter: click.HelpFormatter, title: str, text: str) -> None:
    with formatter.section(title):
        formatter.write_text(text)


def _table(formatter: click.HelpFormatter, title: str, rows: Iterable[tuple[str, str]]) -> None:
    with formatter.section(title):
        formatter.write_dl(list(rows), col_max=28)


def _write_examples(formatter: click.HelpFormatter, examples: Sequence[Example]) -> None:
    if not examples:
        return
    with formatter.section("EXAMPLES"):
        for number, (shown, command) in enumerate(examples):
            if number:
                formatter.write_paragraph()
            formatter.write_text(f"{shown}:")
            formatter.indent()
            # Not wrapped: it is to be copied.
            formatter.write(f"{'':>{formatter.current_indent}}$ {command}\n")
            formatter.dedent()
