"""Write workbooks as Excel would save them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl

HEADERS = (
    *("Symbol", "Close", "Open", "NetChange", "24High", "24Low", "52WkHigh", "52WkLow", "Volume"),
    *("Bid", "Last", "Ask", "BidSize", "AskSize"),
)


def row(symbol: Any, last: Any, volume: Any = 1000, **others: Any) -> list[Any]:
    """Return a row of the usual columns; figures that are not named are left empty."""
    named = {"Symbol": symbol, "Last": last, "Volume": volume, **others}
    return [named.get(header) for header in HEADERS]


def write(path: Path, *rows: Sequence[Any], sheet: str = "LiveData", headers: Sequence[Any] = HEADERS) -> Path:
    """Write a workbook of one sheet of figures, beside a sheet that nobody reads."""
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    page = book.create_sheet(sheet)
    for number, cells in enumerate([headers, *rows], start=1):
        for column, value in enumerate(cells, start=1):
            cell = page.cell(number, column, value)
            if isinstance(value, str) and value.startswith("#"):
                cell.data_type = "e"
    part = path.with_name(f".{path.name}.part")
    book.save(part)
    part.replace(path)
    return path
