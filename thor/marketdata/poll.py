"""One read of the workbook, judged: what the job `excel_poll` hands in, and what `run_feed --push` sends elsewhere.

    10:00:00  ES 6000.25  ZB 111.5     nothing was read before: both rows are news
    10:00:01  ES 6000.50  ZB 111.5     ES
    10:00:02  ES 6000.50  ZB 111.5     nothing: a sheet that stands still must be noticed as silent

Of a row that is news every cell goes along, so its price, and the volume of the day so far, stay together.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from thor.env import env
from thor.marketdata.events import warn
from thor.marketdata.ingress_quotes import Batch, judge, written
from thor.marketdata.workbook import Place, WorkbookAway
from thor.marketdata.workbook_rows import Sheet, Trouble, quotes_of

#: What the quotes of a workbook say of their origin.
SOURCE: Final = "EXCEL"
#: A saved file that is older holds the prices of another time, and says nothing of now.
STALE: Final = timedelta(minutes=5)
#: Rows that go into one batch; so many are never too large for it.
ROWS_AT_ONCE: Final = 400

#: Of each symbol, what its row said: enough to see that it says something else now.
Rows = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One read: the sheet as it was understood."""

    sheet: Sheet

    @property
    def rows(self) -> dict[str, str]:
        """Return what each row says, in short: to be kept, and compared with the next reading."""
        return {quote["symbol"]: _short(quote) for quote in self.sheet.quotes}

    def news(self, before: Rows) -> list[dict[str, Any]]:
        """Return the quotes of the rows that said something else, or nothing, before."""
        return [quote for quote in self.sheet.quotes if before.get(quote["symbol"]) != _short(quote)]

    @property
    def counts(self) -> dict[str, int]:
        """Return what is worth recording of it."""
        found = {"quotes": len(self.sheet.quotes)}
        more = {
            "without_last": len(self.sheet.without_last),
            "bad_cells": len(self.sheet.bad_cells),
            "bad_rows": len(self.sheet.bad_rows),
        }
        return {**found, **{name: count for name, count in more.items() if count}}


def read_workbook(at: datetime) -> Reading:
    """Read the workbook of the environment once; raise `WorkbookAway` where it gives nothing of the time `at`.

    The quotes carry no time: a sheet knows none, so they are stamped with their receipt.
    """
    cells = Place.of(env()).read()
    if cells.saved_at is not None and at - cells.saved_at > STALE:
        raise WorkbookAway(
            f"{env().excel_file} was last saved at {cells.saved_at:%Y-%m-%d %H:%M:%S} UTC; "
            "nothing is taken from it until it is saved again, or set THOR_EXCEL_READ=live where Excel runs."
        )
    sheet = quotes_of(cells)
    if not sheet.quotes:
        raise WorkbookAway(f"{env().excel_file} holds no quote within {env().excel_range}; correct THOR_EXCEL_RANGE.")
    return Reading(sheet)


def batches(quotes: Sequence[dict[str, Any]]) -> list[Batch]:
    """Return quotes of a workbook as batches, each of a size that is taken."""
    return [
        judge(written(quotes[start : start + ROWS_AT_ONCE], source=SOURCE))
        for start in range(0, len(quotes), ROWS_AT_ONCE)
    ]


def _short(quote: dict[str, Any]) -> str:
    return blake2b(json.dumps(quote, sort_keys=True).encode(), digest_size=12).hexdigest()


class Said:
    """Say each trouble of a workbook once, and again when it comes back."""

    def __init__(self) -> None:
        """Begin without any."""
        self._standing: set[str] = set()

    def say(self, sheet: Sheet) -> None:
        """Log what was not there at the last read."""
        now = {("thor.excel.bad_cell", one) for one in sheet.bad_cells}
        now |= {("thor.excel.bad_row", one) for one in sheet.bad_rows}
        now |= {("thor.excel.no_last", Trouble("", symbol, "there is no last price.")) for symbol in sheet.without_last}
        for name, trouble in sorted(now, key=lambda one: (one[0], one[1].cell, one[1].symbol)):
            if f"{name} {trouble.text()} {trouble.symbol}" not in self._standing:
                warn(name, cell=trouble.cell or "-", symbol=trouble.symbol or "-", reason=trouble.reason)
        self._standing = {f"{name} {trouble.text()} {trouble.symbol}" for name, trouble in now}
