"""A FastAPI service that asks another one, with one session for its whole life.

    UPSTREAM=https://example.org python -m hypercorn examples/fastapi_service.py:app

The session is opened when the service starts and closed when it ends. A client that goes away
cancels its request, and with it the call to the other service: no connection is lost.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

import anyiohttp


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep a session for as long as the service runs."""
    timeout = anyiohttp.ClientTimeout(total=30, sock_connect=5)
    async with anyiohttp.ClientSession(os.environ["UPSTREAM"], timeout=timeout) as session:
        app.state.session = session
        yield


app = FastAPI(lifespan=lifespan)


def session_of(request: Request) -> anyiohttp.ClientSession:
    """Return the service's session."""
    session: anyiohttp.ClientSession = request.app.state.session
    return session


Session = Annotated[anyiohttp.ClientSession, Depends(session_of)]


@app.get("/summary")
async def summary(session: Session) -> dict[str, object]:
    """Ask for a document, and pass on a part of it."""
    try:
        async with session.get("/json", raise_for_status=True) as response:
            document = await response.json()
    except anyiohttp.ClientError as exc:
        raise HTTPException(502, f"the other service: {exc}") from exc
    return {"name": document["name"], "sum": sum(document["numbers"])}


@app.get("/file/{size}")
async def file(size: int, session: Session) -> StreamingResponse:
    """Pass a body on as it arrives."""
    response = await session.get(f"/stream/{size}")
    if not response.ok:
        response.release()
        raise HTTPException(502, f"the other service answered {response.status}")

    async def body() -> AsyncIterator[bytes]:
        async with response:
            async for piece in response.content.iter_any():
                yield piece

    return StreamingResponse(body(), media_type=response.content_type)
