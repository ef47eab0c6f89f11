"""URLs: what is sent, what is told, what is refused."""

# ruff: noqa: SIM117 - one block inside of the other, as programs are written

from __future__ import annotations

from typing import Any

from tests.compat.registry import scenario
from tests.compat.stage import Stage
from yarl import URL


@scenario
async def paths_and_queries_as_sent(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for path in (
            "get?a=b c",
            "get?ä=ö&x=%2B+",
            "get?a=%zz",
            "get?",
            "get?a&b=&=c",
            "./json/../get",
            "%67et",
            "get?a=b%26c;d",
            "get?q='\"<>[]{}|\\^`",
        ):
            async with session.get(f"{stage.url}{path}") as response:
                stage.saw(path, response.url)
                stage.saw(f"{path} answered", response.status)


@scenario
async def encoded_urls_are_left_alone(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for query in ("a=%67", "a=b%2fc", "a=~%7e"):
            url = URL(f"{stage.url}get?{query}", encoded=True)
            async with session.get(url) as response:
                stage.saw(query, response.url)


@scenario
async def fragments(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{stage.url}get?a=1#part") as response:
            stage.saw("url", response.url)
            stage.saw("real_url", response.real_url)
            stage.saw("request's url", response.request_info.url)
            stage.saw("request's real_url", response.request_info.real_url)
            stage.saw("host", response.host)


@scenario
async def urls_that_cannot_be_requested(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for url in (
            "",
            "/path",
            "example.org",
            "http://",
            "http:///path",
            "http:/path",
            "http://[::1",
            "http://localhost:port/",
            "http://localhost:99999/",
            "ftp://localhost/",
            "file:///etc/passwd",
            "mailto:me@example.org",
            "//localhost/",
            "http://user@/",
        ):
            await stage.fails(f"<{url}>", session.get(url))


@scenario
async def ipv6_literals(aiohttp: Any, stage: Stage) -> None:
    url = await stage.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", host="::1")
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        stage.saw("url", response.url)
        stage.saw("text", await response.text())


@scenario
async def upper_case_schemes_and_hosts(aiohttp: Any, stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"HTTP://LOCALHOST:{stage.url.port}/get") as response:
            stage.saw("url", response.url)
            stage.saw("status", response.status)
