"""Report on finished trades: `manage.py report`."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from thor.dashboard import plotlyjs
from thor.errors import ThorError
from thor.leadership.clock import process_clock
from thor.trading.records.page import facts, report_page, span
from thor.trading.records.report import NoSuchSpan, Report, gather_report
from thor.trading.records.trades_csv import trades_csv
from thor.trading.records.whole_file import write_whole
from thor.trading.settings import limits


class Command(BaseCommand):
    """Print what finished trades come to, and write them as CSV or as a page."""

    help = (
        "Print what finished trades come to; write them as CSV, or as one HTML file that needs no network. "
        "Example: manage.py report --from 2026-01-01 --html report.html"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a span of sessions, and files."""
        parser.add_argument("--from", dest="first", type=_day, metavar="DATE", help="first session: 2026-01-02")
        parser.add_argument("--until", dest="last", type=_day, metavar="DATE", help="last session, itself included")
        parser.add_argument("--csv", type=Path, metavar="FILE", help="write the trades to this file")
        parser.add_argument("--html", type=Path, metavar="FILE", help="write the report to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Gather, write, and print the summary; status 2 for days in the wrong order, 1 for an unwritable file."""
        csv, html = options["csv"], options["html"]
        if csv and html and csv.resolve() == html.resolve():
            raise CommandError("report: --csv and --html name the same file; give them two.", returncode=2)
        try:
            report = gather_report(
                first=options["first"], last=options["last"], capital=limits().start_capital, at=process_clock().now()
            )
            self._write(report, csv, html)
        except NoSuchSpan as error:
            raise CommandError(f"report: {error}", returncode=2) from None
        except ThorError as error:
            raise CommandError(f"report: {error}", returncode=1) from None

    def _write(self, report: Report, csv: Path | None, html: Path | None) -> None:
        if csv:
            write_whole(csv, trades_csv(report.trades))
        if html:
            write_whole(html, report_page(report, plotly=plotlyjs.source().decode()))
        self.stdout.write(f"Trading report {span(report)}")
        for name, value in facts(report):
            self.stdout.write(f"{name:<22}{value}")
        for path in filter(None, (csv, html)):
            self.stdout.write(f"Wrote {path}")


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not 1970 <= found.year <= 2200:
        raise ArgumentTypeError(f"{text!r} is no date of a session; write it as 2026-01-30")
    return found
