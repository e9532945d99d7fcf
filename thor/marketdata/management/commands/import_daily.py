"""Import trading days."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from thor.marketdata.daily import UnreadableDays
from thor.marketdata.daily_store import import_days
from thor.markets.models import Market


class Command(BaseCommand):
    """Store the trading days of files; nothing is stored where one of them cannot be read."""

    help = (
        "Import trading days: zips in LEAN's layout, or CSV with the header symbol,date,open,high,low,close,volume. "
        "Importing again changes nothing. Example: manage.py import_daily equity/usa/daily/*.zip --add"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take files, a symbol, and whether to add what is not known."""
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--symbol", default="", help="whose days they are; default what the file says")
        parser.add_argument("--add", action="store_true", help="add symbols that are no instruments yet")
        parser.add_argument("--venue", default="us_equities", help="where added symbols trade; default us_equities")

    def handle(self, *_: Any, **options: Any) -> None:
        """Import and say what was done."""
        venues = list(Market.objects.filter(role=Market.Role.VENUE).values_list("key", flat=True))
        if options["venue"] not in venues:
            raise CommandError(f"--venue {options['venue']!r} is none of {', '.join(venues)}.", returncode=2)
        try:
            told = import_days(options["files"], symbol=options["symbol"], add=options["add"], venue=options["venue"])
        except UnreadableDays as error:
            hint = " Or run it again with --add." if "no instrument" in str(error) else ""
            raise CommandError(f"{error}{hint}", returncode=2) from None
        self.stdout.write("{rows} days read, {changed} stored, {added} instruments added".format(**told))
