"""Talking over a WebSocket."""

import anyio

import anyiohttp


# --8<-- [start:talk]
async def talk(url: str) -> str:
    async with anyiohttp.ClientSession() as session:
        async with session.ws_connect(url, heartbeat=30) as websocket:
            await websocket.send_str("hello")
            async for message in websocket:
                if message.type is anyiohttp.WSMsgType.TEXT:
                    return message.data
    raise RuntimeError(f"closed with {websocket.close_code}")


# --8<-- [end:talk]


# --8<-- [start:both]
async def both_ways(url: str) -> list[str]:
    heard = []
    async with anyiohttp.ClientSession() as session:
        async with session.ws_connect(url) as websocket, anyio.create_task_group() as tasks:

            async def listen() -> None:
                async for message in websocket:
                    heard.append(message.data)
                    if len(heard) == 3:
                        await websocket.close()

            tasks.start_soon(listen)
            for number in range(3):
                await websocket.send_str(f"message {number}")
    return heard


# --8<-- [end:both]


async def main(url: str) -> None:
    assert await talk(f"{url}/websocket") == "hello"
    assert await both_ways(f"{url}/websocket") == ["message 0", "message 1", "message 2"]
