"""Make good what other hours would take away: a run once a session, or at a close, whose instant lies behind by now.

Time is decided once, and `plan()` never goes back. So where an override, an edited market or a new calendar puts an
instant into the past, nobody would owe it any more:

    the window of a session holds this moment, and opened before      owed from now on: its line counts as edited now
    it lies ahead, and what was decided for it never began            that row gives way, and plan() decides anew
    it has passed                                                     a row says that it was missed
    the close of an open session lies behind                          what runs at closes runs now

All but the third is told from what is in the database, so a leader that begins finds what its predecessor did not live
to do. That a window had been ahead is known only to the leader under which the hours changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTasks

from thor.jobs import events, requests
from thor.jobs.models import Entry, Lane, Run, State
from thor.jobs.planned import dropped_row, due_row
from thor.jobs.schedule import Row
from thor.markets.models import Transition
from thor.markets.transitions import CLOSES
from thor.timing import Clock, Dropped, Occurrence, OncePerSession, Sessions
from thor.timing.instants import MICROSECOND, later
from thor.timing.spans import Opening

#: Sessions whose windows lie further from now than this have not moved into reach.
REACH = timedelta(days=1)
#: A run at a close is made good for so long after it.
RECENT = timedelta(hours=1)
ORIGIN = "moved close"
GAVE_WAY = "its window moved"
PASSED = "its window had passed when it was known"

Before = Mapping[str, Sessions]


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is looked after: now, how far time is decided, and the clock of the process."""

    now: datetime
    decided_until: datetime
    clock: Clock


def make_good(rows: Iterable[Row], before: Before, moment: Moment) -> bool:
    """Look after the lines of markets whose sessions were `before` and are now what the lines say.

    At the begin of a reign nobody knows what was before. Returns whether lines have to be read again, because they
    are owed from now on.
    """
    moved = [row for row in list(rows) if _has_moved(row, before)]
    owed = [row for row in moved if isinstance(row.timed.cadence, OncePerSession) and _is_owed(row, before, moment)]
    _run_at_closes([row for row in moved if "session_end" in row.timed.also_at], moment)
    for row in owed:
        since = max(moment.now, later(moment.decided_until, MICROSECOND))
        Entry.objects.filter(pk=row.id).update(since=since)
        events.emit("thor.entry.owed", entry=row.name, at=since.isoformat(), reason="its window has moved")
    if owed:
        PeriodicTasks.update_changed()
    return bool(owed)


def _has_moved(row: Row, before: Before) -> bool:
    sessions = row.timed.sessions
    if sessions is None or row.timed.paused:
        return False
    return not before or before.get(row.timed.market) is not sessions


def _is_owed(row: Row, before: Before, moment: Moment) -> bool:
    """Settle the sessions near now; tell whether a window that has begun and not ended would get no run."""
    owed, now, old = False, moment.now, before.get(row.timed.market)
    for parts in _windows(row, now):
        first, last = parts[0], parts[-1]
        if last.end > now:
            _give_way(row, first)
            is_undecided = first.start <= moment.decided_until and not _has_row(row, parts)
            owed = owed or (is_undecided and _may_begin(row, first, old, now))
        elif old is not None and _was_ahead(row, old, parts, moment.decided_until) and not _has_row(row, parts):
            _say_missed(row, first, moment.clock)
    return owed


def _windows(row: Row, now: datetime) -> Iterable[tuple[Opening, ...]]:
    """Return the windows of the sessions near now, each with all its parts: a break may part it."""
    spans = row.timed.spans()
    found = {span.session_date: span for span in spans.touching(now - REACH, now + REACH)}
    return [spans.session_of(span.start, date) for date, span in found.items()]


def _give_way(row: Row, first: Opening) -> None:
    """Free the session of a run that was decided for an earlier window of it and has never begun."""
    runs = Run.objects.filter(entry=row.id, once_on=first.session_date, attempt=0, nominal_at__lt=first.start)
    stale = runs.filter(state__in=(State.DUE, State.MISSED))
    stale.update(once_on=None, state=State.MISSED, reason=GAVE_WAY, finished_at=Now())


def _may_begin(row: Row, first: Opening, old: Sessions | None, now: datetime) -> bool:
    """Tell whether the line is in force now; and in time, where nothing says that its hours have moved."""
    timed = row.timed
    in_force = (timed.start is None or timed.start <= now) and (timed.until is None or now < timed.until)
    return in_force and (old is not None or timed.deadline is None or now < first.start + timed.deadline)


def _has_row(row: Row, parts: tuple[Opening, ...]) -> bool:
    start, end = parts[0].start, parts[-1].end
    inside = Q(nominal_at__gte=start, nominal_at__lt=end) | Q(nominal_at__lt=end, last_at__gte=start)
    found = Run.objects.filter(inside | Q(once_on=parts[0].session_date), entry=row.id, origin="")
    return found.exclude(state=State.MISSED, reason=GAVE_WAY, once_on=None).exists()


def _was_ahead(row: Row, old: Sessions, parts: tuple[Opening, ...], decided_until: datetime) -> bool:
    """Tell whether the window of this session was still to open by the hours of before."""
    spans = replace(row.timed, sessions=old).spans().touching(parts[0].start - REACH, parts[-1].end + REACH)
    starts = [span.start for span in spans if span.session_date == parts[0].session_date]
    return bool(starts) and min(starts) > decided_until


def _say_missed(row: Row, first: Opening, clock: Clock) -> None:
    planned = dropped_row(row, Dropped(row.id, first.start, first.start, 1, "deadline"), clock)
    requests.insert([replace(planned, session_date=first.session_date, reason=PASSED)], clock.wall())
    events.emit("thor.run.missed", entry=row.name, count=1, reason=PASSED)


def _run_at_closes(rows: list[Row], moment: Moment) -> None:
    """Ask for the runs at closes that came to be known after time was decided beyond them."""
    if not rows:
        return
    markets = {row.timed.market for row in rows}
    for close in _late_closes(markets, moment):
        for row in rows:
            if row.timed.market == close.market.key and row.timed.since < close.at and not _ran_at(row, close.at):
                _ask(row, close, moment)


def _late_closes(markets: Iterable[str], moment: Moment) -> QuerySet[Transition]:
    """Return the newest closes that `plan()` does not bring any more, or never: a session that was called off."""
    recent = Transition.objects.filter(market__key__in=markets, at__gt=moment.now - RECENT, at__lte=moment.now)
    late = Q(kind=Transition.Kind.CALLED_OFF) | Q(at__lte=moment.decided_until)
    return recent.filter(late, kind__in=CLOSES).select_related("market")


def _ran_at(row: Row, at: datetime) -> bool:
    covering = Q(nominal_at=at) | Q(nominal_at__lte=at, last_at__gte=at)
    return Run.objects.filter(covering, entry=row.id).exists()


def _ask(row: Row, close: Transition, moment: Moment) -> None:
    deadline, market = moment.now + requests.PATIENCE, row.timed.market
    occurrence = Occurrence(row.id, close.at, deadline, market, close.session_date, origin=ORIGIN)
    requests.insert([due_row(row, occurrence, moment.clock, Lane.ASKED)], moment.clock.wall())
    events.emit("thor.run.requested", entry=row.name, by=ORIGIN, run=occurrence.run_id)
