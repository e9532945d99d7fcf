"""Read trading days and splits from files, row by row (no database).

    days      a zip in LEAN's layout (`equity/usa/daily/spy.zip`): `YYYYMMDD HH:MM,open,high,low,close,volume` without a
              header, prices of US equities in 1/10,000; or a CSV with the header symbol,date,open,high,low,close,volume
    splits    a factor file of LEAN (`factor_files/aapl.csv`): date,priceFactor,splitFactor,reference price, where a
              factor holds up to and including its date; or a CSV with the header symbol,date,ratio

The columns of a header may come in any order and among others, and dates as 2013-10-07 or 20131007. What cannot be read
is refused with the file, the line and what to change; nothing is guessed and nothing is left out.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

from thor.errors import ThorError
from thor.marketdata.symbols import canonical
from thor.timing import SystemClock

_PRICES: Final = ("open", "high", "low", "close")
#: What can be read: what to give instead of a file that cannot.
_OF_DAYS: Final = "a zip in LEAN's layout, or a CSV with the header symbol,date,open,high,low,close,volume"
_OF_SPLITS: Final = "a factor file in LEAN's layout, which is no zip, or a CSV with the header symbol,date,ratio"
_PLACES: Final = Decimal("0.00000001")
_LARGEST: Final = Decimal(10) ** 12
#: Kinds of LEAN's folders whose prices are plain numbers.
_PLAIN: Final = {"future", "futureoption", "index", "crypto", "cryptofuture", "forex", "cfd", "option"}
#: A ratio is told from factors of seven digits: within this share of a plain fraction it is meant to be one.
_NEAR: Final = 5e-5


class UnreadableDays(ThorError):
    """A file of days or splits cannot be read."""


@dataclass(frozen=True, slots=True)
class DayRow:
    """One trading day of one symbol as a file has it."""

    symbol: str
    date: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One split; `date` is the first session in new shares, or (`after`) the last one in old shares."""

    symbol: str
    date: date
    ratio: Decimal
    after: bool = False


Dated = TypeVar("Dated", DayRow, SplitRow)


def read_days(path: Path, symbol: str = "") -> Iterator[DayRow]:
    """Iterate over the days of a file; `symbol` names them where the file does not. Raises `UnreadableDays`."""
    if path.suffix.lower() == ".zip":
        rows = _lean_days(path, canonical(symbol or path.stem))
    else:
        wanted = ("date", *_PRICES, "volume") if symbol else ("symbol", "date", *_PRICES, "volume")
        rows = _csv_days(path, wanted, canonical(symbol))
    found = False
    for row in _once_a_day(path, rows):
        found = True
        yield row
    if not found:
        raise UnreadableDays(f"{path} holds no rows; leave it out.")


def read_splits(path: Path, symbol: str = "") -> Iterator[SplitRow]:
    """Iterate over the splits of a file, likewise."""
    yield from _once_a_day(path, _splits(path, symbol))


def _splits(path: Path, symbol: str) -> Iterator[tuple[int, SplitRow]]:
    rows = list(csv.reader(io.StringIO(_text(path, _OF_SPLITS))))
    if rows and len(rows[0]) == 4 and rows[0][0].strip().isdigit():
        yield from _lean_splits(path, rows, canonical(symbol or path.stem))
    else:
        wanted = ("date", "ratio") if symbol else ("symbol", "date", "ratio")
        for line, cells in _records(path, wanted, _OF_SPLITS):
            ratio = _figure(path, line, "ratio", cells["ratio"])
            if not Decimal("0.000001") <= ratio < Decimal(10) ** 8 or ratio == 1:
                raise _refusal(path, line, f"a ratio of {ratio} is no split: 7 is seven new shares an old one")
            yield line, SplitRow(canonical(symbol or cells["symbol"]), _date(path, line, cells["date"]), ratio)


def _lean_days(path: Path, symbol: str) -> Iterator[tuple[int, DayRow]]:
    unit = Decimal(1) if _PLAIN & set(path.absolute().parts) else Decimal(10_000)
    for line, cells in enumerate(csv.reader(io.StringIO(_unzipped(path))), start=1):
        if len(cells) < 6:
            raise _refusal(path, line, f"it has {len(cells)} columns; six are time, open, high, low, close, volume")
        yield line, _day(path, line, symbol, dict(zip(("date", *_PRICES, "volume"), cells, strict=False)), unit)


def _csv_days(path: Path, wanted: Sequence[str], symbol: str) -> Iterator[tuple[int, DayRow]]:
    for line, cells in _records(path, wanted, _OF_DAYS):
        yield line, _day(path, line, symbol or canonical(cells["symbol"]), cells, Decimal(1))


def _day(path: Path, line: int, symbol: str, cells: dict[str, str], unit: Decimal) -> DayRow:
    prices = {name: _figure(path, line, name, cells[name]) / unit for name in _PRICES}
    prices = {name: price.quantize(_PLACES) for name, price in prices.items()}
    volume = _figure(path, line, "volume", cells["volume"])
    if not symbol:
        raise _refusal(path, line, "it names no symbol")
    if any(price == 0 for price in prices.values()) or volume < 0:
        raise _refusal(path, line, "a price is 0, or the volume is below 0")
    if prices["high"] < max(prices.values()) or prices["low"] > min(prices.values()):
        raise _refusal(path, line, "the high is not the highest of the four prices, or the low not the lowest")
    day = _date(path, line, cells["date"])
    if day > SystemClock().now().date() + timedelta(days=1):
        raise _refusal(path, line, f"{day} lies in the future")
    return DayRow(symbol, day, **prices, volume=volume)


def _once_a_day(path: Path, rows: Iterator[tuple[int, Dated]]) -> Iterator[Dated]:
    """Pass rows on; refuse a day of a symbol that is there twice."""
    seen: dict[tuple[str, date], int] = {}
    for line, row in rows:
        first = seen.setdefault((row.symbol, row.date), line)
        if first != line:
            raise _refusal(path, line, f"{row.symbol} {row.date} is there already, in line {first}")
        yield row


def _lean_splits(path: Path, rows: list[list[str]], symbol: str) -> Iterator[tuple[int, SplitRow]]:
    """Give a split wherever the factor changes: it holds up to and including the date of its row."""
    known: list[tuple[date, Decimal, int]] = []
    for line, cells in enumerate(rows, start=1):
        if len(cells) < 3:
            raise _refusal(path, line, f"it has {len(cells)} columns; a factor file has four")
        factor = _figure(path, line, "split factor", cells[2])
        if factor <= 0:
            raise _refusal(path, line, f"a split factor of {factor} is none")
        known.append((_date(path, line, cells[0]), factor, line))
    known.sort()
    for (day, before, line), (_, behind, _) in pairwise(known):
        if before != behind:
            yield line, SplitRow(symbol, day, _plain(behind / before), after=True)


def _plain(ratio: Decimal) -> Decimal:
    """Return the plain ratio (7, 1.5, 0.05) that a quotient of rounded factors stands for."""
    near = Fraction(ratio).limit_denominator(20) if ratio > 1 else 1 / Fraction(1 / ratio).limit_denominator(20)
    plain = Decimal(near.numerator) / Decimal(near.denominator)
    return (plain if abs(plain - ratio) < ratio * Decimal(_NEAR) else ratio).quantize(_PLACES)


def _records(path: Path, wanted: Sequence[str], files: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(_text(path, files)))
    header = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in wanted if name not in header]
    if missing:
        raise UnreadableDays(f"{path} has no column {', '.join(missing)}; its header should be {','.join(wanted)}.")
    for cells in reader:
        if len(cells) < len(header):
            raise _refusal(path, reader.line_num, f"it has {len(cells)} columns and the header {len(header)}")
        yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=False)}


def _figure(path: Path, line: int, name: str, text: str) -> Decimal:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        raise _refusal(path, line, f"{name} {text!r} is no number") from None
    if not found.is_finite() or abs(found) >= _LARGEST:
        raise _refusal(path, line, f"{name} {text!r} is no number that can be kept")
    return found


def _date(path: Path, line: int, text: str) -> date:
    try:
        return date.fromisoformat(text.strip().split(" ")[0])
    except ValueError:
        raise _refusal(path, line, f"{text!r} is no date; write 2013-10-07 or 20131007") from None


def _text(path: Path, files: str) -> str:
    return _opened(path, lambda: path.read_text("utf-8-sig"), files)


def _unzipped(path: Path) -> str:
    def read() -> str:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise ValueError(f"it holds {len(names)} files instead of one")
            return archive.read(names[0]).decode("ascii")

    return _opened(path, read, _OF_DAYS)


def _opened(path: Path, read: Callable[[], str], files: str) -> str:
    try:
        return read()
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise UnreadableDays(f"{path} cannot be read ({error}); give {files}.") from None


def _refusal(path: Path, line: int, reason: str) -> UnreadableDays:
    return UnreadableDays(f"{path}, line {line}: {reason}; correct the file.")


def next_day(day: date) -> date:
    """Return the weekday after a date, for symbols whose venue has no calendar."""
    return day + timedelta(days=7 - day.weekday() if day.weekday() >= 4 else 1)
