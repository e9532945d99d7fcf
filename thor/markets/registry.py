"""Remember markets and overrides for a moment, so that a question about time does not become a query.

An edit reaches the process that made it at once, and every other process within `FRESH`. Rows and the file of
overrides are read together: a question never sees half of an edit. While the database is away, the rows that were read
last stay in force.
"""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.db import Error, connection

from thor.errors import ThorError
from thor.markets import override_file
from thor.markets.models import Market, Override
from thor.markets.overrides import DayOverride

log = logging.getLogger(__name__)

#: Seconds for which rows are believed; monotonic, so a replay does not change it.
FRESH: Final = 0.3
#: Seconds for which they are believed after they could not be read: a host that is away would hold each question up.
FAILED_FOR: Final = 5.0

#: The overrides of each market that has any, by date.
Overrides = Mapping[str, Mapping[date, DayOverride]]


class UnknownMarket(ThorError):
    """No market of this key exists."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The markets and their overrides as they were at one look; another object after each look."""

    markets: dict[str, Market] = field(default_factory=dict)
    overrides: Overrides = field(default_factory=dict)


_lock = threading.Lock()
_last = Reading()
_stale_at = float("-inf")
_edits = 0
_strange: frozenset[str] = frozenset()
_is_stale = False


def markets() -> list[Market]:
    """Return every market, active or not, in the order of lists."""
    return list(reading().markets.values())


def market(key: str) -> Market:
    """Return the market of this key; raise `UnknownMarket` with the keys that exist."""
    return market_in(reading(), key)


def market_in(found: Reading, key: str) -> Market:
    """Return the market of this key in a reading; raise `UnknownMarket` with the keys that exist."""
    row = found.markets.get(key)
    if row is None:
        known = ", ".join(found.markets) or "none; run manage.py migrate"
        raise UnknownMarket(f"{key!r} is no market; there are {known}.")
    return row


def reading() -> Reading:
    """Return markets and overrides as they were less than `FRESH` ago."""
    if time.monotonic() < _stale_at:
        return _last
    with _lock:
        return _last if time.monotonic() < _stale_at else _read()


def forget() -> None:
    """Read the rows again at the next question, because one of them was edited."""
    global _stale_at, _edits
    _edits += 1
    _stale_at = float("-inf")


def drop_connection() -> bool:
    """Close this thread's connection, so that its next query opens another; say whether there was one to close.

    Django does so between requests and tasks; a thread that only asks about markets has neither, and would keep a
    connection for ever that the server has closed. Inside a transaction nothing is done.
    """
    if connection.connection is None or connection.in_atomic_block:
        return False
    with suppress(Error):
        connection.close()
    return True


def _read() -> Reading:
    global _last, _stale_at
    edits, believed_for = _edits, FRESH
    try:
        _last = _queried()
    except Error as error:
        # Rows seldom change: while the database is away, old ones are nearer the truth than no answer.
        if not _last.markets:
            raise
        believed_for = FAILED_FOR
        _tell_of_trouble(error)
    else:
        _tell_of_trouble(None)
    # An edit that came while these rows were on their way may not be among them: they serve this question
    # only.
    if edits == _edits:
        _stale_at = time.monotonic() + believed_for
    return _last


def _queried() -> Reading:
    try:
        return _looked_up()
    except Error:
        # The connection may be what is wrong: once more, on another.
        if not drop_connection():
            raise
        return _looked_up()


def _looked_up() -> Reading:
    rows = {row.key: row for row in Market.objects.all()}
    return Reading(rows, _overrides(rows))


def _tell_of_trouble(error: Error | None) -> None:
    global _is_stale
    if error is not None and not _is_stale:
        log.warning("thor.market.rows_stale: markets and overrides stay as they were last read: %s", error)
    elif error is None and _is_stale:
        log.warning("thor.market.rows_read: markets and overrides can be read again")
    _is_stale = error is not None


def _overrides(rows: dict[str, Market]) -> Overrides:
    """Return what the file says, and over it what the rows say."""
    found: dict[str, dict[date, DayOverride]] = {}
    of_file = override_file.current()
    _tell_of_strangers(frozenset(of_file), rows)
    for key in of_file.keys() & rows.keys():
        found[key] = {one.date: one.override(rows[key].zone) for one in of_file[key]}
    by_id = {row.pk: row for row in rows.values()}
    for one in Override.objects.filter(market__in=by_id):
        row = by_id[one.market_id]
        found.setdefault(row.key, {})[one.date] = one.said(row)
    return found


def _tell_of_strangers(keys: frozenset[str], rows: dict[str, Market]) -> None:
    global _strange
    strange = keys - rows.keys()
    if strange - _strange:
        log.error("thor.market.override_unknown: the file names %s: there is no such market", ", ".join(strange))
    _strange = strange
