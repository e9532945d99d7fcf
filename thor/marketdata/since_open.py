"""Follow what a captured session has done since its open, until its close is captured.

The figures are read and written while the session's row is locked, so that of two passes the later one has seen more,
and none writes over the figures of the close:

    pass A: lock .. reads 10:00:00 .. writes .. commit
    pass B:    lock (waits) .......................... reads 10:00:10 .. writes .. commit
    close:           lock (waits) ........................................................ writes the close
    pass C:                  lock (waits) ................................................................ is closed: no
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction

from thor.marketdata import waiting
from thor.marketdata.bells import close_of, session_on
from thor.marketdata.models import Capture, SessionCapture
from thor.marketdata.spans import Figures

#: How far a feed may be behind before it is said that its figures are waited for.
BEHIND: Final = timedelta(minutes=1)

#: The columns of a row, from what was traded since the open (None: nothing).
Columns = Callable[[Capture, Figures | None], dict[str, Any]]


def follow(*, market: str, at: datetime, session_date: date | None, columns: Columns) -> dict[str, Any]:
    """Bring columns of the session's rows up to date; return rows (written), and what is waited for.

    Without a capture that is {"waiting": "capture"}; after the close was captured nothing is changed.
    """
    session = session_on(market, at, session_date)
    if session is None:
        return {"rows": 0, "waiting": "open"}
    with transaction.atomic():
        captured = SessionCapture.objects.select_for_update().filter(market=market, session_date=session.date).first()
        if captured is None:
            return {"rows": 0, "waiting": "capture"}
        if captured.closed_at is not None:
            return {"rows": 0, "closed": captured.closed_at.isoformat()}
        return _write(captured, at, columns)


def _write(captured: SessionCapture, at: datetime, columns: Columns) -> dict[str, Any]:
    # Here, not above: it brings the kernels.
    from thor.marketdata import spans

    rows = list(captured.rows.exclude(instrument=None).select_related("instrument").order_by("pk"))
    instruments = [row.instrument for row in rows if row.instrument is not None]
    done = spans.figures(instruments, captured.captured_at, spans.minute_of(close_of(captured)))
    changed, names = [], set()
    for row in rows:
        fresh = columns(row, done.get(row.symbol))
        names |= fresh.keys()
        if any(getattr(row, name) != value for name, value in fresh.items()):
            changed.append(row)
            for name, value in fresh.items():
                setattr(row, name, value)
    if changed:
        Capture.objects.bulk_update(changed, sorted(names))
    late = waiting.behind({row.venue for row in instruments}, min(at, close_of(captured)) - BEHIND)
    return {"rows": len(changed), **({"waiting": late} if late else {})}
