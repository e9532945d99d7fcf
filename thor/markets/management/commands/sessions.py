"""Print the sessions of a market: opens, breaks and closes, in its own time."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from thor.errors import ThorError
from thor.leadership.clock import process_clock
from thor.markets.management.printing import show
from thor.markets.registry import market
from thor.markets.sessions import sessions_of
from thor.timing.session import Session


class Command(BaseCommand):
    """Print the sessions of a market over a range of dates: half days and breaks before they happen."""

    help = "Print the sessions of a market: opens, breaks and closes, in its own time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a market, a range of dates and a format."""
        parser.add_argument("market", help="key of the market, for example usa")
        parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first date; default today")
        parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last date; default in two weeks")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table, in UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the sessions."""
        try:
            row, table = market(options["market"]), sessions_of(options["market"])
        except ThorError as error:
            raise CommandError(str(error)) from error
        first = options["first"] or process_clock().now().astimezone(row.zone_info).date()
        found = table.between(first, options["last"] or first + timedelta(days=14))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(session) for session in found], default=str, indent=2))
        else:
            show(_table(found, row.zone_info), self.stdout)


def _table(sessions: list[Session], zone: ZoneInfo) -> Table:
    table = Table("date", "open", "breaks", "close", "hours", "", title=f"in {zone.key} time")
    for session in sessions:
        table.add_row(*_cells(session, zone))
    return table


def _cells(session: Session, zone: ZoneInfo) -> list[str]:
    pauses = (f"{p.start.astimezone(zone):%H:%M} to {p.end.astimezone(zone):%H:%M}" for p in session.breaks)
    traded = sum((span.end - span.start for span in session.trading_spans()), timedelta())
    return [
        f"{session.date:%a %Y-%m-%d}",
        f"{session.open.astimezone(zone):%a %H:%M}",
        ", ".join(pauses),
        f"{session.close.astimezone(zone):%a %H:%M}",
        f"{traded.total_seconds() / 3600:g}",
        "provisional" if session.provisional else "",
    ]
