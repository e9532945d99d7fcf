"""Ask the broker's clock now, and print what it says beside the calendar."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from thor.leadership.clock import process_clock
from thor.markets.broker_clock_asking import NOTHING_TO_ASK, ask_clocks
from thor.markets.management.printing import show
from thor.markets.registry import market
from thor.markets.standing import Standing, State
from thor.markets.standing_readings import reading_of


class Command(BaseCommand):
    """Ask the broker's clock now, as the job does at each tick, and print where each of its markets stands."""

    help = "Ask the broker's clock now, and print what it says beside the calendar."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a format."""
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table, in UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, print, and end with an error where a market is unknown."""
        found = ask_clocks(clock=process_clock())
        if options["json"]:
            self.stdout.write(json.dumps({key: _fields(key, one) for key, one in found.items()}, default=str, indent=2))
        elif found:
            show(_table(found), self.stdout)
        else:
            self.stdout.write(
                f"{NOTHING_TO_ASK[0].upper()}{NOTHING_TO_ASK[1:]}; the admin sets a market's clock source."
            )
        unknown = [f"{key}: {one.reason}" for key, one in found.items() if one.state is State.UNKNOWN]
        if unknown:
            raise CommandError("; ".join(unknown))


def _fields(key: str, standing: Standing) -> dict[str, Any]:
    reading = reading_of(key)
    said = ("is_open", "opens_at", "closes_at", "day", "day_open", "day_close", "answered_at", "failures")
    return {
        "state": standing.state.value,
        "calendar_open": standing.calendar_open,
        "source": standing.source,
        "disagrees": standing.disagrees,
        "reason": standing.reason,
        **{name: getattr(reading, name) for name in said},
    }


def _table(found: dict[str, Standing]) -> Table:
    table = Table(
        "market", "stands", "calendar", "broker says", "next open", "next close", "hours today", "what is wrong"
    )
    for key, one in found.items():
        table.add_row(*_cells(key, one), style=None if one.state is State.OPEN else "dim")
    return table


def _cells(key: str, standing: Standing) -> list[str]:
    said = _fields(key, standing)
    zone = market(key).zone_info

    def local(name: str, form: str) -> str:
        return said[name].astimezone(zone).strftime(form) if said[name] else "none"

    hours = f"{local('day_open', '%H:%M')} to {local('day_close', '%H:%M')}" if said["day_open"] else "none"
    return [
        key,
        standing.state.value,
        "open" if standing.calendar_open else "closed",
        {True: "open", False: "closed", None: "nothing"}[said["is_open"]],
        local("opens_at", "%a %d %b %H:%M"),
        local("closes_at", "%a %d %b %H:%M"),
        hours,
        standing.reason,
    ]
