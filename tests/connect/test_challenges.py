"""The grammar of challenges (RFC 9110 11), right and wrong."""

from __future__ import annotations

import time

import pytest

from anyiohttp._connect.challenges import Challenge, parse_challenges, parse_parameters, quoted

DIGEST = Challenge("digest", {"realm": "r", "nonce": "n"})
BASIC = Challenge("basic", {"realm": "b"})

CASES: list[tuple[list[str], list[Challenge]]] = [
    ([], []),
    ([""], []),
    (['Digest realm="r", nonce="n"'], [DIGEST]),
    (['DIGEST Realm = "r" ,, NONCE= n'], [DIGEST]),
    (['Digest realm="r", nonce="n", Basic realm="b"'], [DIGEST, BASIC]),
    (['Basic realm="b"', 'Digest realm="r", nonce="n"'], [BASIC, DIGEST]),
    ([" , Basic realm=b,Digest realm=r,nonce=n, "], [BASIC, DIGEST]),
    # RFC 9110 11.6.1
    (
        ['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="b"'],
        [Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}), BASIC],
    ),
    # Schemes that have no parameters, or something else in their place.
    (
        ["Negotiate, NTLM TlRMTVNTUAAB==, Basic realm=b"],
        [Challenge("negotiate", {}), Challenge("ntlm", {}, "TlRMTVNTUAAB=="), BASIC],
    ),
    (["Negotiate"], [Challenge("negotiate", {})]),
    # What is in quotes is text, whatever it looks like.
    (
        ['Digest realm="a, Basic realm=\\"x\\"", nonce="n\\\\"'],
        [Challenge("digest", {"realm": 'a, Basic realm="x"', "nonce": "n\\"})],
    ),
    (["Digest realm='r, nonce=n"], [Challenge("digest", {"realm": "'r", "nonce": "n"})]),
    # Wrong, and read as far as it goes.
    (['Digest realm="r" nonce="n" Basic realm="b"'], [DIGEST, BASIC]),
    (['Digest realm="r"; nonce="n"'], [DIGEST]),
    (['Digest realm="r", nonce="n", realm="other"'], [DIGEST]),
    (['Digest realm="r", nonce="n'], [DIGEST]),
    (['Digest realm="r", nonce="n\\'], [DIGEST]),
    (['realm="lost", Basic realm=b'], [BASIC]),
    (['"Digest realm=x", Basic realm="b"'], [BASIC]),
    (["(((, Basic realm=b"], [BASIC]),
    (["Digest =r, nonce=n"], []),
    (["é Digest realm=r, nonce=n"], [DIGEST]),
]


@pytest.mark.parametrize(("fields", "challenges"), CASES)
def test_challenges(fields: list[str], challenges: list[Challenge]):
    assert parse_challenges(fields) == challenges


def test_a_parameter_belongs_to_no_scheme_of_another_field():
    assert parse_challenges(["Digest realm=r", "nonce=n"]) == [Challenge("digest", {"realm": "r"})]


@pytest.mark.parametrize(
    ("field", "parameters"),
    [
        ("", {}),
        (
            'nextnonce="a", qop=auth, NC=00000001',
            {"nextnonce": "a", "qop": "auth", "nc": "00000001"},
        ),
        ('rspauth="a", what is this, rspauth="b"', {"rspauth": "a"}),
    ],
)
def test_parameters(field: str, parameters: dict[str, str]):
    assert parse_parameters(field) == parameters


@pytest.mark.parametrize(
    "text", ["", "plain", 'with "quotes"', "back\\slash", '\\"', "ü", "\udcfc"]
)
def test_what_is_quoted_is_read_back(text: str):
    assert parse_parameters("x=" + quoted(text)) == {"x": text}


@pytest.mark.parametrize(
    "field",
    ['"', "\\", '"\\', "a=", "a ", "a", " ", ",", "a" + " " * 300, '="', "a b", "\u00e9"],
)
def test_it_is_linear(field: str):
    text = field * (100_000 // len(field))
    begun = time.process_time()
    parse_challenges([text])
    parse_challenges(["Digest a" + text])
    assert time.process_time() - begun < 2
