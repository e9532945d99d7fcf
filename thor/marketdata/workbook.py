"""Read the cells of a workbook: from the saved file, or from the Excel in which it is open.

| what is wrong                                          | what happens                                             |
|--------------------------------------------------------|----------------------------------------------------------|
| the file is away, locked, half written, being replaced | `WorkbookAway`: the next read may succeed                |
| no such sheet, no xlwings, no file named               | `WorkbookAway` too, and its sentence says what to change |
| an error such as #N/A in a cell                        | the cell holds a `CellError`; all others are read        |

Nothing here judges figures; `workbook_rows` does.
"""

import re
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from thor.env import Env
from thor.errors import ThorError

#: Where Excel runs.
_HOMES_OF_EXCEL: Final = ("win32", "darwin")


class WorkbookAway(ThorError):
    """The workbook cannot be read."""


@dataclass(frozen=True, slots=True)
class CellError:
    """What a cell shows that holds an error: #N/A, #REF! and the like."""

    text: str


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells, rows and columns counted from 1, both ends included."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, text: str) -> "Area":
        """Return the area of a range such as A1:N13."""
        found = re.fullmatch(r"([A-Z]+)(\d+):([A-Z]+)(\d+)", text)
        if found is None:
            raise WorkbookAway(f"{text!r} is no range of cells; set THOR_EXCEL_RANGE to one such as A1:N13.")
        return cls(int(found[2]), _column(found[1]), int(found[4]), _column(found[3]))

    def name(self, row: int, column: int) -> str:
        """Return the name of a cell, whose row and column are counted from 0 within the area: J5."""
        letters, number = "", self.left + column
        while number:
            number, digit = divmod(number - 1, 26)
            letters = chr(ord("A") + digit) + letters
        return f"{letters}{self.top + row}"


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of an area as a list a row, None where empty; `saved_at` where they come from a file."""

    area: Area
    rows: list[list[Any]]
    saved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the figures are: workbook, sheet, range, and whether Excel itself is asked."""

    path: Path
    sheet: str
    area: Area
    live: bool = False

    @classmethod
    def of(cls, settings: Env, *, platform: str = sys.platform) -> "Place":
        """Return the place that the environment names; raise `WorkbookAway` where it names none."""
        if not settings.excel_file.strip():
            raise WorkbookAway("there is no workbook to read; set THOR_EXCEL_FILE to the path of one.")
        live = settings.excel_read == "live" or (settings.excel_read == "auto" and platform in _HOMES_OF_EXCEL)
        path = Path(settings.excel_file.strip()).expanduser()
        return cls(path, settings.excel_sheet, Area.of(settings.excel_range), live)

    def read(self) -> Cells:
        """Read the cells once; raise `WorkbookAway` where that cannot be done now."""
        # Here, not above: who only asks for a place needs no reader, and Excel's is there on its own systems alone.
        if self.live:
            from thor.marketdata.workbook_live import read_live

            return Cells(self.area, read_live(self.path, self.sheet, self.area))
        from thor.marketdata.workbook_saved import read_saved

        rows, saved_at = read_saved(self.path, self.sheet, self.area)
        return Cells(self.area, rows, saved_at)


def shaped(rows: list[list[Any]], area: Area) -> list[list[Any]]:
    """Return rows with as many rows and columns as the area has, empty cells as None."""
    width, height = area.right - area.left + 1, area.bottom - area.top + 1
    found = [[None if cell == "" else cell for cell in row[:width]] for row in rows[:height]]
    found = [row + [None] * (width - len(row)) for row in found]
    return found + [[None] * width for _ in range(height - len(found))]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
