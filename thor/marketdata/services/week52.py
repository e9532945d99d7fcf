"""Keep the highest and lowest prices of 52 weeks and of all time, while a venue is open.

    what changes                          what happens at the next pass
    a price goes beyond an extreme        the row is moved, a new extreme is noted and told, once a kind and date
    the session date                      sessions that were not finished are finished, days are rolled up, windows move
    days, splits, active instruments      the windows are read again; a new extreme that is none any more is taken back
    the feed starts another run           the session's bars are read again
    another process has written           what is stored is read again
    nothing                               nothing is written

The days before the session are kept in this process, as arrays, for as long as they hold. A pass that is killed has
written all of its rows or none, and the next one finds the same: everything goes by session dates and stored bars.
"""

from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Q, Sum

from thor.marketdata import daily_rollup, daily_version, waiting
from thor.marketdata.models import DailyBar, Extreme, Instrument, Split
from thor.marketdata.trading_days import session_at
from thor.timing.session import Session

#: What this process knows of a venue: by what it holds, the watch, and what is stored.
_known: dict[str, tuple[tuple[Any, ...], Any, Any]] = {}


def update_week52(*, market: str, at: datetime) -> dict[str, Any]:
    """Bring the extremes of a venue up to date.

    The keys are: session_date, instruments (watched), rows and new (rows and new extremes that were written), days
    (rolled up), finished (older sessions that were finished) and waiting; what is zero or empty is left out but rows.
    """
    session = session_at(market, at)
    if session is None:
        return {"rows": 0, "waiting": "calendar"}
    told: dict[str, Any] = {"session_date": session.date.isoformat(), "rows": 0}
    holds = _holds(market, session)
    if market not in _known or _known[market][0][0] != session:
        told |= _turn(market, session, at)
        if "waiting" in told:
            return told  # without the day before, everything of today would be compared with too little
        holds = _holds(market, session)
    if market not in _known or _known[market][0] != holds:
        _known[market] = _begin(market, session, holds)
    _, watch, stored = _known[market]
    if at >= session.close and waiting.watermark(market) is not None:
        told |= _until_close(market, session, at)
    rows, new = _pass(watch, stored, at, final=at >= session.close)
    return {**told, "instruments": len(watch.instruments), "rows": rows, **({"new": new} if new else {})}


def forget() -> None:
    """Forget what this process has read, as a new process would."""
    _known.clear()


def _holds(market: str, session: Session) -> tuple[Any, ...]:
    """Return what the windows of days depend on; as long as it is the same, so are they."""
    mine = Instrument.objects.filter(venue=market, active=True)
    instruments = mine.aggregate(count=Count("pk"), newest=Max("pk"), sum=Sum("pk"))
    splits = Split.objects.filter(instrument__venue=market)
    ratios = splits.aggregate(count=Count("pk"), newest=Max("pk"), sum=Sum("ratio"))
    return session, daily_version.current(), *instruments.values(), *ratios.values()


def _begin(market: str, session: Session, holds: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, Any]:
    # Here, not above: the arrays bring NumPy, which a process that only knows of the job does not need.
    from thor.marketdata import extremes_store, extremes_watch

    watch = extremes_watch.begin(market, session)
    return holds, watch, extremes_store.read(watch)


def _pass(watch: Any, stored: Any, at: datetime, *, final: bool) -> tuple[int, int]:
    from thor.marketdata import extremes_store

    if not extremes_store.is_current(stored, watch):
        fresh = extremes_store.read(watch)
        stored.rows, stored.stamp = fresh.rows, fresh.stamp
    return extremes_store.write(watch, stored, watch.look(at), at=at, final=final)


def _turn(market: str, session: Session, at: datetime) -> dict[str, Any]:
    """Roll up the days of the sessions that are over, and finish those whose last prices nobody has looked at."""
    rolled = daily_rollup.roll_up(venue=market, at=at, until=session.open)
    told = {name: value for name, value in rolled.items() if value}
    if "waiting" in told:
        return told
    stale = Extreme.objects.filter(instrument__venue=market, instrument__active=True, as_of__lt=session.date)
    if not stale.exists():
        return told
    finished = [one for one in daily_rollup.finished(market, session.open) if not _is_finished(market, one)]
    for one in finished:
        _, watch, stored = _begin(market, one, ())
        _pass(watch, stored, at, final=True)
    return {**told, "finished": len(finished)} if finished else told


def _is_finished(market: str, session: Session) -> bool:
    """Say whether every row has moved on from the session, or has seen all that the session's day tells."""
    days = DailyBar.objects.filter(
        instrument__venue=market,
        instrument__active=True,
        instrument__extreme__as_of__lte=session.date,
        date=session.date,
        origin__in=(DailyBar.Origin.ROLLED, DailyBar.Origin.SIMULATED),
    )
    seen = Q(
        instrument__extreme__as_of=session.date,
        instrument__extreme__high_52w__gte=F("high"),
        instrument__extreme__low_52w__lte=F("low"),
        instrument__extreme__last_price=F("close"),
    )
    return not days.exclude(seen).exists()


def _until_close(market: str, session: Session, at: datetime) -> dict[str, Any]:
    """Wait until the session is whole: this pass is its last."""
    late = waiting.wait_for([market], session.close)
    waiting.flush_until([market], at)
    return {"waiting": "feed"} if late else {}
