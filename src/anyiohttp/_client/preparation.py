"""From what a user says to a request that can go through the pipeline.

Knows: the session's defaults and how a call's own options go over them.
Must not know: what becomes of the request (`pipeline`).
Called by: `session`, once for each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from multidict import CIMultiDict
from yarl import URL

from .._message.payloads import CompressedPayload, Payload, make_payload
from .._net.call import Call
from ..exceptions import InvalidRequestError
from ..typedefs import LooseCookies, LooseHeaders, Query, StrOrURL
from .auth import BasicAuth, credentials_from_url
from .headers import DefaultHeaders, content_encoding
from .options import merged
from .request import ClientRequest, RequestMaker, RequestOptions
from .urls import has_empty_query, plain_url, prepare_url

__all__ = ("Preparation",)


class Preparation:
    """The defaults of a session, and how they become part of each request.

    Attributes:
        base_url: what relative URLs are joined to.
        options: how requests are carried out that say nothing else.
        headers: sent with every request.
        params: the query that every request's own is merged with.
        make_json: makes a body of what is given as ``json=``.
        request_class: a subclass of `ClientRequest` to be made instead.
    """

    def __init__(
        self,
        base_url: URL | None,
        options: RequestOptions,
        headers: DefaultHeaders,
        params: Query,
        make_json: Callable[[object], Payload],
        request_class: type[ClientRequest] = ClientRequest,
    ) -> None:
        self.base_url = base_url
        self.options = options
        self.headers = headers
        self.params = params
        self.make_json = make_json
        self.request_class = request_class

    def request(
        self,
        session: RequestMaker,
        method: str,
        url: StrOrURL,
        *,
        params: Query = None,
        data: object = None,
        json: object = None,
        cookies: LooseCookies | None = None,
        headers: LooseHeaders | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        auth: BasicAuth | None = None,
        **kwargs: object,
    ) -> ClientRequest:
        """Make a request of the user's options.

        Args:
            session: the session that is asked.
            method: any token.
            url: of the user; joined to the base URL.
            params: the query, over the session's.
            data: a body of any kind (`make_payload`).
            json: what is serialized as the body.
            cookies: for this request.
            headers: over the session's.
            skip_auto_headers: in addition to the session's.
            auth: for the URL's origin.
            **kwargs: the rest of `RequestKwargs`.

        Raises:
            InvalidURL: the URL cannot be requested.
            InvalidRequestError: the method is no text.
            TypeError, ValueError: the options do not fit.
        """
        if not isinstance(method, str):
            raise InvalidRequestError(f"the method must be str, not {type(method).__name__}")
        options = merged(self.options, kwargs)
        url_auth = None
        if type(url) is str and "@" not in url and not (params or self.params or self.base_url):
            full_url, empty_query = plain_url(url)
        else:
            full_url, url_auth = credentials_from_url(
                prepare_url(url, self.base_url, params, self.params)
            )
            empty_query = has_empty_query(url)
        body = None if data is None and json is None else self._body(data, json)
        lines = None
        only_type = None if body is None else body.only_type
        plain = body is None or only_type is not None
        if headers or skip_auto_headers or options.compress or not plain:
            fields = self.headers.merged(headers, skip_auto_headers)
            if body is not None:
                body = self._described(body, options.compress, fields, skip_auto_headers)
        else:
            fields, lines = self.headers.shared(only_type)
            if self.request_class is not ClientRequest:  # a user's may change them at once
                fields, lines = fields.copy(), None
        request = self.request_class(
            # Not everything stays outside of ASCII in upper case.
            method.upper() if method.isascii() else method,
            full_url,
            headers=fields,
            body=body,
            options=options,
            call=Call(timeout=options.timeout),
            session=session,
            auth=auth,
            # An iterator must do for every hop.
            cookies=cookies if cookies is None or isinstance(cookies, Mapping) else list(cookies),
        )
        request.lines = lines
        request.url_auth = url_auth
        if skip_auto_headers or self.headers.skipped:
            request.skipped = self.headers.skipped_names(skip_auto_headers)
        request.empty_query = empty_query
        return request

    def _body(self, data: object, json: object) -> Payload:
        """Make a payload of what the user wants sent."""
        if json is None:
            return make_payload(data)
        if data is not None:
            raise ValueError("data and json parameters can not be used at the same time")
        return self.make_json(json)

    def _described(
        self,
        body: Payload,
        compress: str | bool | None,
        fields: CIMultiDict[str],
        skip_auto_headers: Iterable[str] | None,
    ) -> Payload:
        """Put what is to be said of a body among the fields; return it as it will be sent."""
        coding = content_encoding(fields, compress)
        if coding is not None:
            fields["Content-Encoding"] = coding
            body = CompressedPayload(body, coding)
        self.headers.describe_body(fields, body, skip_auto_headers)
        return body
