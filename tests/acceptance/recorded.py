"""What recordings hold, read with csv, zipfile and Decimal alone: nothing of the product is imported."""

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

#: What prices of US equities are divided by: they are in hundredths of a cent.
EQUITY = 10_000


@dataclass(frozen=True, slots=True)
class Tick:
    """A trade (price and size) or a quote (bid and ask)."""

    at: datetime
    price: Decimal | None
    size: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None


Tape = dict[str, list[Tick]]


def rows(path: Path) -> Iterator[list[str]]:
    """Read the largest file of a zip: of a future, the expiry that is traded most."""
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        yield from csv.reader(io.StringIO(archive.read(largest).decode()))


def trades(path: Path, midnight: datetime, divisor: int = 1) -> Iterator[Tick]:
    """Read ticks: milliseconds since the `midnight` of the data, price, size."""
    for row in rows(path):
        yield Tick(midnight + timedelta(milliseconds=int(row[0])), Decimal(row[1]) / divisor, Decimal(row[2]))


def expanded(path: Path, midnight: datetime, divisor: int = 1, *, seconds: int = 60) -> Iterator[Tick]:
    """Read bars, each replayed as four trades, a quarter of it apart; its volume goes with the last."""
    for row in rows(path):
        sizes = (Decimal(0), Decimal(0), Decimal(0), Decimal(row[5]))
        for at, price, size in zip(quarters(row, midnight, seconds), row[1:5], sizes, strict=True):
            yield Tick(at, Decimal(price) / divisor, size)


def quarters(row: list[str], midnight: datetime, seconds: int = 60) -> list[datetime]:
    """Return the times at which the four prices of a bar are replayed."""
    start = midnight + timedelta(milliseconds=int(row[0]))
    return [start + timedelta(seconds=seconds) / 4 * place for place in range(4)]


def bars(tape: Tape, symbol: str) -> dict[datetime, tuple[Any, ...]]:
    """Fold by minutes: open, high, low, close, volume, number of trades."""
    minutes: dict[datetime, list[Tick]] = defaultdict(list)
    for tick in tape[symbol]:
        if tick.price is not None:
            minutes[tick.at.replace(second=0, microsecond=0)].append(tick)
    found = {}
    for minute, ticks in minutes.items():
        prices = [tick.price for tick in ticks if tick.price is not None]
        volume = sum((tick.size for tick in ticks), Decimal(0))
        found[minute] = (prices[0], max(prices), min(prices), prices[-1], volume, len(prices))
    return found


def vendor(path: Path, midnight: datetime, divisor: int = 1) -> dict[datetime, tuple[Decimal, ...]]:
    """Return open, high, low and close of a file of minutes, as the vendor made them."""
    return {
        midnight + timedelta(milliseconds=int(row[0])): tuple(Decimal(cell) / divisor for cell in row[1:5])
        for row in rows(path)
    }


def daily(path: Path) -> dict[date, tuple[Decimal, ...]]:
    """Return open, high, low and close of every day of a daily file of an equity."""
    return {
        datetime.strptime(row[0][:8], "%Y%m%d").replace(tzinfo=UTC).date(): tuple(
            Decimal(cell) / EQUITY for cell in row[1:5]
        )
        for row in rows(path)
    }


def extremes(days: dict[date, tuple[Decimal, ...]], until: date) -> tuple[tuple[Decimal, date], tuple[Decimal, date]]:
    """Return high and low, each with its first date, of the 365 days that end with a date."""
    window = {day: prices for day, prices in days.items() if until - timedelta(days=365) < day <= until}
    high = max(window, key=lambda day: (window[day][1], -day.toordinal()))
    low = min(window, key=lambda day: (window[day][2], day.toordinal()))
    return (window[high][1], high), (window[low][2], low)
