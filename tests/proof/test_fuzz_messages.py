"""Fuzz of what has a grammar of its own inside of messages: challenges.

The examples are the same each time, as in `test_fuzz`.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from tests.proof.ledger import LEDGER
from tests.proof.test_fuzz import PURE, texts
from yarl import URL

from anyiohttp._client.digest import DigestCredentials, DigestSession
from anyiohttp._connect.challenges import parse_challenges, parse_parameters, quoted

CHALLENGE_WORDS = (
    "Digest ",
    "Basic ",
    "Negotiate",
    ", ",
    ",",
    "=",
    '"',
    "\\",
    "realm=",
    'nonce="n"',
    'qop="auth,auth-int"',
    "qop=",
    "algorithm=",
    "SHA-256",
    "-sess",
    "stale=true",
    "charset=UTF-8",
    "userhash=true",
    'domain="/a http://b/ "',
    "domain=",
    "opaque=",
    " ",
    "\ud800",
    "\udcff",
)
#: What no field of a response holds: controls, and surrogates that stand for no byte.
_IMPOSSIBLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udc7f\udd00-\udfff]")


@PURE
@given(st.lists(texts("Digest realm=r,nonce=n,", *CHALLENGE_WORDS), max_size=3), texts("u", "ä"))
def test_challenges(fields: list[str], login: str) -> None:
    """Whatever a server asks for: an answer that says nothing more, or none."""
    with LEDGER.trial("fuzz", target="challenges"):
        for challenge in parse_challenges(fields):
            assert challenge.scheme == challenge.scheme.lower() != ""
            assert all(challenge.parameters) or not challenge.parameters
        try:
            credentials = DigestCredentials(login, "secret")
        except ValueError:
            return
        url = URL("http://a/b?c")
        assert credentials.is_for(url)
        fields = [_IMPOSSIBLE.sub("", field) for field in fields]
        session = credentials.challenged(url, fields)
        if not isinstance(session, DigestSession):
            return
        answer = session.answer(credentials.login_and_password, "GET", "/b?c", cnonce="c")
        said = parse_parameters(answer.field.removeprefix("Digest "))
        assert said["realm"] == session.challenge.realm
        assert said["nonce"] == session.challenge.nonce
        assert said.get("opaque") == session.challenge.opaque
        assert said.get("username", "").isascii() or not session.challenge.utf8
        assert "secret" not in answer.field
        credentials.informed(url, session, answer, fields[0])


@PURE
@given(texts('"', "\\", ",", "=", "é", "\udcff"))
def test_quoted_strings(text: str) -> None:
    with LEDGER.trial("fuzz", target="quoted strings"):
        assert parse_parameters(f"a={quoted(text)}, b=c") == {"a": text, "b": "c"}
