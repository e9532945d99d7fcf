"""Report on finished trades, and write the journal out: `manage.py report`."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from thor.dashboard import plotlyjs
from thor.errors import ThorError
from thor.leadership.clock import process_clock
from thor.trading.records.events_csv import events_between, events_csv
from thor.trading.records.page import facts, report_page, span
from thor.trading.records.report import NoSuchSpan, Report, gather_report
from thor.trading.records.trades_csv import trades_csv
from thor.trading.records.whole_file import write_whole
from thor.trading.settings import limits

#: What each option writes to its file.
FILES: Final[dict[str, Callable[[Report], str | Iterable[str]]]] = {
    "csv": lambda report: trades_csv(report.trades),
    "events": lambda report: events_csv(events_between(report.first, report.last)),
    "html": lambda report: report_page(report, plotly=plotlyjs.source().decode()),
}


class Command(BaseCommand):
    """Print what finished trades come to, and write them as CSV or as a page; write the journal's events as CSV."""

    help = (
        "Print what finished trades come to; write them as CSV, or as one HTML file that needs no network; "
        "write the events of the journal as CSV. "
        "Example: manage.py report --from 2026-01-01 --html report.html"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a span of sessions, and files."""
        parser.add_argument("--from", dest="first", type=_day, metavar="DATE", help="first session: 2026-01-02")
        parser.add_argument("--until", dest="last", type=_day, metavar="DATE", help="last session, itself included")
        parser.add_argument("--csv", type=Path, metavar="FILE", help="write the trades to this file")
        parser.add_argument("--events", type=Path, metavar="FILE", help="write the journal's events to this file")
        parser.add_argument("--html", type=Path, metavar="FILE", help="write the report to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Gather, write, and print the summary; status 2 for days in the wrong order, 1 for an unwritable file."""
        files = {name: options[name] for name in FILES if options[name]}
        _require_different(files)
        try:
            report = gather_report(
                first=options["first"], last=options["last"], capital=limits().start_capital, at=process_clock().now()
            )
            self._write(report, files)
        except NoSuchSpan as error:
            raise CommandError(f"report: {error}", returncode=2) from None
        except ThorError as error:
            raise CommandError(f"report: {error}", returncode=1) from None

    def _write(self, report: Report, files: dict[str, Path]) -> None:
        for name, path in files.items():
            write_whole(path, FILES[name](report))
        self.stdout.write(f"Trading report {span(report)}")
        for name, value in facts(report):
            self.stdout.write(f"{name:<22}{value}")
        for path in files.values():
            self.stdout.write(f"Wrote {path}")


def _require_different(files: dict[str, Path]) -> None:
    for one, other in combinations(files, 2):
        if files[one].resolve() == files[other].resolve():
            raise CommandError(f"report: --{one} and --{other} name the same file; give them two.", returncode=2)


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not 1970 <= found.year <= 2200:
        raise ArgumentTypeError(f"{text!r} is no date of a session; write it as 2026-01-30")
    return found
