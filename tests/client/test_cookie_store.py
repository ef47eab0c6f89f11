from __future__ import annotations

import subprocess
import sys
from http.cookies import SimpleCookie

import pytest
from tests.client.cookie_jars import HTTP, HTTPS, Clock, sent, set_
from yarl import URL

from anyiohttp._client.cookie_store import (
    CookieStore,
    Origin,
    StoredCookie,
    default_path,
    domain_matches,
    is_address,
    path_matches,
    scope,
)
from anyiohttp._client.cookies import CookieJar
from anyiohttp._client.set_cookie import RefusedCookieError, make_cookie


@pytest.mark.parametrize(
    ("path", "cookie_path", "matches"),
    [
        ("/", "/", True),
        ("/a", "/", True),
        ("/a", "/a", True),
        ("/a/", "/a", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/", True),
        ("/a", "/a/", False),
        ("/ab", "/a", False),
        ("/A", "/a", False),
    ],
)
def test_path_matches(path: str, cookie_path: str, matches: bool) -> None:
    assert path_matches(path, cookie_path) is matches


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/a", "/"),
        ("/a/", "/a"),
        ("/a/b", "/a"),
        ("/a//b", "/a/"),
        ("", "/"),
        ("a/b", "/"),
    ],
)
def test_default_path_of(path: str, expected: str) -> None:
    assert default_path(path) == expected


@pytest.mark.parametrize(
    ("host", "domain", "matches"),
    [
        ("example.org", "example.org", True),
        ("www.example.org", "example.org", True),
        ("a.b.example.org", "example.org", True),
        ("notexample.org", "example.org", False),
        ("example.org", "www.example.org", False),
        ("1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "2.3.4", False),
        ("::1", "::1", True),
    ],
)
def test_domain_matches(host: str, domain: str, matches: bool) -> None:
    assert domain_matches(host, domain) is matches


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1", True),
        ("2130706433", True),
        ("127.0.0.1.", True),
        ("::1", True),
        ("fe80::1%25eth0", True),
        ("a1", False),
        ("1.example", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_is_address(host: str, expected: bool) -> None:
    assert is_address(host) is expected


@pytest.mark.parametrize(
    ("domain", "host", "expected"),
    [
        ("", "", ("", False)),
        ("", "www.example.org", ("www.example.org", True)),
        ("example.org", "", ("example.org", False)),
        ("example.org", "example.org", ("example.org", False)),
        ("example.org", "www.example.org", ("example.org", False)),
        ("localhost", "localhost", ("localhost", True)),
        ("localhost", "", ("localhost", True)),
        ("1.2.3.4", "1.2.3.4", ("1.2.3.4", True)),
        ("example.org", "other.org", None),
        ("www.example.org", "example.org", None),
        ("org", "example.org", None),
    ],
)
def test_scope(domain: str, host: str, expected: tuple[str, bool] | None) -> None:
    if expected is None:
        with pytest.raises(RefusedCookieError, match="Domain"):
            scope(domain, host)
    else:
        assert scope(domain, host) == expected


# --- domains --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "domain", "kept"),
    [
        ("a.example.com", "com", False),
        ("a.example.com", ".COM", False),
        ("a.example.com", "com.", False),
        ("a.example.com.", "com.", False),
        ("a.example.co.uk", "co.uk", False),
        ("a.github.io", "github.io", False),
        ("a.example.co.uk", "example.co.uk", True),
        ("app.localhost", "localhost", False),
        ("localhost", "localhost", True),
        ("github.io", "github.io", True),
        ("example.com.", "example.com.", True),
    ],
)
def test_public_suffixes(host: str, domain: str, kept: bool, jar: CookieJar) -> None:
    pytest.importorskip("publicsuffixlist")
    set_(jar, f"http://{host}/", f"a=b; Domain={domain}")
    assert sent(jar, f"http://{host}/") == ("a=b" if kept else "")


def test_a_suffix_that_is_the_host_itself_makes_a_host_only_cookie(jar: CookieJar) -> None:
    set_(jar, "http://localhost/", "a=b; Domain=localhost")
    assert sent(jar, "http://app.localhost/") == ""
    assert jar.host_only_cookies == {("localhost", "/", "a")}


def test_without_the_list_only_single_labels_are_public_suffixes() -> None:
    # A fresh interpreter: the list is read once per process.
    script = """if 1:
        import sys
        sys.modules["publicsuffixlist"] = None
        from yarl import URL
        from anyiohttp._client.cookies import CookieJar
        jar = CookieJar()
        url = URL("http://a.co.uk/")
        jar.update_cookies_from_headers(["a=1; Domain=co.uk", "b=2; Domain=uk"], url)
        print(jar.cookie_header(url))
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout == "a=1\n"


def test_host_only_and_domain_cookies_of_one_name_are_two(jar: CookieJar) -> None:
    set_(jar, HTTP, "a=host", "a=domain; Domain=example.org")
    assert sent(jar, HTTP) == "a=host; a=domain"
    assert sent(jar, "http://www.example.org/") == "a=domain"
    assert jar.host_only_cookies == {("example.org", "/", "a")}


def test_international_hosts(jar: CookieJar) -> None:
    set_(
        jar,
        "http://www.bücher.example/",
        "a=b; Domain=xn--bcher-kva.example",
        "c=d; Domain=bücher.example",
    )
    assert sent(jar, "http://bücher.example/") == "a=b"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "127.1", "[fe80::1%25eth0]"])
def test_addresses_only_if_unsafe(host: str) -> None:
    url = URL(f"http://{host}/")
    safe = CookieJar()
    set_(safe, url, "a=b")
    safe.update_cookies({"c": "d"}, url)
    assert len(safe) == 0
    safe.update_cookies({"shared": "1"})
    assert sent(safe, url) == "shared=1"
    unsafe = CookieJar(unsafe=True)
    assert unsafe.unsafe
    set_(unsafe, url, "a=b", "c=d; Domain=1", "e=f; Domain=0.0.1")
    assert sent(unsafe, url) == "a=b"


def test_an_address_as_domain_is_for_it_alone() -> None:
    jar = CookieJar(unsafe=True)
    set_(jar, "http://127.0.0.1/", "a=b; Domain=127.0.0.1")
    assert sent(jar, "http://127.0.0.1/") == "a=b"
    assert sent(jar, "http://1.127.0.0.1/") == ""


# --- paths, order, expiry -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setter", "target", "kept"),
    [
        ("/", "/any", True),
        ("", "/any", True),
        ("/a", "/", True),
        ("/a/", "/a", True),
        ("/a/", "/ab", False),
        ("/a/b", "/a/c", True),
        ("/a/b", "/", False),
        ("/a%20b/c", "/a b/d", True),
    ],
)
def test_default_path(setter: str, target: str, kept: bool, jar: CookieJar) -> None:
    set_(jar, f"http://example.org{setter}", "a=b")
    assert sent(jar, f"http://example.org{target}") == ("a=b" if kept else "")


def test_an_update_keeps_the_creation_time(jar: CookieJar) -> None:
    set_(jar, HTTP, "a=1", "b=1")
    set_(jar, HTTP, "a=2")
    assert sent(jar, HTTP) == "a=2; b=1"
    set_(jar, HTTP, "a=; max-age=0", "a=3")
    assert sent(jar, HTTP) == "b=1; a=3"


def test_cookies_end(jar: CookieJar, clock: Clock) -> None:
    set_(jar, HTTP, "a=1; max-age=10", "b=2; expires=Thu, 23 Feb 2012 12:27:00 GMT", "c=3")
    assert len(jar) == 3
    clock.now += 9.9
    assert sent(jar, HTTP) == "a=1; b=2; c=3"
    clock.now += 0.1
    assert sent(jar, HTTP) == "b=2; c=3"
    clock.now += 3600
    assert [morsel.key for morsel in jar] == ["c"]
    assert len(jar) == 1


def test_max_age_goes_before_expires(jar: CookieJar) -> None:
    set_(
        jar,
        HTTP,
        "a=1; max-age=10; expires=Thu, 01-Jan-1970 00:00:00 GMT",
        "b=2; expires=Thu, 01 Jan 2037 00:00:00 GMT; max-age=0",
        "c=3; max-age=soon; expires=Thu, 01-Jan-1970 00:00:00 GMT",
    )
    assert sent(jar, HTTP) == "a=1"


def test_epoch_deletes(jar: CookieJar) -> None:
    set_(jar, HTTP, "a=1", "b=2")
    set_(jar, HTTP, "a=; Expires=Thu, 01-Jan-1970 00:00:00 GMT", "b=; Max-Age=-1")
    assert len(jar) == 0
    assert sent(jar, HTTP) == ""


def test_a_replacement_does_not_inherit_the_end(jar: CookieJar, clock: Clock) -> None:
    set_(jar, HTTP, "a=1; max-age=10", "b=1; max-age=10")
    set_(jar, HTTP, "a=2", "b=2; max-age=100")
    clock.now += 50
    assert sent(jar, HTTP) == "a=2; b=2"


def test_no_server_gets_more_than_400_days(jar: CookieJar, clock: Clock) -> None:
    forever = "9" * 1000
    set_(jar, HTTP, f"a=1; max-age={forever}", "b=1; expires=Fri, 31 Dec 9999 23:59:59 GMT")
    jar.update_cookies(SimpleCookie("c=1; max-age=99999999999999999999"))
    clock.now += 399 * 86400
    assert len(jar) == 3
    clock.now += 2 * 86400
    assert sent(jar, HTTP) == "c=1"


def test_replaced_deadlines_do_not_pile_up(jar: CookieJar, clock: Clock) -> None:
    for number in range(1000):
        set_(jar, HTTP, f"a={number}; max-age={1000 + number}")
        assert sent(jar, HTTP) == f"a={number}"
    clock.now += 1998.5
    assert sent(jar, HTTP) == "a=999"
    clock.now += 1
    assert len(jar) == 0


def test_the_default_clock_is_the_time() -> None:
    jar = CookieJar()
    set_(jar, HTTP, "a=1; max-age=100", "b=1; expires=Wed, 01 Jan 2020 00:00:00 GMT")
    assert sent(jar, HTTP) == "a=1"


def test_one_domain_holds_180_and_drops_the_least_recently_used() -> None:
    jar = CookieJar()
    set_(jar, HTTPS, "safe=1; Secure", "first=1; path=/first", *[f"c{n}=1" for n in range(178)])
    assert len(jar) == 180
    assert sent(jar, "https://example.org/first").startswith("first=1; safe=1; c0=1")
    assert sent(jar, "http://example.org/first").startswith("first=1; c0=1")
    set_(jar, HTTPS, "new=1; path=/new")
    assert len(jar) == 150
    assert {"safe", "new", "c177"} < {morsel.key for morsel in jar}
    assert "c0" not in {morsel.key for morsel in jar}


def test_all_domains_together_hold_3300() -> None:
    jar = CookieJar()
    for number in range(34):
        set_(jar, f"http://h{number}.example/", *[f"c{n}=1" for n in range(100)])
    assert len(jar) == 3000 + 99
    assert sent(jar, "http://h0.example/") == ""
    assert sent(jar, "http://h33.example/").count("=") == 100
    jar.clear()
    jar.update_cookies({f"n{n}": "1" for n in range(500)})
    assert len(jar) == 500


def test_a_secure_cookie_is_known_until_it_is_gone() -> None:
    clock = Clock()
    store = CookieStore(clock)
    secure = make_cookie("a", "1", [("secure", "")])
    first = StoredCookie(secure, "example.org", False, "/x", None)
    second = StoredCookie(secure, "www.example.org", True, "/", clock.now + 5)
    plain = StoredCookie(make_cookie("a", "2"), "www.example.org", True, "/x/y", None)
    store.put(first)
    store.put(second)
    assert store.overlays_secure(plain)
    store.remove(first)
    assert store.overlays_secure(plain)
    clock.now += 5
    store.expire()
    assert not store.overlays_secure(plain)
    assert len(store) == 0


def test_shared_cookies_keep_to_their_path() -> None:
    store = CookieStore(Clock())
    store.put(StoredCookie(make_cookie("a", "1"), "", False, "/", None))
    store.put(StoredCookie(make_cookie("b", "2"), "", False, "/x", None))
    assert [found.pair for found in store.shared(Origin("any.test", "/y", False))] == ["a=1"]
    assert list(store.candidates(Origin("any.test", "/y", False))) == []
    assert [(morsel.key, morsel["path"]) for found in store if (morsel := found.morsel())] == [
        ("a", "/"),
        ("b", "/x"),
    ]
