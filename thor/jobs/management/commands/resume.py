"""Let a paused entry fire again, from now on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from thor.jobs.controls import find_entry, resume_entry
from thor.jobs.management.operator import operator
from thor.leadership.clock import process_clock


class Command(BaseCommand):
    """Let a paused entry fire again, from now on."""

    help = 'Let a paused entry fire again, from now on. Example: manage.py resume "intraday @ crypto"'

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the entry."""
        parser.add_argument("entry", help="name of the periodic task, as `manage.py jobs` shows it")

    def handle(self, **options: Any) -> None:
        """Do it, and say so."""
        entry = find_entry(options["entry"])
        resume_entry(entry, by=operator(), at=process_clock().now())
        self.stdout.write(f"{entry.name} is resumed")
