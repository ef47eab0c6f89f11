"""Methods, parameters, header fields, credentials, and what a session says for all requests."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

from typing import Any

from multidict import CIMultiDict, MultiDict
from tests.compat.registry import scenario
from tests.compat.stage import Stage


@scenario
async def get_and_read(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(stage.url / "json") as response:
            await stage.head_of(response)
            stage.saw("json", await response.json())
            stage.saw("text", await response.text())
        again = await session.get(stage.url / "json")
        stage.saw("awaited", await again.read())


@scenario
async def params_of_every_kind(aiohttp: Any, stage: Stage) -> None:
    kinds: dict[str, Any] = {
        "dict": {"a": "1", "b": "ä &+/?="},
        "numbers": {"int": 1, "float": 1.5},
        "list values": {"a": ["1", "2"]},
        "pairs": [("a", "1"), ("a", "2"), ("b", "")],
        "multidict": MultiDict([("a", "1"), ("a", "2")]),
        "str": "a=1&b=%20c",
        "str with spaces": "a=b c&d=ü",
        "empty": {},
        "none": None,
    }
    async with aiohttp.ClientSession() as session:
        for name, params in kinds.items():
            async with session.get(stage.url / "get", params=params) as response:
                stage.saw(name, response.url)


@scenario
async def params_are_merged_with_the_query(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{stage.url}get?a=1&b=2"
        for number, params in enumerate(({"b": "3"}, [("c", "4")], "d=5", {})):
            async with session.get(url, params=params) as response:
                stage.saw(f"url {number}", response.url)


@scenario
async def params_that_cannot_be_sent(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, value in {"bool": True, "none": None, "object": object()}.items():
            await stage.fails(name, session.get(stage.url / "get", params={"a": value}))


@scenario
async def every_method(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name in ("get", "post", "put", "delete", "patch", "options", "head"):
            async with getattr(session, name)(stage.url / "echo") as response:
                stage.saw(f"{name} method", response.method)
                stage.saw(f"{name} status", response.status)
                stage.saw(f"{name} size", len(await response.read()) > 0)
        for name in ("get", "PROPFIND", "Purge", "M-SEARCH"):
            async with session.request(name, stage.url / "echo") as response:
                stage.saw(f"request {name} method", response.method)


@scenario
async def bodies_with_any_method(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name in ("get", "delete", "options", "patch", "put"):
            async with session.request(name, stage.url / "echo", data=b"body") as response:
                stage.saw(name, (await response.json())["body"])


@scenario
async def methods_that_are_none(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name in ("", "GE T", "GET\r\nX: y", "gét", "GET/"):
            await stage.fails(repr(name), session.request(name, stage.url / "get"))


@scenario
async def module_level_request(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.request("GET", stage.url / "json") as response:
        stage.saw("status", response.status)
        stage.saw("text", await response.text())
    async with aiohttp.request(
        "post",
        stage.url / "echo",
        params={"q": "1"},
        json={"a": 1},
        headers={"X-A": "b"},
        cookies={"c": "d"},
        auth=aiohttp.BasicAuth("user", "pass"),
        timeout=aiohttp.ClientTimeout(total=10),
        version=aiohttp.HttpVersion10,
    ) as response:
        stage.saw("body", (await response.json())["body"])


@scenario
async def header_fields(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(headers={"X-A": "session", "X-B": "session"}) as session:
        stage.saw("session's", session.headers)
        url = stage.url / "get"
        for headers in (
            None,
            {"x-a": "request"},
            [("X-C", "1"), ("X-C", "2")],
            CIMultiDict([("X-A", "1"), ("X-A", "2")]),
            {"Accept": "text/html", "User-Agent": "me", "Accept-Encoding": "identity"},
            {"Host": "example.org"},
            {"X-Empty": "", "X-Utf8": "grüß"},
            {"Connection": "close"},
        ):
            async with session.get(url, headers=headers) as response:
                stage.saw(f"status for {headers}", response.status)


@scenario
async def automatic_header_fields_can_be_skipped(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(skip_auto_headers=["User-Agent"]) as session:
        stage.saw("skipped", session.skip_auto_headers)
        async with session.get(stage.url / "get") as response:
            stage.saw("get", response.status)
        async with session.post(
            stage.url / "echo",
            data=b"x",
            skip_auto_headers=["content-type", "Accept", "Accept-Encoding"],
        ) as response:
            stage.saw("post", response.status)


@scenario
async def header_fields_that_would_inject(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, headers in {
            "CR LF in a value": {"X-A": "b\r\nX-C: d"},
            "LF in a value": {"X-A": "b\nX-C: d"},
            "NUL in a value": {"X-A": "b\0"},
            "CR LF in a name": {"X-A: b\r\nX-C": "d"},
        }.items():
            await stage.fails(name, session.get(stage.url / "get", headers=headers))
        await stage.fails("number", session.get(stage.url / "get", headers={"X-A": 1}))


@scenario
async def base_url(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(base_url=stage.url) as session:
        for url in ("get", "/get?a=1", "status/204", stage.url / "json"):
            async with session.get(url) as response:
                stage.saw(f"{url}", response.url)
    async with aiohttp.ClientSession(f"{stage.url}status/") as session:
        for url in ("200", "/status/201", "../get", "./204"):
            async with session.get(url) as response:
                stage.saw(f"below {url}", response.url)
    stage.refuses("no slash", aiohttp.ClientSession, f"{stage.url}get")
    stage.refuses("relative", aiohttp.ClientSession, "/get")


@scenario
async def basic_auth(aiohttp: Any, stage: Stage) -> None:
    good = aiohttp.BasicAuth("user", "pass")
    url = stage.url / "basic-auth" / "user" / "pass"
    async with aiohttp.ClientSession() as session:
        for name, kwargs in {
            "none": {},
            "good": {"auth": good},
            "bad": {"auth": aiohttp.BasicAuth("user", "wrong")},
            "header": {"headers": {"Authorization": good.encode()}},
            "utf-8": {"auth": aiohttp.BasicAuth("üser", "päss", encoding="utf-8")},
        }.items():
            async with session.get(url, **kwargs) as response:
                stage.saw(name, response.status)
        async with session.get(url.with_user("user").with_password("pass")) as response:
            stage.saw("in the URL", response.status)
            stage.saw("url", response.url)
            stage.saw("request's url", response.request_info.url)
    async with aiohttp.ClientSession(auth=good) as session, session.get(url) as response:
        stage.saw("session's", response.status)


@scenario
async def credentials_that_contradict_each_other(aiohttp: Any, stage: Stage) -> None:
    auth = aiohttp.BasicAuth("user", "pass")
    in_url = stage.url.with_user("user").with_password("pass") / "get"
    header = {"Authorization": "Bearer x"}
    async with aiohttp.ClientSession() as session:
        await stage.fails("URL and auth", session.get(in_url, auth=auth))
        await stage.fails("header and auth", session.get(stage.url, auth=auth, headers=header))
        await stage.fails("header and URL", session.get(in_url, headers=header))
        await stage.fails("a tuple", session.get(stage.url / "get", auth=("user", "pass")))
    async with aiohttp.ClientSession(auth=auth) as session:
        await stage.fails("session and header", session.get(stage.url, headers=header))
    async with aiohttp.ClientSession(headers=header) as session:
        await stage.fails("session's header", session.get(stage.url / "get", auth=auth))


@scenario
async def basic_auth_as_a_value(aiohttp: Any, stage: Stage) -> None:
    auth = aiohttp.BasicAuth("user", "päss")
    stage.saw("tuple", tuple(auth))
    stage.saw("encoded", auth.encode())
    stage.saw("decoded", tuple(aiohttp.BasicAuth.decode(auth.encode())))
    stage.saw("equal", aiohttp.BasicAuth.decode(auth.encode()) == auth)
    for name, args in {
        "colon": ("us:er", "x"),
        "no login": (None, "x"),
        "no password": ("x", None),
    }.items():
        stage.refuses(name, aiohttp.BasicAuth, *args)
    for text in ("Bearer x", "Basic", "Basic ???", "Basic eA=="):
        stage.refuses(text, aiohttp.BasicAuth.decode, text)


@scenario
async def http_10(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(version=aiohttp.HttpVersion10) as session:
        stage.saw("session's", session.version)
        async with session.get(stage.url / "get") as response:
            stage.saw("status", response.status)
            stage.saw("version", response.version)
        async with session.post(stage.url / "echo", data=b"x") as response:
            stage.saw("post", response.status)
    stage.saw("connections", stage.server.counts.connections)


@scenario
async def raise_for_status(aiohttp: Any, stage: Stage) -> None:
    bad, good = stage.url / "status" / "404", stage.url / "status" / "200"
    async with aiohttp.ClientSession() as session:
        response = await session.get(bad)
        stage.saw("ok", response.ok)
        stage.refuses("method", response.raise_for_status)
        stage.saw("closed", response.closed)
        async with session.get(bad) as response:
            stage.refuses("method in a block", response.raise_for_status)
            stage.saw("text", await response.text())
        async with session.get(good) as response:
            stage.saw("good", response.raise_for_status())
        await stage.fails("request", session.get(bad, raise_for_status=True))
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await stage.fails("session", session.get(bad))
        async with session.get(bad, raise_for_status=False) as response:
            stage.saw("switched off", response.status)
        await stage.fails("500", session.get(stage.url / "status" / "500"))


@scenario
async def raise_for_status_as_a_function(aiohttp: Any, stage: Stage) -> None:
    class Special(Exception):
        pass

    async def check(response: Any) -> None:
        if response.status == 418:
            raise Special(await response.text())

    async with aiohttp.ClientSession(raise_for_status=check) as session:
        await stage.fails("418", session.get(stage.url / "status" / "418"))
        async with session.get(stage.url / "status" / "500") as response:
            stage.saw("500", response.status)
        async with session.get(stage.url / "status" / "418", raise_for_status=False) as response:
            stage.saw("off", response.status)


@scenario
async def json_serialize(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession(json_serialize=lambda value: f"<{value}>") as session:
        async with session.post(stage.url / "echo", json={"a": 1}) as response:
            stage.saw("body", (await response.json())["body"])


@scenario
async def a_closed_session(aiohttp: Any, stage: Stage) -> None:
    session = aiohttp.ClientSession()
    stage.saw("open", session.closed)
    await session.close()
    stage.saw("closed", session.closed)
    stage.saw("connector", session.connector)
    await stage.fails("get", session.get(stage.url / "get"))
    stage.saw("again", await session.close())


@scenario
async def options_that_contradict_each_other(aiohttp: Any, stage: Stage) -> None:
    url = stage.url / "echo"
    async with aiohttp.ClientSession() as session:
        await stage.fails("data and json", session.post(url, data=b"x", json=1))
        await stage.fails(
            "compress",
            session.post(url, data=b"x", compress=True, headers={"Content-Encoding": "gzip"}),
        )
        await stage.fails(
            "chunked", session.post(url, data=b"x", chunked=True, headers={"Content-Length": "1"})
        )
        await stage.fails("expect100 of nothing", session.get(url, expect100=True))
        await stage.fails("timeout", session.get(url, timeout="soon"))

    async def unknown() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(url, colour="red")

    await stage.fails("unknown", unknown())


@scenario
async def what_a_session_tells_of_itself(aiohttp: Any, stage: Stage) -> None:
    auth = aiohttp.BasicAuth("user")
    async with aiohttp.ClientSession(
        auth=auth,
        headers={"X-A": "b"},
        trust_env=True,
        auto_decompress=False,
        raise_for_status=True,
        requote_redirect_url=False,
        timeout=aiohttp.ClientTimeout(total=3),
    ) as session:
        stage.saw("auth", session.auth)
        for name in (
            "headers",
            "trust_env",
            "auto_decompress",
            "raise_for_status",
            "requote_redirect_url",
            "connector_owner",
            "version",
            "skip_auto_headers",
            "closed",
        ):
            stage.saw(name, getattr(session, name))
        stage.saw("timeout", session.timeout.total)
        stage.saw("jar", len(session.cookie_jar))

    async def without_async(session: Any) -> None:
        with session:
            pass  # pragma: no cover

    async with aiohttp.ClientSession() as session:
        await stage.fails("with", without_async(session))


@scenario
async def middlewares(aiohttp: Any, stage: Stage) -> None:
    async def sign(request: Any, handler: Any) -> Any:
        request.headers["X-Signed"] = f"{request.method} {request.url.path}"
        response = await handler(request)
        stage.saw(f"middleware {stage.requests}", response.status)
        return response

    async def refuse(request: Any, handler: Any) -> Any:
        raise ValueError("refused")

    async with aiohttp.ClientSession(middlewares=(sign,)) as session:
        async with session.get(stage.url / "get") as response:
            stage.saw("status", response.status)
        async with session.get(stage.url / "get", middlewares=()) as response:
            stage.saw("without", response.status)
        await stage.fails("refused", session.get("http://no.such.host/", middlewares=(refuse,)))
