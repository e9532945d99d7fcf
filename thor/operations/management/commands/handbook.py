"""Write the pages of the documentation that come from the code."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from thor.operations.handbook import stale_pages, write_pages


class Command(BaseCommand):
    """Write docs/jobs.md and docs/configuration.md, or check that they are fresh."""

    help = "Write docs/jobs.md and docs/configuration.md from the code. Example: manage.py handbook --check"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--check`."""
        parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is out of date")

    def handle(self, **options: Any) -> None:
        """Write or check."""
        if options["check"]:
            stale = [path.name for path in stale_pages()]
            if stale:
                raise CommandError(f"out of date: {', '.join(stale)}; run manage.py handbook.", returncode=1)
            return
        for path in write_pages():
            self.stdout.write(f"wrote {path}")
