"""How long the phases of a call took."""

from __future__ import annotations

from collections.abc import Iterator

from anyiohttp.cli.timeline import Phase, Timeline


def ticking(*times: float) -> Iterator[float]:
    return iter(times)


def test_phases_are_summed_up_over_hops() -> None:
    clock = ticking(0, 1, 2, 10, 13, 20)
    timeline = Timeline(lambda: next(clock))
    for _ in range(2):
        timeline.begin(Phase.WAIT)
        timeline.end(Phase.WAIT)
    timeline.end(Phase.WAIT)  # it has ended before
    assert timeline.seconds(Phase.WAIT) == 4
    assert timeline.seconds(Phase.BODY) is None
    assert timeline.summary() == "wait 4.00 s, total 20.00 s"


def test_connecting_is_without_what_is_inside() -> None:
    clock = ticking(0, 0, 1, 3, 4, 8, 8, 9)
    timeline = Timeline(lambda: next(clock))
    timeline.begin(Phase.CONNECT)
    timeline.begin(Phase.NAME)
    timeline.end(Phase.NAME)
    timeline.begin(Phase.TLS)
    timeline.end(Phase.TLS)
    timeline.end(Phase.CONNECT)
    assert timeline.summary() == "name 2.00 s, connect 2.00 s, TLS 4.00 s, total 9.00 s"


def test_a_phase_that_begins_anew_counts_from_there() -> None:
    clock = ticking(0, 1, 5, 6)
    timeline = Timeline(lambda: next(clock))
    timeline.begin(Phase.SEND)
    timeline.begin(Phase.SEND)
    timeline.end(Phase.SEND)
    assert timeline.seconds(Phase.SEND) == 1
