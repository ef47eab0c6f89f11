"""Requests from the command line, against the loopback server."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from tests.certs.authority import CertFiles, Fingerprints

from anyiohttp.cli.exit_codes import ExitCode
from anyiohttp.cli.loopback import LoopbackServer, serve
from anyiohttp.cli.loopback.handlers import pattern
from anyiohttp.cli.main import main

Capture = pytest.CaptureFixture[bytes]


def told(capture: Capture) -> dict[str, object]:
    return json.loads(capture.readouterr().out)


def fields(said: dict[str, object]) -> dict[str, str]:
    return {name.lower(): value for name, value in said["headers"]}  # type: ignore[attr-defined]


def test_get(server: LoopbackServer, capfdbinary: Capture) -> None:
    url = str(server.url / "get" % {"a": "1"})
    items = ["b==2", "X-One:1", "X-Empty;", "User-Agent:", "-H", "X-Two: 2", "-b", "c=d"]
    assert main(["get", url, *items]) == 0
    said = told(capfdbinary)
    assert said["query"] == [["a", "1"], ["b", "2"]]
    got = fields(said)
    assert (got["x-one"], got["x-two"], got["x-empty"], got["cookie"]) == ("1", "2", "", "c=d")
    assert "user-agent" not in got


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_bodies(server: LoopbackServer, capfdbinary: Capture, tmp_path: Path, backend: str) -> None:
    def sent(*arguments: str) -> dict[str, object]:
        assert main(["post", *arguments, "--backend", backend]) == 0
        return told(capfdbinary)

    echo = str(server.url / "echo")
    said = sent(echo, "a=Zoë", "n:=1.10", "--compress")
    assert said["body"] == '{"a": "Zoë", "n": 1.10}'
    assert fields(said)["content-type"] == "application/json"
    said = sent(echo, "a=b c", "--form")
    assert said["body"] == "a=b+c"
    (tmp_path / "file.png").write_bytes(pattern(300_000))
    said = sent(echo, f"@{tmp_path / 'file.png'}")
    assert said["sha256"] == hashlib.sha256(pattern(300_000)).hexdigest()
    assert fields(said)["content-type"] == "image/png"
    said = sent(str(server.url / "upload"), f"f@{tmp_path / 'file.png'}", "a=b")
    assert [(part["name"], part["filename"], part["size"]) for part in said["parts"]] == [  # type: ignore[attr-defined]
        ("f", "file.png", 300_000),
        ("a", None, 1),
    ]


def test_head_and_redirects(server: LoopbackServer, capfdbinary: Capture) -> None:
    url = str(server.url / "redirect/2")
    assert main(["head", "-i", url]) == 0
    assert capfdbinary.readouterr().out.startswith(b"HTTP/1.1 302 Found\nLocation: /redirect/1\n")
    assert main(["get", "-i", "--no-follow", url]) == 0
    assert capfdbinary.readouterr().out.count(b"HTTP/1.1 ") == 1
    assert main(["get", "-i", url]) == 0
    assert re.findall(rb"HTTP/1.1 (\d+)", capfdbinary.readouterr().out) == [b"302", b"302", b"200"]
    assert main(["get", "--max-redirects", "1", url]) == ExitCode.REDIRECT


def test_to_a_file(server: LoopbackServer, tmp_path: Path, capfdbinary: Capture) -> None:
    target = tmp_path / "body"
    url = server.url / "redirect-to" % {"url": "/stream/300000"}
    assert main(["get", str(url), "-v", "-o", str(target)]) == 0
    assert target.read_bytes() == pattern(300_000)
    output, errors = capfdbinary.readouterr()
    assert output == b""
    assert b"293.0 KiB from" in errors
    assert b"after 1 redirect in" in errors
    assert main(["get", str(server.url / "cut"), "-o", str(tmp_path / "cut")]) == ExitCode.BROKEN
    assert b"ClientPayloadError" in capfdbinary.readouterr().err
    assert list(tmp_path.iterdir()) == [target]
    assert main(["get", str(url), "-o", str(tmp_path / "no" / "body")]) == ExitCode.FILE


def test_to_what_is_there(server: LoopbackServer, tmp_path: Path) -> None:
    """A link stays one, permissions stay, and a download's part file is left alone."""
    target, part = tmp_path / "body", tmp_path / "body.part"
    target.write_text("old")
    target.chmod(0o600)
    part.write_text("a download's")
    (tmp_path / "link").symlink_to("body")
    url = str(server.url / "stream/1000")
    assert main(["get", url, "-o", str(tmp_path / "link")]) == 0
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == pattern(1000)
    assert target.stat().st_mode & 0o777 == 0o600
    assert part.read_text() == "a download's"


def test_to_what_is_no_file(server: LoopbackServer, tmp_path: Path) -> None:
    """Root could put a file in the place of ``/dev/null``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert main(["get", str(server.url / "stream/1000"), "-o", str(pipe)]) == 0
        assert os.read(reader, 5000) == pattern(1000)
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert [*tmp_path.iterdir()] == [pipe]


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_to_a_pipe_whose_reader_comes_late(
    server: LoopbackServer, tmp_path: Path, backend: str
) -> None:
    """What does not fit into the pipe at once goes there all the same."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    url = str(server.url / "stream/300000")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_bytes)  # it waits for a writer, as the writer does for it
        assert main(["get", url, "-o", str(pipe), "--backend", backend]) == 0
        assert read.result() == pattern(300_000)


def test_to_a_pipe_whose_reader_goes(server: LoopbackServer, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def read() -> bytes:
        with pipe.open("rb", buffering=0) as file:
            return file.read(5)

    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(read)
        assert main(["get", str(server.url / "endless"), "-o", str(pipe)]) == ExitCode.PIPE
        assert heard.result() == b"line\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["/status/404"], ExitCode.CLIENT_STATUS, "404 Not Found"),
        (["/status/503"], ExitCode.SERVER_STATUS, "503 Service Unavailable"),
        (["/status/404", "--ignore-status"], ExitCode.OK, ""),
        (["/cut"], ExitCode.BROKEN, "ClientPayloadError: "),
        (["/slow", "--timeout", "0.1"], ExitCode.TIMEOUT, "0.1 s"),
        (["/slow", "--read-timeout", "0.1"], ExitCode.TIMEOUT, "SocketTimeoutError: "),
        (["/get", "--proxy", "http://127.0.0.1:1"], ExitCode.PROXY, "127.0.0.1:1"),
        (["/get", "--unix-socket", "/nowhere"], ExitCode.CONNECT, "/nowhere"),
        (["/get", "X:a\nb"], ExitCode.USAGE, "control character"),
    ],
)
def test_failures(
    server: LoopbackServer,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    code: ExitCode,
    said: str,
) -> None:
    path, *rest = arguments
    assert main(["get", f"{server.url.origin()}{path}", *rest]) == code
    assert said in capfd.readouterr().err


def test_files_that_cannot_be_read(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for item in ("a=@{}", "a:=@{}", "@{}", "a@{}"):
        assert main(["post", "http://127.0.0.1:1/", item.format("/nowhere")]) == ExitCode.FILE
        assert "/nowhere" in capfd.readouterr().err
    (tmp_path / "data").write_bytes(b"\xff")
    assert main(["post", "http://127.0.0.1:1/", f"a=@{tmp_path / 'data'}"]) == ExitCode.USAGE


def test_no_such_name_or_port(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "http://127.0.0.1:1/"]) == ExitCode.CONNECT
    assert main(["get", "http://nobody.invalid/"]) == ExitCode.NAME
    assert "nobody.invalid" in capfd.readouterr().err


def test_auth(server: LoopbackServer, capfdbinary: Capture) -> None:
    url = str(server.url / "basic-auth/me/secret")
    assert main(["get", url, "-a", "me:secret"]) == 0
    assert main(["get", url, "-a", "me:wrong"]) == ExitCode.CLIENT_STATUS
    capfdbinary.readouterr()
    get = str(server.url / "get")
    assert main(["get", get, "-a", "T0KEN", "--auth-type", "bearer"]) == 0
    assert fields(told(capfdbinary))["authorization"] == "Bearer T0KEN"


def test_digest(server: LoopbackServer, capfdbinary: Capture) -> None:
    digest = ["--auth-type", "digest", "-a"]
    url = str(server.url / "digest")
    assert main(["get", url, "-v", *digest, "me:secret"]) == 0
    output, errors = capfdbinary.readouterr()
    assert output == b"welcome"
    assert errors.count(b"> GET /digest HTTP/1.1\n") == 2  # each leg is shown
    assert main(["get", url, *digest, "me:wrong"]) == ExitCode.CLIENT_STATUS


def test_netrc(server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    url = str(server.url / "basic-auth/me/secret")
    assert main(["get", url]) == 0
    assert main(["get", url, "--no-env"]) == ExitCode.CLIENT_STATUS


def test_cookie_jar(server: LoopbackServer, tmp_path: Path, capfdbinary: Capture) -> None:
    jar = str(tmp_path / "jar")
    origin = str(server.url.with_host("localhost").origin())
    assert main(["get", f"{origin}/cookies/set?a=1", "--cookie-jar", jar]) == 0
    capfdbinary.readouterr()
    assert main(["get", f"{origin}/cookies", "--cookie-jar", jar]) == 0
    assert told(capfdbinary) == [["a", "1"]]


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_tls(
    server: LoopbackServer,
    cert_files: CertFiles,
    server_fingerprints: Fingerprints,
    capfd: pytest.CaptureFixture[str],
    backend: str,
) -> None:
    url = str(server.tls_url / "get")
    pin = f"sha256:{server_fingerprints.sha256.hex()}"
    wrong = f"sha256:{'00' * 32}"
    trusting = ["--ca", str(cert_files.ca)]

    def get(*arguments: str) -> int:
        return main(["get", url, "--backend", backend, *arguments])

    assert get() == ExitCode.TLS
    assert "CertificateError" in capfd.readouterr().err
    assert get(*trusting, "--pin", pin, "--tls-min", "1.3", "-v") == 0
    output, errors = capfd.readouterr()
    assert json.loads(output)["secure"] is True
    assert f"* connected to 127.0.0.1 port {server.tls_url.port}\n" in errors
    assert re.search(r"\* TLSv1\.3, TLS_\w+\n", errors)
    assert f"*   {pin}\n" in errors
    assert re.search(r"> GET /get HTTP/1\.1\n.*< HTTP/1\.1 200 OK\n", errors, re.DOTALL)
    assert re.search(r"\* connect .* TLS .* wait .* body .* total .* m?s\n", errors)
    assert get("-k") == 0
    assert get("-k", "--pin", pin) == 0
    for arguments in ([*trusting], ["-k"], ["-k", "-v"]):
        assert get(*arguments, "--pin", wrong) == ExitCode.TLS
    assert get(*trusting, "--server-name", "nobody.example") == ExitCode.TLS
    assert get("--ca", __file__) == ExitCode.FILE
    assert get("--cert", __file__) == ExitCode.FILE


def test_client_certificate(cert_files: CertFiles, mtls_server_ssl_context: ssl.SSLContext) -> None:
    serving = serve(tls=mtls_server_ssl_context)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving) as server:
        url = str(server.tls_url / "get")
        trusting = ["--ca", str(cert_files.ca)]
        assert main(["get", url, *trusting, "--cert", str(cert_files.client)]) == 0
        assert main(["get", url, *trusting]) in (ExitCode.TLS, ExitCode.CONNECT)


def test_other_ways(server: LoopbackServer, cert_files: CertFiles, capfdbinary: Capture) -> None:
    proxy = ["--proxy", str(server.proxy_url), "--proxy-auth", "me:secret"]
    before = server.proxy_counts.tunnels, server.proxy_counts.forwarded
    assert main(["get", str(server.tls_url / "get"), *proxy, "--ca", str(cert_files.ca)]) == 0
    assert main(["get", str(server.url / "get"), *proxy]) == 0
    assert main(["get", str(server.url / "get"), *proxy[:2]]) == ExitCode.CLIENT_STATUS
    after = server.proxy_counts.tunnels, server.proxy_counts.forwarded
    assert after == (before[0] + 1, before[1] + 1)
    assert main(["get", "--unix-socket", str(server.unix_path), "http://any.example/get"]) == 0
    assert main(["get", "--http", "1.0", "-i", str(server.url / "get")]) == 0
    capfdbinary.readouterr()


def test_verbose_tells_a_failed_request(
    server: LoopbackServer, capfd: pytest.CaptureFixture[str]
) -> None:
    url = str(server.url / "slow")
    assert main(["post", "-v", url, "a=b", "--timeout", "0.1"]) == ExitCode.TIMEOUT
    assert "> POST /slow HTTP/1.1\n" in capfd.readouterr().err


def test_pretty_when_asked(server: LoopbackServer, capfd: pytest.CaptureFixture[str]) -> None:
    url = str(server.url / "json")
    assert main(["get", url, "--pretty", "always", "--color", "always"]) == 0
    output = capfd.readouterr().out
    assert "\x1b[" in output
    assert re.sub(r"\x1b\[[\d;]*m", "", output).startswith('{\n    "name": "anyiohttp",\n')
    assert main(["get", url]) == 0
    assert capfd.readouterr().out.startswith('{"name": "anyiohttp",')


async def _asgi(scope: dict[str, object], receive: object, send: Callable[..., Any]) -> None:
    """Tell the HTTP version that a request came by."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]}
    await send(start)
    await send({"type": "http.response.body", "body": str(scope["http_version"]).encode()})


@pytest.fixture(scope="module")
def http2_servers(cert_files: CertFiles) -> Iterator[tuple[str, str]]:
    """The URLs of a server that speaks HTTP/2, plain and by TLS."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        config = Config()
        config.accesslog = config.errorlog = None
        config.certfile, config.keyfile = str(cert_files.cert), str(cert_files.key)
        urls = []
        for scheme, binds in (("http", "insecure_bind"), ("https", "bind")):
            sock = socket.create_server(("127.0.0.1", 0))
            urls.append(f"{scheme}://127.0.0.1:{sock.getsockname()[1]}/")
            setattr(config, binds, [f"fd://{sock.detach()}"])  # the server closes it
        stop = portal.call(anyio.Event)
        task = portal.start_task_soon(
            partial(hypercorn_serve, _asgi, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
        )
        yield urls[0], urls[1]
        portal.call(stop.set)
        task.result(timeout=20)


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_http2(
    http2_servers: tuple[str, str],
    cert_files: CertFiles,
    capfd: pytest.CaptureFixture[str],
    backend: str,
) -> None:
    plain, secure = http2_servers
    trusting = ["--ca", str(cert_files.ca), "--backend", backend]
    for arguments, wanted in (
        ([secure], "2"),
        ([secure, "--http", "2", "-v"], "2"),
        ([secure, "--http", "1.1"], "1.1"),
        ([plain], "1.1"),
        ([plain, "--http", "2", "-i"], "2"),
    ):
        assert main(["get", *arguments, *trusting]) == 0
        output, errors = capfd.readouterr()
        assert output.endswith(wanted)
        if "-i" in arguments:
            assert output.startswith("HTTP/2 200\n")
        if "-v" in arguments:
            assert "> GET / HTTP/2\n" in errors
            assert "ALPN h2" in errors
            assert "< HTTP/2 200\n" in errors


@pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
def test_standard_input_is_sent(
    server: LoopbackServer,
    capfdbinary: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
) -> None:
    """From a file, which can always be read, and from a pipe."""
    path = tmp_path / "in"
    path.write_bytes(pattern(200_000))
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe")
    os.close(writing)
    url = str(server.url / "upload")
    for given, wanted in ((path, pattern(200_000)), (reading, b"from a pipe")):
        with open(given, encoding="utf-8") as source:  # noqa: PTH123 - a path, or a descriptor
            monkeypatch.setattr("sys.stdin", source)
            assert main(["post", url, "@-", "--backend", backend]) == 0
        assert told(capfdbinary)["sha256"] == hashlib.sha256(wanted).hexdigest()
