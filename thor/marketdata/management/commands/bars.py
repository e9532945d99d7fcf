"""Print one-minute bars of a symbol."""

import csv
import json
import sys
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from thor.marketdata import selectors
from thor.marketdata.models import Bar, Instrument
from thor.marketdata.symbols import canonical

COLUMNS = ("start_at", "open", "high", "low", "close", "volume", "trades", "vwap")


class Command(BaseCommand):
    """Print the bars of a symbol as a table, as CSV or as JSON."""

    help = (
        "Print one-minute bars; exit status 1 where there are none. "
        "Example: manage.py bars --symbol SPY --from 2013-10-07T13:30Z --to 2013-10-07T20:00Z --csv"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the symbol, the interval and the form."""
        parser.add_argument("--symbol", required=True)
        parser.add_argument("--from", dest="start", required=True, help="First start, ISO 8601; UTC without an offset")
        parser.add_argument("--to", dest="end", required=True, help="End, not included")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--csv", action="store_const", const="csv", dest="form")
        form.add_argument("--json", action="store_const", const="json", dest="form")

    def handle(self, *_: Any, **options: Any) -> None:
        """Look the bars up and print them."""
        symbol = canonical(options["symbol"])
        if not Instrument.objects.filter(symbol=symbol).exists():
            raise CommandError(
                f"there is no instrument {symbol!r}; add it in the admin or check --symbol.", returncode=2
            )
        start, end = _time(options["start"], "--from"), _time(options["end"], "--to")
        if end <= start:
            raise CommandError("--to must lie after --from.", returncode=2)
        rows = [_row(bar) for bar in selectors.bars(symbol, start, end)]
        self._print(rows, options["form"])
        if not rows:
            sys.exit(1)

    def _print(self, rows: list[dict[str, Any]], form: str | None) -> None:
        if form == "json":
            self.stdout.write(json.dumps(rows, indent=2))
        elif form == "csv":
            writer = csv.DictWriter(self.stdout, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        else:
            self.stdout.write("  ".join(f"{name:>25}" if name == "start_at" else f"{name:>14}" for name in COLUMNS))
            for row in rows:
                cells = ("" if value is None else str(value) for value in row.values())
                first, *rest = cells
                self.stdout.write("  ".join([f"{first:>25}", *(f"{cell:>14}" for cell in rest)]))


def _row(bar: Bar) -> dict[str, Any]:
    """Return the columns of a bar: ISO time, decimals as text without trailing zeros."""
    found: dict[str, Any] = {"start_at": bar.start_at.astimezone(UTC).isoformat()}
    for name in COLUMNS[1:]:
        value = getattr(bar, name)
        plain = value is None or isinstance(value, int)
        found[name] = value if plain else f"{value.normalize() + 0:f}"
    return found


def _time(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{option} {text!r} is no time; write for example 2013-10-07T13:30Z.", returncode=2
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
