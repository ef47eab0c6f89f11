"""Sessions: defaults, a base URL, header fields."""

import anyiohttp


# --8<-- [start:defaults]
def make_session(base_url: str) -> anyiohttp.ClientSession:
    return anyiohttp.ClientSession(
        base_url,  # relative URLs are joined to it
        headers={"User-Agent": "example/1.0", "Accept": "application/json"},
        params={"version": "2"},  # merged with each request's own
        timeout=anyiohttp.ClientTimeout(total=20),
        raise_for_status=True,
    )


async def use(session: anyiohttp.ClientSession) -> None:
    async with session.get("get", params={"q": "x"}, headers={"Accept": "text/html"}) as response:
        told = await response.json()
    assert told["query"] == [["version", "2"], ["q", "x"]]
    assert dict(told["headers"])["Accept"] == "text/html"
    assert dict(told["headers"])["User-Agent"] == "example/1.0"


# --8<-- [end:defaults]


# --8<-- [start:service]
class Service:
    """One session for the life of a program, entered where the program's other resources are."""

    def __init__(self, url: str) -> None:
        self._session = anyiohttp.ClientSession(url)

    async def __aenter__(self) -> "Service":
        await self._session.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def numbers(self) -> list[int]:
        async with self._session.get("json") as response:
            document = await response.json()
        return document["numbers"]


# --8<-- [end:service]


async def main(url: str) -> None:
    async with make_session(f"{url}/") as session:
        await use(session)
    async with Service(f"{url}/") as service:
        assert await service.numbers() == [1, 2, 3]
