"""Run what did not happen in a stretch of the past."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from thor.jobs.management.operator import operator
from thor.jobs.requests import backfill
from thor.leadership.clock import process_clock
from thor.markets.management.printing import instant


class Command(BaseCommand):
    """Ask for the missed, skipped and lost runs of an entry, and for slots that have no row at all."""

    help = (
        "Run what did not happen in a stretch of the past. Example: manage.py backfill 'vwap_minute @ crypto' "
        "--from 2026-11-20T09:00:00+00:00 --to 2026-11-20T10:00:00+00:00"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the entry and the stretch."""
        parser.add_argument("entry", help="name of the periodic task, as `manage.py jobs` shows it")
        parser.add_argument("--from", dest="start", type=instant, required=True, help="first instant, with offset")
        parser.add_argument("--to", dest="end", type=instant, required=True, help="end, exclusive, with offset")

    def handle(self, **options: Any) -> None:
        """Ask, and say for how many."""
        done = backfill(
            options["entry"], start=options["start"], end=options["end"], by=operator(), clock=process_clock()
        )
        self.stdout.write(f"{done.slots} slots: {done.made} asked for, {done.reopened} opened again, {done.left} left")
