"""Keep what has been traded since a control market opened, a captured symbol.

It is the cumulative volume now minus the cumulative volume at the open. The bars since the open add up to it: they are
made of increments, in which a source's counter that starts again from zero has been seen to once.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from thor.marketdata import since_open


def update_session_volume(*, market: str, at: datetime, session_date: date | None = None) -> dict[str, Any]:
    """Bring `session_volume` of the session's captures up to date; return what `since_open.follow` does."""
    return since_open.follow(market=market, at=at, session_date=session_date, columns=_columns)


def _columns(_: Any, done: Any) -> dict[str, Any]:
    return {"session_volume": done.volume if done else Decimal(0)}
