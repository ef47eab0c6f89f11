"""The real servers run and do what the other tests of this directory rely on.

Asked with sockets and `http.client`: if these fail, the fault is not the client's.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from base64 import b64encode

from tests.integration.conftest import HAProxy, Nginx, Squid
from yarl import URL


def get(
    url: URL, path: str, context: ssl.SSLContext | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    assert url.host is not None
    connection = (
        http.client.HTTPSConnection(url.host, url.port, context=context, timeout=20)
        if context
        else http.client.HTTPConnection(url.host, url.port, timeout=20)
    )
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_nginx_serves(nginx: Nginx) -> None:
    assert get(nginx.url, "/hello.txt")[1] == b"hello from nginx\n"
    assert get(nginx.url, "/big.bin")[1] == nginx.big
    response, _ = get(nginx.url, "/text.txt", **{"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert get(nginx.url, "/redirect")[0].status == 302
    assert get(nginx.url, "/auth/hello.txt")[0].status == 401
    credentials = basic(nginx.user, nginx.password)
    assert get(nginx.url, "/auth/hello.txt", Authorization=credentials)[0].status == 200


def test_nginx_takes_uploads(nginx: Nginx) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", nginx.url.port, timeout=20)
    for path, size, status in (("/dav/smoke", 2_000_000, 201), ("/limited/smoke", 2000, 413)):
        connection.request("PUT", path, body=b"x" * size)
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()
    assert get(nginx.url, "/dav/smoke")[1] == b"x" * 2_000_000


def test_nginx_closes_after_two_requests(nginx: Nginx) -> None:
    with socket.create_connection(("127.0.0.1", nginx.url_short.port), timeout=20) as sock:
        sock.sendall(b"GET /told HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        data = b""
        while part := sock.recv(65536):
            data += part
    assert data.count(b"HTTP/1.1 200 OK") == 2


def test_nginx_tls(
    nginx: Nginx, client_ssl_context: ssl.SSLContext, mtls_client_ssl_context: ssl.SSLContext
) -> None:
    assert get(nginx.tls_url, "/told", client_ssl_context)[1] == b"GET /told https "
    assert get(nginx.mtls_url, "/told", client_ssl_context)[0].status == 400
    assert b"CN=client" in get(nginx.mtls_url, "/told", mtls_client_ssl_context)[1]


def test_nginx_unix_socket(nginx: Nginx) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(nginx.unix_path))
        sock.sendall(b"GET /told HTTP/1.0\r\n\r\n")
        assert b"200 OK" in sock.recv(65536)


def test_squid_forwards(squid: Squid, nginx: Nginx) -> None:
    target = str(nginx.url / "told")
    assert get(squid.open_url, target)[1] == b"GET /told http "
    response, _ = get(squid.url, target)
    assert response.status == 407
    assert "Basic" in response.headers["Proxy-Authenticate"]
    credentials = {"Proxy-Authorization": basic(squid.user, squid.password)}
    assert get(squid.url, target, **credentials)[0].status == 200


def test_squid_tunnels(squid: Squid, nginx: Nginx, client_ssl_context: ssl.SSLContext) -> None:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", squid.url.port, context=client_ssl_context, timeout=20
    )
    credentials = {"Proxy-Authorization": basic(squid.user, squid.password)}
    connection.set_tunnel("127.0.0.1", nginx.tls_url.port, headers=credentials)
    connection.request("GET", "/told")
    assert connection.getresponse().read() == b"GET /told https "
    connection.close()


def test_haproxy_is_a_proxy_over_tls(
    haproxy: HAProxy, nginx: Nginx, client_ssl_context: ssl.SSLContext
) -> None:
    target = str(nginx.url / "told")
    assert get(haproxy.tls_proxy_url, target, client_ssl_context)[1] == b"GET /told http "
    assert get(haproxy.guarded_tls_proxy_url, target, client_ssl_context)[0].status == 407


def test_haproxy_closes_idle_connections(haproxy: HAProxy) -> None:
    with socket.create_connection(("127.0.0.1", haproxy.impatient_url.port), timeout=20) as sock:
        sock.sendall(b"GET /told HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in sock.recv(65536)
        assert sock.recv(65536) == b""
