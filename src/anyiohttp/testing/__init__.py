"""A network in memory and what it takes to prove things with it. Public; documented in
``docs/testing.md``.

Here belongs what a test of HTTP code needs besides the client: peers that answer as told, faults
at exact bytes, cancellation at exact points, a check that nothing was left behind. All of it runs
under the client's real stack, on asyncio, uvloop and trio, without sockets, without waiting.
Neither pytest nor trustme is needed to import it; `CertificateAuthority` needs trustme to be made.
Not here: doubles of the client's own parts.

* network: `MemoryNetwork`, `Listener`, `Address`, `MemoryResolver`, `NetworkStats`;
* peers: `Peer` and `Script`, byte by byte; `HTTP2Peer`, frame by frame; `Request`, `Response` and
  `Handler`, request by request;
  `accept_websocket`, `ServerWebSocket` and `echo_websocket`;
* what goes wrong: `Faults`, `NO_FAULTS`, `FaultPlan`;
* cancellation: `cancel_at`, `cancel_everywhere`, `Moment`, `Bounds`, `CancelledRun`, `VictimStuck`;
* leaks: `assert_no_leaks`, `Leaked`;
* streams: `MemoryStream`, `memory_stream_pair`; certificates: `CertificateAuthority`.
"""

from .cancellation import (
    Bounds,
    CancelledRun,
    Moment,
    VictimStuck,
    cancel_at,
    cancel_everywhere,
    distinct_moments,
)
from .certificates import CertificateAuthority
from .faults import NO_FAULTS, Faults
from .hosts import Address, MemoryResolver
from .http2 import HTTP2Peer
from .leaks import Leaked, assert_no_leaks
from .listeners import FaultPlan, Listener
from .network import MemoryNetwork, NetworkStats
from .peers import Peer, Script
from .server.connection import Handler
from .server.messages import BodyWriter, Request, Response, Send, Takeover, json_response
from .server.websocket import ServerWebSocket, accept_websocket, echo_websocket
from .streams import MemoryStream, memory_stream_pair

__all__ = (
    "NO_FAULTS",
    "Address",
    "BodyWriter",
    "Bounds",
    "CancelledRun",
    "CertificateAuthority",
    "FaultPlan",
    "Faults",
    "HTTP2Peer",
    "Handler",
    "Leaked",
    "Listener",
    "MemoryNetwork",
    "MemoryResolver",
    "MemoryStream",
    "Moment",
    "NetworkStats",
    "Peer",
    "Request",
    "Response",
    "Script",
    "Send",
    "ServerWebSocket",
    "Takeover",
    "VictimStuck",
    "accept_websocket",
    "assert_no_leaks",
    "cancel_at",
    "cancel_everywhere",
    "distinct_moments",
    "echo_websocket",
    "json_response",
    "memory_stream_pair",
)
