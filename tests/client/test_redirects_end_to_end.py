"""Redirects, end to end: history, methods, bodies, what never crosses an origin."""

from __future__ import annotations

import io
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.servers import Script, ScriptedPeer, StartScripted
from yarl import URL

import anyiohttp
from anyiohttp.cli.loopback import LoopbackServer

pytestmark = pytest.mark.anyio

STATUSES = [301, 302, 303, 307, 308]


def to(location: str | bytes | URL, status: int = 302, *fields: bytes, body: bytes = b"") -> bytes:
    where = location if isinstance(location, bytes) else str(location).encode()
    head = [b"HTTP/1.1 %d There" % status, b"Location: " + where, *fields]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def recording(requests: list[tuple[bytes, bytes]], *answers: bytes) -> Script:
    """A script that gives the answers in order, over all connections, then OK; notes requests."""
    left = iter(answers)

    async def script(peer: ScriptedPeer) -> None:
        while True:
            requests.append(await peer.receive_request())
            await peer.send(next(left, OK))

    return script


def field_of(head: bytes, name: str) -> list[str]:
    fields = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2]]
    return [value.decode() for key, value in fields if key.lower() == name.lower().encode()]


# --- the chain ---


async def test_history(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession(base_url=loopback.url) as session,
        session.get("redirect/3") as r,
    ):
        assert r.status == 200
        assert r.url == loopback.url / "get"
        assert r.real_url == r.url
        assert [hop.url.path for hop in r.history] == ["/redirect/3", "/redirect/2", "/redirect/1"]
        assert [hop.status for hop in r.history] == [302, 302, 302]
        assert all(hop.closed for hop in r.history)
        assert r.history[0].headers["Location"] == "/redirect/2"
    assert loopback.counts.connections == 1


@pytest.mark.parametrize("status", STATUSES)
async def test_allow_redirects_false(loopback: LoopbackServer, status: int) -> None:
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:
        params = {"url": "/get", "status": str(status)}
        async with session.get("redirect-to", params=params, allow_redirects=False) as r:
            assert r.status == status
            assert r.history == ()
            assert r.headers["Location"] == "/get"
        async with session.head("redirect-to", params=params) as r:
            assert r.status == status
        async with session.head("redirect-to", params=params, allow_redirects=True) as r:
            assert (r.status, r.method) == (200, "HEAD")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 300 Many", b"HTTP/1.1 304 Not", b"HTTP/1.1 302 No"])
async def test_what_is_no_redirect(scripted_server: StartScripted, answer: bytes) -> None:
    location = b"" if b"302" in answer else b"Location: /x\r\n"
    whole = answer + b"\r\n" + location + b"Content-Length: 0\r\n\r\n"
    server = await scripted_server(recording([], whole))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert r.status == int(answer.split()[1])
        assert r.history == ()


@pytest.mark.parametrize(
    ("asked", "hops", "passes"), [(None, 9, True), (None, 10, False), (3, 2, True), (3, 3, False)]
)
async def test_too_many_redirects(
    loopback: LoopbackServer, asked: int | None, hops: int, passes: bool
) -> None:
    options = {} if asked is None else {"max_redirects": asked}
    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        if passes:
            async with session.get(f"redirect/{hops}", **options) as r:  # type: ignore[arg-type]
                assert len(r.history) == hops
            return
        with pytest.raises(anyiohttp.TooManyRedirects) as caught:
            await session.get(f"redirect/{hops}", **options)  # type: ignore[arg-type]
        error = caught.value
        assert isinstance(error, anyiohttp.ClientResponseError)
        assert len(error.history) == (asked or 10)
        assert error.request_info.url == loopback.url / f"redirect/{hops}"
        assert error.status == 302
        assert all(hop.closed for hop in error.history)  # type: ignore[attr-defined]
        async with session.get("get") as r:
            assert r.status == 200


async def test_the_body_of_a_redirect_is_given_up(
    scripted_server: StartScripted, loopback: LoopbackServer
) -> None:
    async def script(peer: ScriptedPeer) -> None:
        await peer.receive_head()
        # It will never end.
        head = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 1000000\r\n\r\n"
        await peer.send(head % str(loopback.url / "get").encode())
        await peer.wait_closed()

    server = await scripted_server(script)
    async with (
        anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=1)) as session,
        session.get(server.url) as r,
    ):
        assert r.status == 200


async def test_a_small_body_of_a_redirect_keeps_the_connection(
    scripted_server: StartScripted,
) -> None:
    server = await scripted_server(recording([], to("/there", body=b"moved")))
    async with anyiohttp.ClientSession() as session, session.get(server.url) as r:
        assert await r.read() == b"ok"
    assert server.connections == 1


# --- methods and bodies ---


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_methods_and_bodies(scripted_server: StartScripted, method: str, status: int) -> None:
    requests: list[tuple[bytes, bytes]] = []
    empty = OK[:-2] if method == "HEAD" and status != 303 else OK
    server = await scripted_server(recording(requests, to("/there", status), empty))
    data = b"the body" if method in ("POST", "PUT", "DELETE", "PATCH") else None
    headers = {"Content-Language": "de", "X-Mine": "kept"}
    async with (
        anyiohttp.ClientSession() as session,
        session.request(method, server.url, data=data, headers=headers, allow_redirects=True) as r,
    ):
        assert len(r.history) == 1
        assert r.method == r.request_info.method
    to_get = (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST")
    head, body = requests[1]
    assert head.split()[:2] == [b"GET" if to_get else method.encode(), b"/there"]
    assert r.method == ("GET" if to_get else method)
    assert field_of(head, "X-Mine") == ["kept"]
    if to_get:
        assert body == b""
        for name in ("Content-Type", "Content-Length", "Content-Language", "Transfer-Encoding"):
            assert field_of(head, name) == []
    else:
        assert body == (data or b"")
        assert field_of(head, "Content-Language") == ["de"]


async def test_a_content_length_set_by_hand_goes_with_its_body(
    scripted_server: StartScripted,
) -> None:
    requests: list[tuple[bytes, bytes]] = []
    server = await scripted_server(recording(requests, to("/there", 303)))
    headers = {"Content-Length": "4", "Content-Encoding": "identity"}
    async with (
        anyiohttp.ClientSession() as session,
        session.post(server.url, data=b"four", headers=headers, chunked=None) as r,
    ):
        assert r.status == 200
    assert requests[0][1] == b"four"
    assert field_of(requests[1][0], "Content-Length") == []
    assert field_of(requests[1][0], "Content-Encoding") == []


@pytest.mark.parametrize("option", [{"chunked": True}, {"compress": "gzip"}, {"expect100": True}])
async def test_framing_options_of_a_dropped_body_are_dropped(
    loopback: LoopbackServer, option: dict[str, object]
) -> None:
    async with (
        anyiohttp.ClientSession(base_url=loopback.url) as session,
        session.post(
            "redirect-to?url=/echo&status=303",
            data=b"body",
            **option,  # type: ignore[arg-type]
        ) as r,
    ):
        told = await r.json()
    assert (told["method"], told["size"]) == ("GET", 0)
    names = {name.lower() for name, _ in told["headers"]}
    assert not names & {"transfer-encoding", "content-encoding", "expect", "content-type"}


async def test_bodies_that_can_be_replayed(loopback: LoopbackServer, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"skipped, then sent")
    form = anyiohttp.FormData()
    form.add_field("file", b"sent", filename="f")
    async with anyiohttp.ClientSession(base_url=loopback.url) as session:

        async def posted(data: object, status: int = 307, **options: object) -> str:
            async with session.post(
                f"redirect-to?url=/echo&status={status}",
                data=data,
                **options,  # type: ignore[arg-type]
            ) as r:
                told = await r.json()
                assert len(r.history) == 1
                return str(told["body"])

        assert await posted(b"sent") == "sent"
        assert await posted("sent", 308) == "sent"
        assert await posted({"a": "1"}) == "a=1"
        assert await posted(io.BytesIO(b"sent")) == "sent"
        assert await posted(b"sent" * 50_000) == "sent" * 50_000
        assert await posted(b"sent", compress="gzip") == "sent"
        assert await posted(b"sent", chunked=True) == "sent"
        assert 'name="file"; filename="f"' in await posted(form)
        with path.open("rb") as file:
            file.seek(len(b"skipped, then "))
            assert await posted(file) == "sent"
            # A file is rewound to where it was, not to its beginning.


async def test_a_large_file_is_rewound(loopback: LoopbackServer, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 100_000)

    async def once() -> int:
        with path.open("rb") as file:
            async with (
                anyiohttp.ClientSession(base_url=loopback.url) as session,
                session.put("redirect-to?url=/upload&status=307", data=file) as r,
            ):
                return int((await r.json())["size"])

    assert await once() == 1_000_000


@pytest.mark.parametrize("status", [307, 308])
async def test_a_body_that_cannot_be_replayed_is_a_clear_error(
    loopback: LoopbackServer, status: int
) -> None:
    async def generate() -> AsyncIterator[bytes]:
        yield b"once"

    async with anyiohttp.ClientSession(
        base_url=loopback.url, connector=anyiohttp.TCPConnector(limit=1)
    ) as session:
        with pytest.raises(anyiohttp.BodyNotReplayableError, match="cannot be replayed") as caught:
            await session.post(f"redirect-to?url=/echo&status={status}", data=generate())
        assert isinstance(caught.value, anyiohttp.ClientPayloadError)  # as aiohttp's
        # It does not matter where the body is not sent again.
        async with session.post("redirect-to?url=/echo&status=303", data=generate()) as r:
            assert (await r.json())["method"] == "GET"


# --- what never crosses an origin ---


SECRETS = {
    "Authorization": "Basic c2VjcmV0OnNlY3JldA==",
    "Cookie": "secret=1",
    "Proxy-Authorization": "Basic c2VjcmV0",
    "Host": "virtual.test",
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_headers_set_by_hand_stay_on_their_origin(
    scripted_server: StartScripted, status: int
) -> None:
    requests: list[tuple[bytes, bytes]] = []
    other = await scripted_server(recording(requests))
    # Only the port differs: that is another origin.
    server = await scripted_server(
        recording(requests, to("/same", status), to(other.url / "other", status))
    )
    headers = [*SECRETS.items(), ("X-Mine", "kept"), ("authorization", "Basic dHdpY2U=")]
    async with (
        anyiohttp.ClientSession() as session,
        session.get(server.url / "first", headers=headers) as r,
    ):
        assert await r.read() == b"ok"
    first, same, crossed = (head for head, _ in requests)
    for name, value in SECRETS.items():
        assert value in field_of(first, name)
        assert value in field_of(same, name)
        if name != "Host":
            assert field_of(crossed, name) == []
    assert b"secret" not in crossed.lower()
    assert field_of(crossed, "Host") == [f"127.0.0.1:{other.port}"]
    assert field_of(crossed, "X-Mine") == ["kept"]


@pytest.mark.parametrize("where", ["session", "session headers", "request", "url", "base_url"])
async def test_credentials_stay_on_their_origin(scripted_server: StartScripted, where: str) -> None:
    requests: list[tuple[bytes, bytes]] = []
    other = await scripted_server(recording(requests))
    server = await scripted_server(recording(requests, to("/same"), to(other.url / "other")))
    auth = anyiohttp.BasicAuth("user", "secret")
    url = server.url / "first"
    session_options: dict[str, object] = {}
    options: dict[str, object] = {}
    if where == "session":
        session_options["auth"] = auth
    elif where == "session headers":
        session_options["headers"] = {"Authorization": auth.encode()}
    elif where == "request":
        options["auth"] = auth
    elif where == "url":
        url = url.with_user("user").with_password("secret")
    else:
        session_options |= {"auth": auth, "base_url": server.url}
    async with (
        anyiohttp.ClientSession(**session_options) as session,  # type: ignore[arg-type]
        session.get(url, **options) as r,  # type: ignore[arg-type]
    ):
        assert await r.read() == b"ok"
        assert "secret" not in str(r.history[0].url)
    sent = [field_of(head, "Authorization") for head, _ in requests]
    assert sent == [[auth.encode()], [auth.encode()], []]


async def test_credentials_do_not_come_back(scripted_server: StartScripted) -> None:
    requests: list[tuple[bytes, bytes]] = []
    answers: list[bytes] = []

    async def script(peer: ScriptedPeer) -> None:
        while True:
            requests.append(await peer.receive_request())
            await peer.send(answers.pop(0))

    home, away = await scripted_server(script), await scripted_server(script)
    answers += [to(away.url), to(home.url / "back"), OK]
    auth = anyiohttp.BasicAuth("user", "secret")
    async with anyiohttp.ClientSession(auth=auth) as session, session.get(home.url) as r:
        assert r.url == home.url / "back"
    assert [bool(field_of(head, "Authorization")) for head, _ in requests] == [True, False, False]


@pytest.mark.parametrize("downwards", [True, False], ids=["https to http", "http to https"])
async def test_another_scheme_is_another_origin(
    loopback: LoopbackServer, client_ssl_context: ssl.SSLContext, downwards: bool
) -> None:
    start, end = loopback.tls_url, loopback.url
    if not downwards:
        start, end = end, start
    connector = anyiohttp.TCPConnector(ssl=client_ssl_context)
    auth = anyiohttp.BasicAuth("user", "secret")
    async with (
        anyiohttp.ClientSession(connector=connector, auth=auth) as session,
        session.get(start / "redirect-to", params={"url": str(end / "get")}) as r,
    ):
        told = await r.json()
        assert r.url == end / "get"
        assert "Authorization" in r.history[0].request_info.headers
    assert told["secure"] is not downwards
    assert "Authorization" not in dict(told["headers"])


async def test_credentials_in_the_location_win(scripted_server: StartScripted) -> None:
    requests: list[tuple[bytes, bytes]] = []
    server = await scripted_server(recording(requests))
    url = server.url.with_user("new").with_password("one")
    first = await scripted_server(recording(requests, to(url / "a")))
    auth = anyiohttp.BasicAuth("user", "secret")
    async with anyiohttp.ClientSession(auth=auth) as session, session.get(first.url) as r:
        assert r.url == server.url / "a"
    wanted = "Basic " + b64encode(b"new:one").decode()
    assert field_of(requests[1][0], "Authorization") == [wanted]


async def test_netrc_speaks_for_the_next_origin(
    scripted_server: StartScripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login user password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    requests: list[tuple[bytes, bytes]] = []
    server = await scripted_server(recording(requests))
    first = await scripted_server(recording(requests, to(server.url.with_host("localhost"))))
    auth = anyiohttp.BasicAuth("user", "secret")
    async with (
        anyiohttp.ClientSession(trust_env=True) as session,
        session.get(first.url, auth=auth) as r,
    ):
        assert r.status == 200
    sent = [field_of(head, "Authorization") for head, _ in requests]
    assert sent == [[auth.encode()], [anyiohttp.BasicAuth("user", "other").encode()]]


# --- where it leads ---


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b?x=1", b"/b?x=1"),
        ("b", b"/dir/b"),
        ("?only=query", b"/dir/a?only=query"),
        ("../up", b"/up"),
        ("http:/ok", b"/ok"),
        ("/a%2Fb%20c", b"/a%2Fb%20c"),
        ("/gr\u00fc\u00df", b"/gr%C3%BC%C3%9F"),
        ("/q?", b"/q?"),
        ("//{authority}/net", b"/net"),
    ],
)
async def test_locations(scripted_server: StartScripted, location: str, target: bytes) -> None:
    requests: list[tuple[bytes, bytes]] = []
    port = 0

    async def script(peer: ScriptedPeer) -> None:
        while True:
            requests.append(await peer.receive_request())
            where = location.replace("{authority}", f"127.0.0.1:{port}")
            await peer.send(to(where) if len(requests) == 1 else OK)

    server = await scripted_server(script)
    port = server.port
    async with (
        anyiohttp.ClientSession() as session,
        session.get(server.url / "dir/a", params={"dropped": "1"}) as r,
    ):
        assert r.status == 200
    assert requests[0][0].split()[1] == b"/dir/a?dropped=1"
    assert requests[1][0].split()[1] == target


async def test_fragments(scripted_server: StartScripted) -> None:
    requests: list[tuple[bytes, bytes]] = []
    server = await scripted_server(recording(requests, to("/kept"), to("/new#mine")))
    async with (
        anyiohttp.ClientSession() as session,
        session.get(server.url.with_fragment("part")) as r,
    ):
        assert [hop.url.fragment for hop in r.history] == ["part", "part"]
        assert r.url.fragment == "mine"
    assert not [head for head, _ in requests if b"#" in head]


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("ftp://127.0.0.1/x", anyiohttp.NonHttpUrlRedirectClientError),
        ("javascript:alert(1)", anyiohttp.NonHttpUrlRedirectClientError),
        ("http://", anyiohttp.InvalidUrlRedirectClientError),
        ("http://[", anyiohttp.InvalidUrlRedirectClientError),
        ("http://127.0.0.1:99999/", anyiohttp.InvalidUrlRedirectClientError),
        ("http://user:secret@:1/", anyiohttp.InvalidUrlRedirectClientError),
    ],
)
async def test_where_it_must_not_lead(
    scripted_server: StartScripted, location: str, error: type[anyiohttp.ClientError]
) -> None:
    server = await scripted_server(recording([], to(location)))
    async with anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(limit=1)) as session:
        with pytest.raises(error) as caught:
            await session.get(server.url)
        assert isinstance(caught.value, anyiohttp.RedirectClientError)
        assert "secret" not in f"{caught.value} {caught.value!r}"
        async with session.get(server.url) as r:
            assert r.status == 200


async def test_requote_redirect_url(scripted_server: StartScripted) -> None:
    requests: list[tuple[bytes, bytes]] = []
    server = await scripted_server(recording(requests, to("/a|b"), OK, to("/a|b"), OK))
    for requote in (True, False):
        async with (
            anyiohttp.ClientSession(requote_redirect_url=requote) as session,
            session.get(server.url) as r,
        ):
            assert r.status == 200
    targets = [head.split()[1] for head, _ in requests]
    assert targets == [b"/", b"/a%7Cb", b"/", b"/a|b"]


# --- proxies ---


async def test_the_environment_is_asked_for_each_hop(
    loopback: LoopbackServer, scripted_server: StartScripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[tuple[bytes, bytes]] = []
    direct = await scripted_server(recording(requests))
    for name in ("HTTP_PROXY", "all_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxy = loopback.proxy_url.with_user("proxy-user").with_password("proxy-secret")
    monkeypatch.setenv("http_proxy", str(proxy))
    monkeypatch.setenv("no_proxy", f"127.0.0.1:{direct.port}")
    async with anyiohttp.ClientSession(trust_env=True) as session:
        params = {"url": str(direct.url / "x")}
        async with session.get(loopback.url / "redirect-to", params=params) as r:
            assert await r.read() == b"ok"
    assert loopback.proxy_counts.forwarded == 1
    assert requests[0][0].split()[1] == b"/x"
    assert field_of(requests[0][0], "Proxy-Authorization") == []


async def test_a_proxy_of_the_request_goes_on(loopback: LoopbackServer) -> None:
    async with (
        anyiohttp.ClientSession() as session,
        session.get(loopback.url / "redirect/2", proxy=loopback.proxy_url) as r,
    ):
        assert (await r.json())["path"] == "/get"
    assert loopback.proxy_counts.forwarded == 3


async def test_proxy_credentials_are_for_the_proxy_only(
    loopback: LoopbackServer, scripted_server: StartScripted
) -> None:
    requests: list[tuple[bytes, bytes]] = []
    proxied: list[tuple[bytes, bytes]] = []
    target = await scripted_server(recording(requests))
    proxy = await scripted_server(recording(proxied, to(target.url / "second"), OK))
    auth = anyiohttp.BasicAuth("proxy-user", "proxy-secret")
    async with (
        anyiohttp.ClientSession() as session,
        session.get("http://first.test/", proxy=proxy.url, proxy_auth=auth) as r,
    ):
        assert await r.read() == b"ok"
        shown = [*r.request_info.headers, *r.history[0].request_info.headers]
    # Both hops went through the proxy, and it alone was greeted.
    assert [field_of(head, "Proxy-Authorization") for head, _ in proxied] == [[auth.encode()]] * 2
    assert requests == []
    assert "Proxy-Authorization" not in shown
