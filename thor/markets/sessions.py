"""Find the sessions of a market or of a calendar, and notice when they change.

Tables are kept in the process. Three times a second the next question looks whether the market or an override was
edited, and every five seconds whether the calendar's file was replaced, and takes over what is new; no process needs
a restart. Only the first question about a calendar waits while its file is made: whoever asks again after a failure
hears the reason at once, and a thread tries again meanwhile.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from thor.markets import store
from thor.markets.box import BOXED_CALENDARS
from thor.markets.calendars import DERIVED
from thor.markets.columns import Columns
from thor.markets.models import Market
from thor.markets.overrides import DayOverride, followed, overridden
from thor.markets.registry import Reading, market_in, reading
from thor.markets.table import SessionTable

log = logging.getLogger(__name__)

#: Seconds after which a process looks whether the file of a calendar has been replaced.
LOOK_AGAIN: Final = 5.0
#: Seconds between two tries of a calendar that failed: each starts a process.
FAILED_FOR: Final = 60.0
#: Seconds between two tries to have old files made again, which serve meanwhile.
REBUILD_AGAIN: Final = 600.0


def sessions_of(market_key: str) -> SessionTable:
    """Return the sessions of a market, by its key; raise `UnknownMarket` or `CalendarUnavailable`.

    The same object comes back for as long as nothing changed, so what others have computed from it stays
    true.
    """
    now = reading()
    held = _by_market.get(market_key)
    if held is None or held.reading is not now:
        held = _by_market[market_key] = _match(market_in(now, market_key), now, held)
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
class _Makings:
    """What the table of a market is made from: as long as they are the same, so is the table.

    `followed` are the overrides of the market that rules the calendar's source, and `source` is the source's table;
    None where nothing is followed.
    """

    base: SessionTable
    own: Mapping[date, DayOverride]
    source: SessionTable | None
    followed: Mapping[date, DayOverride]

    def same_as(self, other: "_Makings") -> bool:
        """Say whether a table made from the other would say the same."""
        same_tables = self.base is other.base and self.source is other.source
        return same_tables and self.own == other.own and self.followed == other.followed


@dataclass(frozen=True, slots=True)
class _MarketTable:
    """The table of a market, when it was last known to be true, and what it was made from."""

    reading: Reading
    makings: _Makings
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
#: The thread that tries a calendar again; one at a time, since each starts a process.
_behind: threading.Thread | None = None


def _match(row: Market, now: Reading, held: _MarketTable | None) -> _MarketTable:
    makings = _makings(row, now)
    if held is not None and held.table.post_close == row.post_close and makings.same_as(held.makings):
        return _MarketTable(now, held.makings, held.table)
    table = makings.base.with_post_close(row.post_close)
    return _MarketTable(now, makings, _overridden(row, table, makings) if makings.own or makings.followed else table)


def _makings(row: Market, now: Reading) -> _Makings:
    base, own = sessions_of_calendar(row.calendar), now.overrides.get(row.key, {})
    derived = DERIVED.get(row.calendar)
    moved = _overrides_of_calendar(derived.source, now) if derived else {}
    return _Makings(base, own, sessions_of_calendar(derived.source) if derived and moved else None, moved)


def _overrides_of_calendar(calendar: str, now: Reading) -> dict[date, DayOverride]:
    """Join the overrides of the markets that have a calendar; for one date the first in the order of lists counts."""
    found: dict[date, DayOverride] = {}
    for row in now.markets.values():
        if row.calendar == calendar:
            found = {**now.overrides.get(row.key, {}), **found}
    return found


def _overridden(row: Market, table: SessionTable, makings: _Makings) -> SessionTable:
    last = max([*makings.own, *makings.followed])
    columns, in_force = table.columns_beyond(last), {}
    if makings.source is not None:
        source = makings.source.columns_beyond(last)
        columns, voids = followed(columns, source, DERIVED[row.calendar], makings.followed.values())
        in_force = _in_force(row, makings.followed, voids)
    columns, voids = overridden(columns, makings.own.values())
    return table.with_overrides(columns, in_force | _in_force(row, makings.own, voids))


def _in_force(row: Market, said: Mapping[date, DayOverride], voids: Mapping[date, str]) -> dict[date, DayOverride]:
    for void in voids.values():
        log.warning("thor.market.override_void: %s: %s", row.key, void)
    return {day: one for day, one in said.items() if day not in voids}


def _look_again(calendar: str) -> _Held:
    with _loading:
        held = _by_calendar.get(calendar)
        if held is None:
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
    if held.table is None:
        _load_behind(calendar, held)
        return
    held.look_again_at = time.monotonic() + LOOK_AGAIN
    stamped = store.stamp(calendar)
    if stamped not in (held.stamped, 0.0):
        _take_new(calendar, held, stamped)
    _rebuild_if_old(calendar, held.stamped)


def _take_new(calendar: str, held: _Held, stamped: float) -> None:
    found = store.read(calendar)
    if found is not None:
        _hold(calendar, held, found)
    elif _load_behind(calendar, held):
        # One try a file: the next content to come has another stamp.
        held.stamped = stamped


def _hold(calendar: str, held: _Held, found: tuple[Columns, float]) -> None:
    columns, held.stamped = found
    if held.table is None or not held.table.starts_with(columns):
        held.table = SessionTable(calendar, columns)


def _load_behind(calendar: str, held: _Held) -> bool:
    """Let a thread have the file made while askers go on, unless one is busy; say whether it was begun."""
    global _behind
    if _behind is not None and _behind.is_alive():
        return False
    held.look_again_at = time.monotonic() + (FAILED_FOR if held.table is None else LOOK_AGAIN)
    _behind = threading.Thread(target=_try_load, args=(calendar, held), name="thor-calendar", daemon=True)
    _behind.start()
    return True


def _try_load(calendar: str, held: _Held) -> None:
    try:
        found = store.load(calendar)
    except store.CalendarUnavailable as error:
        if held.table is not None:
            # What was read before is still nearer the truth than nothing.
            log.warning("thor.sessions.stale: %s", error)
        held.reason = str(error)
        return
    with _loading:
        _hold(calendar, held, found)


def _rebuild_if_old(calendar: str, stamped: float) -> None:
    global _rebuild_at
    if time.monotonic() >= _rebuild_at and store.is_old(stamped):
        _rebuild_at = time.monotonic() + REBUILD_AGAIN
        store.rebuild_in_background([*BOXED_CALENDARS, *_by_calendar])
