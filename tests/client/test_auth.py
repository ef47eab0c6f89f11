"""Basic credentials, and which of those at hand are sent."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from anyiohttp._client.auth import (
    BasicAuth,
    authorization_for,
    basic_auth_for,
    credentials_from_url,
    encode_basic_auth,
)
from anyiohttp.exceptions import ClientError, InvalidUrlClientError


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("nkim", "pwd"), "Basic bmtpbTpwd2Q="),
        (("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (("user",), "Basic dXNlcjo="),
        (("", ""), "Basic Og=="),
        (("u", "a:b"), "Basic dTphOmI="),
        (("ü", "é"), "Basic w7w6w6k="),
        (("ü", "é", "latin1"), "Basic /Drp"),
    ],
)
def test_encode_basic_auth(args: tuple[str, ...], expected: str) -> None:
    assert encode_basic_auth(*args) == expected


def test_basic_auth_is_a_tuple_as_in_aiohttp() -> None:
    auth = BasicAuth("nkim", "pwd")
    assert auth == ("nkim", "pwd", "latin1")
    assert (auth.login, auth.password, auth.encoding) == ("nkim", "pwd", "latin1")
    assert BasicAuth("nkim") == ("nkim", "", "latin1")
    assert BasicAuth(login="a", password="b", encoding="utf-8").encode() == "Basic YTpi"
    assert auth.encode() == "Basic bmtpbTpwd2Q="
    assert BasicAuth("ü", "é").encode() == "Basic /Drp"
    assert pickle.loads(pickle.dumps(auth)) == auth
    assert hash(auth) == hash(BasicAuth("nkim", "pwd"))
    assert isinstance(pickle.loads(pickle.dumps(auth)), BasicAuth)


def test_no_text_of_it_shows_the_password() -> None:
    auth = BasicAuth("nkim", "hunter2")
    for text in (repr(auth), str(auth), f"{auth}", f"{[auth]}"):
        assert "nkim" in text
        assert "hunter2" not in text


@pytest.mark.parametrize(
    ("login", "password", "match"),
    [
        (None, "p", "None is not allowed as login value"),
        ("u", None, "None is not allowed as password value"),
        ("u:x", "p", 'A ":" is not allowed in login'),
    ],
)
def test_what_is_no_credential(login: str, password: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        BasicAuth(login, password)


def test_what_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match='A ":" is not allowed in login'):
        encode_basic_auth("u:x", "p")
    with pytest.raises(ValueError, match="latin1") as caught:
        BasicAuth("u", "hunter2€").encode()
    assert isinstance(caught.value, ClientError)
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Basic bmtpbTpwd2Q=", ("nkim", "pwd", "latin1")),
        ("basic bmtpbTpwd2Q=", ("nkim", "pwd", "latin1")),
        ("Basic Og==", ("", "", "latin1")),
        ("Basic dTphOmI=", ("u", "a:b", "latin1")),
        ("Basic /Drp", ("ü", "é", "latin1")),
    ],
)
def test_decode(header: str, expected: tuple[str, str, str]) -> None:
    assert BasicAuth.decode(header) == expected


def test_decode_in_another_encoding() -> None:
    assert BasicAuth.decode("Basic w7w6w6k=", "utf-8") == ("ü", "é", "utf-8")


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ("", "Could not parse authorization header."),
        ("Basic", "Could not parse authorization header."),
        ("Complex bmtpbTpwd2Q=", "Unknown authorization method Complex"),
        ("Basic bmtpbTpwd2Q", "Invalid base64 encoding."),
        ("Basic bmt*", "Invalid base64 encoding."),
        ("Basic ü", "Invalid base64 encoding."),
        ("Basic bm9uZQ==", "Invalid credentials."),
        ("Basic ", "Invalid credentials."),
    ],
)
def test_what_cannot_be_decoded(header: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        BasicAuth.decode(header)


def test_decode_says_when_the_encoding_is_wrong() -> None:
    with pytest.raises(ValueError, match="utf-8") as caught:
        BasicAuth.decode("Basic /Drp", "utf-8")
    assert not isinstance(caught.value, UnicodeError)


@given(st.text(), st.sampled_from(["latin1", "utf-8", "ascii"]))
def test_any_header_is_decoded_or_a_value_error(header: str, encoding: str) -> None:
    for text in (header, "Basic " + header):
        try:
            auth = BasicAuth.decode(text, encoding)
        except UnicodeError:
            pytest.fail("a raw Unicode error")
        except ValueError:
            continue
        else:
            assert BasicAuth.decode(auth.encode(), encoding) == auth


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/", None),
        ("http://u:p@h/", ("u", "p", "latin1")),
        ("http://u@h/", ("u", "", "latin1")),
        ("http://:p@h/", ("", "p", "latin1")),
        ("http://u%40:p%3A%2F@h/", ("u@", "p:/", "latin1")),
    ],
)
def test_from_url(url: str, expected: tuple[str, str, str] | None) -> None:
    assert BasicAuth.from_url(URL(url)) == expected
    assert credentials_from_url(URL(url)) == (URL("http://h/"), expected)


def test_from_url_takes_urls_only() -> None:
    assert BasicAuth.from_url(URL("http://ü@h/"), encoding="utf-8") == ("ü", "", "utf-8")
    with pytest.raises(TypeError):
        BasicAuth.from_url("http://u:p@h/")  # type: ignore[arg-type]


def test_credentials_beyond_latin1_are_utf8() -> None:
    assert credentials_from_url(URL("http://u:€@h/"))[1] == ("u", "€", "utf-8")
    assert basic_auth_for("ü", "") == ("ü", "", "latin1")
    with pytest.raises(InvalidUrlClientError, match="not allowed in login"):
        credentials_from_url(URL("http://u%3A:p@h/"))


# --- which ----------------------------------------------------------------------------------

REQUEST, IN_URL, SESSION = BasicAuth("request"), BasicAuth("url"), BasicAuth("session")


@pytest.mark.parametrize(
    ("request_auth", "url", "session", "header", "expected"),
    [
        (None, None, None, False, None),
        (None, None, None, True, None),
        (REQUEST, None, None, False, REQUEST),
        (REQUEST, None, SESSION, False, REQUEST),
        (None, IN_URL, None, False, IN_URL),
        (None, IN_URL, SESSION, False, IN_URL),
        (None, None, SESSION, False, SESSION),
        (REQUEST, IN_URL, None, False, ValueError),
        (REQUEST, None, None, True, ValueError),
        (None, IN_URL, None, True, ValueError),
        (None, None, SESSION, True, ValueError),
    ],
)
def test_first_hop(
    request_auth: BasicAuth | None,
    url: BasicAuth | None,
    session: BasicAuth | None,
    header: bool,
    expected: BasicAuth | type[ValueError] | None,
) -> None:
    def decide() -> BasicAuth | None:
        return authorization_for(request=request_auth, url=url, session=session, has_header=header)

    if expected is ValueError:
        with pytest.raises(ValueError, match="Cannot combine"):
            decide()
    else:
        assert decide() is expected


@pytest.mark.parametrize(
    ("request_auth", "url", "session", "header", "expected"),
    [
        (None, None, None, False, None),
        (REQUEST, IN_URL, SESSION, True, IN_URL),
        (REQUEST, None, SESSION, False, REQUEST),
        (None, None, SESSION, False, SESSION),
        (REQUEST, None, SESSION, True, None),
    ],
)
def test_hops_of_a_redirect_never_conflict(
    request_auth: BasicAuth | None,
    url: BasicAuth | None,
    session: BasicAuth | None,
    header: bool,
    expected: BasicAuth | None,
) -> None:
    chosen = authorization_for(
        request=request_auth, url=url, session=session, has_header=header, redirected=True
    )
    assert chosen is expected


@pytest.mark.parametrize("auth", [("u", "p"), "u:p", 5])
def test_auth_must_be_basic_auth(auth: BasicAuth) -> None:
    with pytest.raises(TypeError, match="BasicAuth"):
        authorization_for(request=auth)
    with pytest.raises(TypeError, match="BasicAuth"):
        authorization_for(request=None, session=auth)
