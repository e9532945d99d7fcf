"""Write what a captured session looked like at its close, and end what is still pending.

Everything is written in one transaction, from bars and ticks that do not change any more; a second run writes the same.
A trade that was decided stays decided, even where an override has moved the close before its touch. Where the close has
moved back, the session is opened again: what its first close made neutral is pending, and judged by what came since.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from thor.marketdata import figures, spans, waiting
from thor.marketdata.events import emit
from thor.marketdata.grading import grade
from thor.marketdata.models import Capture, Outcome, SessionCapture
from thor.marketdata.opens import trades_until
from thor.marketdata.spans import Figures
from thor.marketdata.units import minute_of


@dataclass(frozen=True, slots=True)
class Ended:
    """What has been graded: what a pass said, whether nothing is left to judge, and the venues that are behind.

    `has_gaps` says that ticks were missing in whatever pass, `gaps` what this one has met.
    """

    decided: dict[str, str]
    gaps: dict[str, int]
    has_gaps: bool
    is_complete: bool
    behind: list[str]


def reopen_if_moved(captured: SessionCapture, closes_at: datetime) -> bool:
    """Open a session again that was closed before `closes_at`; say whether it was.

    Reading begins anew where everything had been judged: the marks have passed ticks that did not count then. Of them
    it is kept how many gaps there were.
    """
    with transaction.atomic():
        now = SessionCapture.objects.select_for_update().get(pk=captured.pk)
        if now.closed_at is None or now.closed_at >= closes_at:
            return False
        entered = Q(entry__isnull=False, target_high__isnull=False, target_low__isnull=False)
        now.rows.filter(entered, outcome=Outcome.NEUTRAL, touched="").update(outcome=Outcome.PENDING)
        now.closed_at, now.incomplete = None, False
        now.grading = {venue: {"gaps": mark["gaps"]} for venue, mark in now.grading.items() if mark.get("gaps")}
        now.graded_until = None if now.graded_until is None else min(now.graded_until, closes_at)
        now.save(update_fields=["closed_at", "incomplete", "grading", "graded_until"])
    captured.refresh_from_db()
    return True


def end_grading(captured: SessionCapture, closes_at: datetime, patience: timedelta) -> Ended:
    """Judge a session up to its close; what is pending then becomes neutral, unless ticks are still awaited."""
    behind = _await(captured, closes_at, patience)
    graded = grade(captured, closes_at)
    decided = dict(graded.decided)
    if graded.is_complete:
        with transaction.atomic():
            SessionCapture.objects.select_for_update().get(pk=captured.pk)
            left = captured.rows.filter(outcome=Outcome.PENDING)
            decided |= dict.fromkeys(left.values_list("symbol", flat=True), Outcome.NEUTRAL.value)
            left.update(outcome=Outcome.NEUTRAL)
            SessionCapture.objects.filter(pk=captured.pk).update(graded_until=closes_at)
    captured.refresh_from_db(fields=["grading"])
    has_gaps = any(mark.get("gaps") for mark in captured.grading.values())
    return Ended(decided, graded.gaps, has_gaps, graded.is_complete, behind)


def write_close(captured: SessionCapture, closes_at: datetime, *, incomplete: bool) -> int:
    """Write the close figures of every row that has an instrument; return how many rows there are."""
    rows = list(captured.rows.exclude(instrument=None).select_related("instrument").order_by("pk"))
    instruments = [row.instrument for row in rows if row.instrument is not None]
    until = minute_of(closes_at)
    waiting.flush_until({row.venue for row in instruments}, until)
    traded = spans.figures(instruments, captured.captured_at, until)
    with transaction.atomic():
        SessionCapture.objects.select_for_update().get(pk=captured.pk)
        for row in rows:
            Capture.objects.filter(pk=row.pk).update(**_columns(row, traded.get(row.symbol)))
        SessionCapture.objects.filter(pk=captured.pk).update(closed_at=closes_at, incomplete=incomplete)
    emit("thor.capture.close", session=captured, rows=len(rows), at=closes_at.isoformat(), incomplete=incomplete)
    return len(rows)


def _await(captured: SessionCapture, closes_at: datetime, patience: timedelta) -> list[str]:
    """Wait for the feeds of the venues that trade before the close; return those that are behind all the same."""
    own = captured.rows.exclude(instrument=None).values_list("instrument__venue", flat=True)
    deadline = time.monotonic() + patience.total_seconds()
    behind = []
    for venue in sorted(set(own)):
        until = trades_until(venue, captured.captured_at, closes_at)
        if until is not None:
            left = timedelta(seconds=max(deadline - time.monotonic(), 0))
            behind += waiting.wait_for([venue], until, left)
    return behind


def _columns(row: Capture, done: Figures | None) -> dict[str, Any]:
    """Return the columns of the close; without a trade since the open the close is the price at the open."""
    high, low = (done.high, done.low) if done else (None, None)
    close = done.close if done else row.session_open
    opened = row.session_open
    return {
        **figures.session_figures(opened=opened, high=high, low=low, last=done.close if done else None),
        **figures.close_figures(opened=opened, high=high, low=low, close=close),
        "session_volume": done.volume if done else 0,
    }
