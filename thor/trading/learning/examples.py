"""Make examples of finished trades: what was seen at the entry, and what came of it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from thor.trading.books import books_since
from thor.trading.models import Event, Example, Happening, Position, Trade
from thor.trading.models.positions import EXTERNAL

#: An adverse excursion of more percent of the entry price makes a trade bad, whatever it earned in the end.
WORST_EXCURSION: Final = 3.0


def collect_examples(*, at: datetime) -> int:
    """Make an example of every trade finished until `at` that has none; return how many were made.

    Trades of positions that the desk found at the broker, and of those of which a part was sold elsewhere, are left
    out: their prices are assumed. So are those of another account (`thor.trading.books`). A trade without the features
    of its entry becomes an example without features, which counts as a row and is not trained on.
    """
    fresh = Trade.objects.filter(example__isnull=True, exit_timestamp__lte=at).exclude(position__source=EXTERNAL)
    fresh = fresh.exclude(exit_type="EXTERNAL_CLOSE").select_related("position__entry_intent")
    if (since := books_since()) is not None:
        fresh = fresh.filter(exit_timestamp__gt=since)
    found = fresh.order_by("entry_timestamp", "symbol")
    rows = [_example(trade) for trade in found if not _is_sold_elsewhere(trade.position)]
    before = Example.objects.count()
    # Somebody else may be making the same ones: what is there already is left as it is.
    Example.objects.bulk_create(rows, ignore_conflicts=True)
    return Example.objects.count() - before


def known_examples(*, at: datetime) -> list[Example]:
    """Return the examples of trades finished until `at`, in the order of their entries, of this account alone."""
    rows = Example.objects.filter(exit_timestamp__lte=at)
    if (since := books_since()) is not None:
        rows = rows.filter(exit_timestamp__gt=since)
    return list(rows.order_by("decision_timestamp", "symbol"))


def _is_sold_elsewhere(position: Position) -> bool:
    """Tell whether reconciliation has booked a sale of a part of it that it did not see."""
    found = Event.objects.filter(kind=Happening.POSITION, symbol=position.symbol, fields__source=EXTERNAL)
    return any(_takes_off(one, position) for one in found.filter(fields__has_key="before"))


def _takes_off(event: Event, position: Position) -> bool:
    told = event.fields
    if "position" in told:
        return bool(told["position"] == position.pk and Decimal(told["own"]) < Decimal(told["own_before"]))
    # Journals of earlier versions tell neither the position nor whose it was.
    is_of = position.closed_at is not None and position.opened_at <= event.at <= position.closed_at
    return is_of and Decimal(told["quantity"]) < Decimal(told["before"])


def numbers(features: Mapping[str, Any]) -> dict[str, float]:
    """Return the features that are numbers, by name; text, dates and what is no number tell a model nothing."""
    return {
        str(name): float(value)
        for name, value in features.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    }


def is_bad(row: Example) -> bool:
    """Tell whether a trade was bad: it lost, or was more than 3 % under water."""
    return row.realized_pnl_pct < 0 or abs(row.mae_pct) > WORST_EXCURSION


def _example(trade: Trade) -> Example:
    position, intent = trade.position, trade.position.entry_intent
    worst, best = excursions(trade.entry_price, position.lowest, position.highest, trade.exit_price)
    return Example(
        trade=trade,
        symbol=trade.symbol,
        decision_timestamp=trade.entry_timestamp,
        rule_confidence=trade.confidence,
        rule_features=numbers(intent.features) if intent else {},
        position_size=trade.position_size,
        entry_price=trade.entry_price,
        exit_price=trade.exit_price,
        exit_timestamp=trade.exit_timestamp,
        holding_days=trade.holding_days,
        realized_pnl_pct=float(trade.net_pnl_pct),
        mae_pct=worst,
        mfe_pct=best,
    )


def excursions(
    entry: Decimal, lowest: Decimal | None, highest: Decimal | None, exit_price: Decimal
) -> tuple[float, float]:
    """Return the worst and the best excursion in percent of the entry price: 0 or below, and 0 or above.

    The exit counts as well: a position that is sold in the session in which it falls has no close to show for it.
    """
    seen = [entry, exit_price, *(price for price in (lowest, highest) if price is not None)]
    worst, best = ((price / entry - 1) * 100 for price in (min(seen), max(seen)))
    return round(float(worst), 6), round(float(best), 6)
