"""What the seventh of October 2013 should leave behind, computed from the recordings alone.

Nothing of the product is imported: files are read with csv, sums are Decimal, loops are plain. The day is four US
equities in ticks and the E-mini S&P in minutes, from the Sunday evening on which it opened; seven of the control
markets had a session (Shanghai was on holiday, Mexico City and Toronto keep New York's hours).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from tests.acceptance import recorded
from tests.acceptance.recorded import EQUITY, Tape, Tick, expanded, quarters, rows, trades

DAY = date(2013, 10, 7)
EQUITIES = ("SPY", "IBM", "BAC", "AIG")
SYMBOLS = (*EQUITIES, "ES")
#: Where ES had closed on the Friday before: entered by hand, since no file says it.
ES_CLOSE = Decimal("1682.25")
#: Points of net change at which a signal is strong and plain; ES as installed.
THRESHOLDS = {
    "SPY": ("1", "0.2"),
    "IBM": ("1.5", "0.3"),
    "BAC": ("0.15", "0.03"),
    "AIG": ("0.5", "0.1"),
    "ES": ("6", "1"),
}
#: Offsets above and below the entry: percent for equities, points for ES.
PERCENT = {"SPY": "0.2", "IBM": "0.3", "BAC": "0.4", "AIG": "2.5"}
ES_POINTS = Decimal(6)

CENTS, PLACES = Decimal("0.01"), Decimal("0.0001")


def utc(hour: int, minute: int = 0, day: int = 7) -> datetime:
    """Return an instant of October 2013."""
    return datetime(2013, 10, day, hour, minute, tzinfo=UTC)


#: Open and close of the control markets on the day.
MARKETS = {
    "japan": (utc(0), utc(6)),
    "india": (utc(3, 45), utc(10)),
    "germany": (utc(7), utc(15, 30)),
    "united_kingdom": (utc(7), utc(15, 30)),
    "pre_usa": (utc(12, 30), utc(13, 30)),
    "usa": (utc(13, 30), utc(20)),
    "canada": (utc(13, 30), utc(20)),
    "mexico": (utc(13, 30), utc(20)),
}
#: When trading in US equities begins: 04:00 in New York.
EQUITIES_OPEN = utc(8)
#: The 24-hour session: Tokyo's open to New York's close.
ROLLING = (utc(0), utc(20))


def files(lean: Path) -> list[Path]:
    """Return the recordings of the day."""
    ticks = [lean / f"equity/usa/tick/{symbol.lower()}/20131007_trade.zip" for symbol in EQUITIES]
    minutes = [
        lean / f"future/cme/minute/es/201310{day}_{what}.zip" for day in ("06", "07") for what in ("trade", "quote")
    ]
    return ticks + minutes


def daily_files(lean: Path) -> list[Path]:
    """Return the daily bars of the equities."""
    return [lean / f"equity/usa/daily/{symbol.lower()}.zip" for symbol in EQUITIES]


def read_tape(lean: Path) -> Tape:
    """Return every tick of the day by symbol, in order of time."""
    tape: Tape = {}
    for symbol in EQUITIES:
        path = lean / f"equity/usa/tick/{symbol.lower()}/20131007_trade.zip"
        # In New York the day began four hours behind UTC.
        tape[symbol] = list(trades(path, utc(4), EQUITY))
    future: list[Tick] = []
    for day in (6, 7):
        folder = lean / "future/cme/minute/es"
        future += expanded(folder / f"2013100{day}_trade.zip", utc(0, day=day))
        future += _minute_quotes(folder / f"2013100{day}_quote.zip", day)
    tape["ES"] = sorted(future, key=lambda tick: tick.at)
    return tape


def since(tape: Tape, start: datetime) -> Tape:
    """Return what a replay that begins at `start` sees of the day."""
    return {symbol: [tick for tick in ticks if tick.at >= start] for symbol, ticks in tape.items()}


def _minute_quotes(path: Path, day: int) -> Iterator[Tick]:
    """A minute of quotes is four quotes; the sizes of the close belong to the last."""
    for row in rows(path):
        for place, at in enumerate(quarters(row, utc(0, day=day))):
            bid, ask = (Decimal(row[place + shift] or 0) or None for shift in (1, 6))
            yield Tick(at, None, Decimal(0), bid, ask)


def samples(tape: Tape, symbol: str, minutes: Iterable[datetime]) -> dict[datetime, tuple[Any, ...]]:
    """Return the last price and the volume of the UTC day so far, before each minute."""
    ticks, found = tape[symbol], {}
    position, price, volume, day = 0, None, Decimal(0), None
    for minute in sorted(minutes):
        ends = minute - timedelta(microseconds=1)
        while position < len(ticks) and ticks[position].at < minute:
            tick = ticks[position]
            position += 1
            if tick.price is None:
                continue
            if tick.at.date() != day:
                day, volume = tick.at.date(), Decimal(0)
            price, volume = tick.price, volume + tick.size
        assert day == ends.date(), "no sample is made for a day without trades"
        found[minute] = (price, volume)
    return found


def captures(tape: Tape, lean: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what each control market captures of each symbol, and of TOTAL: figures by name."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for market, (opens, ends) in MARKETS.items():
        # Before the venue's own open, what is known is Friday's, and Friday is compared with Thursday.
        closes = previous_closes(lean, 4 if opens >= EQUITIES_OPEN else 3)
        rows = {symbol: _capture(tape[symbol], symbol, closes[symbol], opens, ends) for symbol in SYMBOLS}
        found.update({(market, symbol): row for symbol, row in rows.items()})
        found[market, "TOTAL"] = _total(rows)
    return found


def previous_closes(lean: Path, day: int = 4) -> dict[str, Decimal]:
    """Return the closes of Friday the fourth, or those of the equities of another day of October."""
    found = {symbol: days[date(2013, 10, day)][3] for symbol, days in daily(lean).items()}
    return {**found, "ES": ES_CLOSE}


def daily(lean: Path) -> dict[str, dict[date, tuple[Decimal, ...]]]:
    """Return open, high, low and close of every day of the daily files."""
    return {symbol: recorded.daily(path) for symbol, path in zip(EQUITIES, daily_files(lean), strict=True)}


def rolling(tape: Tape, lean: Path) -> dict[str, dict[str, Any]]:
    """Return the 24-hour rows of the day."""
    closes, found = previous_closes(lean), {}
    for symbol in SYMBOLS:
        ticks = _between(tape[symbol], *ROLLING)
        prices = [tick.price for tick in ticks if tick.price is not None]
        opened, high, low, before = prices[0], max(prices), min(prices), closes[symbol]
        found[symbol] = {
            "previous_close": before,
            "open": opened,
            "high": high,
            "low": low,
            "last": prices[-1],
            "change": opened - before,
            "change_percent": _percent(opened - before, before),
            "range": high - low,
            "range_percent": _percent(high - low, opened),
            "volume": _volume(ticks),
        }
    return found


def extremes(tape: Tape, lean: Path) -> dict[str, dict[str, Any]]:
    """Return the extremes of 52 weeks up to and including the day, whose own prices are its ticks of all hours."""
    found = {}
    for symbol, days in daily(lean).items():
        prices = [tick.price for tick in tape[symbol] if tick.price is not None]
        today = (prices[0], max(prices), min(prices), prices[-1])
        (high, high_date), (low, low_date) = recorded.extremes({**days, DAY: today}, DAY)
        found[symbol] = {
            "high_52w": high,
            "high_52w_date": high_date,
            "low_52w": low,
            "low_52w_date": low_date,
        }
    return found


def _capture(ticks: list[Tick], symbol: str, close: Decimal, opens: datetime, ends: datetime) -> dict[str, Any]:
    before = [tick for tick in ticks if tick.at < opens]
    price = next((tick.price for tick in reversed(before) if tick.price is not None), None)
    bid = next((tick.bid for tick in reversed(before) if tick.bid is not None), None)
    ask = next((tick.ask for tick in reversed(before) if tick.ask is not None), None)
    change = None if price is None else price - close
    row: dict[str, Any] = {
        "last_price": price,
        "previous_close": close,
        "net_change": change,
        "signal": _signal(change, symbol),
        "bid": bid,
        "ask": ask,
        "volume": _day_volume(before, opens),
    }
    row |= _trade(row, symbol)
    row |= _graded(row, _between(ticks, opens, ends))
    return row | _session(price, _between(ticks, opens, ends))


def _signal(change: Decimal | None, symbol: str) -> str:
    if change is None:
        return ""
    strong, plain = (Decimal(text) for text in THRESHOLDS[symbol])
    if change > strong:
        return "STRONG_BUY"
    if change > plain:
        return "BUY"
    if change >= -plain:
        return "HOLD"
    return "SELL" if change > -strong else "STRONG_SELL"


def _trade(row: dict[str, Any], symbol: str) -> dict[str, Any]:
    """Return entry, target and stop: bought at the ask, sold at the bid, at the last price where nothing is quoted."""
    quoted = row["bid"] is not None and row["ask"] is not None
    side = {"BUY": "ask", "SELL": "bid"}.get(row["signal"].removeprefix("STRONG_"))
    entry = None if side is None else row[side] if quoted else row["last_price"]
    if entry is None:
        return {"entry": None, "target_high": None, "target_low": None, "quoted": quoted}
    away = ES_POINTS if symbol == "ES" else entry * Decimal(PERCENT[symbol]) / 100
    high, low = ((entry + sign * away).quantize(CENTS, ROUND_HALF_UP) for sign in (1, -1))
    return {"entry": entry, "target_high": high, "target_low": low, "quoted": quoted}


def _graded(row: dict[str, Any], ticks: list[Tick]) -> dict[str, Any]:
    if row["entry"] is None:
        return {"outcome": "NEUTRAL", "touched": "", "touched_at": None, "touched_price": None}
    long = row["signal"].endswith("BUY")
    target, stop = (row["target_high"], row["target_low"]) if long else (row["target_low"], row["target_high"])
    for tick in ticks:
        price = (tick.bid if long else tick.ask) if row["quoted"] else tick.price
        if price is None:
            continue
        won, lost = (price >= target, price <= stop) if long else (price <= target, price >= stop)
        if won or lost:
            outcome, touched = ("WORKED", "TARGET") if won else ("DIDNT_WORK", "STOP")
            return {"outcome": outcome, "touched": touched, "touched_at": tick.at, "touched_price": price}
    return {"outcome": "NEUTRAL", "touched": "", "touched_at": None, "touched_price": None}


def _session(opened: Decimal | None, ticks: list[Tick]) -> dict[str, Any]:
    """Return the figures of the session: of the trades since the open, and percentages at the close."""
    prices = [tick.price for tick in ticks if tick.price is not None]
    if not prices:
        return {"session_open": opened, "session_volume": Decimal(0)}
    high, low, last = max(prices), min(prices), prices[-1]
    found: dict[str, Any] = {
        "session_open": opened,
        "session_high": high,
        "session_low": low,
        "session_close": last,
        "session_range": high - low,
        "session_volume": _volume(ticks),
        "low_pct_open": _percent(last - low, low),
        "high_pct_close": _percent(high - last, high),
        "low_pct_close": _percent(last - low, low),
    }
    if opened is not None:
        found["high_pct_open"] = max(Decimal(0), _percent(high - opened, opened))
        found["close_vs_open_pct"] = _percent(last - opened, opened)
        found["range_pct"] = _percent(high - low, opened)
    return found


def _total(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the composite of the rows; the E-mini Dow, by which it would be graded, was not recorded."""
    weights = {"STRONG_BUY": 2, "BUY": 1, "SELL": -1, "STRONG_SELL": -2}
    total = sum(weights.get(row["signal"], 0) for row in rows.values())
    signal = "STRONG_BUY" if total > 9 else "BUY" if total > 3 else "HOLD" if total >= -3 else "SELL"
    return {"signal": "STRONG_SELL" if total < -9 else signal, "weight": total, "outcome": "NEUTRAL"}


def _between(ticks: list[Tick], start: datetime, end: datetime) -> list[Tick]:
    return [tick for tick in ticks if start <= tick.at < end]


def _volume(ticks: Iterable[Tick]) -> Decimal:
    return sum((tick.size for tick in ticks if tick.price is not None), Decimal(0))


def _day_volume(before: list[Tick], opens: datetime) -> Decimal | None:
    """Return what was traded on the UTC day that ends or runs at the open."""
    day = (opens - timedelta(microseconds=1)).date()
    today = [tick for tick in before if tick.price is not None and tick.at.date() == day]
    return _volume(today) if today else None


def _percent(part: Decimal, base: Decimal) -> Decimal:
    return (part / base * 100).quantize(PLACES, ROUND_HALF_UP)
