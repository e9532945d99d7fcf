"""Fetch the trading days that the desk judges by: `manage.py fetch_daily`."""

from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from thor.env import env
from thor.errors import ThorError
from thor.leadership.clock import process_clock
from thor.marketdata.symbols import canonical
from thor.trading.alpaca_days import AlpacaDays
from thor.trading.fetching import fetch_days, require_room
from thor.trading.universe import universe

#: Days of the calendar at most, some eleven years.
MOST: Final = 4000


class Command(BaseCommand):
    """Fetch the days of the universe, or of the symbols named."""

    help = (
        "Fetch the trading days and splits of the symbols of THOR_UNIVERSE, or of those named, from Alpaca, as they "
        "were traded. Symbols of THOR_UNIVERSE become instruments; fetching again changes nothing. "
        "Example: manage.py fetch_daily, or manage.py fetch_daily AMD --days 800 --add"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take symbols, how far back, and what may be added."""
        parser.add_argument("symbols", nargs="*", metavar="SYMBOL", help="default: those of THOR_UNIVERSE")
        parser.add_argument("--days", type=int, default=400, help="calendar days back; default 400, some 275 sessions")
        parser.add_argument("--add", action="store_true", help="add whatever is no instrument yet, however many")
        parser.add_argument(
            "--without-splits", action="store_true", help="fetch no splits; import them by manage.py import_splits"
        )

    def handle(self, **options: Any) -> None:
        """Fetch and say what was done; what was named and left out, or could not be asked, ends with status 1."""
        try:
            told = self._fetch(**options)
        except ThorError as error:
            raise CommandError(str(error)) from None
        if told.left_out and (options["symbols"] or len(told.left_out) == told.symbols):
            raise CommandError(str(told))
        self.stdout.write(str(told))

    def _fetch(self, *, symbols: list[str], days: int, add: bool, without_splits: bool, **_: Any) -> Any:
        settings = env()
        if not settings.alpaca_key_id:
            raise CommandError("Alpaca's days need keys; set APCA_API_KEY_ID and APCA_API_SECRET_KEY.")
        if not 1 <= days <= MOST:
            raise CommandError(f"--days {days} is not between 1 and {MOST}.")
        named = [canonical(part) for text in symbols for part in text.split(",") if part.strip()]
        wanted = tuple(dict.fromkeys(named)) or universe()
        may_add = set(wanted) if add else set(wanted) & set(universe())
        if not add:
            require_room(may_add, settings)
        keys = settings.alpaca_key_id, settings.alpaca_secret_key
        source = AlpacaDays(settings.alpaca_data_url.rstrip("/"), *keys, feed=settings.alpaca_data_feed)
        return fetch_days(
            wanted, source=source, days=days, add=may_add, with_splits=not without_splits, at=process_clock().now()
        )
