"""The days that the simulated feed would have had before today: what needs a history has one on a fresh machine.

A day is the feed's own path, looked at once a minute of the regular session: its prices are those that the feed would
have quoted at these instants, its volume what it trades on average, a little more or less from day to day.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np

from thor.env import env
from thor.marketdata import daily_store, daily_version
from thor.marketdata.bars import MINUTE
from thor.marketdata.feeds.choice import SIMULATED_PAST, is_simulated
from thor.marketdata.feeds.noise import uniform
from thor.marketdata.feeds.simulated import character_of, quotes_of
from thor.marketdata.models import DailyBar, Instrument, Kind
from thor.markets.sessions import sessions_of
from thor.timing import Session

#: Sessions of 52 weeks, and some more.
SESSIONS: Final = 260
#: Shares a trade, on average.
SIZE: Final = 200.0


def give_history(*, before: datetime) -> int:
    """Give simulated days to the venues whose feed is the simulated one, as this installation is configured."""
    return sum(
        store_simulated_days(venue, before=before) for venue in SIMULATED_PAST if is_simulated(env().feed, venue)
    )


def store_simulated_days(venue: str, *, before: datetime, seed: int = 1, sessions: int = SESSIONS) -> int:
    """Give simulated days to every active share of a venue that has none; return how many were stored.

    They are the sessions that ended before an instant. A share that has any day, whatever its origin, is left alone.
    """
    near = sessions_of(SIMULATED_PAST[venue]).around(before - timedelta(days=2 * sessions), before)
    ended = [one for one in near if one.close <= before][-sessions:]
    bare = Instrument.objects.filter(venue=venue, kind=Kind.EQUITY, active=True, days=None).order_by("pk")
    stored = sum(daily_store.store_days(_days(instrument, ended, seed)) for instrument in bare)
    if stored:
        daily_version.change()
    return stored


def _days(instrument: Instrument, sessions: Sequence[Session], seed: int) -> Iterator[dict[str, Any]]:
    """Yield the row of each session."""
    for session in sessions:
        bid, ask = quotes_of(instrument.symbol, _minutes(session), float(instrument.tick_size), seed=seed)
        price = (bid + ask) / 2
        first, last = (Decimal(repr(round(float(price[index]), 4))) for index in (0, -1))
        low, high = (Decimal(repr(round(float(bound), 4))) for bound in (price.min(), price.max()))
        yield {
            "instrument_id": instrument.pk,
            "date": session.date,
            "open": first,
            "high": high,
            "low": low,
            "close": last,
            "volume": Decimal(_volume(instrument.symbol, session, seed)),
            "origin": DailyBar.Origin.SIMULATED,
        }


def _minutes(session: Session) -> "np.ndarray":
    """Return the begin of every minute of a session, and its last instant, in ns."""
    first, last = (round(at.timestamp()) * 10**9 for at in (session.open, session.close))
    return np.append(np.arange(first, last, MINUTE), last - 1)


def _volume(symbol: str, session: Session, seed: int) -> int:
    minutes = (session.close - session.open) / timedelta(minutes=1)
    swing = uniform(seed + sum(symbol.encode()), 401, np.array([session.date.toordinal()]))[0]
    return int(character_of(symbol).trades * minutes * SIZE * (0.7 + 0.6 * swing))
