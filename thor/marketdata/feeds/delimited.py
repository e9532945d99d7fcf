"""Read recordings from a CSV with a header, by a mapping that lies beside it: `ticks.csv` and `ticks.csv.toml`.

venue = "us_equities"
symbol = "SPY"                 # or symbol = "Ticker" under [columns], for several symbols in one file
zone = "America/New_York"      # of times without an offset; UTC where it is left out
time = "iso"                   # iso (default), seconds, milliseconds, nanoseconds, or a strptime format
period = 60                    # bars: seconds of one bar

[columns]
at = "Time"
price = "Last"                 # or open, high, low and close
size = "Qty"                   # or cumulative, the volume of the day so far
bid = "Bid"
ask = "Ask"
bid_size = "BidQty"
ask_size = "AskQty"
"""

import csv
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from thor.marketdata.feeds.port import FeedRefused
from thor.marketdata.feeds.recording import Recording, expand_trades, recording
from thor.marketdata.symbols import canonical
from thor.marketdata.ticks import Floats

_BAR = ("open", "high", "low", "close")
_KNOWN = {"at", "symbol", "price", "size", "cumulative", "bid", "ask", "bid_size", "ask_size", *_BAR}
#: One row of a table: text as a CSV has it, or values as a typed file has them.
Row = Mapping[str, Any]


def read_csv(path: Path, aliases: dict[str, str]) -> list[Recording]:
    """Return a recording a symbol; raise `FeedRefused` with the reason where the file or its mapping cannot be used."""
    mapping = read_mapping(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        return recordings(path, mapping, rows, aliases)
    except (OSError, ValueError, csv.Error, ZoneInfoNotFoundError) as error:
        raise FeedRefused(f"the replay file {path} cannot be read ({error}); change it or {path.name}.toml.") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping beside a file; raise `FeedRefused` with what it lacks."""
    beside = path.with_name(path.name + ".toml")
    try:
        mapping = tomllib.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FeedRefused(f"{path} needs a mapping of its columns in {beside.name} beside it ({error}).") from None
    columns = mapping.get("columns", {})
    unknown = sorted(set(columns) - _KNOWN)
    if unknown or "at" not in columns or not mapping.get("venue") or not (mapping.get("symbol") or "symbol" in columns):
        raise FeedRefused(
            f"{beside} cannot be used{f' (unknown: {unknown[0]})' if unknown else ''}: it needs venue, symbol, and "
            f"[columns] with at and some of {', '.join(sorted(_KNOWN - {'at'}))}."
        )
    if not {"price", "bid", "ask"} & set(columns) and not set(_BAR) <= set(columns):
        raise FeedRefused(f"{beside} maps no prices: add price, or open, high, low and close, or bid and ask.")
    return mapping


def recordings(path: Path, mapping: dict[str, Any], rows: Sequence[Row], aliases: dict[str, str]) -> list[Recording]:
    """Return a recording a symbol from the rows of a table; raise ValueError where they cannot be used."""
    columns = mapping["columns"]
    missing = sorted(set(columns.values()) - set(rows[0] if rows else columns.values()))
    if missing:
        raise ValueError(f"it has no column {missing[0]!r}")
    by_symbol: dict[str, list[Row]] = {}
    for row in rows:
        named = row[columns["symbol"]] if "symbol" in columns else mapping["symbol"]
        by_symbol.setdefault(canonical(named, aliases), []).append(row)
    return [_recording(path, mapping, symbol, part) for symbol, part in by_symbol.items()]


def _recording(path: Path, mapping: dict[str, Any], symbol: str, rows: Sequence[Row]) -> Recording:
    columns = mapping["columns"]
    zone = ZoneInfo(mapping.get("zone", "UTC"))
    at = np.array([_time(row[columns["at"]], mapping.get("time", "iso"), zone) for row in rows], np.int64)
    known = {name: _column(rows, columns[name]) for name in columns if name not in ("at", "symbol")}
    what = "trade" if "price" in known or "open" in known else "quote"
    if "open" in known:
        period = round(float(mapping.get("period", 60)) * 1e9)
        volume = known.get("size", np.zeros(len(at)))
        known = expand_trades(at, period, [known[name] for name in _BAR], volume)  # type: ignore[assignment]
        at = known.pop("at")  # type: ignore[assignment]
    return recording(str(path), mapping["venue"], symbol, what, at, **known)


def _column(rows: Sequence[Row], name: str) -> Floats:
    return np.array([np.nan if row[name] in ("", None) else float(row[name]) for row in rows], np.float64)


def _time(value: Any, how: str, zone: ZoneInfo) -> int:
    """Return ns since the epoch; whole numbers of ns come from typed files."""
    if how == "nanoseconds":
        return int(value)
    if how in ("seconds", "milliseconds"):
        return round(float(value) * (1e9 if how == "seconds" else 1e6))
    found = datetime.fromisoformat(value) if how == "iso" else datetime.strptime(value, how)  # noqa: DTZ007 - zone below
    return _since_epoch(found if found.tzinfo else found.replace(tzinfo=zone))


def _since_epoch(aware: datetime) -> int:
    since = aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 * 10**6 + since.seconds * 10**6 + since.microseconds) * 1000


def local_ns(ns: int, zone: ZoneInfo) -> int:
    """Return the UTC ns of a local time that is counted in ns since local 1970."""
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)
    return _since_epoch(local.replace(tzinfo=zone)) + ns % 1000
