"""What is cancelled leaves nothing behind."""

import anyio

import anyiohttp


# --8<-- [start:first]
async def first_answer(session: anyiohttp.ClientSession, urls: list[str]) -> bytes:
    """Ask several servers, take the first answer and cancel the others."""
    answer = b""

    async def ask(url: str) -> None:
        nonlocal answer
        async with session.get(url) as response:
            answer = await response.read()
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for url in urls:
            tasks.start_soon(ask, url)
    return answer


# --8<-- [end:first]


# --8<-- [start:pool]
async def slots_come_back(url: str) -> None:
    """A hundred cancelled calls over two connections; then both are free."""
    connector = anyiohttp.TCPConnector(limit=2)
    async with anyiohttp.ClientSession(connector=connector) as session:
        with anyio.move_on_after(0.1):
            async with anyio.create_task_group() as tasks:
                for _ in range(100):
                    tasks.start_soon(session.request, "GET", f"{url}/slow")
        with anyio.fail_after(5):
            async with session.get(f"{url}/get") as response:
                assert response.status == 200


# --8<-- [end:pool]


async def main(url: str) -> None:
    async with anyiohttp.ClientSession() as session:
        urls = [f"{url}/slow", f"{url}/close", f"{url}/slow"]
        assert await first_answer(session, urls) == b"goodbye\n"
    await slots_come_back(url)
