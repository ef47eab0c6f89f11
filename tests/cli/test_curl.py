"""The curl command for a plan: its words, and that curl then says what we say."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from yarl import URL

from anyiohttp.cli.curl import curl_command
from anyiohttp.cli.loopback import LoopbackServer
from anyiohttp.cli.main import main
from anyiohttp.cli.plan import (
    Auth,
    AuthKind,
    FileBody,
    MultipartBody,
    Part,
    RequestPlan,
    TextBody,
)
from anyiohttp.cli.settings import ConnectionSettings

A = URL("http://a/")
PLAIN = "curl --location --max-redirs 10 --compressed"


@pytest.mark.parametrize(
    ("plan", "wanted"),
    [
        (RequestPlan("GET", A), f"{PLAIN} http://a/"),
        (RequestPlan("GET", A, follow=False), "curl --compressed http://a/"),
        (RequestPlan("HEAD", A), "curl --head --compressed http://a/"),
        (RequestPlan("DELETE", A, follow=False), "curl --request DELETE --compressed http://a/"),
        (
            RequestPlan("GET", A, query=(("q", "a b"), ("q", "'"))),
            f"{PLAIN} 'http://a/?q=a+b&q='\"'\"''",
        ),
        (RequestPlan("GET", URL("http://[::1]:80/a")), f"{PLAIN} --globoff 'http://[::1]/a'"),
        (
            RequestPlan("GET", A, headers=(("X", "it's"), ("E", "")), dropped=("User-Agent",)),
            f"{PLAIN} --header 'X: it'\"'\"'s' --header 'E;' --header User-Agent: http://a/",
        ),
        (
            RequestPlan("GET", A, headers=(("accept-encoding", "x"),), follow=False),
            "curl --header 'accept-encoding: x' http://a/",
        ),
        (RequestPlan("GET", A, cookies=(("a", "b c"),)), f"{PLAIN} --cookie 'a=b c' http://a/"),
        (
            RequestPlan("POST", A, body=TextBody('@$`"\n', "a/b")),
            f"{PLAIN} --header 'Content-Type: a/b' --data-raw '@$`\"\n' http://a/",
        ),
        (RequestPlan("POST", A), f"curl --request POST{PLAIN[4:]} http://a/"),
        (
            RequestPlan("PUT", A, headers=(("content-type", "x/y"),), body=FileBody("a b")),
            f"curl --request PUT{PLAIN[4:]} --header 'content-type: x/y' --data-binary '@a b' "
            "http://a/",
        ),
        (
            RequestPlan(
                "POST",
                A,
                body=MultipartBody((Part("a", "@b"), Part("f", path='x"y', content_type="i/p"))),
            ),
            f'{PLAIN} --form-string a=@b --form \'f=@"x\\"y";type=i/p\' http://a/',
        ),
        (
            RequestPlan("GET", A, auth=Auth(AuthKind.BASIC, "u", "p w")),
            f"{PLAIN} --user 'u:p w' http://a/",
        ),
        (
            RequestPlan("GET", A, auth=Auth(AuthKind.DIGEST, "u", "p")),
            f"{PLAIN} --digest --user u:p http://a/",
        ),
        (
            RequestPlan("GET", A, auth=Auth(AuthKind.BEARER, "", "t")),
            f"{PLAIN} --oauth2-bearer t http://a/",
        ),
        (
            RequestPlan(
                "GET",
                A,
                connection=ConnectionSettings(
                    http="1.0",
                    proxy="http://p:3128",
                    proxy_auth="u:p",
                    cert="c",
                    key="k",
                    ca="authorities/",
                    insecure=True,
                    tls_min="1.3",
                    timeout=9,
                    connect_timeout=0.5,
                    read_timeout=2,
                ),
            ),
            f"{PLAIN} --http1.0 --proxy http://p:3128 --proxy-user u:p --cert c --key k "
            "--capath authorities/ --insecure --tlsv1.3 --max-time 9 --connect-timeout 0.5 "
            "--speed-limit 1 --speed-time 2 http://a/",
        ),
        (
            RequestPlan("GET", A, connection=ConnectionSettings(unix_socket="/s", ca="ca.pem")),
            f"{PLAIN} --unix-socket /s --cacert ca.pem http://a/",
        ),
        (
            RequestPlan("GET", A, connection=ConnectionSettings(http="2")),
            f"{PLAIN} --http2-prior-knowledge http://a/",
        ),
        (
            RequestPlan("GET", URL("https://a/"), connection=ConnectionSettings(http="2")),
            f"{PLAIN} --http2 https://a/",
        ),
        (
            RequestPlan("GET", A, connection=ConnectionSettings(trust_env=False)),
            f"{PLAIN} --noproxy '*' http://a/",
        ),
    ],
)
def test_words(plan: RequestPlan, wanted: str) -> None:
    command = curl_command(plan)
    assert str(command) == wanted
    assert shlex.split(str(command)) == command.words
    assert command.left_out == []


def test_what_curl_cannot_do_is_said() -> None:
    settings = ConnectionSettings(pin=b"\0" * 32, server_name="x")
    body = MultipartBody((Part("a=b", "c"),))
    plan = RequestPlan("POST", A, body=body, compress=True, connection=settings)
    told = "\n".join(curl_command(plan).left_out)
    for word in ("--compress", "--pin", "--server-name", "a=b"):
        assert word in told


def test_output_and_netrc() -> None:
    words = curl_command(RequestPlan("GET", A), include=True, output="a b", netrc=True).words
    assert words[1] == "--include"
    assert words[-4:] == ["--netrc-optional", "--output", "a b", "http://a/"]


CASES = [
    ["get", "/get", "q==a b&c", "q=='\"$x`", "X-One: 1", "X-Two;"],
    ["post", "/echo", "name=Zoë", "n:=1.10"],
    ["post", "/echo", "--form", "a=1 2", "b=&=ü"],
    ["put", "/echo", "@{file};type=x/y"],
    ["patch", "/echo", "-d", 'it\'s\n"so"', "Content-Type: text/x"],
    ["post", "/form", "comment=@{file}", "odd@{odd}", "--multipart"],
    ["delete", "/get", "-a", "me:p w", "-b", "c=d"],
    ["post", "/get"],
    ["get", "/redirect/2", "--max-redirects", "3"],
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case[:2]))
def test_curl_sends_the_same(
    case: Sequence[str],
    server: LoopbackServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("a file's text\n")
    odd = tmp_path / 'o;"d,d'
    odd.write_text("odd")
    method, path, *rest = case
    url = f"{server.url.origin()}{path}"
    rest = [word.format(file=tmp_path / "file", odd=odd) for word in rest]
    assert main([method, url, *rest]) == 0
    ours = json.loads(capfd.readouterr().out)
    assert main([method, url, *rest, "--curl"]) == 0
    command = capfd.readouterr().out
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert _comparable(json.loads(done.stdout)) == _comparable(ours)


def _comparable(told: dict[str, object]) -> dict[str, object]:
    headers = told.pop("headers", [])
    kept = {"content-type", "content-length", "authorization", "cookie", "x-one", "x-two"}
    fields = {name.lower(): value for name, value in headers if name.lower() in kept}  # type: ignore[attr-defined]
    if fields.get("content-length") == "0":
        del fields["content-length"]  # we say so, curl does not
    return {**told, "fields": fields}
