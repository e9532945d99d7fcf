"""Let nothing of an entry fire until it is resumed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from thor.jobs.controls import find_entry, pause_entry
from thor.jobs.management.operator import operator
from thor.leadership.clock import process_clock


class Command(BaseCommand):
    """Let nothing of an entry fire until it is resumed."""

    help = (
        "Let nothing of an entry fire until it is resumed. "
        "Example: manage.py pause 'intraday @ crypto' --reason 'feed under repair'"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of the entry."""
        parser.add_argument("entry", help="name of the periodic task, as `manage.py jobs` shows it")
        parser.add_argument("--reason", default="", help="why, for whoever looks later")

    def handle(self, **options: Any) -> None:
        """Do it, and say so."""
        entry = find_entry(options["entry"])
        pause_entry(entry, by=operator(), reason=options["reason"], at=process_clock().now())
        self.stdout.write(f"{entry.name} is paused")
