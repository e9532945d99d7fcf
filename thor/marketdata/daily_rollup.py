"""Roll the minutes of finished sessions up into trading days.

A day is made for every session of the venue that ended in the last ten days, of every instrument that traded in it and
has no day yet, imported or rolled up. Its prices are those of the session's minutes without bad prints, its volume is
theirs with them. Older sessions come first, because the close of one is what the next is judged by. A session whose end
the feed has not passed yet is waited for, up to a day: a feed that has been away for so long does not come back to it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from thor.marketdata import closes, daily_store, waiting
from thor.marketdata.feeds.choice import SIMULATED
from thor.marketdata.models import Bar, DailyBar, Instrument
from thor.markets.registry import UnknownMarket
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable
from thor.timing.session import Session

#: How long after its close a session is waited for.
PATIENCE: Final = timedelta(days=1)
#: A day that has come meanwhile, imported or rolled up by another pass, stands.
_ANY: Final = "old.origin <> ''"


def roll_up(*, venue: str, at: datetime, until: datetime | None = None) -> dict[str, Any]:
    """Make the days that are missing of the sessions that ended by `until`, which is `at` where it is not given.

    Return days (made) and waiting: the end of the session that the feed has not passed yet.
    """
    told: dict[str, Any] = {"days": 0}
    flushed = False
    for session in finished(venue, until or at):
        missing = _without_day(venue, session.date)
        if not missing:
            continue
        if not flushed:
            waiting.flush_until([venue], at)
            flushed = True
        if at - session.close < PATIENCE and _is_behind(venue, session.close):
            return {**told, "waiting": session.close.isoformat()}
        told["days"] += _roll(missing, session)
    return told


def _is_behind(venue: str, until: datetime) -> bool:
    return waiting.watermark(venue) is not None and bool(waiting.behind([venue], until))


def finished(venue: str, at: datetime) -> list[Session]:
    """Return the sessions of a venue that ended by `at`, and not longer ago than ten days, oldest first."""
    try:
        near = sessions_of(venue).around(at - closes.REACH, at)
    except (UnknownMarket, CalendarUnavailable):
        return []
    return [session for session in near if at - closes.REACH < session.close <= at]


def _without_day(venue: str, day: date) -> list[Instrument]:
    known = DailyBar.objects.filter(instrument__venue=venue, date=day).values("instrument")
    return list(Instrument.objects.filter(venue=venue, active=True).exclude(pk__in=known).order_by("pk"))


def _roll(instruments: Sequence[Instrument], session: Session) -> int:
    from thor.marketdata.extremes_today import session_figures

    before = closes.closes_of_days(instruments, session.date)
    floats = {key: float(price) for key, price in before.items()}
    done = session_figures(instruments, floats, session.open, session.close)
    simulated = _simulated(instruments, session)
    return daily_store.store_days(
        (
            {
                "instrument_id": key,
                "date": session.date,
                "open": one.open,
                "high": one.high,
                "low": one.low,
                "close": one.close,
                "volume": one.volume,
                "origin": DailyBar.Origin.SIMULATED if key in simulated else DailyBar.Origin.ROLLED,
            }
            for key, one in done.items()
        ),
        unless=_ANY,
    )


def _simulated(instruments: Sequence[Instrument], session: Session) -> set[int]:
    """Return the keys of those of which any minute of the session is simulated."""
    minutes = Bar.objects.filter(
        instrument__in=instruments, start_at__gte=session.open, start_at__lt=session.close, source=SIMULATED
    )
    return set(minutes.order_by().values_list("instrument_id", flat=True).distinct())
