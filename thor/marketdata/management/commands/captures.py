"""Print what was captured at the opens of a date, what became of it, and how the sessions closed."""

import json
from argparse import ArgumentParser
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Exists, OuterRef
from django.forms import model_to_dict
from rich.table import Table

from thor.errors import ThorError
from thor.marketdata.models import TOTAL, Capture, SessionCapture
from thor.markets.management.printing import show
from thor.markets.registry import market

_COLUMNS = (
    *("symbol", "no.", "signal", "last", "change", "entry", "target", "stop", "outcome", "touched"),
    "low, high, close",
)


class Command(BaseCommand):
    """Print captured sessions, one table each."""

    help = "Print what was captured at the opens of a date (default: the newest of each market), and its outcomes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a market, a date and a format."""
        parser.add_argument("--market", help="key of a control market, for example usa; default: all")
        parser.add_argument("--date", type=date.fromisoformat, help="session date, for example 2026-11-27")
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables, in UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the sessions."""
        try:
            keys = [market(options["market"]).key] if options["market"] else None
        except ThorError as error:
            raise CommandError(str(error), returncode=2) from error
        found = _sessions(keys, options["date"])
        if options["json"]:
            self.stdout.write(json.dumps([_document(one) for one in found], default=_plain, indent=2))
            return
        if not found:
            which = " ".join(
                ["", *([f"of {keys[0]}"] if keys else []), *([f"on {options['date']}"] if options["date"] else [])]
            )
            self.stdout.write(f"No session{which} has been captured.")
        for one in found:
            show(_table(one, market(one.market).zone_info), self.stdout)


def _sessions(keys: list[str] | None, day: date | None) -> list[SessionCapture]:
    """Return the sessions of a date, or without a date the newest of each market, in the order of their opens."""
    rows = SessionCapture.objects.order_by("opens_at", "market").prefetch_related("rows__instrument")
    if keys:
        rows = rows.filter(market__in=keys)
    if day:
        return list(rows.filter(session_date=day))
    newer = SessionCapture.objects.filter(market=OuterRef("market"), session_date__gt=OuterRef("session_date"))
    return list(rows.filter(~Exists(newer)))


def _table(session: SessionCapture, zone: ZoneInfo) -> Table:
    table = Table(*_COLUMNS, title=_title(session, zone), caption=_caption(session, zone))
    for row in sorted(session.rows.all(), key=lambda row: (row.symbol == TOTAL, row.pk)):
        table.add_row(*_cells(row, zone))
    return table


def _title(session: SessionCapture, zone: ZoneInfo) -> str:
    late = f", late: by the prices of {_time(session.captured_at, zone)}" if session.late else ""
    return (
        f"{session.market}, {session.session_date:%a %Y-%m-%d}, open {_time(session.opens_at, zone)} {zone.key}{late}"
    )


def _caption(session: SessionCapture, zone: ZoneInfo) -> str:
    return "; ".join(filter(None, [_state(session, zone), _unknown(session)]))


def _unknown(session: SessionCapture) -> str:
    """Say of which instruments no signal could be made for want of a close before."""
    symbols = [row.symbol for row in session.rows.all() if row.last_price is not None and row.previous_close is None]
    return f"no close before is known of {', '.join(symbols)}: manage.py import_daily" if symbols else ""


def _state(session: SessionCapture, zone: ZoneInfo) -> str:
    if session.closed_at is None:
        judged = f", judged until {_time(session.graded_until, zone)}" if session.graded_until else ""
        return f"not closed yet{judged}"
    said = ", incomplete: its feed had not reached the close, or ticks are missing" if session.incomplete else ""
    return f"closed at {_time(session.closed_at, zone)}{said}"


def _cells(row: Capture, zone: ZoneInfo) -> list[str]:
    decimals = row.instrument.decimals if row.instrument else 2
    is_short = "SELL" in row.signal
    levels = (row.target_low, row.target_high) if is_short else (row.target_high, row.target_low)
    moved = (row.session_low, row.session_high, row.session_close)
    touched = f"{_time(row.touched_at, zone)} at {_price(row.touched_price, decimals)}" if row.touched_at else ""
    return [
        row.symbol,
        str(row.number),
        f"{row.get_signal_display()} {row.weight:+d}" if row.signal else "",
        _price(row.last_price, decimals),
        _price(row.net_change, decimals, "+") if row.symbol != TOTAL else "",
        *(_price(figure, decimals) for figure in (row.entry, *levels)),
        row.get_outcome_display(),
        touched,
        " ".join(_price(figure, decimals) for figure in moved if figure is not None),
    ]


def _price(figure: Decimal | None, decimals: int, sign: str = "") -> str:
    return "" if figure is None else f"{figure:{sign},.{decimals}f}"


def _time(at: datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M:%S}" if at else ""


def _document(session: SessionCapture) -> dict[str, Any]:
    head = model_to_dict(session, exclude=["id", "grading"])
    rows = [model_to_dict(row, exclude=["id", "session", "instrument"]) for row in session.rows.all()]
    return {**head, "rows": rows}


def _plain(value: Any) -> str:
    """Return a figure as text, without trailing zeros; an instant in ISO."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
