"""Say how soon the heartbeat looks again: every second while somebody trades, else once a minute.

Slow never means late: a slow period ends at the latest at the next opening, resumption or pre-open window of a market
that would make it fast. Pure but for the list of markets; the calendar decides, no broker's clock does.

What is not known yet cannot be awaited: an override that is entered during a slow period is seen at its end. Whoever
sleeps for the period has to look again within a second of an edit that was announced.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from thor.markets.models import Market
from thor.markets.phases import bells
from thor.markets.selectors import active_tables
from thor.markets.table import SessionTable
from thor.timing.phase import Phase

FAST: Final = timedelta(seconds=1)
SLOW: Final = timedelta(seconds=60)

#: What a slow heartbeat waits for: the hour before an open, an open, the end of a break (late ones end in pre-close).
_AWAITED: Final = frozenset({Phase.pre_open, Phase.open, Phase.pre_close})


def heartbeat_period(
    at: datetime,
    active_venues: Collection[str] | None = None,
    *,
    fast: timedelta = FAST,
    slow: timedelta = SLOW,
) -> timedelta:
    """Return how long the heartbeat waits after `at`: `fast`, or `slow`, which ends at what is awaited.

    Active control markets count, and the active venues among `active_venues`: the keys of those that have an active
    instrument, which markets cannot know. Without the argument every active venue counts.
    """
    tables = (table for row, table in active_tables() if _counts(row, active_venues))
    return period_of(tables, at, fast=fast, slow=slow)


def period_of(
    tables: Iterable[SessionTable], at: datetime, *, fast: timedelta = FAST, slow: timedelta = SLOW
) -> timedelta:
    """Return the period for these sessions: a second while any trades, else a minute or until one is awaited."""
    tables = list(tables)
    if any(table.is_open(at) for table in tables):
        return fast
    return min((_wait(table, at, slow) for table in tables), default=slow)


def _counts(row: Market, active_venues: Collection[str] | None) -> bool:
    return row.role == Market.Role.CONTROL or active_venues is None or row.key in active_venues


def _wait(table: SessionTable, at: datetime, slow: timedelta) -> timedelta:
    """Return the time to the next thing awaited of a market that does not trade, one slow period at most."""
    return next(_awaited(table, at, at + slow), at + slow) - at


def _awaited(table: SessionTable, at: datetime, until: datetime) -> Iterator[datetime]:
    if table.continuous:
        # Without bells it stops only for overrides, and goes on with the next session.
        return (session.open for session in table.around(at, until) if at < session.open <= until)
    return (bell.at for bell in bells(table, at, until) if bell.phase in _AWAITED)
