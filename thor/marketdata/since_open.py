"""Follow what a captured session has done since its open, until its close is captured.

The figures are read and written while the session's row is locked, so that of two passes the later one has seen more,
and none writes over the figures of the close:

    pass A: lock .. reads 10:00:00 .. writes .. commit
    pass B:    lock (waits) .......................... reads 10:00:10 .. writes .. commit
    close:           lock (waits) ........................................................ writes the close
    pass C:                  lock (waits) ................................................................ is closed: no

A new run of the feed makes the fold let go of minutes whose bars are not in the database yet. Figures that go back are
therefore not written before those bars are.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction

from thor.marketdata import waiting
from thor.marketdata.bells import close_of, session_on
from thor.marketdata.models import Capture, SessionCapture
from thor.marketdata.spans import Figures
from thor.marketdata.units import minute_of

#: How far a feed may be behind before it is said that its figures are waited for.
BEHIND: Final = timedelta(minutes=1)

#: The columns of a row, from what was traded since the open (None: nothing).
Columns = Callable[[Capture, Figures | None], dict[str, Any]]


def follow(*, market: str, at: datetime, session_date: date | None, columns: Columns) -> dict[str, Any]:
    """Bring columns of the session's rows up to date; return rows (written), and what is waited for.

    Without a capture that is {"waiting": "capture"}; after the close was captured nothing is changed, unless the
    session closes later than it was captured.
    """
    session = session_on(market, at, session_date)
    if session is None:
        return {"rows": 0, "waiting": "open"}
    try:
        return _follow(market, session.date, at, columns)
    except _GoneBack as found:
        # Not while the session is locked: what leaves the queue of bars has to be committed first.
        waiting.flush_until(found.venues, at)
        return _follow(market, session.date, at, columns, is_flushed=True)


class _GoneBack(Exception):
    """Less was traded than is known already: bars are on their way from the fold to the database."""

    def __init__(self, venues: set[str]) -> None:
        super().__init__(*sorted(venues))
        self.venues = venues


def _follow(market: str, day: date, at: datetime, columns: Columns, *, is_flushed: bool = False) -> dict[str, Any]:
    with transaction.atomic():
        captured = SessionCapture.objects.select_for_update().filter(market=market, session_date=day).first()
        if captured is None:
            return {"rows": 0, "waiting": "capture"}
        closes_at = close_of(captured)
        if captured.closed_at is not None and captured.closed_at >= closes_at:
            return {"rows": 0, "closed": captured.closed_at.isoformat()}
        return _write(captured, closes_at, at, columns, is_flushed)


def _write(
    captured: SessionCapture, closes_at: datetime, at: datetime, columns: Columns, is_flushed: bool
) -> dict[str, Any]:
    # Here, not above: it brings the kernels.
    from thor.marketdata import spans

    rows = list(captured.rows.exclude(instrument=None).select_related("instrument").order_by("pk"))
    instruments = [row.instrument for row in rows if row.instrument is not None]
    done = spans.figures(instruments, captured.captured_at, minute_of(closes_at))
    short = {row.instrument.venue for row in rows if row.instrument and _has_gone_back(row, done.get(row.symbol))}
    if short and not is_flushed:
        raise _GoneBack(short)
    count = _update(rows, {row.symbol: columns(row, done.get(row.symbol)) for row in rows})
    late = waiting.behind({row.venue for row in instruments}, min(at, closes_at) - BEHIND)
    return {"rows": count, **({"waiting": late} if late else {})}


def _has_gone_back(row: Capture, done: Figures | None) -> bool:
    """Say whether a row knows more than has been found: a larger volume, or a price further out."""
    if done is None:
        return bool(row.session_volume) or row.session_high is not None
    return (
        (row.session_volume is not None and done.volume < row.session_volume)
        or (row.session_high is not None and done.high < row.session_high)
        or (row.session_low is not None and done.low > row.session_low)
    )


def _update(rows: list[Capture], fresh: Mapping[str, dict[str, Any]]) -> int:
    """Write the rows that have changed, and return how many."""
    changed = []
    for row in rows:
        columns = fresh[row.symbol]
        if any(getattr(row, name) != value for name, value in columns.items()):
            changed.append(row)
            for name, value in columns.items():
                setattr(row, name, value)
    if changed:
        Capture.objects.bulk_update(changed, sorted(fresh[changed[0].symbol]))
    return len(changed)
