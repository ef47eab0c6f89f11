"""The program ``anyiohttp``: its commands in one place.

Knows: click, which commands there are.
Must not know: what a command does.
Called by: `main`, once click and rich are known to be there.
"""

from __future__ import annotations

from collections.abc import Sequence

import click
from click.shell_completion import get_completion_class

from .. import __version__
from .backends import BACKENDS
from .download_command import download_command
from .events_command import events_command
from .exit_codes import ExitCode
from .manual import Manual, ManualGroup, Option, Page
from .request_command import request_commands
from .running import tell_failure
from .websocket_command import websocket_command

__all__ = ("program", "run")

_PROGRAM = "anyiohttp"
_COMPLETE = "_ANYIOHTTP_COMPLETE"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: instead of those of the process.

    Returns:
        The exit status.
    """
    try:
        status = program().main(
            args=None if arguments is None else list(arguments),
            prog_name=_PROGRAM,
            complete_var=_COMPLETE,
            standalone_mode=False,
        )
    except click.ClickException as exc:
        exc.show()
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"{_PROGRAM}: interrupted", err=True)
        return ExitCode.INTERRUPTED
    except OSError as exc:  # a page that could not be written
        return tell_failure(exc)
    return status if isinstance(status, int) else ExitCode.OK


def program() -> ManualGroup:
    """Return the program with all of its commands."""
    page = Page(
        "an HTTP client for the command line",
        "Makes requests, downloads files, talks over WebSockets and follows streams of events, on "
        "asyncio, uvloop or trio. Each command has a page of its own: anyiohttp COMMAND --help.",
        examples=(
            ("Fetch a page", "anyiohttp get https://example.org/"),
            ("Send JSON", "anyiohttp post example.org/users name=Zoë age:=42"),
            ("Complete commands in bash", 'eval "$(anyiohttp completion bash)"'),
        ),
    )
    group = ManualGroup(_PROGRAM, page, (_version_option(),))
    for command in (
        *request_commands(),
        download_command(),
        websocket_command(),
        events_command(),
        _demo(),
        _completion(),
        _help(),
    ):
        group.add_command(command)
    return group


def _version_option() -> click.Option:
    def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(f"{_PROGRAM} {__version__}")
            ctx.exit()

    return Option(
        "--version", is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show it."
    )


def _demo() -> Manual:
    def callback(backend: tuple[str, ...]) -> int:
        from .demo import run_demo  # it brings servers along, which no other command needs

        return run_demo(backend or None)

    page = Page(
        "show what the client can do, on every backend",
        "Runs the life of a client against a server of its own on the loopback interface.",
        examples=(("Only on trio", "anyiohttp demo --backend trio"),),
    )
    backend = Option(
        "--backend",
        type=click.Choice(tuple(BACKENDS)),
        multiple=True,
        help="Only on this backend; may be repeated.",
    )
    return Manual("demo", page, callback, [backend])


def _completion() -> Manual:
    def callback(shell: str) -> int:
        kind = get_completion_class(shell)
        assert kind is not None
        click.echo(kind(program(), {}, _PROGRAM, _COMPLETE).source())
        return ExitCode.OK

    page = Page(
        "print what makes a shell complete commands and options",
        "Prints a script for the shell to run when it starts.",
        examples=(
            ("bash, in ~/.bashrc", 'eval "$(anyiohttp completion bash)"'),
            ("zsh, in ~/.zshrc", 'eval "$(anyiohttp completion zsh)"'),
            ("fish", "anyiohttp completion fish > ~/.config/fish/completions/anyiohttp.fish"),
        ),
    )
    shells = click.Choice(("bash", "zsh", "fish"))
    return Manual("completion", page, callback, [click.Argument(["shell"], type=shells)])


def _help() -> Manual:
    def callback(command: str | None) -> int:
        return run([command, "--help"] if command else ["--help"])

    page = Page(
        "show the page of a command",
        "The same as anyiohttp COMMAND --help.",
        examples=(("The page of get", "anyiohttp help get"),),
    )
    return Manual("help", page, callback, [click.Argument(["command"], required=False)])
