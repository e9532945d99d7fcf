"""List runs of the ledger."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from rich.table import Table

from thor.jobs.models import Run, State
from thor.jobs.selectors import runs
from thor.markets.management.printing import instant, show

COLUMNS = (
    "name", "nominal_at", "origin", "state", "reason", "count", "attempt", "due_at", "deadline_at", "decided_at",
    "started_at", "finished_at", "lateness_ms", "duration_ms", "term", "hostname", "result", "uid",
)  # fmt: skip
SHOWN = ("name", "nominal_at", "state", "reason", "count", "attempt", "lateness_ms", "duration_ms", "term", "hostname")


class Command(BaseCommand):
    """Print runs, newest first, with every time stamp in JSON."""

    help = "List runs of the ledger. Example: manage.py runs --entry 'intraday @ crypto' --state missed --limit 20"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the filters."""
        parser.add_argument("--entry", help="name of the entry")
        parser.add_argument("--state", choices=State.values)
        parser.add_argument("--from", dest="start", type=instant, help="first nominal instant, with offset")
        parser.add_argument("--to", dest="end", type=instant, help="end of nominal instants, exclusive, with offset")
        parser.add_argument("--limit", type=int, default=50)
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, **options: Any) -> None:
        """Print the runs; exit with 1 where there are none."""
        found = runs(**{name: options[name] for name in ("entry", "state", "start", "end", "limit")})
        if options["json"]:
            self.stdout.write(json.dumps([_values(run, COLUMNS) for run in found], default=_iso, indent=2))
        else:
            table = Table(*SHOWN)
            for run in found:
                table.add_row(*(_cell(value) for value in _values(run, SHOWN).values()))
            show(table, self.stdout)
        if not found:
            raise SystemExit(1)


def _values(run: Run, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(run, name) for name in names}


def _iso(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if isinstance(value, float) else str(value)
