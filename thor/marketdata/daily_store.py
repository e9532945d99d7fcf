"""Bring trading days and splits, from files or from elsewhere, into the database: all of them, or none.

Files are read twice. The first reading refuses whatever is wrong before a row is written; the second writes, one
transaction a file. Importing the same files again changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from thor.marketdata import daily, daily_version
from thor.marketdata.daily import DayRow, SplitRow, UnreadableDays
from thor.marketdata.models import DailyBar, Instrument, Kind, Split
from thor.marketdata.upsert import upsert
from thor.markets.registry import UnknownMarket
from thor.markets.sessions import sessions_of
from thor.markets.store import CalendarUnavailable

#: Rows in one statement.
ROWS: Final = 2000
_SAME: Final = " AND ".join(
    f"old.{name} = excluded.{name}" for name in ("open", "high", "low", "close", "volume", "origin")
)


def import_days(
    paths: Sequence[Path], *, symbol: str = "", add: bool = False, venue: str = "us_equities"
) -> dict[str, int]:
    """Store the days of files; return rows (read), changed and added (instruments). Raises `UnreadableDays`."""
    rows = {path: lambda path=path: daily.read_days(path, symbol) for path in paths}  # type: ignore[misc]
    return _import(rows, _store_days, add=add, venue=venue)


def import_splits(paths: Sequence[Path], *, symbol: str = "") -> dict[str, int]:
    """Store the splits of files; return rows (read) and changed. Raises `UnreadableDays`."""
    rows = {path: lambda path=path: daily.read_splits(path, symbol) for path in paths}  # type: ignore[misc]
    return _import(rows, _store_splits, add=False, venue="")


def import_rows(days: Sequence[DayRow], splits: Sequence[SplitRow], *, add: bool, venue: str) -> dict[str, int]:
    """Store days and the splits of their symbols together; return changed, splits (changed) and added (instruments).

    Raises `UnreadableDays` where a symbol is no instrument and none may be added.
    """
    symbols = {row.symbol for row in days}
    try:
        with transaction.atomic():
            instruments, added = _instruments(symbols, add=add, venue=venue)
            changed = _store_days(days, instruments)
            split = _store_splits([row for row in splits if row.symbol in symbols], instruments)
    finally:
        daily_version.change()
    return {"changed": changed, "splits": split, "added": added}


def store_days(rows: Iterable[dict[str, Any]], *, unless: str = _SAME) -> int:
    """Insert or update rows of `DailyBar`; return how many were changed."""
    unique = ("instrument_id", "date")
    return sum(upsert(DailyBar, part, unique=unique, unless=unless) for part in _parts(rows))


def _import(
    files: dict[Path, Callable[[], Iterator[Any]]], store: Callable[..., int], *, add: bool, venue: str
) -> dict[str, int]:
    symbols: set[str] = set()
    told = {"rows": 0, "changed": 0, "added": 0}
    for read in files.values():
        for row in read():
            symbols.add(row.symbol)
            told["rows"] += 1
    instruments, told["added"] = _instruments(symbols, add=add, venue=venue)
    try:
        for read in files.values():
            with transaction.atomic():
                told["changed"] += store(read(), instruments)
    finally:
        daily_version.change()
    return told


def _instruments(symbols: set[str], *, add: bool, venue: str) -> tuple[dict[str, Instrument], int]:
    known = {row.symbol: row for row in Instrument.objects.filter(symbol__in=symbols)}
    missing = sorted(symbols - known.keys())
    if missing and not add:
        named = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise UnreadableDays(f"there is no instrument {named}; add it in the admin, or check --symbol.")
    if missing:
        kind = {"globex": Kind.FUTURE, "crypto": Kind.CRYPTO}.get(venue, Kind.EQUITY)
        Instrument.objects.bulk_create([Instrument(symbol=symbol, venue=venue, kind=kind) for symbol in missing])
        known.update({row.symbol: row for row in Instrument.objects.filter(symbol__in=missing)})
    return known, len(missing)


def _store_days(rows: Iterable[DayRow], instruments: dict[str, Instrument]) -> int:
    return store_days(
        {
            "instrument_id": instruments[row.symbol].pk,
            "date": row.date,
            "open": row.open,
            "high": row.high,
            "low": row.low,
            "close": row.close,
            "volume": row.volume,
            "origin": DailyBar.Origin.IMPORTED,
        }
        for row in rows
    )


def _store_splits(rows: Iterable[SplitRow], instruments: dict[str, Instrument]) -> int:
    found = [
        {
            "instrument_id": instruments[row.symbol].pk,
            "date": _session_after(instruments[row.symbol].venue, row.date) if row.after else row.date,
            "ratio": row.ratio,
        }
        for row in rows
    ]
    unique = ("instrument_id", "date")
    return sum(upsert(Split, part, unique=unique, unless="old.ratio = excluded.ratio") for part in _parts(found))


def _parts(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    left = iter(rows)
    while part := list(islice(left, ROWS)):
        yield part


def _session_after(venue: str, day: date) -> date:
    """Return the date of the venue's first session after a date."""
    try:
        found = sessions_of(venue).between(day + timedelta(days=1), day + timedelta(days=14))
    except (UnknownMarket, CalendarUnavailable):
        found = []
    return found[0].date if found else daily.next_day(day)
