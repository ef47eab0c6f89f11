"""TLS: own authorities, client certificates, pins."""

import ssl

import anyiohttp


# --8<-- [start:authority]
async def own_authority(tls_url: str, ca: str) -> None:
    context = ssl.create_default_context(cafile=ca)
    # context.load_cert_chain("client.pem") shows a certificate of the client's
    async with anyiohttp.ClientSession(connector=anyiohttp.TCPConnector(ssl=context)) as session:
        async with session.get(f"{tls_url}/get") as response:
            assert response.status == 200


# --8<-- [end:authority]


# --8<-- [start:pin]
async def pinned(tls_url: str, sha256: bytes) -> None:
    async with anyiohttp.ClientSession() as session:
        # In place of verification; fingerprint=sha256 would be in addition to it.
        pin = anyiohttp.Fingerprint(sha256)
        async with session.get(f"{tls_url}/get", ssl=pin) as response:
            assert response.status == 200
        try:
            await session.get(f"{tls_url}/get", ssl=anyiohttp.Fingerprint(b"\0" * 32))
        except anyiohttp.FingerprintMismatch as exc:
            assert exc.got == sha256  # nothing of the request was sent


# --8<-- [end:pin]


async def main(tls_url: str, ca: str, sha256: bytes) -> None:
    await own_authority(tls_url, ca)
    await pinned(tls_url, sha256)
