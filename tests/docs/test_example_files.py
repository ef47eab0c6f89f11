"""Every program of ``docs/examples`` runs on each backend, and each is shown on some page."""

from __future__ import annotations

import importlib.util
import inspect
import re
import types
from pathlib import Path

import pytest
from tests.certs.authority import CertFiles, Fingerprints

from anyiohttp.cli.loopback import serve

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
PAGES = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]
_SHOWN = re.compile(r'^ *--8<-- "docs/examples/(\w+\.py)(?::(\w+))?"$', re.MULTILINE)
_SECTION = re.compile(r"--8<-- \[start:(\w+)\]")


def load(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.anyio
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_example(
    path: Path,
    tmp_path: Path,
    unix_path: Path,
    server_ssl_context,
    cert_files: CertFiles,
    server_fingerprints: Fingerprints,
) -> None:
    async with serve(
        tls=server_ssl_context, unix_path=unix_path, proxy_auth=("user", "secret")
    ) as server:
        url = server.url
        known = {
            "url": str(url.origin()),
            "named_url": str(url.with_host("localhost").origin()),
            "page": str(url / "chunked"),
            "tls_url": str(server.tls_url.origin()),
            "proxy": str(server.proxy_url),
            "port": url.port,
            "unix_path": str(unix_path),
            "directory": tmp_path,
            "ca": str(cert_files.ca),
            "sha256": server_fingerprints.sha256,
        }
        main = load(path).main
        await main(**{name: known[name] for name in inspect.signature(main).parameters})


def test_each_section_of_an_example_is_shown() -> None:
    shown = {found for page in PAGES for found in _SHOWN.findall(page)}
    there = set()
    for path in EXAMPLES:
        sections = _SECTION.findall(path.read_text(encoding="utf-8"))
        there |= {(path.name, section) for section in sections or [""]}
    assert there == shown
