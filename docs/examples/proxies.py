"""Through a proxy."""

import ssl

import anyiohttp


# --8<-- [start:proxy]
async def through_a_proxy(tls_url: str, proxy: str, context: ssl.SSLContext) -> None:
    auth = anyiohttp.BasicAuth("user", "secret")
    async with anyiohttp.ClientSession(proxy=proxy, proxy_auth=auth) as session:
        async with session.get(f"{tls_url}/get", ssl=context) as response:  # CONNECT, then TLS
            assert (await response.json())["secure"]


# --8<-- [end:proxy]


# --8<-- [start:env]
async def by_the_environment() -> anyiohttp.ClientSession:
    # http_proxy, https_proxy, all_proxy, no_proxy; and netrc for credentials
    return anyiohttp.ClientSession(trust_env=True)


# --8<-- [end:env]


async def main(tls_url: str, ca: str, proxy: str) -> None:
    await through_a_proxy(tls_url, proxy, ssl.create_default_context(cafile=ca))
    async with await by_the_environment() as session:
        assert session.trust_env
