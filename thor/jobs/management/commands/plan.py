"""Look before it runs: print everything that a date will bring."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from rich.table import Table
from rich.text import Text

from thor.errors import ThorError
from thor.jobs.forecast import Forecast, forecast, plain, read_date, today
from thor.jobs.forecast_agenda import (
    Item,
    agenda,
    column_text,
    ends_text,
    market_remarks,
    session_remarks,
    span_text,
)
from thor.jobs.forecast_markets import MarketDay, SessionOfDay
from thor.leadership.clock import process_clock
from thor.markets.management.printing import show


class Command(BaseCommand):
    """Print the sessions of a date, then its bells and the occurrences of every entry in order."""

    help = "Print everything that a date will bring. Example: manage.py plan --date 2026-11-27 --market usa"
    # Reading a plan needs no addresses, no admin and no templates to be in order: half of the time of a start.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a date, what to narrow it to, and a format."""
        parser.add_argument("--date", help="date, for example 2026-11-27; default today")
        parser.add_argument("--market", help="key of one market, for example usa; the date is then the market's own")
        parser.add_argument("--job", help="name of one job, entry or task")
        parser.add_argument("--zone", help="zone of the date and of the times, for example Asia/Tokyo; default UTC")
        parser.add_argument("--json", action="store_true", help="print JSON instead of tables, in UTC")

    def handle(self, **options: Any) -> None:
        """Print the plan; bad input, or a database without tables, is one sentence and exit status 1."""
        try:
            found = _asked(options)
        except ThorError as error:
            raise CommandError(str(error)) from error
        except Error as error:
            reason = str(error).strip().split("\n")[0]
            raise CommandError(
                f"the schedule cannot be read ({reason}); does the database run, and was manage.py migrate run?"
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(plain(found), indent=2))
        else:
            self._print(found)

    def _print(self, found: Forecast) -> None:
        show(_sessions(found), self.stdout)
        show(_agenda(found), self.stdout)
        if found.silent:
            show(_silent(found), self.stdout)
        for note in found.notes:
            self.stdout.write(note)


def _asked(options: dict[str, Any]) -> Forecast:
    at = process_clock().now()
    narrowed = {name: options[name] for name in ("market", "zone")}
    day = read_date(options["date"]) if options["date"] else today(at, **narrowed)
    return forecast(day, job=options["job"], at=at, **narrowed)


def _sessions(found: Forecast) -> Table:
    title = f"{found.date:%A %Y-%m-%d}, {found.zone}: {found.count:,} occurrences"
    table = Table("market", "session", "open", "breaks", "close", "UTC", "remarks", title=title)
    for market in found.markets:
        for session in market.sessions:
            _add(table, [market.key, *_session(found, market, session)])
        if not market.sessions:
            _add(table, [market.key, "", "", "", "", "", ", ".join(market_remarks(market))], "dim")
    return table


def _session(found: Forecast, market: MarketDay, session: SessionOfDay) -> list[str]:
    opens, closes = ends_text(session.open, session.close, market.zone, session.date)
    pauses = (span_text(*pause, market.zone, named=False) for pause in session.breaks)
    return [
        f"{session.date:%a %Y-%m-%d}",
        opens,
        ", ".join(pauses),
        closes,
        span_text(session.open, session.close, "UTC", found.date, named=False),
        ", ".join(session_remarks(session)),
    ]


def _agenda(found: Forecast) -> Table:
    abroad = any(market.zone != found.zone for market in found.markets)
    other = "local" if found.zone == "UTC" else "local, or UTC" if abroad else "UTC"
    table = Table(f"from ({found.zone})", "to", other, "what", "session", "window", title="in order")
    table.add_column("times", justify="right")
    table.add_column("cadence")
    for item in agenda(found):
        _add(table, _item(found, item), "dim" if item.bell == "phase" else "bold" if item.bell else None)
    return table


def _item(found: Forecast, item: Item) -> list[str]:
    until = "" if item.first_at == item.last_at else column_text(item.last_at, found)
    zone = item.zone if item.zone != found.zone else "UTC"
    return [
        column_text(item.first_at, found),
        until,
        span_text(item.first_at, item.last_at, zone, found.date) if zone and zone != found.zone else "",
        item.what,
        str(item.session_date or ""),
        ", ".join(filter(None, (item.window, "provisional" if item.provisional else ""))),
        "" if item.bell else f"{item.count:,}",
        item.cadence,
    ]


def _silent(found: Forecast) -> Table:
    table = Table("entry", "why", title="without an occurrence on this date")
    for one in found.silent:
        _add(table, [one.entry, one.why], "dim")
    return table


def _add(table: Table, cells: list[str], style: str | None = None) -> None:
    # As they are: what people wrote in brackets, names and reasons, is no mark-up.
    table.add_row(*map(Text, cells), style=style)
