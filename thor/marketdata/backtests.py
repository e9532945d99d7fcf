"""Say how often the signals of each symbol have worked at one market, before an instant.

A percentage is of those that worked or did not; what ended neutral, or has not ended, does not count.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.db.models import Count

from thor.marketdata.models import Capture, Outcome, Signal

#: The signals that have a track record; of holds it is only said how many there were.
JUDGED: Final = (Signal.STRONG_BUY, Signal.BUY, Signal.SELL, Signal.STRONG_SELL)
_PLACES: Final = Decimal("0.0001")

#: The seventeen figures of one symbol, by name.
Record = dict[str, float]


def track_records(market: str, as_of: datetime, symbols: Iterable[str]) -> dict[str, Record]:
    """Return the track record of each symbol at a market, over the captures strictly before `as_of`."""
    rows = Capture.objects.filter(session__market=market, session__captured_at__lt=as_of).order_by()
    counted: dict[str, dict[tuple[str, str], int]] = {}
    for symbol, signal, outcome, count in rows.values_list("symbol", "signal", "outcome").annotate(Count("pk")):
        counted.setdefault(symbol, {})[signal, outcome] = count
    return {symbol: _record(counted.get(symbol, {})) for symbol in symbols}


def _record(counts: dict[tuple[str, str], int]) -> Record:
    found: Record = {}
    for signal in JUDGED:
        worked, didnt = (counts.get((signal, outcome), 0) for outcome in (Outcome.WORKED, Outcome.DIDNT_WORK))
        name = signal.value.lower()
        found[f"{name}_worked"] = worked
        found[f"{name}_worked_percentage"] = _percentage(worked, worked + didnt)
        found[f"{name}_didnt_work"] = didnt
        found[f"{name}_didnt_work_percentage"] = _percentage(didnt, worked + didnt)
    found["hold"] = sum(count for (signal, _), count in counts.items() if signal == Signal.HOLD)
    return found


def _percentage(part: int, whole: int) -> float:
    return float((Decimal(100 * part) / whole).quantize(_PLACES, ROUND_HALF_UP)) if whole else 0.0
