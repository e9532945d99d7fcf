"""Import splits."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from thor.marketdata.daily import UnreadableDays
from thor.marketdata.daily_store import import_splits


class Command(BaseCommand):
    """Store the splits of files; nothing is stored where one of them cannot be read."""

    help = (
        "Import splits: factor files in LEAN's layout, or CSV with the header symbol,date,ratio. Importing again "
        "changes nothing. Example: manage.py import_splits equity/usa/factor_files/aapl.csv"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take files and a symbol."""
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--symbol", default="", help="whose splits they are; default what the file says")

    def handle(self, *_: Any, **options: Any) -> None:
        """Import and say what was done."""
        try:
            told = import_splits(options["files"], symbol=options["symbol"])
        except UnreadableDays as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write("{rows} splits read, {changed} stored".format(**told))
