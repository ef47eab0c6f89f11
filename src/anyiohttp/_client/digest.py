"""HTTP Digest access authentication (RFC 7616): what is answered to whom. Pure.

Knows: which challenges can be answered and how; where credentials may go; how often a nonce was
used; what ``Authentication-Info`` says.
Must not know: requests, bodies, responses; who sends anything.
Called by: `digest_auth`.

Three rules decide about where an answer goes:

* The first request's origin is the one that the credentials are for. Another origin's challenge is
  not answered, unless the first one's ``domain`` names it; and never without TLS if the first had
  it.
* Of several challenges, the first that can be answered is (RFC 7616 3.7).
* A challenge that comes instead of an answer is answered once, and again only if the server says
  that it is the nonce that was wrong (``stale``).
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol
from urllib.parse import quote

from yarl import URL

from .._connect.challenges import parse_challenges, parse_parameters, quoted
from .urls import parse_url, problem_of, same_origin

__all__ = (
    "Answer",
    "DigestChallenge",
    "DigestCredentials",
    "DigestSession",
    "Hash",
    "read_challenge",
)

#: RFC 7616 6.1, and what aiohttp takes besides. They are names of `hashlib`.
_ALGORITHMS = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA-256": "sha256",
    "SHA256": "sha256",
    "SHA-512": "sha512",
    "SHA512": "sha512",
    "SHA-512-256": "sha512_256",
}
_QOPS = ("auth-int", "auth")
_SCHEMES = frozenset({"http", "https", "ws", "wss"})
#: Nonces that are remembered; every challenge may bring a new one.
_MOST_SESSIONS = 64
_MOST_SPACES = 64


class Hash(Protocol):
    """A hash that is being computed."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class DigestChallenge:
    """A challenge that can be answered.

    Args:
        realm: whose credentials are asked for.
        nonce: the server's.
        algorithm: as the server wrote it; ``None`` if it did not.
        hash_name: of the hash, for `hashlib`.
        session: whether the key is computed once for the nonce (``-sess``).
        qop: what may be protected, of ``auth-int`` and ``auth``, in this order; none of them for
            servers of RFC 2069.
        opaque: to be returned as it is; ``None`` without one.
        domain: URIs that the credentials are for; relative to the one that was asked for.
        stale: whether only the nonce was wrong.
        userhash: whether the login is to be sent hashed.
        utf8: whether the server has said that login and password are in UTF-8.
    """

    realm: str
    nonce: str
    algorithm: str | None = None
    hash_name: str = "md5"
    session: bool = False
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    domain: tuple[str, ...] = ()
    stale: bool = False
    userhash: bool = False
    utf8: bool = False

    def new_hash(self) -> Hash:
        """Begin to hash: an entity for ``auth-int``, say."""
        return hashlib.new(self.hash_name, usedforsecurity=False)


def read_challenge(parameters: Mapping[str, str]) -> DigestChallenge | str:
    """Return a challenge of the scheme ``Digest``, or why it cannot be answered."""
    for name in ("realm", "nonce"):
        if name not in parameters:
            return f"Malformed Digest auth challenge: Missing {name!r} parameter"
    if not parameters["nonce"]:
        return "Security issue: Digest auth challenge contains empty 'nonce' value"
    algorithm = parameters.get("algorithm")
    name, suffix = (algorithm or "MD5").upper(), "-SESS"
    hash_name = _ALGORITHMS.get(name.removesuffix(suffix), "")
    if hash_name not in hashlib.algorithms_available:
        return (
            f"Digest auth error: Unsupported hash algorithm: {algorithm}. "
            f"Supported algorithms: {', '.join(sorted(_ALGORITHMS))}"
        )
    offered = {each.strip().lower() for each in parameters.get("qop", "").split(",")} - {""}
    qop = tuple(each for each in _QOPS if each in offered)
    if offered and not qop:
        return (
            "Digest auth error: Unsupported Quality of Protection (qop) value(s): "
            + parameters["qop"]
        )
    return DigestChallenge(
        realm=parameters["realm"],
        nonce=parameters["nonce"],
        algorithm=algorithm,
        hash_name=hash_name,
        session=name.endswith(suffix),
        qop=qop,
        opaque=parameters.get("opaque"),
        domain=tuple(parameters.get("domain", "").split()),
        stale=parameters.get("stale", "").lower() == "true",
        userhash=parameters.get("userhash", "").lower() == "true",
        utf8=parameters.get("charset", "").lower() == "utf-8",
    )


class Answer(NamedTuple):
    """What is sent for a challenge.

    Args:
        field: the value of ``Authorization``.
        cnonce: our nonce.
        nc: how often the server's nonce was used, this time included.
        proof: what ``rspauth`` is if the server knows the password; empty if that cannot be told.
    """

    field: str
    cnonce: str
    nc: int
    proof: str


class DigestSession:
    """A nonce of a server and how often it was used.

    Args:
        challenge: what the server asked for.
        spaces: URLs below which it may be answered unasked.

    Attributes:
        rejected: whether the server has refused the credentials.
    """

    def __init__(self, challenge: DigestChallenge, spaces: tuple[URL, ...] = ()) -> None:
        self.challenge = challenge
        self.spaces = spaces
        self.rejected = False
        self._count = 0
        self._session_cnonce: str | None = None

    def covers(self, url: URL) -> bool:
        """Whether a URL is in the protection space (RFC 7616 3.3)."""
        return any(_is_below(url, space) for space in self.spaces)

    def answer(
        self,
        credentials: tuple[str, str],
        method: str,
        target: str,
        entity: str | None = None,
        *,
        cnonce: str | None = None,
    ) -> Answer:
        """Answer for one request; counts it.

        Args:
            credentials: login and password.
            method: the request's.
            target: path and query as they are sent.
            entity: the body's hash: with it ``auth-int``, without it ``auth`` (or RFC 2069's form,
                if the challenge names neither).
            cnonce: our nonce; by default random.
        """
        challenge = self.challenge
        self._count += 1
        if cnonce is None:
            cnonce = secrets.token_hex(16)
        if challenge.session:
            # Servers compute the key either from the first cnonce, as RFC 7616 3.4.2 has it, or
            # from each request's: with one cnonce for the nonce both are the same.
            cnonce = self._session_cnonce = self._session_cnonce or cnonce
        login, password = credentials
        if challenge.utf8:
            login = unicodedata.normalize("NFC", login)
            password = unicodedata.normalize("NFC", password)

        def h(*parts: str) -> str:
            # What came as bytes that are no text is hashed as those bytes.
            data = ":".join(parts).encode("utf-8", "surrogateescape")
            return hashlib.new(challenge.hash_name, data, usedforsecurity=False).hexdigest()

        key = h(login, challenge.realm, password)
        if challenge.session:
            key = h(key, challenge.nonce, cnonce)
        qop = "" if not challenge.qop else "auth" if entity is None else "auth-int"
        nc = f"{self._count:08x}"
        middle = (challenge.nonce, nc, cnonce, qop) if qop else (challenge.nonce,)
        request = h(method, target) if qop != "auth-int" else h(method, target, entity or "")
        fields = [
            *self._user(login, h(login, challenge.realm)),
            f"realm={quoted(challenge.realm)}",
            f"nonce={quoted(challenge.nonce)}",
            f"uri={quoted(target)}",
            f'response="{h(key, *middle, request)}"',
            f"algorithm={challenge.algorithm or 'MD5'}",
        ]
        if challenge.opaque is not None:
            fields.append(f"opaque={quoted(challenge.opaque)}")
        if qop:
            fields += [f"qop={qop}", f"nc={nc}", f'cnonce="{cnonce}"']
        if challenge.userhash:
            fields.append("userhash=true")
        # Of auth-int, the proof is about the response's body.
        proof = h(key, *middle, h("", target)) if qop == "auth" else ""
        return Answer("Digest " + ", ".join(fields), cnonce, self._count, proof)

    def _user(self, login: str, hashed: str) -> tuple[str, ...]:
        challenge = self.challenge
        if challenge.userhash:
            return (f'username="{hashed}"',)
        if challenge.utf8 and not login.isascii():
            return (f"username*=UTF-8''{quote(login, safe='')}",)  # RFC 7616 3.4.4, RFC 8187
        return (f"username={quoted(login)}",)


class DigestCredentials:
    """Login and password, the origin they are for, and what its servers have asked for so far.

    Args:
        login: the user; must not hold ``:``.
        password: the password.

    Raises:
        ValueError: the login holds ``:``, or one of the two is ``None`` or no valid Unicode.
    """

    def __init__(self, login: str, password: str) -> None:
        if login is None:
            raise ValueError("None is not allowed as login value")
        if password is None:
            raise ValueError("None is not allowed as password value")
        if ":" in login:
            raise ValueError('A ":" is not allowed in username (RFC 1945#section-11.1)')
        try:
            f"{login}{password}".encode()
        except UnicodeEncodeError:  # its message holds the password
            raise ValueError("login and password must be valid Unicode") from None
        self.login_and_password = (login, password)
        self._anchor: URL | None = None
        # By origin, realm and nonce; the latest last.
        self._sessions: dict[tuple[str, str, str], DigestSession] = {}

    def is_for(self, url: URL) -> bool:
        """Whether credentials may go to a URL at all; the first one decides about the origin."""
        if self._anchor is None:
            self._anchor = url.origin()
        return same_origin(self._anchor, url) or self.known_for(url) is not None

    def known_for(self, url: URL) -> DigestSession | None:
        """Return what the server of a URL has asked for lately, to be answered unasked."""
        for session in reversed(self._sessions.values()):
            if session.covers(url) and not session.rejected:
                return session
        return None

    def challenged(
        self, url: URL, fields: Iterable[str], sent: DigestSession | None = None
    ) -> DigestSession | str | None:
        """Return how to answer a 401, or why that cannot be done; ``None`` to leave it at that.

        Args:
            url: which was requested.
            fields: the values of ``WWW-Authenticate``.
            sent: what the request had answered already.
        """
        problem: str | None = None
        for challenge in parse_challenges(fields):
            if challenge.scheme != "digest" or not challenge.parameters:
                continue
            read = read_challenge(challenge.parameters)
            if isinstance(read, DigestChallenge):
                return self._session_for(url, read, sent)
            problem = problem or read
        return problem

    def _session_for(
        self, url: URL, challenge: DigestChallenge, sent: DigestSession | None
    ) -> DigestSession | None:
        if sent is not None and not challenge.stale and sent.challenge == challenge:
            sent.rejected = True  # the same again would be refused again
            return None
        return self._remember(url, challenge, self._spaces_of(url, challenge))

    def refused(self, session: DigestSession) -> None:
        """Note that the server has refused an answer to its own challenge."""
        session.rejected = True

    def informed(self, url: URL, session: DigestSession, answer: Answer, field: str) -> bool:
        """Take note of ``Authentication-Info`` (RFC 7616 3.5).

        Args:
            url: which was requested.
            session: that was answered for.
            answer: which the response is for.
            field: the value.

        Returns:
            ``False`` if the server tried to prove that it knows the password, and does not. What
            else it says is not believed then.
        """
        said = parse_parameters(field)
        about_us = said.get("cnonce", answer.cnonce) == answer.cnonce
        proof = said.get("rspauth", "").lower()
        if proof and answer.proof and about_us and proof != answer.proof:
            return False
        following = said.get("nextnonce")
        # A key that is computed once (-sess) stays with its nonce until the server refuses it.
        if following and not session.challenge.session:
            changed = replace(session.challenge, nonce=following, stale=False)
            self._remember(url, changed, session.spaces)
        return True

    def _remember(
        self, url: URL, challenge: DigestChallenge, spaces: tuple[URL, ...]
    ) -> DigestSession:
        key = (str(url.origin()), challenge.realm, challenge.nonce)
        session = self._sessions.pop(key, None)
        if session is None:
            session = DigestSession(challenge)
        session.challenge, session.spaces, session.rejected = challenge, spaces, False
        self._sessions[key] = session
        while len(self._sessions) > _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        return session

    def _spaces_of(self, url: URL, challenge: DigestChallenge) -> tuple[URL, ...]:
        """Return the URLs below which a challenge of a URL's server may be answered unasked."""
        origin = url.origin()
        spaces = []
        for uri in challenge.domain[:_MOST_SPACES]:
            space = _absolute(url, uri.strip('"'))
            if space is not None and self._may_name(origin, space):
                spaces.append(space)
        return tuple(spaces) or (origin,)

    def _may_name(self, origin: URL, space: URL) -> bool:
        """Whether an origin may hand the credentials on to another."""
        if same_origin(origin, space):
            return True
        anchor = self._anchor
        if anchor is None or not same_origin(origin, anchor):
            return False
        return anchor.scheme in ("http", "ws") or space.scheme in ("https", "wss")


def _absolute(url: URL, uri: str) -> URL | None:
    """Return a URI of ``domain`` as a URL; ``None`` if it cannot be requested."""
    if not uri:
        return None
    try:
        space = url.join(parse_url(uri))
    except ValueError:
        return None
    return None if space.scheme not in _SCHEMES or problem_of(space) else space


def _is_below(url: URL, space: URL) -> bool:
    """Whether a URL is another one, or below it by whole segments of its path."""
    if not same_origin(url, space):
        return False
    path, prefix = url.raw_path or "/", space.raw_path or "/"
    if not path.startswith(prefix):
        return False
    return len(path) == len(prefix) or prefix.endswith("/") or path[len(prefix)] == "/"
