"""Keep high, low, range and percentages since a control market opened, a captured symbol.

The open is the price that was captured; high and low are of the trades since. The figures of the close are written by
the capture of the close.
"""

from datetime import date, datetime
from typing import Any

from thor.marketdata import since_open
from thor.marketdata.figures import session_figures


def update_market_metrics(*, market: str, at: datetime, session_date: date | None = None) -> dict[str, Any]:
    """Bring the session figures of the session's captures up to date; return what `since_open.follow` does."""
    return since_open.follow(market=market, at=at, session_date=session_date, columns=_columns)


def _columns(row: Any, done: Any) -> dict[str, Any]:
    high, low, last = (done.high, done.low, done.close) if done else (None, None, None)
    return session_figures(opened=row.session_open, high=high, low=low, last=last)
