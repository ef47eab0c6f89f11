"""What a step of the pipeline is, and how steps become a pipeline.

Knows: that each step runs the rest of the pipeline.
Must not know: what any step is for; `pipeline` lists them.
Called by: `session`, which builds its pipelines once; the modules that have steps.

Each step is ``async (request, handle) → response``: it may change the request, run ``handle``
(the rest of the pipeline) any number of times, and look at the response. A step that finds nothing
to do beyond that returns what ``handle`` gives instead of waiting for it: a coroutine less. Of an
`OptionalStep` it is known beforehand for which requests it finds nothing to do: those that have the
session's own options go through a pipeline without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from .._message.response import ClientResponse
from .request import ClientRequest, RequestOptions

__all__ = ("Handler", "OptionalStep", "Step", "build_pipeline", "needed_steps")

Handler = Callable[[ClientRequest], Awaitable[ClientResponse]]


class Step(Protocol):
    """One step of the pipeline."""

    def __call__(self, request: ClientRequest, handle: Handler) -> Awaitable[ClientResponse]:
        """Carry out the request by means of ``handle``."""
        ...


class OptionalStep(ABC):
    """A step that some requests can do without."""

    @abstractmethod
    def applies(self, options: RequestOptions, *, has_body: bool) -> bool:
        """Whether it may find something to do.

        Args:
            options: of the request, which nobody changes on its way.
            has_body: whether it has one.
        """

    @abstractmethod
    def __call__(self, request: ClientRequest, handle: Handler) -> Awaitable[ClientResponse]:
        """Carry out the request by means of ``handle``."""


def build_pipeline(steps: Sequence[Step], send: Handler) -> Handler:
    """Put the steps around ``send``, the first one outermost."""
    handler = send
    for step in reversed(steps):
        handler = _around(step.__call__, handler)
    return handler


def needed_steps(
    steps: Sequence[Step], options: RequestOptions, *, has_body: bool
) -> Sequence[Step]:
    """Return the steps that requests with ``options`` cannot do without."""
    return [
        step
        for step in steps
        if not isinstance(step, OptionalStep) or step.applies(options, has_body=has_body)
    ]


def _around(step: Step, handle: Handler) -> Handler:
    # Called faster than a `partial` with a keyword.
    def handler(request: ClientRequest) -> Awaitable[ClientResponse]:
        return step(request, handle)

    return handler
