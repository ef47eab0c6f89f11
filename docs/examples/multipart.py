"""Reading a multipart response, part by part."""

from pathlib import PurePath

import anyiohttp
from anyiohttp.testing import MemoryNetwork, Request, Response


# --8<-- [start:read]
async def parts(session: anyiohttp.ClientSession, url: str) -> dict[str, bytes]:
    found = {}
    async with session.get(url) as response:
        async for part in anyiohttp.MultipartReader.from_response(response):
            if isinstance(part, anyiohttp.MultipartReader):
                continue  # a body within the body; skipped
            name = PurePath(part.filename or part.name or "unnamed").name
            found[name] = await part.read(decode=True)
    return found


# --8<-- [end:read]


async def main() -> None:
    async def serve(request: Request) -> Response:
        writer = anyiohttp.MultipartWriter("form-data")
        writer.append("text").set_content_disposition("form-data", name="note")
        picture = writer.append(b"GIF89a")
        picture.set_content_disposition("form-data", name="picture", filename="a/b.gif")
        writer.append(anyiohttp.MultipartWriter("mixed"))
        return Response(200, await writer.as_bytes(), [("Content-Type", writer.content_type)])

    async with MemoryNetwork() as network:
        server = network.serve("example.org", serve)
        async with anyiohttp.ClientSession(connector=network.connector()) as session:
            found = await parts(session, str(server.url))
    assert found == {"note": b"text", "b.gif": b"GIF89a"}
