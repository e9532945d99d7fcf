"""What happens around every body: each middleware is one concern, and declares the job options that it reads.

A middleware is called with the run and the next callable inwards, and returns what that returns; one that does not want
the body to be called raises `LeftOut`, outside of `Events`, so that nobody hears of a start. An option that no
middleware declares is refused when the job is imported.
"""

from collections.abc import Callable
from functools import cache, reduce
from typing import Any, Protocol

from thor.jobs.claim import Claimed
from thor.jobs.middleware.doubt import Doubt
from thor.jobs.middleware.events import Events
from thor.jobs.middleware.in_window import InWindow
from thor.jobs.middleware.left_out import LeftOut
from thor.jobs.middleware.time_limit import TimeLimit
from thor.jobs.middleware.tries_again import TriesAgain
from thor.jobs.middleware.waits_for import WaitsFor

__all__ = ["LeftOut", "Middleware", "chain", "options", "wrap"]

Body = Callable[[], Any]


class Middleware(Protocol):
    """One concern around a body."""

    options: frozenset[str]

    def around(self, run: Claimed, body: Body) -> Any:
        """Call `body` and return what it returns."""


@cache
def chain() -> tuple[Middleware, ...]:
    """Return the middleware, outermost first."""
    return (InWindow(), Doubt(), WaitsFor(), TriesAgain(), Events(), TimeLimit())


def options() -> frozenset[str]:
    """Return every option that a middleware reads."""
    return frozenset().union(*(layer.options for layer in chain()))


def wrap(run: Claimed, body: Body) -> Body:
    """Return `body` inside all middleware."""
    return reduce(lambda inner, layer: lambda: layer.around(run, inner), reversed(chain()), body)
