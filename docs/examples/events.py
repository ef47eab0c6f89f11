"""Receiving server-sent events."""

import anyiohttp


# --8<-- [start:events]
async def follow(url: str) -> list[str]:
    seen = []
    async with anyiohttp.ClientSession() as session:
        async with session.sse(url) as events:
            async for event in events:
                print(event.event, event.data)
                seen.append(event.id)
    return seen


# --8<-- [end:events]


async def main(url: str) -> None:
    seen = await follow(f"{url}/events")
    assert seen[0] == "1"
    assert len(seen) == 6
