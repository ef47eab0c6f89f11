"""What ``THREAT_MODEL.md`` says of defaults is so, and each test it names exists."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

from anyiohttp import BaseConnector, ClientSession, ClientTimeout
from anyiohttp._client.cookie_store import MAX_COOKIES, MAX_PER_DOMAIN
from anyiohttp._client.request import RequestOptions
from anyiohttp._client.set_cookie import MAX_PAIR_SIZE
from anyiohttp._message.codings import MAX_CODINGS
from anyiohttp._message.limits import LEAST_ENCODED
from anyiohttp._net.deadlines import DEFAULT_TIMEOUT
from anyiohttp._protocol.http1.bodies import MAX_EXTENSIONS
from anyiohttp._protocol.http1.exchange import MAX_DRAIN
from anyiohttp._protocol.http1.parsing import MAX_BLANK, MAX_INFORMATIONAL

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "THREAT_MODEL.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(found)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_that_is_named_exists(path: str, name: str) -> None:
    assert name in names_in(path)


def test_each_threat_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| **")]
    assert len(rows) > 30
    for row in rows:
        cells = row.strip("|").split(" | ")
        assert len(cells) == 4, row
        assert "`tests/" in cells[3], row


def test_defaults() -> None:
    session = {
        name: parameter.default
        for name, parameter in inspect.signature(ClientSession).parameters.items()
    }
    assert session["max_body_size"] is None
    assert session["max_decompressed_ratio"] == 1000
    assert (session["max_line_size"], session["max_field_size"]) == (8190, 8190)
    assert session["max_headers"] == 128
    assert session["read_bufsize"] == 256 * 1024
    assert session["trust_env"] is False
    assert round(1000 * LEAST_ENCODED, -6) == 4_000_000
    assert RequestOptions().max_redirects == 10
    assert ClientTimeout(total=300, sock_connect=30) == DEFAULT_TIMEOUT
    assert inspect.signature(BaseConnector).parameters["limit"].default == 100
    assert MAX_CODINGS == 5
    assert (MAX_EXTENSIONS, MAX_DRAIN) == (16 * 1024, 64 * 1024)
    assert (MAX_BLANK, MAX_INFORMATIONAL) == (32, 32)
    assert (MAX_PAIR_SIZE, MAX_PER_DOMAIN, MAX_COOKIES) == (4096, 180, 3300)
