"""Print every market with its phase and what comes next."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from rich.markup import escape
from rich.table import Table

from thor.leadership.clock import process_clock
from thor.markets.management.printing import instant, show
from thor.markets.selectors import MarketStatus, status_board


class Command(BaseCommand):
    """Print every market with its phase and what comes next, now or at another instant."""

    help = "Print every market with its phase and what comes next."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take an instant and a format."""
        parser.add_argument("--at", type=instant, help="instant with offset, default now: 2026-11-27T17:30:00+00:00")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the board."""
        board = status_board(options["at"] or process_clock().now())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(status) for status in board], default=str, indent=2))
        else:
            show(_table(board), self.stdout)


def _table(board: list[MarketStatus]) -> Table:
    names = ["market", "name", "phase", "session", "local time", "next", "at (local)", "calendar until"]
    # Most days have none: then the column would only take room.
    names += ["override"] * any(status.override for status in board)
    table = Table(*names)
    for status in board:
        table.add_row(*_cells(status)[: len(names)], style=None if status.is_open else "dim")
    return table


def _cells(status: MarketStatus) -> list[str]:
    zone = status.local_time.tzinfo
    upcoming = f"{status.next_event_at.astimezone(zone):%a %d %b %H:%M}" if status.next_event_at else ""
    marks = [" (provisional)"] * status.provisional + [" (inactive)"] * (not status.active)
    said = f"{status.override_hours}: {escape(status.override)}" if status.override else ""
    return [
        status.key,
        status.name,
        status.phase + "".join(marks),
        str(status.session_date or ""),
        status.local_time.strftime("%a %H:%M"),
        status.next_event or "",
        upcoming,
        str(status.known_until or "unreadable"),
        said,
    ]
