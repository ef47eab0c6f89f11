"""The machine: its cores, its limits, and what it is called in a report."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "anyiohttp",
    "aiohttp",
    "httpx2",
    "pyreqwest",
    "anyio",
    "httptools",
    "uvloop",
    "trio",
    "yarl",
    "multidict",
)


def cores() -> tuple[int, int]:
    """The core of the client and the core of the server; the same one if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def pin(core: int) -> None:
    """Keep this process, with its threads and children to come, on one core."""
    os.sched_setaffinity(0, {core})


_MANY_FILES = 65536


def allow_many_files() -> None:
    """Raise the limit of open files to what the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_MANY_FILES, max(hard, _MANY_FILES)))
    except (ValueError, OSError):  # only root may raise it further
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def find_program(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def resident_bytes() -> int:
    """The memory of this process that is in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class _MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def malloc_bytes() -> int:
    """What of malloc's memory is in use; Python's small objects are elsewhere."""
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _MallocInfo
    info = ask()
    return int(info.uordblks) + int(info.hblkhd)


def description() -> dict[str, str]:
    """What a report says about where it was made."""
    client, server = cores()
    found = {
        "processor": _processor(),
        "cores": f"{os.cpu_count()}: the client on {client}, nginx on {server}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "nginx": _nginx(),
        "OpenSSL": _openssl(),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or sys.platform


def _nginx() -> str:
    program = find_program("nginx")
    if program is None:
        return "not installed"
    # It says so on standard error: "nginx version: nginx/1.22.1".
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    return said.strip().rpartition("/")[2]


def _openssl() -> str:
    import ssl

    return ssl.OPENSSL_VERSION
