"""Describe the trading days of a market, as far as time is concerned.

Where sessions come from is no business of `timing`: anything with `around()` will do, from a list in a test
to tables computed from exchange calendars.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Span:
    """Mark a stretch of time, half-open: `start` belongs to it, `end` does not."""

    start: datetime
    end: datetime

    def contains(self, at: datetime) -> bool:
        """Say whether `at` lies inside."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Session:
    """Describe one trading day of one market.

    `date` names it (an evening open belongs to the next date); `provisional` says that its hours are a guess
    beyond the horizon of the calendar.
    """

    date: date
    open: datetime
    close: datetime
    breaks: tuple[Span, ...] = ()
    provisional: bool = False

    def trading_spans(self) -> tuple[Span, ...]:
        """Return the stretches in which trading goes on: the session without its breaks."""
        if not self.breaks:
            return (Span(self.open, self.close),)
        starts = [self.open, *(b.end for b in self.breaks)]
        ends = [*(b.start for b in self.breaks), self.close]
        return tuple(Span(start, end) for start, end in zip(starts, ends, strict=True) if start < end)


class Sessions(Protocol):
    """Answer which sessions of one market lie around a stretch of time.

    Spans computed from a table are cached for as long as the same object is asked. A table is therefore
    replaced, not edited, when hours change; one that is edited in place carries a `version` attribute that
    changes with it. A `post_close` attribute (a timedelta), where there is one, is the market's own
    post-close limit.
    """

    def around(self, start: datetime, end: datetime) -> Sequence[Session]:
        """List the sessions that overlap [start, end] and one neighbour on each side, ordered by open."""
