"""Digest (RFC 7616): the answers, and to whom they may go. The RFCs' own examples included."""

from __future__ import annotations

import hashlib

import pytest
from yarl import URL

from anyiohttp._client.digest import (
    DigestChallenge,
    DigestCredentials,
    DigestSession,
    read_challenge,
)
from anyiohttp._connect.challenges import parse_parameters

URL_ = URL("http://example.org/a/b")


def challenge_of(field: str) -> DigestChallenge:
    read = read_challenge(parse_parameters(field))
    assert isinstance(read, DigestChallenge)
    return read


# --- examples of the RFCs -----------------------------------------------------------------------

RFC_7616_3_9_1 = (
    'realm="http-auth@example.org", qop="auth, auth-int", '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", algorithm='
)
MUFASA = ("Mufasa", "Circle of Life")

EXAMPLES = [
    (
        RFC_7616_3_9_1 + "SHA-256",
        MUFASA,
        "/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        {"username": "Mufasa", "algorithm": "SHA-256", "qop": "auth", "nc": "00000001"},
    ),
    (
        RFC_7616_3_9_1 + "MD5",
        MUFASA,
        "/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "8ca523f5e9506fed4657c9700eebdbec",
        {"opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"},
    ),
    # RFC 7616 3.9.2, corrected by erratum 4897.
    (
        'realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
        'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true',
        ("J\u00e4s\u00f8n Doe", "Secret, or not?"),
        "/doe.json",
        "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
        {
            "username": "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
            "userhash": "true",
        },
    ),
    # RFC 2617 3.5.
    (
        'realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        ("Mufasa", "Circle Of Life"),
        "/dir/index.html",
        "0a4f113b",
        "6629fae49393a05397450978507c4ef1",
        {"realm": "testrealm@host.com", "cnonce": "0a4f113b", "uri": "/dir/index.html"},
    ),
    # RFC 2069 2.4, with the response of its errata.
    (
        'realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        ("Mufasa", "CircleOfLife"),
        "/dir/index.html",
        "unused",
        "1949323746fe6a43ef61f9606e7febea",
        {"algorithm": "MD5"},
    ),
]


@pytest.mark.parametrize(("field", "login", "target", "cnonce", "response", "fields"), EXAMPLES)
def test_examples(
    field: str,
    login: tuple[str, str],
    target: str,
    cnonce: str,
    response: str,
    fields: dict[str, str],
):
    answer = DigestSession(challenge_of(field)).answer(login, "GET", target, cnonce=cnonce)
    assert answer.field.startswith("Digest ")
    said = parse_parameters(answer.field.removeprefix("Digest "))
    assert said["response"] == response
    assert fields.items() <= said.items()
    assert ("qop" in said) == ("cnonce" in said) == ("qop" in field)
    assert login[1] not in answer.field


# --- by the formulas of RFC 7616 3.4 ------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("MD5", "md5"),
        ("md5", "md5"),
        ("SHA", "sha1"),
        ("SHA-256", "sha256"),
        ("SHA256", "sha256"),
        ("SHA-512", "sha512"),
        ("SHA-512-256", "sha512_256"),
    ],
)
@pytest.mark.parametrize("session", [False, True])
@pytest.mark.parametrize("entity", [None, b"a body"])
def test_formulas(algorithm: str, name: str, session: bool, entity: bytes | None):
    def h(data: bytes) -> str:
        return hashlib.new(name, data).hexdigest()

    written = algorithm + ("-sess" if session else "")
    challenge = challenge_of(f'realm="r", nonce="n", algorithm={written}, qop="auth-int,auth"')
    hashed = None
    if entity is not None:
        hash_ = challenge.new_hash()
        hash_.update(entity)
        hashed = hash_.hexdigest()
    answer = DigestSession(challenge).answer(("u", "p"), "POST", "/x?y", hashed, cnonce="c")
    said = parse_parameters(answer.field.removeprefix("Digest "))
    key = h(b"u:r:p")
    if session:
        key = h(f"{key}:n:c".encode())
    qop, request = "auth", "POST:/x?y"
    if entity is not None:
        qop, request = "auth-int", f"POST:/x?y:{h(entity)}"
    expected = h(f"{key}:n:00000001:c:{qop}:{h(request.encode())}".encode())
    assert said["response"] == expected
    assert said["qop"] == qop
    assert said["algorithm"] == written  # some servers compare it as they wrote it
    if entity is None:
        assert answer.proof == h(f"{key}:n:00000001:c:auth:{h(b':/x?y')}".encode())
    else:
        assert answer.proof == ""


def test_a_realm_that_is_no_text_goes_back_as_it_came():
    realm = b"J\xe4s\xf8n".decode("utf-8", "surrogateescape")
    session = DigestSession(DigestChallenge(realm, "n"))
    answer = session.answer(("u", "p"), "GET", "/", cnonce="c")
    key = hashlib.md5(b"u:J\xe4s\xf8n:p").hexdigest()
    request = hashlib.md5(b"GET:/").hexdigest()
    assert hashlib.md5(f"{key}:n:{request}".encode()).hexdigest() in answer.field
    assert f'realm="{realm}"' in answer.field


@pytest.mark.parametrize(
    ("extra", "login", "expected"),
    [
        ("", 'us"er\\', 'username="us\\"er\\\\"'),
        ("", "jäson", 'username="jäson"'),
        (", charset=UTF-8", "plain", 'username="plain"'),
        (", charset=utf-8", "jäson", "username*=UTF-8''j%C3%A4son"),
        # RFC 7616 4: in normalization form C
        (", charset=UTF-8", "ja\u0308son", "username*=UTF-8''j%C3%A4son"),
        (", userhash=false", "plain", 'username="plain"'),
    ],
)
def test_logins(extra: str, login: str, expected: str):
    answer = DigestSession(challenge_of("realm=r, nonce=n" + extra)).answer(
        (login, "p"), "GET", "/", cnonce="c"
    )
    assert expected in answer.field


def test_a_nonce_is_counted():
    session = DigestSession(challenge_of("realm=r, nonce=n, qop=auth"))
    answers = [session.answer(("u", "p"), "GET", "/") for _ in range(3)]
    assert [answer.nc for answer in answers] == [1, 2, 3]
    assert ["nc=00000003" in answer.field for answer in answers] == [False, False, True]
    assert len({answer.cnonce for answer in answers}) == 3


def test_a_session_has_one_cnonce():
    session = DigestSession(challenge_of("realm=r, nonce=n, qop=auth, algorithm=MD5-sess"))
    answers = [session.answer(("u", "p"), "GET", "/") for _ in range(3)]
    assert len({answer.cnonce for answer in answers}) == 1


# --- challenges ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("", "Missing 'realm'"),
        ("nonce=n", "Missing 'realm'"),
        ("realm=r", "Missing 'nonce'"),
        ('realm=r, nonce=""', "empty 'nonce'"),
        ("realm=r, nonce=n, algorithm=MD4", "Unsupported hash algorithm: MD4"),
        ("realm=r, nonce=n, algorithm=-sess", "Unsupported hash algorithm"),
        ("realm=r, nonce=n, qop=conf", "Unsupported Quality of Protection (qop) value(s): conf"),
    ],
)
def test_what_cannot_be_answered(field: str, problem: str):
    read = read_challenge(parse_parameters(field))
    assert isinstance(read, str)
    assert problem in read


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('realm=""', {"realm": "", "qop": (), "opaque": None, "stale": False, "session": False}),
        ('realm=r, qop="auth"', {"qop": ("auth",)}),
        ('realm=r, qop="auth, auth-int,conf"', {"qop": ("auth-int", "auth")}),
        ('realm=r, qop="AUTH"', {"qop": ("auth",)}),
        ('realm=r, qop=""', {"qop": ()}),
        ('realm=r, qop=" , "', {"qop": ()}),
        ("realm=r, stale=TRUE", {"stale": True}),
        ('realm=r, stale="true"', {"stale": True}),
        ("realm=r, stale=maybe", {"stale": False}),
        ('realm=r, opaque=""', {"opaque": ""}),
        ("realm=r, algorithm=Sha-256-Sess", {"hash_name": "sha256", "session": True}),
        ("realm=r, charset=UTF-8, userhash=TRUE", {"utf8": True, "userhash": True}),
        ("realm=r, charset=latin1", {"utf8": False}),
        ('realm=r, domain="/a  http://b/"', {"domain": ("/a", "http://b/")}),
    ],
)
def test_reading(field: str, expected: dict[str, object]):
    challenge = challenge_of(field + ", nonce=n")
    assert {name: getattr(challenge, name) for name in expected} == expected


def test_the_first_that_can_be_answered_is():
    fields = [
        'Basic realm="b", Digest realm="x", nonce="1", algorithm=TOKEN-512',
        'Digest realm="r", nonce="2", algorithm=SHA-256, Digest realm="r", nonce="3"',
    ]
    session = DigestCredentials("u", "p").challenged(URL_, fields)
    assert isinstance(session, DigestSession)
    assert session.challenge.nonce == "2"


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([], None),
        (['Basic realm="b"'], None),
        (["Digest"], None),
        (["Digest =invalid, format"], None),
        (["Digest nonce=n", "Digest realm=r"], "Malformed Digest auth challenge: Missing 'realm'"),
    ],
)
def test_nothing_to_answer(fields: list[str], found: str | None):
    got = DigestCredentials("u", "p").challenged(URL_, fields)
    assert got == found or str(got).startswith(str(found))


# --- whom credentials may go to -----------------------------------------------------------------


def knowing(*fields: str, url: URL = URL_) -> DigestCredentials:
    credentials = DigestCredentials("u", "p")
    assert credentials.is_for(url)
    for field in fields:
        assert isinstance(
            credentials.challenged(url, [f"Digest realm=r, nonce=n, {field}"]), DigestSession
        )
    return credentials


@pytest.mark.parametrize(
    ("domain", "url", "covered"),
    [
        # Without a domain: the whole origin.
        ("", "http://example.org/", True),
        ("", "http://EXAMPLE.org:80/any?thing", True),
        ("", "http://example.org:81/", False),
        ("", "https://example.org/", False),
        ("", "http://other.example.org/", False),
        # By segments of the path.
        ("/a", "http://example.org/a", True),
        ("/a", "http://example.org/a/b", True),
        ("/a", "http://example.org/a?q", True),
        ("/a", "http://example.org/ab", False),
        ("/a/", "http://example.org/a", False),
        ("/a/", "http://example.org/a/b", True),
        ("/x /y", "http://example.org/y/z", True),
        ("/x /y", "http://example.org/z", False),
        ("http://example.org/x", "http://example.org/x/y", True),
        # Others that the origin vouches for.
        ("http://b.example/x", "http://b.example/x", True),
        ("http://b.example/x", "http://b.example/", False),
        ("http://b.example", "http://b.example/any", True),
        ("https://b.example/", "https://b.example/", True),
        # What is no URI that can be requested names nothing.
        ('\\"', "http://example.org/z", True),
        ("http://[ ftp://x/ mailto:x http://:0/", "http://example.org/z", True),
    ],
)
def test_protection_spaces(domain: str, url: str, covered: bool):
    credentials = knowing(f'domain="{domain}"')
    assert (credentials.known_for(URL(url)) is not None) == covered


def test_another_origin_is_nobody():
    credentials = knowing("")
    assert not credentials.is_for(URL("http://evil.example/"))
    assert not credentials.is_for(URL("https://example.org/"))
    assert credentials.is_for(URL("http://example.org/other"))


def test_an_origin_that_was_named_cannot_name_more():
    credentials = knowing('domain="/ http://b.example/"')
    b = URL("http://b.example/")
    assert credentials.is_for(b)
    found = credentials.challenged(b, ['Digest realm=r, nonce=2, domain="/ http://c.example/"'])
    assert isinstance(found, DigestSession)
    assert not credentials.is_for(URL("http://c.example/"))


def test_what_tls_has_protected_does_not_go_in_the_clear():
    credentials = knowing('domain="/ http://b.example/"', url=URL("https://example.org/"))
    assert not credentials.is_for(URL("http://b.example/"))


def test_the_latest_of_several_realms():
    credentials = DigestCredentials("u", "p")
    for realm, path in (("a", "/a"), ("b", "/b"), ("c", "/")):
        credentials.challenged(URL_, [f'Digest realm={realm}, nonce=n, domain="{path}"'])
    known = credentials.known_for(URL("http://example.org/a/x"))
    assert known is not None
    assert known.challenge.realm == "c"
    credentials.refused(known)
    known = credentials.known_for(URL("http://example.org/a/x"))
    assert known is not None
    assert known.challenge.realm == "a"


def test_a_nonce_that_comes_again_is_counted_on():
    credentials = DigestCredentials("u", "p")
    first = credentials.challenged(URL_, ["Digest realm=r, nonce=1, qop=auth"])
    assert isinstance(first, DigestSession)
    first.answer(("u", "p"), "GET", "/")
    credentials.challenged(URL_, ["Digest realm=r, nonce=2, qop=auth"])
    again = credentials.challenged(URL_, ["Digest realm=r, nonce=1, qop=auth"])
    assert isinstance(again, DigestSession)
    assert again.answer(("u", "p"), "GET", "/").nc == 2


def test_the_same_challenge_instead_of_an_answer_means_no():
    credentials = DigestCredentials("u", "p")
    field = 'Digest realm=r, nonce=1, qop="auth"'
    sent = credentials.challenged(URL_, [field])
    assert isinstance(sent, DigestSession)
    assert credentials.challenged(URL_, [field], sent) is None
    assert credentials.known_for(URL_) is None
    assert credentials.challenged(URL_, [field + ", stale=true"], sent) is sent
    assert credentials.challenged(URL_, ["Digest realm=r, nonce=2"], sent) is not None


def test_memory_is_bounded():
    credentials = DigestCredentials("u", "p")
    first = credentials.challenged(URL_, ["Digest realm=r, nonce=0"])
    for nonce in range(1, 200):
        credentials.challenged(URL_, [f"Digest realm=r, nonce={nonce}"])
    assert credentials.challenged(URL_, ["Digest realm=r, nonce=0"]) is not first
    many = " ".join(f"/{number}" for number in range(1000))
    session = credentials.challenged(URL_, [f'Digest realm=r, nonce=n, domain="{many}"'])
    assert isinstance(session, DigestSession)
    assert len(session.spaces) < 100


@pytest.mark.parametrize(
    ("login", "password", "text"),
    [
        (None, "p", "login"),
        ("u", None, "password"),
        ("a:b", "p", 'A ":" is not allowed'),
        ("u", "\ud800", "valid Unicode"),
    ],
)
def test_credentials_that_cannot_be(login: str, password: str, text: str):
    with pytest.raises(ValueError, match=text):
        DigestCredentials(login, password)


# --- Authentication-Info ------------------------------------------------------------------------


def informed(field: str, algorithm: str = "MD5") -> tuple[bool, str | None]:
    """What becomes of an Authentication-Info: whether it is believed, the nonce that is next."""
    credentials = DigestCredentials("u", "p")
    session = credentials.challenged(
        URL_, [f"Digest realm=r, nonce=1, qop=auth, algorithm={algorithm}"]
    )
    assert isinstance(session, DigestSession)
    answer = session.answer(("u", "p"), "GET", "/", cnonce="c")
    field = field.replace("PROOF", answer.proof)
    believed = credentials.informed(URL_, session, answer, field)
    known = credentials.known_for(URL_)
    return believed, known and known.challenge.nonce


@pytest.mark.parametrize(
    ("field", "believed", "nonce"),
    [
        ("", True, "1"),
        ('nextnonce="2"', True, "2"),
        ('nextnonce=""', True, "1"),
        ('rspauth="PROOF", cnonce="c", nc=00000001, qop=auth, nextnonce="2"', True, "2"),
        ('rspauth="PROOF"', True, "1"),
        ('rspauth="0123", cnonce="c", nc=00000001, qop=auth, nextnonce="2"', False, "1"),
        ('rspauth="0123", nextnonce="2"', False, "1"),
        # About another request: it proves nothing, and denies nothing.
        ('rspauth="0123", cnonce="other", nextnonce="2"', True, "2"),
    ],
)
def test_authentication_info(field: str, believed: bool, nonce: str):
    assert informed(field) == (believed, nonce)


def test_the_next_nonce_is_counted_from_one():
    credentials = DigestCredentials("u", "p")
    session = credentials.challenged(URL_, ['Digest realm=r, nonce=1, qop=auth, domain="/a"'])
    assert isinstance(session, DigestSession)
    answer = session.answer(("u", "p"), "GET", "/")
    assert credentials.informed(URL_, session, answer, "nextnonce=2")
    following = credentials.known_for(URL_)
    assert following is not None
    assert following.answer(("u", "p"), "GET", "/").nc == 1
    assert credentials.known_for(URL("http://example.org/b")) is None


def test_a_session_key_stays_with_its_nonce():
    assert informed("nextnonce=2", "MD5-sess") == (True, "1")
