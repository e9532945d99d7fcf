"""Print the sessions of a market: opens, breaks and closes, in its own time."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from rich.markup import escape
from rich.table import Table

from thor.errors import ThorError
from thor.leadership.clock import process_clock
from thor.markets.management.printing import show
from thor.markets.overrides import DayOverride
from thor.markets.registry import market
from thor.markets.sessions import sessions_of
from thor.markets.table import SessionTable
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
        last = options["last"] or first + timedelta(days=14)
        found = table.between(first, last)
        if options["json"]:
            said = [{**asdict(session), "override": _reason(table, session.date)} for session in found]
            self.stdout.write(json.dumps(said, default=str, indent=2))
        else:
            show(_table(_lines(table, found, first, last, row.zone_info), row.zone_info), self.stdout)


#: The cells of one date.
Line = tuple[str, ...]


def _table(lines: list[Line], zone: ZoneInfo) -> Table:
    table = Table("date", "open", "breaks", "close", "hours", "", title=f"in {zone.key} time")
    for cells in lines:
        table.add_row(*cells)
    return table


def _lines(table: SessionTable, found: list[Session], first: date, last: date, zone: ZoneInfo) -> list[Line]:
    """Return a line a session, and one for each date that an override has closed, in order of dates."""
    lines = {session.date: _cells(session, zone, table.overrides.get(session.date)) for session in found}
    for day, said in table.overrides.items():
        if first <= day <= last and day not in lines:
            lines[day] = (f"{day:%a %Y-%m-%d}", "", "", "", "0", _mark(said))
    return [lines[day] for day in sorted(lines)]


def _cells(session: Session, zone: ZoneInfo, said: DayOverride | None) -> Line:
    pauses = (f"{p.start.astimezone(zone):%H:%M} to {p.end.astimezone(zone):%H:%M}" for p in session.breaks)
    traded = sum((span.end - span.start for span in session.trading_spans()), timedelta())
    marks = ["provisional"] * session.provisional + ([_mark(said)] if said else [])
    return (
        f"{session.date:%a %Y-%m-%d}",
        f"{session.open.astimezone(zone):%a %H:%M}",
        ", ".join(pauses),
        f"{session.close.astimezone(zone):%a %H:%M}",
        f"{traded.total_seconds() / 3600:g}",
        ", ".join(marks),
    )


def _mark(said: DayOverride) -> str:
    return f"override ({escape(said.source)}): {said.hours}: {escape(said.reason)}"


def _reason(table: SessionTable, day: date) -> str:
    said = table.overrides.get(day)
    return said.reason if said else ""
