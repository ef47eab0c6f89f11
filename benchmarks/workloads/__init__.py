"""What is measured: one module for each row of the table, in the table's order."""

from __future__ import annotations

from importlib import import_module

from .base import Workload

NAMES = (
    "small_get",
    "tls_get",
    "single_get",
    "post_json",
    "download",
    "tls_download",
    "upload",
    "gzip",
    "lines",
    "queue",
    "tls_connect",
    "http2_get",
    "http2_download",
    "import_time",
    "memory_idle",
    "memory_request",
    "growth_waiting",
    "growth_hosts",
)


def load(name: str) -> Workload:
    found: Workload = import_module(f".{name}", __name__).WORKLOAD
    return found
