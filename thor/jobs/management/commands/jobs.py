"""List the entries of the schedule."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from rich.table import Table

from thor.jobs.selectors import EntryStatus, entry_board
from thor.leadership.clock import process_clock
from thor.markets.management.printing import show


class Command(BaseCommand):
    """Print every entry with its cadence, whether it is enabled and why, its last and its next run."""

    help = "List the entries of the schedule. Example: manage.py jobs --json"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--json`."""
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, **options: Any) -> None:
        """Print the board; exit with 1 where there is nothing."""
        board = entry_board(process_clock().now())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(status) for status in board], default=str, indent=2))
        else:
            show(_table(board), self.stdout)
        if not board:
            raise SystemExit(1)


def _table(board: list[EntryStatus]) -> Table:
    table = Table("entry", "cadence", "window", "enabled", "why", "last", "next (UTC)")
    for status in board:
        enabled = "yes" if status.enabled else "no"
        upcoming = f"{status.next_at:%Y-%m-%d %H:%M:%S}" if status.next_at else ""
        cells = (status.name, status.cadence, status.window, enabled, status.why, status.last_state, upcoming)
        table.add_row(*cells, style=None if status.enabled else "dim")
    return table
