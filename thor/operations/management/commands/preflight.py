"""Check what must be true before anything is traded: `manage.py preflight`."""

from typing import Any

from django.core.management.base import BaseCommand
from rich.table import Table
from rich.text import Text

from thor.markets.management.printing import show
from thor.operations.preflight import check_house
from thor.trading.preflight import Check, run_checks

STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


class Command(BaseCommand):
    """Print what every check found, with the remedy where one failed."""

    help = "Check settings, storage, broker, strategies and model before trading. Example: manage.py preflight"
    requires_system_checks = ()  # what they say is in the table

    def handle(self, **_options: Any) -> None:
        """Print the table; exit with 1 where a check failed, and with 0 where there are warnings alone."""
        found = [*check_house(), *run_checks()]
        table = Table("check", "result", "what was found")
        for check in found:
            table.add_row(check.name, _result(check), Text(check.sentence))
        show(table, self.stdout)
        failed = [check.name for check in found if check.is_failure]
        if failed:
            self.stderr.write(f"thor: {len(failed)} of {len(found)} checks failed: {', '.join(failed)}.")
            raise SystemExit(1)


def _result(check: Check) -> Text:
    word = "ok" if check.ok else check.level.value
    return Text(word, style=STYLES[word])
