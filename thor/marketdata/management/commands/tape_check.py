"""Compare recorded trades with the hours of a market."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from thor.errors import ThorError
from thor.marketdata.feeds.delimited import read_csv
from thor.marketdata.feeds.lean import read_zip
from thor.marketdata.feeds.parquet import read_parquet
from thor.marketdata.feeds.port import FeedRefused
from thor.marketdata.feeds.recording import Recording
from thor.marketdata.symbols import ALIASES
from thor.markets.management.printing import show
from thor.markets.registry import market
from thor.markets.sessions import sessions_of
from thor.markets.tape import Stretch, silent_while_open, traded_while_closed

NS_PER_MINUTE = 60_000_000_000


class Command(BaseCommand):
    """Print the minutes in which recorded trades disagree with the hours of a market."""

    help = (
        "Print the minutes in which recorded trades disagree with the hours of a market; exit status 1 where some do. "
        "Example: manage.py tape_check --market globex --file …/future/cme/minute/es/20131007_trade.zip"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a market, recordings and a format."""
        parser.add_argument("--market", required=True, help="key of the market, for example globex")
        parser.add_argument(
            "--file",
            required=True,
            nargs="+",
            type=Path,
            help="trades: a zip in LEAN's layout, or a CSV or Parquet and its .toml",
        )
        parser.add_argument("--silent", action="store_true", help="list the open minutes without a trade as well")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table, in UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the recordings, compare them and print what disagrees."""
        try:
            row, table = market(options["market"]), sessions_of(options["market"])
            minutes = traded_minutes([found for path in options["file"] for found in _read(path)])
        except ThorError as error:
            raise CommandError(str(error)) from error
        wrong = traded_while_closed(minutes, table)
        silent = silent_while_open(minutes, table) if options["silent"] else []
        if options["json"]:
            self.stdout.write(json.dumps(_document(row.key, minutes, wrong, silent), indent=2))
        else:
            self._print(row.zone_info, [*wrong, *silent], summary(row.key, minutes, wrong))
        if wrong:
            raise SystemExit(1)

    def _print(self, zone: ZoneInfo, stretches: Sequence[Stretch], text: str) -> None:
        if stretches:
            show(_table(stretches, zone), self.stdout)
        self.stdout.write(text)


def traded_minutes(recordings: Sequence[Recording]) -> list[int]:
    """Return the minutes since the epoch that hold a trade, in order, each once.

    A bar without volume is no trade; where a recording knows no volumes at all, every row of it is one.
    """
    found: set[int] = set()
    for recording in recordings:
        minutes = recording.at // NS_PER_MINUTE
        sized = np.nan_to_num(recording.size) > 0
        found.update(minutes[sized].tolist() if sized.any() else minutes.tolist())
    return sorted(found)


def summary(key: str, minutes: Sequence[int], wrong: Sequence[Stretch]) -> str:
    """Return the verdict in one sentence."""
    traded = f"{len(minutes)} minutes with trades"
    if not wrong:
        return f"{traded}: all of them while {key} is open by the table."
    return f"{traded}: {sum(stretch.minutes for stretch in wrong)} of them while {key} is closed by the table."


def _read(path: Path) -> list[Recording]:
    readers = {
        ".zip": lambda: [read_zip(path, ALIASES)],
        ".csv": lambda: read_csv(path, ALIASES),
        ".parquet": lambda: read_parquet(path, ALIASES),
    }
    if path.suffix not in readers:
        raise CommandError(f"{path} is neither .zip (LEAN) nor .csv or .parquet; give another --file.")
    if not path.is_file():
        raise CommandError(f"{path} is no file; check --file.")
    try:
        found = readers[path.suffix]()
    except FeedRefused as error:
        # Its advice names the setting of the replay feed, which has nothing to do with this.
        raise CommandError(f"{str(error).rpartition('; change')[0] or error}; give another --file.") from None
    if not any(len(recording.at) for recording in found if recording.what == "trade"):
        raise CommandError(f"{path} holds no trades; give a --file of trades.")
    return [recording for recording in found if recording.what == "trade"]


def _document(key: str, minutes: Sequence[int], wrong: Sequence[Stretch], silent: Sequence[Stretch]) -> dict[str, Any]:
    return {
        "market": key,
        "minutes": len(minutes),
        "traded_while_closed": [_entry(stretch) for stretch in wrong],
        "silent_while_open": [_entry(stretch) for stretch in silent],
    }


def _entry(stretch: Stretch) -> dict[str, Any]:
    return {
        "start": stretch.start.isoformat(),
        "end": stretch.end.isoformat(),
        "minutes": stretch.minutes,
        "table": stretch.what if stretch.what != "silent" else "open",
    }


def _table(stretches: Sequence[Stretch], zone: ZoneInfo) -> Table:
    table = Table("from", "to", "minutes", "table", "trades", title=f"in {zone.key} time; to is not included")
    for start, end, count, what in sorted(stretches):
        silent = what == "silent"
        cells = ("open", "none") if silent else (what, "yes")
        table.add_row(_local(start, zone), _local(end, zone), str(count), *cells)
    return table


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"
