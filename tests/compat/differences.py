"""Where the answers differ, and why: the only place for that.

An entry that is no longer true fails its test as a missing one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ("ANY", "DIFFERENCES", "NOTHING", "Difference", "difference_for")

#: Stands for whatever was seen.
ANY = "<anything>"
#: Stands for an observation that was not made.
NOTHING = "<nothing>"


@dataclass(frozen=True, eq=False)
class Difference:
    """One observation for which the two libraries have different answers.

    Attributes:
        scenario: its name.
        label: the observation's; ``*`` stands for any part.
        aiohttp: aiohttp's answer.
        anyiohttp: ours.
        reason: why it stays so.
    """

    scenario: str
    label: str
    aiohttp: object
    anyiohttp: object
    reason: str

    def holds(self, theirs: object, ours: object) -> bool:
        """Tell whether these two answers are the ones expected."""
        return self.aiohttp in (ANY, theirs) and self.anyiohttp in (ANY, ours)


@dataclass(frozen=True)
class MoreExact:
    """A class of ours that is raised where aiohttp raises one that is less exact.

    It is a subclass of what aiohttp raises, as the comparison of "caught as" checks each time.
    """

    anyiohttp: str
    aiohttp: tuple[str, ...]
    reason: str


CLASSES = (
    MoreExact(
        "InvalidRequestError",
        ("ValueError",),
        "every error of ours is a ClientError too",
    ),
    MoreExact(
        "InvalidBodyError",
        ("TypeError",),
        "every error of ours is a ClientError too",
    ),
    MoreExact(
        "InvalidUrlClientError",
        ("ValueError",),
        "every error of ours is a ClientError too",
    ),
    MoreExact(
        "RequestBodyError",
        ("ClientConnectionError",),
        "its cause is what the body raised, and it says nothing of the network",
    ),
    MoreExact(
        "ServerTimeoutError",
        ("TimeoutError",),
        "the total limit says phase, host and seconds as the others do",
    ),
    MoreExact(
        "SocketTimeoutError",
        ("TimeoutError",),
        "a limit of a WebSocket's receive() says seconds and host",
    ),
    MoreExact(
        "ContentDecodingError",
        ("ClientPayloadError",),
        "tells a wrong content coding from wrong framing",
    ),
    MoreExact(
        "BodyNotReplayableError",
        ("ClientPayloadError",),
        "tells what to do: send something that can be sent again",
    ),
    MoreExact(
        "MalformedResponseError",
        ("ClientResponseError",),
        "tells a response that is no HTTP from one that means failure",
    ),
    MoreExact(
        "ClientResponseError",
        ("ClientError",),
        "a challenge that cannot be answered comes with its response's status and headers",
    ),
    MoreExact(
        "MalformedMultipartError",
        ("ValueError", "RuntimeError"),
        "every error of ours is a ClientError too",
    ),
    MoreExact(
        "UnknownCodingError",
        ("RuntimeError",),
        "every error of ours is a ClientError too",
    ),
    MoreExact(
        "StreamConsumedError",
        ("RuntimeError",),
        "every error of ours is a ClientError too",
    ),
)

#: Fields that ``request_info.headers`` has in aiohttp and not here: the protocol adds them below,
#: in the terms of the HTTP version spoken. The user agent is each library's own.
NOT_IN_REQUEST_INFO = frozenset(
    {"connection", "content-length", "expect", "host", "transfer-encoding", "user-agent"}
)

_NO_CONTENT = (
    "a request without content has no Content-Type, nor a Content-Length unless its method "
    "anticipates content (RFC 9110 8.6)"
)
_WHATWG = "file and field names are written as browsers do (WHATWG multipart/form-data)"
_FRAGMENT = "the URL that was asked for, fragment included; nothing of it is sent"
_NO_BODY_CUT = "a body that breaks off is an error, the end of its content coding included"
_AS_GIVEN = "escapes, and a bare question mark, stay as they were given"
_NOT_RECEIVED = "no such status was received"
_SECURE = "RFC 6265bis: expiry in all date forms, Secure only from TLS, nothing quoted anew"
_CONNECT = (
    "CONNECT names host and port in Host (RFC 9112 3.2.3), and is about the tunnel, not about the "
    "request in it"
)
_OWN_CHUNKED = (
    "Transfer-Encoding by hand means what chunked=True means; aiohttp sends no chunks then"
)
_REFUSED_PROXY = "a proxy URL that cannot be used is refused before anything is sent"

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "bodies_in.a_line_that_is_too_long",
        "session's limit",
        "LineTooLong",
        "ValueError",
        "aiohttp raises an error of its HTTP parser, which has nothing to do with lines of a body",
    ),
    Difference(
        "bodies_in.a_line_that_is_too_long",
        "session's limit, its headers",
        ANY,
        NOTHING,
        "see above",
    ),
    Difference("bodies_in.codings", "x-gzip", ANY, 6000, "x-gzip is gzip (RFC 9110 8.4.1.3)"),
    Difference("bodies_in.codings", "cut short*", ANY, ANY, _NO_BODY_CUT),
    Difference(
        "bodies_in.codings",
        "stacked",
        ANY,
        6000,
        "codings are taken off in reverse order of their list (RFC 9110 8.4)",
    ),
    Difference(
        "bodies_in.read_after_the_stream_was_consumed",
        "read",
        "no error",
        "StreamConsumedError",
        "an empty body would be a lie",
    ),
    Difference(
        "bodies_in.read_after_the_stream_was_consumed", "read, *", NOTHING, ANY, "see above"
    ),
    Difference(
        "bodies_in.bodies_that_break_off",
        "no chunk size",
        "ClientResponseError",
        "ClientPayloadError",
        "the head was right and is told; what is wrong is the body",
    ),
    Difference("bodies_in.bodies_that_break_off", "no chunk size*", ANY, ANY, "see above"),
    Difference(
        "bodies_out.bytes_and_text",
        "request 11 content-type",
        ["application/octet-stream"],
        NOTHING,
        _NO_CONTENT,
    ),
    Difference(
        "bodies_out.json_bodies",
        "request 7 content-type",
        ["application/octet-stream"],
        NOTHING,
        _NO_CONTENT,
    ),
    Difference("bodies_out.a_file_in_a_form", "request * content-length", ANY, ANY, _WHATWG),
    Difference("bodies_out.a_file_in_a_form", "request * body", ANY, ANY, _WHATWG),
    Difference("bodies_out.a_file_in_a_form", "alone", ANY, ANY, _WHATWG),
    Difference("bodies_out.a_file_in_a_form", "with text", ANY, ANY, _WHATWG),
    Difference("bodies_out.add_field", "request * content-length", ANY, ANY, _WHATWG),
    Difference("bodies_out.add_field", "request * body", ANY, ANY, _WHATWG),
    Difference("bodies_out.add_field", "told", ANY, ANY, _WHATWG),
    Difference("bodies_out.chunked_on_demand", "by hand", 400, 200, _OWN_CHUNKED),
    Difference("bodies_out.chunked_on_demand", "twice", "ValueError", "no error", _OWN_CHUNKED),
    Difference("bodies_out.chunked_on_demand", "twice, *", ANY, NOTHING, _OWN_CHUNKED),
    Difference("bodies_out.chunked_on_demand", "request [34]*", NOTHING, ANY, _OWN_CHUNKED),
    Difference("cookies.attributes", "jar", ANY, ANY, _SECURE),
    Difference(
        "cookies.attributes",
        "request 2 cookie",
        ANY,
        ['empty=; path=1; plain=1; quoted="a b"; young=1'],
        _SECURE,
    ),
    Difference(
        "cookies.deletion",
        "after",
        ["b", "c"],
        ["c"],
        "a cookie that expires at the epoch is deleted",
    ),
    Difference(
        "cookies.domains_that_are_refused",
        "org",
        [["a", "1", "org", "/"]],
        [],
        "a public suffix sets no cookies",
    ),
    Difference(
        "cookies.domains_that_are_refused",
        "EXAMPLE.org",
        [],
        [["a", "1", "example.org", "/"]],
        "a domain has no case",
    ),
    Difference(
        "proxies.the_request_that_a_proxy_sees",
        "request 6",
        "GET http://example.org:8080",
        "GET http://example.org:8080/",
        "an empty path is sent as / (RFC 9112 3.2.2)",
    ),
    Difference(
        "proxies.the_request_that_a_proxy_sees",
        "request 4 x-proxy",
        NOTHING,
        ["1"],
        "proxy_headers reach the proxy, tunnel or not",
    ),
    Difference("proxies.the_connect_that_a_proxy_sees", "request * host", ANY, ANY, _CONNECT),
    Difference("proxies.the_connect_that_a_proxy_sees", "request * accept*", ANY, ANY, _CONNECT),
    Difference("proxies.the_connect_that_a_proxy_sees", "*, its request_info", ANY, ANY, _CONNECT),
    Difference("proxies.proxies_that_cannot_be", "ftp:*", ANY, ANY, _REFUSED_PROXY),
    Difference("proxies.proxies_that_cannot_be", "http://*", ANY, ANY, _REFUSED_PROXY),
    Difference("proxies.proxies_that_cannot_be", "socks5:*", ANY, ANY, "SOCKS is spoken"),
    Difference(
        "redirects.methods_and_bodies", "request * content-length", ["0"], NOTHING, _NO_CONTENT
    ),
    Difference("redirects.too_many", "*, its status", 0, 302, "the last redirect is told"),
    Difference("redirects.too_many", "*, its headers", None, ANY, "the last redirect is told"),
    Difference(
        "redirects.locations",
        "request 2",
        "GET /get?a=b+c",
        "GET /get?a=b%20c",
        "a space is escaped as URLs are, not as forms are",
    ),
    Difference("redirects.locations", "</get?a=b c>", ANY, ANY, "see above"),
    Difference("redirects.locations", "<http://127.0.0.1:URL/get#there>", ANY, ANY, _FRAGMENT),
    Difference("redirects.locations", "request 17", "GET /get?x=/", "GET /get?x=%2F", _AS_GIVEN),
    Difference("redirects.locations", "</get?x=%2F>", ANY, ANY, _AS_GIVEN),
    Difference("redirects.fragments_and_params", "fragment *", ANY, ANY, _FRAGMENT),
    Difference(
        "redirects.credentials_of_the_session",
        "request 2 authorization",
        ANY,
        NOTHING,
        "credentials do not cross to another origin by a redirect",
    ),
    Difference(
        "requests.params_of_every_kind",
        "request 6",
        "GET /get?a=1&b=%2520c",
        "GET /get?a=1&b=%20c",
        "params as str are sent as they are, as aiohttp documents it",
    ),
    Difference("requests.params_of_every_kind", "str", ANY, ANY, "see above"),
    Difference(
        "requests.every_method",
        "request * content-type",
        ["application/octet-stream"],
        NOTHING,
        _NO_CONTENT,
    ),
    Difference("requests.every_method", "request * content-length", ["0"], NOTHING, _NO_CONTENT),
    Difference(
        "requests.methods_that_are_none",
        "''",
        "no error",
        "InvalidRequestError",
        "an empty method cannot be sent",
    ),
    Difference("requests.methods_that_are_none", "'', *", NOTHING, ANY, "see above"),
    Difference("requests.methods_that_are_none", "request 1*", ANY, NOTHING, "see above"),
    Difference(
        "requests.module_level_request",
        "request 2 connection",
        NOTHING,
        ["close"],
        "HTTP/1.0 closes by default; saying so harms nobody",
    ),
    Difference(
        "requests.header_fields_that_would_inject",
        "number",
        "TypeError",
        "InvalidRequestError",
        "whatever must not be sent is one kind of error",
    ),
    Difference("requests.header_fields_that_would_inject", "number, *", ANY, ANY, "see above"),
    Difference(
        "requests.options_that_contradict_each_other",
        "request 1 expect",
        ["100-continue"],
        NOTHING,
        "no expectation without content (RFC 9110 10.1.1)",
    ),
    Difference(
        "requests.options_that_contradict_each_other",
        "timeout",
        "TypeError",
        "ValueError",
        "the same for a request as for a session, where aiohttp has ValueError too",
    ),
    Difference("requests.options_that_contradict_each_other", "timeout, *", ANY, ANY, "see above"),
    Difference("responses.replies_that_are_not_http", "*, its status", 400, 0, _NOT_RECEIVED),
    Difference("responses.limits_of_heads", "*, its status", 400, 0, _NOT_RECEIVED),
    Difference("tls.pins", "*, its host", "127.0.0.1", "localhost", "the host that was asked for"),
    Difference("urls.paths_and_queries_as_sent", "request 4", "GET /get", "GET /get?", _AS_GIVEN),
    Difference("urls.fragments", "url", ANY, ANY, _FRAGMENT),
    Difference("urls.fragments", "request's url", ANY, ANY, _FRAGMENT),
    Difference(
        "urls.urls_that_cannot_be_requested",
        "<http:/path>, its url",
        "http:///path",
        "http:/path",
        "the URL as it was given",
    ),
    Difference(
        "urls.urls_that_cannot_be_requested",
        "<//localhost/>*",
        ANY,
        ANY,
        "aiohttp fails by an assertion",
    ),
    Difference(
        "urls.urls_that_cannot_be_requested",
        "<http://user@/>, its url",
        "http://user@/",
        "http:///",
        "errors show no credentials",
    ),
    Difference(
        "websockets.websocket_closed_without_a_code",
        "after: code",
        1006,
        1005,
        "a close frame without a code is a close all the same (RFC 6455 7.1.5)",
    ),
    Difference("websockets.websocket_closed_without_a_code", "after: failed", True, False, "so"),
)


_NO_PROXY = "no_proxy is read as curl and Go read it: whole labels, ports, networks"

DIFFERENCES += (
    Difference("environment.the_end_of_the_address", "*", ANY, ANY, _NO_PROXY),
    Difference("environment.the_name_with_its_port", "*", ANY, ANY, _NO_PROXY),
    Difference("environment.a_network", "*", ANY, ANY, _NO_PROXY),
    Difference(
        "environment.which_variable",
        "of all",
        ANY,
        [200, True],
        "all_proxy is the proxy of all schemes that have none of their own",
    ),
    Difference(
        "environment.which_variable", "request 3 connection", NOTHING, ["close"], "see above"
    ),
    Difference("hooks.limits_of_a_request", "*, its status", 400, 0, _NOT_RECEIVED),
    Difference(
        "hooks.a_resolver_that_answers_nonsense",
        "nonsense, its errno",
        ANY,
        22,
        "an address that a resolver gives is not looked up again",
    ),
    Difference(
        "websocket_wire.through_a_proxy",
        "*",
        ANY,
        ANY,
        "a WebSocket goes through a tunnel (CONNECT), without TLS too: a proxy need not know it",
    ),
    Difference(
        "websocket_wire.hears_close_without_a_code",
        "close code",
        1006,
        1005,
        "a close frame without a code is a close all the same (RFC 6455 7.1.5)",
    ),
    Difference("websocket_wire.hears_close_without_a_code", "exception", ANY, None, "see above"),
    Difference(
        "websocket_wire.hears_the_largest_message",
        "*",
        ANY,
        ANY,
        "max_msg_size is the size of the largest message, not of the smallest that is refused",
    ),
)


def difference_for(scenario: str, label: str) -> Difference | None:
    """Return the entry for an observation, if there is one."""
    for entry in DIFFERENCES:
        if scenario == entry.scenario and fnmatchcase(label, entry.label):
            return entry
    return None
