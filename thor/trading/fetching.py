"""Give symbols the days that the desk judges by, from Alpaca: completed sessions, and splits, also those to come.

Days and splits of fifty symbols come into the database in one transaction, so that no symbol has half of them, nor raw
prices without the split between them. They count as imported: they take the place of what was simulated, rolled up or
imported before, and fetching again changes nothing. A symbol that Alpaca knows and the database does not may become an
instrument.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from thor.env import Env
from thor.marketdata import daily_store
from thor.marketdata.daily import DayRow, SplitRow
from thor.marketdata.feeds.choice import feed_of_all, venues_of
from thor.marketdata.models import Instrument
from thor.markets.sessions import sessions_of
from thor.timing.session import Session
from thor.trading.alpaca_days import AlpacaDays, DaysUnavailable, UnusableBar, day_of

#: The venue whose shares Alpaca has days of. Its hours are the extended ones, whose trades are in a day's volume.
VENUE: Final = "us_equities"
#: How long after its close a day may still change; the free plan withholds the newest 15 minutes as well.
SETTLED: Final = timedelta(minutes=20)
#: How far ahead splits are asked for: one has to be entered before its date, and they are announced weeks before.
AHEAD: Final = timedelta(days=42)
#: Symbols of one question, and of one transaction.
SYMBOLS: Final = 50
#: Symbols that Alpaca's free plan streams: with more it refuses the whole stream.
STREAMED: Final = 30


@dataclass(slots=True)
class Fetched:
    """What came of it; `left_out` has the reasons, by symbol."""

    symbols: int
    stored: int = 0
    known: int = 0
    splits: int = 0
    added: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in a line."""
        parts = [f"{self.symbols} symbols", f"{self.stored:,} days stored", f"{self.known:,} known before"]
        parts += [f"{self.splits} splits stored"] if self.splits else []
        parts += [f"{self.added} instruments added"] if self.added else []
        reasons = ", ".join(f"{symbol} ({reason})" for symbol, reason in self.left_out.items())
        return ", ".join(parts + ([f"{len(self.left_out)} left out: {reasons}"] if reasons else []))


@dataclass(frozen=True, slots=True)
class _Window:
    """The sessions that are over, and the date of now."""

    sessions: Sequence[Session]
    today: date
    with_splits: bool

    @property
    def first(self) -> date:
        """Return the date of the first session."""
        return self.sessions[0].date


def fetch_days(
    symbols: Sequence[str],
    *,
    source: AlpacaDays,
    days: int,
    add: Collection[str],
    with_splits: bool = True,
    at: datetime,
) -> Fetched:
    """Fetch the sessions of the last `days` calendar days that are over; `add` are symbols that may become instruments.

    Raises `DaysUnavailable`; of the symbols that it was about then nothing is stored.
    """
    told = Fetched(len(symbols))
    asked = _askable(symbols, add, told)
    window = _window(days, with_splits, at)
    for start in range(0, len(asked), SYMBOLS):
        try:
            _fetch(asked[start : start + SYMBOLS], window, source, told)
        except DaysUnavailable as error:
            done = f" The symbols before {asked[start]} are done; run it again for the others." if start else ""
            raise DaysUnavailable(f"{error}{done}") from None
    told.left_out = {symbol: told.left_out[symbol] for symbol in symbols if symbol in told.left_out}
    return told


def require_room(symbols: Collection[str], settings: Env) -> None:
    """Refuse to add so many shares that Alpaca's free plan would stream none at all any more."""
    feed = settings.feed
    streams = feed_of_all(feed) == "alpaca" or VENUE in venues_of(feed, "alpaca")
    if not streams or settings.alpaca_data_feed != "iex":
        return
    known = set(Instrument.objects.filter(symbol__in=symbols).values_list("symbol", flat=True))
    active = Instrument.objects.filter(venue=VENUE, active=True).count()
    new = len(set(symbols) - known)
    if new and active + new > STREAMED:
        raise DaysUnavailable(
            f"{active + new} shares would be active, and Alpaca's free plan streams {STREAMED}: name fewer in "
            "THOR_UNIVERSE, or set THOR_ALPACA_DATA_FEED=sip, or add --add where your plan streams more."
        )


def _askable(symbols: Sequence[str], add: Collection[str], told: Fetched) -> list[str]:
    venues = dict(Instrument.objects.filter(symbol__in=symbols).values_list("symbol", "venue"))
    for symbol in symbols:
        venue = venues.get(symbol, VENUE if symbol in add else "")
        if not venue:
            told.left_out[symbol] = "no instrument; run it again with --add"
        elif venue != VENUE:
            told.left_out[symbol] = f"it trades on {venue}, and Alpaca's days are those of {VENUE}"
    return [symbol for symbol in symbols if symbol not in told.left_out]


def _window(days: int, with_splits: bool, at: datetime) -> _Window:
    table = sessions_of(VENUE)
    today = at.astimezone(ZoneInfo(table.zone)).date()
    found = [one for one in table.between(today - timedelta(days=days), today) if one.close + SETTLED <= at]
    if not found:
        raise DaysUnavailable(f"no session of the last {days} days is over; give more --days.")
    return _Window(found, today, with_splits)


def _fetch(symbols: Sequence[str], window: _Window, source: AlpacaDays, told: Fetched) -> None:
    """Ask for the days and splits of some symbols, and store them together."""
    bars = source.bars(symbols, first=window.first, until=window.sessions[-1].close)
    dates = {one.date for one in window.sessions}
    rows: list[DayRow] = []
    for symbol in symbols:
        try:
            rows += _days(symbol, bars.get(symbol, []), dates)
        except UnusableBar as error:
            told.left_out[symbol] = str(error)
    if rows:
        splits = _splits(sorted({row.symbol for row in rows}), window, source)
        stored = daily_store.import_rows(rows, splits, add=True, venue=VENUE)
        told.stored += stored["changed"]
        told.known += len(rows) - stored["changed"]
        told.splits += stored["splits"]
        told.added += stored["added"]


def _splits(symbols: Sequence[str], window: _Window, source: AlpacaDays) -> list[SplitRow]:
    if not window.with_splits:
        return []
    try:
        return source.splits(symbols, first=window.first, last=window.today + AHEAD)
    except DaysUnavailable as error:
        raise DaysUnavailable(f"{error} It was about splits: --without-splits leaves them to import_splits.") from None


def _days(symbol: str, bars: Sequence[Any], dates: Collection[date]) -> list[DayRow]:
    rows = [row for row in (day_of(symbol, bar) for bar in bars) if row.date in dates]
    if not rows:
        raise UnusableBar("Alpaca has no days of it")
    if len({row.date for row in rows}) < len(rows):
        raise UnusableBar("Alpaca tells a day twice")
    return rows
