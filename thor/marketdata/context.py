"""Say in which 24 hours and which year an open falls: what a capture keeps beside its own figures.

Both are computed from what lies before the instant, not taken from the rows that jobs keep current, so a capture that
is taken late, or again, says the same.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from thor.marketdata import daily_rollup, rolling
from thor.marketdata.figures import Price, Row, day_figures, year_figures
from thor.marketdata.models import DailyBar, Instrument
from thor.marketdata.trading_days import session_at
from thor.marketdata.units import minute_of

#: Columns of `TwentyFourHour` to those of `Capture`.
_OF_24H: Final = {
    "previous_close": "previous_close_24h",
    "change": "change_24h",
    "change_percent": "change_pct_24h",
    "range": "range_24h",
    "range_percent": "range_pct_24h",
}
_NO_DAY: Final[Row] = dict.fromkeys(("open_24h", "high_24h", "low_24h", "close_24h", *_OF_24H.values()))


def day_and_year_context(
    instruments: Sequence[Instrument], at: datetime, last: Mapping[str, Price]
) -> dict[str, dict[str, Price]]:
    """Return the columns *_24h and *_52w of `Capture` of each instrument at `at`, a whole minute, by symbol.

    `last` are the prices at `at`, by symbol, which the 52-week percentages are measured on. `close_24h` is None: it is
    told when the 24 hours are over.
    """
    at = minute_of(at)
    days, years = _days(instruments, at), _years(instruments, at)
    unknown = (None, None)
    return {
        row.symbol: {
            **days.get(row.symbol, _NO_DAY),
            **year_figures(
                last=last.get(row.symbol),
                high=years.get(row.symbol, unknown)[0],
                low=years.get(row.symbol, unknown)[1],
            ),
        }
        for row in instruments
    }


def _days(instruments: Sequence[Instrument], at: datetime) -> dict[str, Row]:
    day = rolling.day_at(at)
    if day is None:
        return {}
    traded, before = rolling.figures(instruments, day, at), rolling.closes_before(instruments, day)
    found = {}
    for row in instruments:
        close, done = before.get(row.symbol), traded.get(row.symbol)
        found[row.symbol] = {**_NO_DAY, "previous_close_24h": close}
        if done is not None:
            told = day_figures(opened=done.open, high=done.high, low=done.low, previous_close=close)
            found[row.symbol] |= {"open_24h": done.open, "high_24h": done.high, "low_24h": done.low}
            found[row.symbol] |= {name: told[column] for column, name in _OF_24H.items()}
    return found


def _years(instruments: Sequence[Instrument], at: datetime) -> dict[str, tuple[Price, Price]]:
    """Return high and low of the 52 weeks that end at `at`, by symbol."""
    found: dict[str, tuple[Price, Price]] = {}
    for venue in sorted({row.venue for row in instruments}):
        rows = sorted((row for row in instruments if row.venue == venue), key=lambda row: row.pk)
        session = session_at(venue, at)
        if session is not None:
            daily_rollup.roll_up(venue=venue, at=at, until=session.open)
        start, end = (session.open, min(at, session.close)) if session else (at, at)
        as_of = session.date if session else at.astimezone(UTC).date()
        found |= _year(rows, as_of, start, end, ended=session is not None and session.close <= at)
    return found


def _year(
    rows: Sequence[Instrument], as_of: date, start: datetime, end: datetime, *, ended: bool
) -> dict[str, tuple[Price, Price]]:
    """Return high and low of the 52 weeks of `as_of`; a session that has ended may be known by its day alone."""
    # Here, not above: the arrays bring NumPy, which a process that only knows of the job does not need.
    import numpy as np

    from thor.marketdata import extremes, extremes_history, extremes_today
    from thor.marketdata.closed import exact

    base = extremes_history.base_of([row.pk for row in rows], as_of)
    closes = {row.pk: float(close) for row, close in zip(rows, base["close"], strict=True)}
    days = DailyBar.objects.filter(instrument__in=rows, date=as_of) if ended else ()
    today: dict[int, Any] = {day.instrument_id: day for day in days}
    today |= extremes_today.session_figures(rows, closes, start, end) if start < end else {}
    high, low = (
        np.array([float(getattr(today[row.pk], name)) if row.pk in today else np.nan for row in rows])
        for name in ("high", "low")
    )
    found = extremes.with_today(base, high, low, as_of)
    return {
        row.symbol: (exact(float(one["high_52w"])), exact(float(one["low_52w"])))
        for row, one in zip(rows, found, strict=True)
        if not np.isnan(one["high_52w"])
    }
