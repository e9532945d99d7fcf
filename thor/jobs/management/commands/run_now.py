"""Run an entry once now, besides its schedule."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from thor.jobs.management.operator import operator
from thor.jobs.requests import run_now
from thor.leadership.clock import process_clock


class Command(BaseCommand):
    """Run an entry once now, besides its schedule."""

    help = 'Run an entry once now, besides its schedule. Example: manage.py run_now "closed_bars_flush @ crypto"'

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the entry."""
        parser.add_argument("entry", help="name of the periodic task, as `manage.py jobs` shows it")

    def handle(self, **options: Any) -> None:
        """Do it, and say so."""
        uid = run_now(options["entry"], by=operator(), clock=process_clock())
        self.stdout.write(f"run {uid} is asked for; the leader publishes it")
