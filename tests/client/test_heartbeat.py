"""When to ask whether the peer is there, and when to give it up."""

from __future__ import annotations

import math

from anyiohttp._client.heartbeat import Heartbeat


def test_silence_is_asked_about_once_and_then_the_end() -> None:
    heartbeat = Heartbeat(10, 100)
    assert heartbeat.deadline == 110
    assert heartbeat.ask(110)
    assert heartbeat.deadline == 115
    assert heartbeat.patience == 5
    assert not heartbeat.ask(115)


def test_whatever_is_heard_begins_anew() -> None:
    heartbeat = Heartbeat(10, 100)
    heartbeat.heard(104)
    assert heartbeat.deadline == 114
    assert heartbeat.ask(114)
    heartbeat.heard(118)
    assert heartbeat.deadline == 128
    assert heartbeat.ask(128)


def test_none() -> None:
    assert Heartbeat(None, 100).deadline == math.inf
