"""Give features their daily bars: completed days, and today's so far.

    days before the session     `DailyBar`, the newest of the session right before; of those that were not imported
                                but made of minutes, the minutes of regular hours (`regular_days`)
    the session, while it runs  its minutes without bad prints (`today`), and the last quote as its close
    the session, once over      its `DailyBar` where it was imported already, else its minutes

Everything is in the shares of the session: prices of before a split are divided by its ratio and volumes multiplied.
What has too old, too few or no days is left out, and the reason is told; nothing is guessed. Instruments of other
venues than that of the traded shares have none. Days that are missing in between are asked about for entries alone
(`most_missing`): a figure made across a hole is worse than no purchase, but better than an exit that nobody judges.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.db.models import F, FloatField
from django.db.models.functions import Cast

from thor.env import env
from thor.marketdata import closes
from thor.marketdata.adjust import SplitOf, divisor
from thor.marketdata.feeds.choice import SIMULATED_PAST
from thor.marketdata.models import DailyBar
from thor.markets.sessions import sessions_of
from thor.timing.session import Session
from thor.trading.features import LEAST_BARS, YEAR_BARS, DailyBars, Features, TooFewBars, UnusableBars, features_of
from thor.trading.real_venues import real_venues
from thor.trading.regular_days import regular_days
from thor.trading.today import BarSoFar, NoBarYet, bars_so_far
from thor.trading.universe import elsewhere, shares_venue

if TYPE_CHECKING:
    from thor.trading.indicators import Floats

#: Sessions of the last 252 that an entry can do without: real records lack a few.
MOST_MISSING: Final = 5
#: Prices are divided to as many places as they have at rest.
PLACES: Final = 8
_COLUMNS: Final = ("high", "low", "close", "volume")

#: One day of one instrument: its date, high, low, close and volume.
_Day = tuple[date, float, float, float, float]


class History(dict[str, DailyBars]):
    """The daily bars of symbols; `left_out` tells of the other symbols why they have none."""

    def __init__(self, bars: Mapping[str, DailyBars], left_out: Mapping[str, str]) -> None:
        """Take what was found, and the reasons for what was not."""
        super().__init__(bars)
        self.left_out = dict(left_out)


class Seen(NamedTuple):
    """The features of symbols, and of the other symbols why they have none; together every symbol once."""

    features: dict[str, Features]
    left_out: dict[str, str]


def features_by_symbol(
    symbols: Sequence[str],
    *,
    at: datetime,
    session_date: date,
    with_today: bool = False,
    bars: int = YEAR_BARS,
    least: int = LEAST_BARS,
    most_missing: int | None = None,
) -> Seen:
    """Return the features of each symbol at its last bar, in the order of the symbols; see `history_of`.

    `least` is how many bars a symbol needs, today's counted in.
    """
    found = history_of(
        symbols, at=at, session_date=session_date, bars=bars, with_today=with_today, most_missing=most_missing
    )
    features: dict[str, Features] = {}
    left_out = found.left_out
    for symbol, days in found.items():
        try:
            features[symbol] = features_of(days, least)
        except (TooFewBars, UnusableBars) as error:
            left_out[symbol] = str(error)
    return Seen(features, {symbol: left_out[symbol] for symbol in symbols if symbol in left_out})


def history_of(
    symbols: Sequence[str],
    *,
    at: datetime,
    session_date: date,
    bars: int = YEAR_BARS,
    with_today: bool = False,
    most_missing: int | None = None,
) -> History:
    """Return up to `bars` completed days before the session of each symbol, and today's so far as one more.

    The days of all symbols are read in one statement, their splits in another, and what is noted of regular hours in a
    third, however many symbols there are. A session that has not begun has no bar of today, so with `with_today`
    nothing is found before its open. A symbol of which more than `most_missing` of the last 252 sessions since its
    first day are missing is left out; without it nobody asks.
    """
    ahead = sessions_of(env().trading_market).between(session_date - timedelta(days=2 * bars + 14), session_date)
    before = [session for session in ahead if session.date < session_date][-bars:]
    if not before:
        return History({}, dict.fromkeys(symbols, f"its market has no session before {session_date}"))
    keys, days = _days(symbols, before[0].date, session_date)
    found, left_out = _fresh(symbols, keys, days, before[-1].date)
    if most_missing is not None and _holes_matter():
        found, holes = _whole(found, [session.date for session in before[-YEAR_BARS:]], most_missing)
        left_out |= holes
    splits = closes.splits_of([keys[symbol] for symbol in found], session_date)
    made = {symbol: _bars(rows, splits[keys[symbol]], session_date) for symbol, rows in found.items()}
    if with_today:
        session = next((one for one in ahead if one.date == session_date), None)
        made, reasons = _with_today(made, session, at, session_date)
        left_out |= reasons
    return History(made, left_out)


def _days(symbols: Sequence[str], first: date, until: date) -> tuple[dict[str, int], dict[str, list[_Day]]]:
    """Return the keys of active instruments that have days in [first, until), by symbol, and those days."""
    # As numbers: a Decimal a cell would take several times as long.
    figures = {f"{name}_": Cast(F(name), FloatField()) for name in _COLUMNS}
    rows = DailyBar.objects.filter(
        instrument__symbol__in=list(symbols), instrument__active=True, date__gte=first, date__lt=until
    ).exclude(origin=DailyBar.Origin.SIMULATED, instrument__venue__in=real_venues())
    if venue := shares_venue():
        rows = rows.filter(instrument__venue=venue)
    columns: Any = (
        rows.annotate(**figures)
        .order_by("date")
        .values_list("instrument__symbol", "instrument", "origin", "date", *figures)
    )
    found = list(columns)
    regular = regular_days({(key, day) for _, key, origin, day, *_ in found if origin != DailyBar.Origin.IMPORTED})
    keys: dict[str, int] = {}
    days: dict[str, list[_Day]] = defaultdict(list)
    for symbol, key, _, day, *figures_ in found:
        keys[symbol] = key
        days[symbol].append((day, *regular.get((key, day), figures_)))
    return keys, days


def _fresh(
    symbols: Sequence[str], keys: Mapping[str, int], days: Mapping[str, list[_Day]], last: date
) -> tuple[dict[str, list[_Day]], dict[str, str]]:
    """Divide symbols into those whose days reach up to the session right before, and the reasons for the others."""
    found: dict[str, list[_Day]] = {}
    left_out = elsewhere([symbol for symbol in symbols if symbol not in keys])
    for symbol in dict.fromkeys(symbols):
        if symbol in left_out:
            continue
        if symbol not in keys:
            left_out[symbol] = "no active instrument that is called so has a day of the last year; import its days"
        elif days[symbol][-1][0] != last:
            left_out[symbol] = f"its last day is {days[symbol][-1][0]}, and that of its market {last}"
        else:
            found[symbol] = days[symbol]
    return found, left_out


def _holes_matter() -> bool:
    """Tell whether missing days can be had: nobody can fetch those of prices that are made up."""
    venue = shares_venue()
    return venue not in SIMULATED_PAST or venue in real_venues()


def _whole(
    days: Mapping[str, list[_Day]], sessions: Sequence[date], most_missing: int
) -> tuple[dict[str, list[_Day]], dict[str, str]]:
    """Divide symbols into those that lack few sessions since their first day, and the reasons for the others."""
    found: dict[str, list[_Day]] = {}
    left_out: dict[str, str] = {}
    for symbol, rows in days.items():
        since = sessions[bisect_left(sessions, rows[0][0]) :]
        gone = len(since) - len({day for day, *_ in rows}.intersection(since))
        if gone > most_missing:
            left_out[symbol] = f"{gone} of its last {len(since)} sessions are missing; fetch or import them"
        else:
            found[symbol] = rows
    return found, left_out


def _bars(rows: Sequence[_Day], splits: Sequence[SplitOf], session_date: date) -> DailyBars:
    """Return days as columns in the shares of the session."""
    import numpy as np

    dates, *columns = zip(*rows, strict=True)
    high, low, close, volume = (np.array(column, np.float64) for column in columns)
    if splits:
        by = np.array([float(divisor(splits, day, session_date)) for day in dates])
        high, low, close = (np.where(by == 1, one, np.round(one / by, PLACES)) for one in (high, low, close))
        volume = volume * by
    return DailyBars(dates, high, low, close, volume)


def _with_today(
    made: Mapping[str, DailyBars], session: Session | None, at: datetime, session_date: date
) -> tuple[dict[str, DailyBars], dict[str, str]]:
    """Append today's bar to the days of each symbol; tell of those that have none why."""
    if session is None or at <= session.open:
        reason = "the session has not begun" if session else f"{session_date} is no session of its market"
        return {}, dict.fromkeys(made, reason)
    last_closes = {symbol: float(bars.close[-1]) for symbol, bars in made.items()}
    today = bars_so_far(last_closes, session=session, at=at)
    grown = {
        symbol: _grown(made[symbol], bar, session_date) for symbol, bar in today.items() if isinstance(bar, BarSoFar)
    }
    return grown, {symbol: bar.reason for symbol, bar in today.items() if isinstance(bar, NoBarYet)}


def _grown(bars: DailyBars, today: BarSoFar, session_date: date) -> DailyBars:
    def longer(column: "Floats", value: float) -> "Floats":
        import numpy as np

        return np.append(column, value)

    return DailyBars(
        (*bars.dates, session_date),
        longer(bars.high, today.high),
        longer(bars.low, today.low),
        longer(bars.close, today.close),
        longer(bars.volume, today.volume),
    )
