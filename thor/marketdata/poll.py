"""One read of the workbook, judged: what the job `excel_poll` hands in, and what `run_feed --push` sends elsewhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from thor.env import env
from thor.marketdata.events import warn
from thor.marketdata.ingress_quotes import Batch, judge, written
from thor.marketdata.workbook import Place, WorkbookAway
from thor.marketdata.workbook_rows import Sheet, Trouble, quotes_of

#: What the quotes of a workbook say of their origin.
SOURCE: Final = "EXCEL"
#: A saved file that is older holds the prices of another time, and says nothing of now.
STALE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Reading:
    """One read: the sheet as it was understood, and the batch of its quotes."""

    sheet: Sheet
    batch: Batch

    @property
    def counts(self) -> dict[str, int]:
        """Return what is worth recording of it."""
        found = {"quotes": len(self.batch.quotes)}
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
    return Reading(sheet, judge(written(sheet.quotes, source=SOURCE)))


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
