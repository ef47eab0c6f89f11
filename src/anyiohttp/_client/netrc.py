"""Credentials out of the user's netrc file.

Knows: where the file is and what becomes of one that cannot be read.
Must not know: when netrc is asked (``trust_env``).
Called by: `pipeline`, `proxies`. Both functions read a file and block: call them in a thread.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .auth import BasicAuth, basic_auth_for
from .logs import client_logger

if TYPE_CHECKING:
    import netrc

__all__ = ("load_netrc", "netrc_auth")


def netrc_auth(host: str) -> BasicAuth | None:
    """Return the user's netrc entry for ``host``, or the default entry; ``None`` without one.

    Blocks. Never raises for what the file holds: that is logged.
    """
    entries = load_netrc()
    return None if entries is None else auth_from_netrc(entries, host)


def load_netrc() -> netrc.netrc | None:
    """Read the file that ``NETRC`` names, or the one in the home directory.

    Blocks. Returns ``None``, and logs why, if it cannot be read. That there is none where nobody
    asked for one is no news.
    """
    import netrc  # with `shlex` behind it; few sessions read such a file

    named = os.environ.get("NETRC")
    if named is not None:
        path = Path(named)
    else:
        try:
            path = Path.home() / ("_netrc" if sys.platform == "win32" else ".netrc")
        except RuntimeError as exc:
            client_logger().debug("Could not find the home directory with the netrc file: %s", exc)
            return None
    try:
        return netrc.netrc(str(path))
    except netrc.NetrcParseError as exc:
        # Its message quotes the file, and with it perhaps a password.
        client_logger().warning("Could not parse netrc file %s, line %s", path, exc.lineno)
    except UnicodeError:
        client_logger().warning("Could not decode netrc file %s", path)
    except OSError as exc:
        if named or path.is_file():
            client_logger().warning("Could not read netrc file: %s", exc)
    return None


def auth_from_netrc(entries: netrc.netrc, host: str) -> BasicAuth | None:
    """Return the entry for ``host``, whose case does not matter, or the default entry."""
    names = {name.lower(): name for name in entries.hosts if name != "default"}
    found = entries.authenticators(names.get(host.lower(), "default"))
    if found is None:
        return None
    login, account, password = found
    try:
        return basic_auth_for(login or account or "", password or "")
    except ValueError as exc:
        client_logger().warning("Netrc entry for %s cannot be used: %s", host, exc)
        return None
