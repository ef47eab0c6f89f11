"""The first requests."""

import anyio

import anyiohttp


# --8<-- [start:first]
async def first(url: str) -> None:
    async with anyiohttp.ClientSession() as session:
        async with session.get(f"{url}/json") as response:
            print(response.status, response.content_type)
            print(await response.json())


# --8<-- [end:first]


# --8<-- [start:await]
async def without_a_block(session: anyiohttp.ClientSession, url: str) -> None:
    response = await session.get(f"{url}/json")
    document = await response.json()  # read to its end: the connection is free again
    assert document["numbers"] == [1, 2, 3]


# --8<-- [end:await]


# --8<-- [start:params]
async def parameters(session: anyiohttp.ClientSession, url: str) -> None:
    params = [("q", "a & b"), ("tag", "x"), ("tag", "y")]
    async with session.get(f"{url}/get", params=params) as response:
        assert response.url.raw_query_string == "q=a+%26+b&tag=x&tag=y"


# --8<-- [end:params]


# --8<-- [start:post]
async def posts(session: anyiohttp.ClientSession, url: str) -> None:
    async with session.post(f"{url}/echo", json={"name": "Zoë", "age": 42}) as response:
        assert response.status == 200
    async with session.post(f"{url}/form", data={"name": "Zoë", "tag": "a"}) as response:
        assert response.status == 200
    async with session.put(f"{url}/echo", data=b"bytes as they are") as response:
        assert response.status == 200


# --8<-- [end:post]


# --8<-- [start:concurrent]
async def at_once(session: anyiohttp.ClientSession, url: str) -> dict[int, int]:
    statuses: dict[int, int] = {}

    async def fetch(code: int) -> None:
        async with session.get(f"{url}/status/{code}") as response:
            statuses[code] = response.status

    async with anyio.create_task_group() as tasks:
        for code in (200, 204, 404):
            tasks.start_soon(fetch, code)
    return statuses


# --8<-- [end:concurrent]


async def main(url: str) -> None:
    await first(url)
    async with anyiohttp.ClientSession() as session:
        await without_a_block(session, url)
        await parameters(session, url)
        await posts(session, url)
        assert await at_once(session, url) == {200: 200, 204: 204, 404: 404}
