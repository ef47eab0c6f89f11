"""`DigestAuthMiddleware`: answers the challenges of servers that want HTTP Digest credentials.

Knows: how often a request is sent again for a challenge, and which body can be hashed.
Must not know: what an answer looks like, and whom it may be given to (`digest`).
Called by: users, as one of their middlewares.
"""

from __future__ import annotations

import logging

from multidict import istr

from .._message.payloads import as_sent
from .._message.response import ClientResponse
from ..exceptions import BodyNotReplayableError, ClientResponseError
from .digest import Answer, DigestCredentials, DigestSession
from .request import ClientHandlerType, ClientRequest
from .urls import request_target

__all__ = ("DigestAuthMiddleware",)

_logger = logging.getLogger("anyiohttp.client")

_AUTHORIZATION = istr("Authorization")
_UNAUTHORIZED = 401
#: The request itself, an answer, and one more if the nonce was stale by then.
_MOST_LEGS = 3


class DigestAuthMiddleware:
    """Authenticates by HTTP Digest (RFC 7616): a middleware for sessions and requests.

    MD5, SHA-256, SHA-512-256 (and SHA, SHA-512) with and without ``-sess``; ``auth``, ``auth-int``
    and RFC 2069's form; ``userhash``, UTF-8, ``stale`` and ``nextnonce``. If a server offers
    several challenges, the first one that can be answered is.

    The credentials are for the origin of the first request that comes through the middleware, and
    for what its challenge names as ``domain``. Requests to other origins, also those that a
    redirect leads to, pass untouched.

    It may serve any number of requests at a time. A request is sent a second time to answer a
    challenge, therefore its body must be one that can be replayed (bytes, a form, a seekable file);
    ``expect100=True`` spares the first sending. With ``auth-int`` the body is read once more to
    be hashed; if it cannot be replayed, ``auth`` is used where the server allows it.

    If a server tries to prove by ``rspauth`` that it knows the password, and does not, that is
    logged as a warning, and what else its ``Authentication-Info`` says is not believed.

    Args:
        login: the user; must not hold ``:``.
        password: the password.
        preemptive: whether requests to where a challenge has come from carry an answer at once,
            without being refused first.

    Raises:
        ValueError: the login holds ``:``, or one of the two is ``None``.

    Called, it raises `ClientResponseError` (status 401) if the server asks for Digest in a way that
    cannot be answered, and `BodyNotReplayableError`. If the credentials are refused, the 401 is
    the response. Cancelled, it leaves no response open.
    """

    def __init__(self, login: str, password: str, preemptive: bool = True) -> None:
        self._credentials = DigestCredentials(login, password)
        self._preemptive = preemptive

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send a request, and again with the answer to the challenge that may come."""
        credentials, url = self._credentials, request.url
        if not credentials.is_for(url):
            return await handler(request)
        session = credentials.known_for(url) if self._preemptive else None
        legs = 0
        while True:
            answer = None if session is None else await self._answer(session, request)
            response = await handler(request)
            legs += 1
            if response.status != _UNAUTHORIZED:
                if session is not None and answer is not None:
                    self._note(response, session, answer)
                return response
            session = self._next(response, session, legs > 1) if legs < _MOST_LEGS else None
            if session is None:
                return response
            response.release()

    def _next(
        self, response: ClientResponse, sent: DigestSession | None, asked: bool
    ) -> DigestSession | None:
        """Return what a 401 asks for; ``None`` if it is the response."""
        fields = response.headers.getall("WWW-Authenticate", ())
        found = self._credentials.challenged(response.url, fields, sent)
        if isinstance(found, str):
            response.release()
            raise ClientResponseError(
                response.request_info,
                response.history,
                status=response.status,
                message=found,
                headers=response.headers,
            )
        if sent is not None and asked and (found is None or not found.challenge.stale):
            # It refused the answer to its own challenge.
            self._credentials.refused(sent)
            if found is not None:
                self._credentials.refused(found)
            return None
        return found

    async def _answer(self, session: DigestSession, request: ClientRequest) -> Answer:
        entity = await _entity_hash(session, request)
        target = request_target(request.url, empty_query=request.empty_query)
        answer = session.answer(
            self._credentials.login_and_password, request.method, target, entity
        )
        request.headers[_AUTHORIZATION] = answer.field
        return answer

    def _note(self, response: ClientResponse, session: DigestSession, answer: Answer) -> None:
        field = response.headers.get("Authentication-Info")
        if field is None:
            return
        if not self._credentials.informed(response.url, session, answer, field):
            _logger.warning(
                "%s: Authentication-Info does not prove that the server knows the password",
                response.url.origin(),
            )


async def _entity_hash(session: DigestSession, request: ClientRequest) -> str | None:
    """Hash the body, if the server wants that and the body can be had again for being sent.

    Raises:
        BodyNotReplayableError: it cannot, and the server insists.
    """
    challenge, body = session.challenge, request.payload
    if "auth-int" not in challenge.qop:
        return None
    entity = challenge.new_hash()
    if body is not None:
        if not body.replayable:
            if "auth" in challenge.qop:
                return None
            raise BodyNotReplayableError(
                f"{request.url.origin()} asks for Digest credentials that cover the body "
                "(qop=auth-int), which must be read twice then: send bytes or a seekable file"
            )
        await body.rewind()
        source = as_sent(body)
        while chunk := await source.next_chunk():
            entity.update(chunk)
        await body.rewind()
    return entity.hexdigest()
