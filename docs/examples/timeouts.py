"""Time limits, by phase and in all."""

import anyio

import anyiohttp

# --8<-- [start:phases]
LIMITS = anyiohttp.ClientTimeout(
    total=60,  # the whole call, body included
    pool=5,  # waiting for a free connection
    sock_connect=10,  # name, TCP, proxy and TLS
    send=20,  # one write
    sock_read=0.1,  # between two pieces of the answer
)


async def phases(url: str) -> None:
    async with anyiohttp.ClientSession(timeout=LIMITS) as session:
        try:
            await session.get(f"{url}/slow")
        except anyiohttp.ServerTimeoutError as exc:
            print(exc)  # says which limit it was, how long, and which host
            assert (exc.phase, exc.seconds) == ("sock_read", 0.1)


# --8<-- [end:phases]


# --8<-- [start:request]
async def of_a_request(session: anyiohttp.ClientSession, url: str) -> None:
    try:
        await session.get(f"{url}/slow", timeout=0.1)  # a number is the total
    except TimeoutError:
        print("it took too long")


# --8<-- [end:request]


# --8<-- [start:scope]
async def of_a_block(session: anyiohttp.ClientSession, url: str) -> None:
    with anyio.move_on_after(0.1) as scope:
        async with session.get(f"{url}/slow") as response:
            await response.read()
    assert scope.cancelled_caught


# --8<-- [end:scope]


async def main(url: str) -> None:
    await phases(url)
    async with anyiohttp.ClientSession() as session:
        await of_a_request(session, url)
        await of_a_block(session, url)
