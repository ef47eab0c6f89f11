"""Errors, from the special to the general."""

import anyiohttp


# --8<-- [start:tree]
async def fetch(session: anyiohttp.ClientSession, url: str) -> str:
    try:
        async with session.get(url) as response:
            response.raise_for_status()
            return await response.text()
    except anyiohttp.ClientResponseError as exc:
        return f"the server refused: {exc.status}"
    except anyiohttp.ServerTimeoutError as exc:
        return f"too slow: {exc.phase}"
    except anyiohttp.ClientConnectorError as exc:
        return f"no connection to {exc.host}: {exc.os_error}"
    except anyiohttp.ClientPayloadError:
        return "the body broke off"
    except anyiohttp.ClientError as exc:  # everything else this library raises
        return f"failed: {exc}"


# --8<-- [end:tree]


async def main(url: str) -> None:
    async with anyiohttp.ClientSession() as session:
        assert await fetch(session, f"{url}/status/404") == "the server refused: 404"
        assert (await fetch(session, "http://127.0.0.1:1/")).startswith("no connection to 127")
        assert await fetch(session, "mailto:nobody") == "failed: mailto:nobody"
