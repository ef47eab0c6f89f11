"""``python -m anyiohttp demo``: the life of a client, on every backend, against our own server.

Knows: backends, certificates, how steps are run and told.
Must not know: what the steps do.
Called by: `main`.
"""

from __future__ import annotations

import platform
import ssl
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import anyio

from .. import __version__
from .backends import BACKENDS, BackendMissing, run_on
from .demo_steps import STEPS, Stage
from .loopback import serve

__all__ = ("run_demo",)

#: Seconds a step may take before it counts as hanging.
_STEP_LIMIT = 30.0


def run_demo(backends: Sequence[str] | None = None) -> int:
    """Run every step on every backend, and tell what was seen.

    Args:
        backends: names; None for all that are installed.

    Returns:
        0 if all was as it should be, 1 if not, 2 if something needed is missing.
    """
    if find_spec("trustme") is None:
        print("the demonstration makes certificates with trustme: pip install 'anyiohttp[demo]'")
        return 2
    print(f"anyiohttp {__version__} on Python {platform.python_version()}")
    wrong = 0
    for name in backends or BACKENDS:
        started = time.perf_counter()
        try:
            failed = run_on(name, partial(_run_steps, name))
        except BackendMissing as exc:
            print(f"\n{exc}")
            if backends:
                return 2
            continue
        seconds = time.perf_counter() - started
        print(f"  {len(STEPS) - failed} of {len(STEPS)} right in {seconds:.1f} s")
        wrong += failed
    print("\nall right" if not wrong else f"\n{wrong} wrong")
    return 1 if wrong else 0


async def _run_steps(name: str) -> int:
    """Run the steps on the backend that runs now. Returns how many went wrong."""
    print(f"\n{name}")
    failed = 0
    server_context, client_context, certificate = _certificates()
    with tempfile.TemporaryDirectory(prefix="anyiohttp-") as directory:
        unix_path = Path(directory) / "s" if sys.platform != "win32" else None
        credentials = ("demo", "secret")
        async with serve(tls=server_context, unix_path=unix_path, proxy_auth=credentials) as server:
            stage = Stage(server, client_context, certificate, credentials, Path(directory))
            for title, step in STEPS:
                try:
                    with anyio.fail_after(_STEP_LIMIT):
                        seen = await step(stage)
                except Exception as exc:
                    failed += 1
                    print(f"  WRONG  {title:<26} {type(exc).__name__}: {exc}")
                else:
                    print(f"  ok     {title:<26} {seen}")
    return failed


def _certificates() -> tuple[ssl.SSLContext, ssl.SSLContext, bytes]:
    """Return contexts for the server and for a client that trusts it, and the certificate (DER)."""
    import trustme  # an optional dependency: only the demonstration needs it

    ca = trustme.CA()
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(client)
    pem = certificate.cert_chain_pems[0].bytes().decode("ascii")
    return server, client, ssl.PEM_cert_to_DER_cert(pem)
