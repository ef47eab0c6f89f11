"""What a caller may say of a download, checked once. Pure.

Knows: names, types and defaults of all options, which of them contradict each other.
Must not know: what any option does.
Called by: ``entry``, ``batches``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from multidict import CIMultiDict
from yarl import URL

from .. import ClientTimeout, RequestKwargs
from ..exceptions import InvalidRequestError
from ..typedefs import StrOrURL
from .digests import Digest, parse_digest
from .plan import Splitting
from .progress import ProgressCallback
from .rates import RateLimit
from .retrying import Retries

__all__ = ("DEFAULT_TIMEOUT", "DownloadKwargs", "Job", "Tuning", "job_from")

#: Of each request: no limit in all, for a file may be of any size.
DEFAULT_TIMEOUT = ClientTimeout(total=None, sock_connect=30, sock_read=60)
_MAX_CONNECTIONS = 64
#: What makes a request another one than a download's, or is the download's own business.
_NOT_FOR_DOWNLOADS = (
    "data", "json", "compress", "chunked", "expect100", "raise_for_status", "read_until_eof",
    "upload_tracker",
)  # fmt: skip
_OWN_FIELDS = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")


class DownloadKwargs(RequestKwargs, total=False):
    """The options of a download; those of its requests (``headers``, ``auth``, ``proxy``, …) too.

    Args:
        mirrors: other URLs of the same file. With a digest the bytes of all are mixed; without one
            the next is asked when the one before is given up.
        connections: over how many connections (or HTTP/2 streams) at a time the file is fetched, if
            the server allows ranges.
        resume: whether to go on with a part file that an earlier run has left.
        digest: what the file must hash to, like ``sha256:…``; hexadecimal or base64.
        size: how many bytes the file must have.
        overwrite: whether a file of that name is replaced. By default it is, unless the name is the
            server's choice.
        conditional: whether the file is fetched only if it has changed: since the time stamp of the
            one that is there, or from ``etag``.
        etag: of the version that is there, from an earlier `DownloadResult`.
        keep_time: whether the file gets the time stamp of ``Last-Modified``.
        limit_rate: bytes per second, or a `RateLimit` to share with other downloads.
        min_speed: bytes per second; a download that is slower for ``min_speed_time`` fails.
        min_speed_time: seconds.
        retries: how patiently to go on after failures.
        progress: called with a `Progress` now and then; it must not block.
        progress_interval: seconds between two calls.
    """

    mirrors: Sequence[StrOrURL]
    connections: int
    resume: bool
    digest: str | None
    size: int | None
    overwrite: bool | None
    conditional: bool
    etag: str | None
    keep_time: bool
    limit_rate: float | RateLimit | None
    min_speed: float | None
    min_speed_time: float
    retries: Retries | int
    progress: ProgressCallback | None
    progress_interval: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """What nobody needs to change, but tests.

    Args:
        block: bytes that are written at a time.
        queue: blocks that may wait to be written.
        request: bytes that a request brings at least, if there are several connections.
        probe: bytes of the first request, by which the size and the server's way with ranges are
            found out.
        splitting: when work is divided.
        poll: seconds after which an idle connection looks for work again.
        sync_every: seconds between two times at which what was written is brought to the disk.
        restarts: how often a file that changes is begun anew.
    """

    block: int = 1024 * 1024
    queue: int = 2
    request: int = 1024 * 1024
    probe: int = 1024 * 1024
    splitting: Splitting = field(default_factory=Splitting)
    poll: float = 1.0
    sync_every: float = 30.0
    restarts: int = 3


@dataclass(frozen=True, slots=True)
class Job:
    """A download, as it was asked for; see `DownloadKwargs`.

    Args:
        urls: the URL and its mirrors.
        path: the file, or the directory that it goes into.
        request: options of each request.
        headers: of each request.
        digest: what the file must hash to.
    """

    urls: tuple[URL, ...]
    path: Path
    is_directory: bool | None = None
    request: RequestKwargs = field(default_factory=lambda: RequestKwargs())
    headers: CIMultiDict[str] = field(default_factory=lambda: CIMultiDict())
    connections: int = 1
    resume: bool = True
    digest: Digest | None = None
    size: int | None = None
    overwrite: bool | None = None
    conditional: bool = False
    etag: str | None = None
    keep_time: bool = True
    rate: RateLimit | None = None
    min_speed: float = 0.0
    min_speed_time: float = 30.0
    retries: Retries = field(default_factory=Retries)
    progress: ProgressCallback | None = None
    progress_interval: float = 0.25
    tuning: Tuning = Tuning()

    @property
    def block(self) -> int:
        """How many bytes of a segment are written at a time: fewer, if there are many segments."""
        return max(self.tuning.block // self.connections, self.tuning.block // 16, 1)


def job_from(url: StrOrURL, path: str | os.PathLike[str] | None, options: DownloadKwargs) -> Job:
    """Make a `Job` of what a caller said.

    Raises:
        ValueError: an option has a value that means nothing, or contradicts another.
        TypeError: there is no such option.
    """
    own = {name: value for name, value in options.items() if name in _OWN_NAMES}
    others = cast(
        "RequestKwargs", {name: value for name, value in options.items() if name not in own}
    )
    _check_request(others)
    headers = CIMultiDict(others.pop("headers", None) or {})
    for name in _OWN_FIELDS:
        if name in headers:
            raise InvalidRequestError(f"{name} is what the download itself decides")
    others.setdefault("timeout", DEFAULT_TIMEOUT)
    others.setdefault("auto_decompress", True)
    mirrors = cast("Sequence[StrOrURL]", own.pop("mirrors", ()))
    own["digest"] = _digest(own.pop("digest", None))
    own["rate"] = _rate(own.pop("limit_rate", None))
    own["retries"] = _retries(own.pop("retries", 5))
    own["min_speed"] = own.pop("min_speed", None) or 0.0
    own["conditional"] = bool(own.pop("conditional", False) or own.get("etag"))
    text = os.fspath(path) if path is not None else ""
    separators = (os.sep, os.altsep) if os.altsep else (os.sep,)
    job = Job(
        tuple(URL(each) for each in (url, *mirrors)),
        Path(text or "."),
        True if not text or text.endswith(separators) else None,
        others,
        headers,
        **own,  # type: ignore[arg-type]
    )
    _check(job)
    return job


_OWN_NAMES = frozenset(DownloadKwargs.__annotations__) - frozenset(RequestKwargs.__annotations__)


def _check_request(request: RequestKwargs) -> None:
    known = RequestKwargs.__annotations__
    for name in request:
        if name not in known:
            raise TypeError(f"download() got an unexpected keyword argument {name!r}")
        if name in _NOT_FOR_DOWNLOADS:
            raise ValueError(f"{name}= is not for downloads")


def _digest(digest: object) -> Digest | None:
    if digest is None or isinstance(digest, Digest):
        return digest
    if not isinstance(digest, str):
        raise TypeError(f"digest must be str, not {type(digest).__name__}")
    return parse_digest(digest)


def _rate(rate: object) -> RateLimit | None:
    if rate is None or isinstance(rate, RateLimit):
        return rate
    return RateLimit(cast("float", rate))


def _retries(retries: object) -> Retries:
    return retries if isinstance(retries, Retries) else Retries(attempts=cast("int", retries))


def _check(job: Job) -> None:
    if not 1 <= job.connections <= _MAX_CONNECTIONS:
        raise ValueError(f"connections is from 1 to {_MAX_CONNECTIONS}, not {job.connections}")
    if job.size is not None and job.size < 0:
        raise ValueError(f"size is not below 0: {job.size}")
    if job.min_speed < 0 or not job.min_speed_time > 0 or not job.progress_interval > 0:
        raise ValueError("min_speed, min_speed_time and progress_interval are above 0")
    if job.rate is not None and job.min_speed > job.rate.bytes_per_second:
        raise ValueError("min_speed is above limit_rate: the download would always be too slow")
