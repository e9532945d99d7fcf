"""Leave a run out while nobody knows whether its market is open.

It acts only on entries of a market that goes by its broker's clock, and only while that clock is unknown or contradicts
the calendar. A job says in `on_doubt` how it takes that:

    skip        do not run: entries, and work that must not begin before the close (the default); nor while the
                calendar is open and the broker not, be it for the few seconds around a bell in which clocks may differ
    calendar    run while the calendar, the second witness, says open: emergency exits, order polling
    run         run in any case: collecting prices, reconciliation, health checks
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from thor.jobs.claim import Claimed
from thor.jobs.middleware.left_out import LeftOut
from thor.leadership.clock import process_clock

if TYPE_CHECKING:
    from thor.markets.standing import Standing


class OnDoubt(StrEnum):
    """What a job does while it is not known whether its market is open."""

    SKIP = "skip"
    CALENDAR = "calendar"
    RUN = "run"


class Doubt:
    """Judge the market's standing before anything is said to have started. Option `on_doubt`: skip, calendar or run."""

    options = frozenset({"on_doubt"})

    def around(self, run: Claimed, body: Callable[[], Any]) -> Any:
        """Call the body, or raise `LeftOut` with what is not known."""
        wish = run.options.get("on_doubt", OnDoubt.SKIP)
        if run.occurrence.market and wish != OnDoubt.RUN:
            _refuse_in_doubt(run.occurrence.market, wish)
        return body()


def _refuse_in_doubt(market: str, wish: str) -> None:
    from thor.markets.standing import standing  # here, since it brings models, and jobs are declared before them

    found = standing(market, process_clock().now())
    if found.source == "calendar" or not (found.is_doubtful or (wish == OnDoubt.SKIP and _is_kept_shut(found))):
        return
    if wish == OnDoubt.CALENDAR and found.calendar_open:
        return
    raise LeftOut(f"market clock unknown: {found.reason or 'the broker says closed, the calendar open'}")


def _is_kept_shut(found: "Standing") -> bool:
    """Say whether the calendar is open and the broker is not, as it may be next to a bell without being in doubt."""
    return found.calendar_open and found.state != "open"
