"""Say what one entry does on a date: its occurrences as runs of slots, each first, last and count.

`timing.plan()` decides, asked as a replay asks: folded, so that a day of one-second slots is one answer and not 86,400.
A fold joins the slots of one session; the date is therefore cut at the edges of the window, and `plan()` is asked for
each part in turn, which finds no slot twice and leaves none out. So each run lies within one opening of the window.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from thor.jobs.forecast_markets import Day
from thor.jobs.schedule import Row
from thor.timing import EPOCH, Entry, Occurrence, OncePerSession, next_at, occurrences, plan
from thor.timing.instants import MICROSECOND
from thor.timing.slots import bell_slots

#: So many slots in a row, or fewer, are told one by one.
FEW = 3

Origin = Literal["cadence", "session", "bell"]


@dataclass(frozen=True, slots=True)
class Series:
    """Tell occurrences of one entry in a row, inside one opening of its window; `count` may be 1.

    `by` says what makes them due: the cadence, a once-a-session cadence, or a bell besides the cadence. `period` is
    None where there is no one distance. `provisional` says that they belong to a session whose hours are a guess.
    `younger` says that the entry did not exist as it is, or at all, until after the date.
    """

    entry: str
    job: str
    market: str
    first_at: datetime
    last_at: datetime
    count: int
    period: timedelta | None
    cadence: str
    window: str
    by: Origin
    session_date: date | None
    provisional: bool
    younger: bool


def series_of(row: Row, day: Day, at: datetime) -> list[Series]:
    """Return what an entry will do on the date, in order; `at` is the present, from which on a one-off fires once.

    A date that ended before the entry was made, or last edited, is told as if the entry had been there.
    """
    entry, younger = row.timed, row.timed.since >= day.end
    if row.one_off:
        due = _one_off(entry, day, at)
        return [_series(row, one, younger) for one in due]
    if younger:
        entry = replace(entry, since=EPOCH)
    bells = {slot.nominal_at for slot in bell_slots(entry, day.start - MICROSECOND, day.end - MICROSECOND)}
    found = [one for part in _parts(entry, day) for due in _due(entry, *part) for one in _few(entry, due, bells)]
    return [_series(row, due, younger, is_bell=due.nominal_at in bells) for due in found]


def _one_off(entry: Entry, day: Day, at: datetime) -> Iterator[Occurrence]:
    first = next_at(entry, after=at)
    if first is not None and day.start <= first < day.end:
        yield from occurrences(entry, first, day.end, limit=1)


def _parts(entry: Entry, day: Day) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts (after, until] of the date, cut where the window opens and closes."""
    after, until = day.start - MICROSECOND, day.end - MICROSECOND
    cuts = {after, until}
    if not entry.always and not isinstance(entry.cadence, OncePerSession):
        edges = (edge for span in entry.spans().touching(after, until) for edge in (span.start, span.end))
        cuts |= {edge - MICROSECOND for edge in edges if after < edge - MICROSECOND < until}
    yield from pairwise(sorted(cuts))


def _due(entry: Entry, after: datetime, until: datetime) -> tuple[Occurrence, ...]:
    return plan(entry, after=after, now=until, fold=True).due


def _few(entry: Entry, due: Occurrence, bells: set[datetime]) -> Iterator[Occurrence]:
    """Unfold what stands for a few slots."""
    if due.folded_from is None or due.folded >= FEW:
        yield due
        return
    for one in occurrences(entry, due.folded_from, due.nominal_at + MICROSECOND):
        if one.nominal_at not in bells:
            yield one


def _series(row: Row, due: Occurrence, younger: bool, *, is_bell: bool = False) -> Series:
    entry = row.timed
    is_once = isinstance(entry.cadence, OncePerSession)
    return Series(
        entry=row.name,
        job=row.spec.name if row.spec else "",
        market=entry.market,
        first_at=due.folded_from or due.nominal_at,
        last_at=due.nominal_at,
        count=due.folded + 1,
        period=entry.cadence.period,
        cadence=entry.cadence.text(),
        window=entry.window.text(),
        by="bell" if is_bell else "session" if is_once else "cadence",
        session_date=due.session_date,
        provisional=_is_provisional(entry, due),
        younger=younger,
    )


def _is_provisional(entry: Entry, due: Occurrence) -> bool:
    if entry.sessions is None or due.session_date is None:
        return False
    near = entry.sessions.around(due.nominal_at, due.nominal_at)
    return any(session.provisional for session in near if session.date == due.session_date)
