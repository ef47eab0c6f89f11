"""Downloads: resumable, segmented, verified, polite. On the public API only.

What belongs here is everything between a URL and a file under its final name. `download` gets one
file, `download_all` many; the session's `ClientSession.download` is the first of them. Not here:
what is shown to a person (``cli``), HTTP.

* ``entry`` and ``batches`` are what users call, ``options`` what they may say;
* ``task`` is one download from beginning to end, ``transfer`` the fetching over connections,
  ``requests`` one request, ``writing`` the way to the disk, ``files`` what is there;
* pure are ``spans``, ``plan``, ``ranges``, ``journal``, ``digests``, ``naming``, ``rates``,
  ``retrying``, ``sources``, ``items``, ``lists``, ``metalink``, ``progress`` and ``outcomes``.
"""

from .batches import DownloadBatch, download_all
from .entry import download
from .items import DownloadItem, DownloadOutcome
from .lists import parse_download_list
from .options import DownloadKwargs
from .outcomes import DownloadResult
from .progress import Progress, ProgressCallback, SegmentProgress
from .rates import RateLimit
from .retrying import Retries

__all__ = (
    "DownloadBatch",
    "DownloadItem",
    "DownloadKwargs",
    "DownloadOutcome",
    "DownloadResult",
    "Progress",
    "ProgressCallback",
    "RateLimit",
    "Retries",
    "SegmentProgress",
    "download",
    "download_all",
    "parse_download_list",
)
