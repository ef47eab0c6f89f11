"""A relay that lets each connection have so many bytes per second, whatever is asked for on it.

nginx's ``limit_rate`` is for each request, and gives each its first second's worth at once: whoever
asks often would get more. This one does not know what a request is.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def relay(port: int, rate: float) -> Iterator[int]:
    """Relay to a port of 127.0.0.1; give the port to connect to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):  # the listener was closed
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(("127.0.0.1", port))
                    start(client, server, None)
                    start(server, client, rate)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def start(source: socket.socket, target: socket.socket, rate: float | None) -> None:
    threading.Thread(target=pump, args=(source, target, rate), daemon=True).start()


def pump(source: socket.socket, target: socket.socket, rate: float | None) -> None:
    due = time.monotonic()
    with suppress(OSError):
        while data := source.recv(64 * 1024):
            target.sendall(data)
            if rate is not None:
                due = max(due, time.monotonic() - 0.1) + len(data) / rate
                time.sleep(max(0.0, due - time.monotonic()))
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
