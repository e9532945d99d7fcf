"""What surrounds a desk in a paper run: recorded days, minutes made of them, quotes in Redis, and how time goes by.

The world is the same whoever lives in it and however often they die: minutes follow from symbol and date, a quote from
its minute, and a day is there four hours after its close, when the venue's extended day is over.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.db import connection

from thor.connections import redis_client
from thor.marketdata import daily_store, keys
from thor.marketdata.daily import DayRow, read_days
from thor.marketdata.models import Bar, DailyBar, Instrument, Split
from thor.markets.sessions import sessions_of_calendar
from thor.testing.recorded_minutes import day_in_minutes
from thor.testing.synthetic_minutes import Minute
from thor.timing import micros
from thor.timing.session import Session

#: What has a gapless record of daily bars around both spans.
SYMBOLS: Final = ("AAPL", "AIG", "BAC", "BNO", "EEM", "FB", "GOOG", "IBM", "IWM", "QQQ", "SPY", "USO", "WM")
#: Splits of which there is no factor file: the first session in new shares.
OTHER_SPLITS: Final = {"BNO": (date(2013, 8, 29), Decimal(2))}
#: Calendar days before the run that are imported: more than 252 sessions.
BEFORE: Final = timedelta(days=420)
#: When a session's day is rolled up.
ROLLED_AFTER: Final = timedelta(hours=4)
CENT: Final = Decimal("0.01")
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
#: How far time leaps at night: what comes hourly is decided all the same, the last one stands for the others.
NAP: Final = timedelta(hours=4)
#: Minute by minute from so long before the open until so long behind it, and likewise at the close.
EARLY, MORNING, EVENING, LATE = 5 * MINUTE, 35 * MINUTE, 30 * MINUTE, 15 * MINUTE
VENUE: Final = "us_equities"


@dataclass(slots=True)
class World:
    """The sessions of a run, what is known of each symbol's day, and its minutes by the instant at which they end."""

    lean: Path
    sessions: Sequence[Session]
    days: dict[date, list[DayRow]] = field(default_factory=dict)
    quotes: dict[datetime, dict[str, str]] = field(default_factory=dict)
    rolled: set[date] = field(default_factory=set)

    @property
    def start(self) -> datetime:
        """Return when the run begins: an hour before the first open."""
        return self.sessions[0].open - HOUR

    @property
    def end(self) -> datetime:
        """Return when the run is over: some time after the last day has been rolled up."""
        return self.sessions[-1].close + ROLLED_AFTER + 2 * NAP

    def prepare(self) -> None:
        """Store instruments, the days before, splits, and the minutes of the run: nobody looks ahead."""
        paths = [self.lean / f"equity/usa/daily/{symbol.lower()}.zip" for symbol in SYMBOLS]
        first = self.sessions[0].date
        Instrument.objects.exclude(symbol__in=SYMBOLS).update(active=False)
        known = set(Instrument.objects.values_list("symbol", flat=True))
        new = [symbol for symbol in SYMBOLS if symbol not in known]
        Instrument.objects.bulk_create(Instrument(symbol=symbol, venue=VENUE, kind="equity") for symbol in new)
        rows = [
            row for path in paths for row in read_days(path) if first - BEFORE <= row.date <= self.sessions[-1].date
        ]
        self._store([row for row in rows if row.date < first], "imported")
        factors = [self.lean / f"equity/usa/factor_files/{symbol.lower()}.csv" for symbol in SYMBOLS]
        daily_store.import_splits([path for path in factors if path.is_file()])
        for symbol, (day, ratio) in OTHER_SPLITS.items():
            Split.objects.get_or_create(
                instrument=Instrument.objects.get(symbol=symbol), date=day, defaults={"ratio": ratio}
            )
        for row in rows:
            if row.date >= first:
                self.days.setdefault(row.date, []).append(row)
        self._make_minutes()

    def publish(self, at: datetime) -> None:
        """Publish the quotes of the minute that has just ended, and roll up the days that are over."""
        now = str(micros(at) * 1000)
        with redis_client().pipeline() as pipe:
            pipe.hset(keys.feed(VENUE), mapping={"source": "TEST", "watermark": now, "ticked": now})
            if found := self.quotes.get(at):
                pipe.hset(keys.LATEST_QUOTES, mapping=found)
            pipe.execute()
        for session in self.sessions:
            if session.date not in self.rolled and at >= session.close + ROLLED_AFTER:
                self._store(self.days[session.date], "rolled")
                self.rolled.add(session.date)

    def instants(self, after: datetime) -> Iterator[datetime]:
        """Yield the instants at which anything of a desk is due, and every four hours by night."""
        instants = {at for session in self.sessions for at in _of_session(session)}
        at = self.start
        while at < self.end:
            if not any(one.open - EARLY <= at <= one.close + LATE for one in self.sessions):
                instants.add(at)
            at = at.replace(hour=at.hour // 4 * 4, minute=0) + NAP
        yield from sorted(at for at in instants if at > after)

    def _make_minutes(self) -> None:
        keys_of = dict(Instrument.objects.values_list("symbol", "pk"))
        for session in self.sessions:
            bars: list[tuple[Any, ...]] = []
            for row in self.days[session.date]:
                volume = Decimal(0)
                for one in day_in_minutes(self.lean, row, session):
                    volume += one.volume
                    bars.append(_bar(keys_of[row.symbol], one))
                    ends = one.start_at + MINUTE
                    self.quotes.setdefault(ends, {})[row.symbol] = _snapshot(row.symbol, one, volume)
            _write(bars)

    def _store(self, rows: Sequence[DayRow], origin: str) -> None:
        keys_of = dict(Instrument.objects.values_list("symbol", "pk"))
        names = ("date", "open", "high", "low", "close", "volume")
        daily_store.store_days(
            {
                "instrument_id": keys_of[row.symbol],
                "origin": DailyBar.Origin(origin),
                **{n: getattr(row, n) for n in names},
            }
            for row in rows
        )


def world_of(lean: Path, first: date, count: int) -> World:
    """Return the world of `count` sessions of New York from a date on."""
    found = sessions_of_calendar("XNYS").between(first, first + timedelta(days=2 * count + 10))
    return World(lean, found[:count])


def _write(bars: Sequence[tuple[Any, ...]]) -> None:
    """Store minutes in one statement: a model for each of 80,000 would take longer than the run."""
    names = "instrument_id, start_at, open, high, low, close, volume, trades, ticks, source"
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {Bar._meta.db_table} ({names}) VALUES ({', '.join(['%s'] * 10)})", bars)


def _bar(instrument: int, one: Minute) -> tuple[Any, ...]:
    figures = (str(value) for value in (one.open, one.high, one.low, one.close, one.volume))
    return (instrument, one.start_at.replace(tzinfo=None), *figures, 4, 4, "TEST")


def _snapshot(symbol: str, one: Minute, volume: Decimal) -> str:
    """Return what a feed would have published by the end of a minute: a cent to either side of its close."""
    at = (one.start_at + MINUTE - timedelta(seconds=1)).isoformat()
    size = float(max(one.volume // 400 * 100, Decimal(100)))
    prices = {"last": one.close, "bid": max(one.close - CENT, CENT), "ask": one.close + CENT}
    figures = {name: float(price) for name, price in prices.items()}
    sizes = {"bid_size": size, "ask_size": size, "volume": float(volume)}
    return json.dumps({"symbol": symbol, **figures, **sizes, "last_at": at, "at": at, "venue": VENUE, "source": "TEST"})


def _of_session(session: Session) -> Iterator[datetime]:
    """Yield each minute of the windows behind the open and around the close; between them, when jobs are due."""
    at = session.open - EARLY
    while at <= session.close + LATE:
        is_quiet = session.open + MORNING < at < session.close - EVENING
        if not is_quiet or at.minute % 3 == 0 or at.minute % 20 == 0:
            yield at
        at += MINUTE
