"""Where the console script ``anyiohttp`` begins: outside the package, so that loading it is inside.

Loading takes a moment in which Ctrl-C would be a traceback of ours.

Knows: where the command line begins.
Must not know: anything that must be loaded.
Called by: the console script.
"""

from __future__ import annotations

__all__ = ("main",)

_INTERRUPTED = 130


def main() -> int:
    """Run one command; return the exit status."""
    try:
        from anyiohttp.cli.main import main as run
    except KeyboardInterrupt:
        return _INTERRUPTED  # nothing was done, and nothing need be said
    return run()
