"""What a paper run has left: its journal, its orders with their fills, and whether desk and broker agree."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from thor.jobs.models import Run
from thor.trading.models import Event, Intent, Order, Position, Trade
from thor.trading.models.paper import PaperAccount, PaperFill, PaperOrder, PaperPosition


def left(folder: Path) -> dict[str, Any]:
    """Write journal.jsonl and orders.json, and return the figures of a report."""
    (folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in journal()))
    found = orders()
    (folder / "orders.json").write_text(json.dumps(found, indent=1, sort_keys=True))
    return {
        "orders": len(found),
        "purchases": sum(one["side"] == "buy" for one in found),
        "sales": sum(one["side"] == "sell" for one in found),
        "fills": sum(len(one["fills"]) for one in found),
        "trades": Trade.objects.count(),
        "open": Position.objects.filter(closed_at__isnull=True).count(),
        "overnight_exits": overnight_exits(),
        "events": dict(Counter(Event.objects.order_by().values_list("kind", flat=True))),
        "runs": {f"{name} {state}": count for (name, state), count in sorted(runs().items())},
        "cash": _text(PaperAccount.objects.get(pk=1).cash) if PaperAccount.objects.exists() else "",
        "disagreements": disagreements(),
    }


def journal() -> list[str]:
    """Return the events as lines of JSON."""
    return [
        json.dumps(
            {
                "number": one.number,
                "key": one.key,
                "at": one.at.isoformat(),
                "kind": one.kind,
                "symbol": one.symbol,
                "run": str(one.run) if one.run else None,
                "fields": one.fields,
            },
            sort_keys=True,
        )
        for one in Event.objects.order_by("number")
    ]


def orders() -> list[dict[str, Any]]:
    """Return the orders of the desk with their fills, by id."""
    return [
        {
            "id": one.client_order_id,
            "run": str(one.run),
            "symbol": one.symbol,
            "side": one.side,
            "kind": one.kind,
            "purpose": one.purpose,
            "session": str(one.intent.session_date),
            "quantity": _text(one.quantity),
            "limit": _text(one.limit_price) if one.limit_price is not None else None,
            "state": one.state,
            "fills": [[_text(fill.quantity), _text(fill.price), fill.at.isoformat()] for fill in one.fills.all()],
        }
        for one in Order.objects.select_related("intent").prefetch_related("fills").order_by("client_order_id")
    ]


def overnight_exits() -> int:
    """Return how many sales were decided after one session and filled in another."""
    planned = Intent.objects.filter(exit_state="EXIT_PLANNED")
    done = Order.objects.filter(intent__in=planned, filled_quantity__gt=0).select_related("intent")
    return sum(one.planned_at.date() > one.intent.decided_at.date() for one in done)


def runs() -> Counter[tuple[str, str]]:
    """Return how often each entry ended how."""
    return Counter(Run.objects.order_by().values_list("name", "state"))


def disagreements() -> list[str]:
    """Return where desk and broker tell different stories: orders, fills, positions."""
    theirs = {row.client_order_id: row for row in PaperOrder.objects.all()}
    mine = {row.client_order_id: row for row in Order.objects.all()}
    found = [f"the broker has an order that the desk has not: {key}" for key in theirs.keys() - mine.keys()]
    for key, row in theirs.items():
        order = mine.get(key)
        if order is not None and (order.filled_quantity, order.quantity) != (row.filled_quantity, row.quantity):
            found.append(f"{order} is filled by {order.filled_quantity} here and {row.filled_quantity} there")
    bought = sum((row.quantity for row in PaperFill.objects.all()), Decimal(0))
    booked = sum((row.filled_quantity for row in mine.values()), Decimal(0))
    if bought != booked:
        found.append(f"{booked} units are booked, and {bought} were traded")
    held = {row.symbol: row.quantity for row in PaperPosition.objects.all()}
    known = {row.symbol: row.quantity for row in Position.objects.filter(closed_at__isnull=True)}
    return found if held == known else [*found, f"the desk holds {known}, and the broker {held}"]


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"
