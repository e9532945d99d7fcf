"""Ask the running Excel for the cells of a workbook, through xlwings (the extra `excel`; Windows and macOS alone).

This is how RTD formulas are read while they tick: the saved file knows only what it held when it was saved.
"""

from pathlib import Path
from typing import Any

from thor.marketdata.workbook import Area, CellError, WorkbookAway, shaped


def read_live(path: Path, sheet: str, area: Area) -> list[list[Any]]:
    """Return the cells of an area; the workbook is opened where it is not. Raise `WorkbookAway`."""
    excel = _xlwings()
    try:
        book = excel.Book(str(path))
        names = [one.name for one in book.sheets]
        if sheet in names:
            corner, end = (area.top, area.left), (area.bottom, area.right)
            rows = book.sheets[sheet].range(corner, end).options(ndim=2, err_to_str=True).value
            return [[_cell(cell) for cell in row] for row in shaped(rows, area)]
    except Exception as error:  # Excel refuses while somebody edits a cell, and each system in an exception of its own
        raise WorkbookAway(f"Excel does not give {path} just now ({str(error).strip()[:120]}).") from None
    raise WorkbookAway(f"{path} has no sheet {sheet!r}, only {', '.join(names)}; correct THOR_EXCEL_SHEET.")


def _xlwings() -> Any:
    try:
        import xlwings
    except ImportError as error:
        raise WorkbookAway(
            f"the running Excel cannot be asked ({error}); install it with pip install 'thor[excel]' "
            "where Excel runs, or set THOR_EXCEL_READ=saved."
        ) from None
    return xlwings


def _cell(value: Any) -> Any:
    return CellError(value) if isinstance(value, str) and value.startswith("#") else value
