"""Find the sessions of a market or of a calendar, and notice when they change.

Tables are kept in the process. Every five seconds the next question looks whether the market's row was edited
or the calendar's file replaced, and takes over what is new; no process needs a restart.
"""

import threading
import time
from dataclasses import dataclass
from typing import Final

from thor.markets import store
from thor.markets.box import BOXED_CALENDARS
from thor.markets.models import Market
from thor.markets.registry import market
from thor.markets.table import SessionTable

#: Seconds after which a process looks whether the file of a calendar has been replaced.
LOOK_AGAIN: Final = 5.0
#: Seconds for which a failed calendar is not tried again: each try starts a process.
FAILED_FOR: Final = 60.0


def sessions_of(market_key: str) -> SessionTable:
    """Return the sessions of a market, by its key; raise `UnknownMarket` or `CalendarUnavailable`.

    The same object comes back for as long as nothing changed, so what others have computed from it stays
    true.
    """
    row = market(market_key)
    held = _by_market.get(market_key)
    if held is None or held.row is not row:
        held = _by_market[market_key] = _match(row, held)
    return held.table


def sessions_of_calendar(calendar: str) -> SessionTable:
    """Return the sessions of a calendar, by its name, without a database; raise `CalendarUnavailable`."""
    held = _by_calendar.get(calendar)
    if held is None or time.monotonic() >= held.look_again_at:
        held = _look_again(calendar)
    if held.table is None:
        raise store.CalendarUnavailable(held.reason)
    return held.table


@dataclass(frozen=True, slots=True)
class _MarketTable:
    """The table of a market, and the row and the table of the calendar that it was made from."""

    row: Market
    base: SessionTable
    table: SessionTable


@dataclass(slots=True)
class _Held:
    """What this process holds of one calendar: a table, or why not, and until when it is believed."""

    look_again_at: float
    stamped: float = 0.0
    table: SessionTable | None = None
    reason: str = ""


_by_market: dict[str, _MarketTable] = {}
_by_calendar: dict[str, _Held] = {}
_loading = threading.RLock()
_rebuild_at = float("-inf")


def _match(row: Market, held: _MarketTable | None) -> _MarketTable:
    base = sessions_of_calendar(row.calendar)
    if held is not None and held.base is base and held.table.post_close == row.post_close:
        return _MarketTable(row, base, held.table)
    return _MarketTable(row, base, base.with_post_close(row.post_close))


def _look_again(calendar: str) -> _Held:
    with _loading:
        held = _by_calendar.get(calendar)
        if held is None or (held.table is None and time.monotonic() >= held.look_again_at):
            held = _by_calendar[calendar] = _load(calendar)
        elif time.monotonic() >= held.look_again_at:
            _refresh(calendar, held)
        return held


def _load(calendar: str) -> _Held:
    try:
        columns, stamped = store.load(calendar, others=BOXED_CALENDARS)
    except store.CalendarUnavailable as error:
        return _Held(time.monotonic() + FAILED_FOR, reason=str(error))
    _rebuild_if_old(calendar, stamped)
    return _Held(time.monotonic() + LOOK_AGAIN, stamped, SessionTable(calendar, columns))


def _refresh(calendar: str, held: _Held) -> None:
    """Take the new content of a file that was replaced; one that has gone is made again at the next start."""
    held.look_again_at = time.monotonic() + LOOK_AGAIN
    stamped = store.stamp(calendar)
    if stamped not in (held.stamped, 0.0):
        columns, held.stamped = store.load(calendar)
        if held.table is None or not held.table.starts_with(columns):
            held.table = SessionTable(calendar, columns)
    _rebuild_if_old(calendar, held.stamped)


def _rebuild_if_old(calendar: str, stamped: float) -> None:
    global _rebuild_at
    if time.monotonic() >= _rebuild_at and store.is_old(stamped):
        _rebuild_at = time.monotonic() + FAILED_FOR
        store.rebuild_in_background([*BOXED_CALENDARS, *_by_calendar])
