"""Make good what other hours would take away: a run once a session, or at a close, whose instant lies behind by now.

Time is decided once, and `plan()` never goes back. So where an override, an edited market or a new calendar puts an
instant into the past, nobody would owe it any more:

    the window of a session holds this moment, and opened before      owed from now on: its line counts as edited now
    it lies ahead, and what was decided for it never began            that row gives way, and plan() decides anew
    it has passed                                                     a row says that it was missed
    the close of an open session lies behind                          what runs at closes runs now
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTasks

from thor.jobs import events, requests
from thor.jobs.models import Entry, Lane, Run, State
from thor.jobs.planned import dropped_row, due_row
from thor.jobs.schedule import Row
from thor.timing import Clock, Dropped, Occurrence, OncePerSession, Sessions
from thor.timing.instants import MICROSECOND, later
from thor.timing.spans import Opening

#: Sessions whose windows lie further from now than this have not moved into reach.
REACH = timedelta(days=1)
ORIGIN = "moved close"

Before = Mapping[str, Sessions]


def make_good(rows: Iterable[Row], before: Before, now: datetime, decided_until: datetime, clock: Clock) -> bool:
    """Look after the lines of markets whose sessions were `before` and are now what the lines say.

    At the begin of a reign nobody knows what was before. Returns whether lines have to be read again, because they
    are owed from now on.
    """
    owed = []
    for row in list(rows):
        sessions, old = row.timed.sessions, before.get(row.timed.market)
        if sessions is None or row.timed.paused or (before and old is sessions):
            continue
        if isinstance(row.timed.cadence, OncePerSession) and _is_owed(row, old, now, decided_until, clock):
            owed.append(row)
        if old is not None and "session_end" in row.timed.also_at:
            _run_at_close(row, old, sessions, now, clock)
    for row in owed:
        Entry.objects.filter(pk=row.id).update(since=max(now, later(decided_until, MICROSECOND)))
        events.emit("thor.entry.owed", entry=row.name, at=now.isoformat(), reason="its window has moved")
    if owed:
        PeriodicTasks.update_changed()
    return bool(owed)


def _is_owed(row: Row, old: Sessions | None, now: datetime, decided_until: datetime, clock: Clock) -> bool:
    """Settle the sessions near now; tell whether the window that holds this moment has no run, and would get none."""
    owed = False
    for span in row.timed.spans().touching(now - REACH, now + REACH):
        if span.start > now:
            _give_way(row, span)
        elif span.end > now:
            _give_way(row, span)
            owed = span.start <= decided_until and not _has_row(row, span)
        elif old is not None and _was_ahead(row, old, span, decided_until) and not _has_row(row, span):
            _say_missed(row, span, clock)
    return owed


def _give_way(row: Row, span: Opening) -> None:
    """Free the session of a run that was decided for an earlier window of it and has never begun."""
    runs = Run.objects.filter(entry=row.id, once_on=span.session_date, attempt=0, nominal_at__lt=span.start)
    stale = runs.filter(state__in=(State.DUE, State.MISSED))
    stale.update(once_on=None, state=State.MISSED, reason="its window moved", finished_at=Now())


def _has_row(row: Row, span: Opening) -> bool:
    inside = Q(nominal_at__gte=span.start, nominal_at__lt=span.end)
    return Run.objects.filter(inside | Q(once_on=span.session_date), entry=row.id, origin="").exists()


def _was_ahead(row: Row, old: Sessions, span: Opening, decided_until: datetime) -> bool:
    """Tell whether the window of this session was still to open by the hours of before."""
    spans = replace(row.timed, sessions=old).spans().touching(span.start - REACH, span.end + REACH)
    return any(before.session_date == span.session_date and before.start > decided_until for before in spans)


def _say_missed(row: Row, span: Opening, clock: Clock) -> None:
    planned = dropped_row(row, Dropped(row.id, span.start, span.start, 1, "deadline"), clock)
    missed = replace(planned, session_date=span.session_date, reason="its window had passed when it was known")
    requests.insert([missed], clock.wall())
    events.emit("thor.run.missed", entry=row.name, count=1, reason=missed.reason)


def _run_at_close(row: Row, old: Sessions, sessions: Sessions, now: datetime, clock: Clock) -> None:
    """Ask for the run at the close of a session that was open by the hours of before, and is over by those of now."""
    for session in old.around(now, now):
        if not session.open <= now < session.close:
            continue
        today = next((s for s in sessions.around(session.open, session.close) if s.date == session.date), None)
        close = min(today.close, now) if today else now
        if (today is None or today.close <= now) and not Run.objects.filter(entry=row.id, nominal_at=close).exists():
            deadline = now + requests.PATIENCE
            occurrence = Occurrence(row.id, close, deadline, row.timed.market, session.date, origin=ORIGIN)
            requests.insert([due_row(row, occurrence, clock, Lane.ASKED)], clock.wall())
            events.emit("thor.run.requested", entry=row.name, by=ORIGIN, run=occurrence.run_id)
