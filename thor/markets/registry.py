"""Remember the market rows for five seconds, so that a question about time does not become a query.

An edit reaches the process that made it at once, and every other process within `FRESH`.
"""

import logging
import threading
import time
from typing import Final

from django.db import DatabaseError

from thor.errors import ThorError
from thor.markets.models import Market

log = logging.getLogger(__name__)

#: Seconds for which rows are believed; monotonic, so a replay does not change it.
FRESH: Final = 5.0

_lock = threading.Lock()
_rows: dict[str, Market] = {}
_stale_at = float("-inf")
_edits = 0


class UnknownMarket(ThorError):
    """No market of this key exists."""


def markets() -> list[Market]:
    """Return every market, active or not, in the order of lists."""
    return list(_current().values())


def market(key: str) -> Market:
    """Return the market of this key; raise `UnknownMarket` with the keys that exist."""
    rows = _current()
    if key not in rows:
        known = ", ".join(rows) or "none; run manage.py migrate"
        raise UnknownMarket(f"{key!r} is no market; there are {known}.")
    return rows[key]


def forget() -> None:
    """Read the rows again at the next question, because one of them was edited."""
    global _stale_at, _edits
    _edits += 1
    _stale_at = float("-inf")


def _current() -> dict[str, Market]:
    if time.monotonic() < _stale_at:
        return _rows
    with _lock:
        return _rows if time.monotonic() < _stale_at else _read()


def _read() -> dict[str, Market]:
    global _rows, _stale_at
    edits = _edits
    try:
        _rows = {row.key: row for row in Market.objects.all()}
    except DatabaseError as error:
        # Rows seldom change: while the database is away, old ones are nearer the truth than no answer.
        if not _rows:
            raise
        log.warning("thor.market.rows_stale: %s", error)
    # An edit that came while these rows were on their way may not be among them: they serve this question
    # only.
    if edits == _edits:
        _stale_at = time.monotonic() + FRESH
    return _rows
