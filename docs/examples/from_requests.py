"""A program as it would be with requests, here."""

# --8<-- [start:program]
import anyiohttp


async def main(url: str) -> None:
    async with anyiohttp.ClientSession(f"{url}/", raise_for_status=True) as session:
        async with session.get("get", params={"page": "2"}, timeout=10) as response:
            print(await response.json())


# --8<-- [end:program]
