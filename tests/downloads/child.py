"""A process that downloads one file, for those who measure it.

``python -m tests.downloads.child BACKEND URL PATH CONNECTIONS [DIGEST]``; it prints a line of JSON.
"""

from __future__ import annotations

import functools
import json
import resource
import sys

import anyio

from anyiohttp import ClientSession


async def run(url: str, path: str, connections: int, digest: str | None) -> None:
    async with ClientSession() as session:
        result = await session.download(url, path, connections=connections, digest=digest)
    print(
        json.dumps(
            {
                "size": result.size,
                "received": result.received,
                "resumed": result.resumed,
                "failures": result.failures,
                "seconds": result.seconds,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


def main(backend: str, url: str, path: str, connections: str, digest: str | None = None) -> None:
    call = functools.partial(run, url, path, int(connections), digest)
    if backend == "trio":
        anyio.run(call, backend="trio")
    else:
        anyio.run(call, backend_options={"use_uvloop": backend == "uvloop"})


if __name__ == "__main__":
    main(*sys.argv[1:])
