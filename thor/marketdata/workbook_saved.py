"""Read a saved workbook (.xlsx, .xlsm) with python-calamine: what Excel last wrote, formulas as their values.

    Excel: writes the file ............ (in place, or beside it and then renamed)
    Thor:        reads its first half   -> no workbook, or not the one that it was: `WorkbookAway`, next time again

The whole file is read at once and is looked at before and after, so cells of two versions are never mixed.
"""

import io
import re
import zipfile
import zlib
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, WorksheetNotFound

from thor.marketdata.workbook import Area, CellError, WorkbookAway, shaped

#: A larger file is not the workbook that was meant.
LARGEST: Final = 64 * 1024 * 1024

_ERROR: Final = re.compile(
    rb'<c\b(?=[^>]*\bt="e")(?=[^>]*\br="([A-Z]+)(\d+)")[^>]*>(?:(?!</c>).)*?<v>([^<]*)</v>', re.S
)


def read_saved(path: Path, sheet: str, area: Area) -> tuple[list[list[Any]], datetime]:
    """Return the cells of an area, and when the file was saved; raise `WorkbookAway`."""
    content, saved_at = _content(path)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        rows = _sheet(book, path, sheet).to_python(skip_empty_area=False, nrows=area.bottom)
    except CalamineError as error:
        raise WorkbookAway(f"{path} is no workbook, or is just being written ({error}).") from None
    rows = shaped([row[area.left - 1 :] for row in rows[area.top - 1 :]], area)
    for row, column, text in _errors(content, sheet):
        if area.top <= row <= area.bottom and area.left <= column <= area.right:
            rows[row - area.top][column - area.left] = CellError(text)
    return rows, saved_at


def _content(path: Path) -> tuple[bytes, datetime]:
    """Return a file whole, and when it was saved."""
    try:
        before = path.stat()
        if before.st_size > LARGEST:
            raise WorkbookAway(f"{path} is larger than {LARGEST // 2**20} MB; set THOR_EXCEL_FILE to the workbook.")
        content, after = path.read_bytes(), path.stat()
    except FileNotFoundError:
        raise WorkbookAway(f"{path} does not exist; save the workbook there, or correct THOR_EXCEL_FILE.") from None
    except OSError as error:
        raise WorkbookAway(f"{path} cannot be read ({error.strerror}); it may be locked.") from None
    if _version(before) != _version(after) or len(content) != after.st_size:
        raise WorkbookAway(f"{path} is just being written.")
    return content, datetime.fromtimestamp(after.st_mtime, UTC)


def _version(stat: Any) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _sheet(book: CalamineWorkbook, path: Path, name: str) -> CalamineSheet:
    try:
        return book.get_sheet_by_name(name)
    except WorksheetNotFound:
        there = ", ".join(book.sheet_names)
        raise WorkbookAway(f"{path} has no sheet {name!r}, only {there}; correct THOR_EXCEL_SHEET.") from None


def _errors(content: bytes, sheet: str) -> list[tuple[int, int, str]]:
    """Return row, column and text of the cells of a sheet that hold an error, which the reader gives as empty."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            text = archive.read(_part_of(archive, sheet))
    except (zipfile.BadZipFile, zlib.error, LookupError, StopIteration, NotImplementedError, ValueError):
        return []  # another format, which marks errors in another way
    if b't="e"' not in text:
        return []
    found = _ERROR.findall(text)
    return [(int(row), Area.of(f"{col.decode()}1:A1").left, unescape(value.decode())) for col, row, value in found]


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Return the name of the part that holds a sheet."""
    sheets = [_fields(one) for one in re.findall(rb"<(?:\w+:)?sheet\b([^>]*)>", archive.read("xl/workbook.xml"))]
    relations = re.findall(rb"<(?:\w+:)?Relationship\b([^>]*)>", archive.read("xl/_rels/workbook.xml.rels"))
    targets = {one["Id"]: one["Target"] for one in map(_fields, relations)}
    target = next(targets[one["id"]] for one in sheets if one["name"] == sheet)
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _fields(tag: bytes) -> dict[str, str]:
    """Return the attributes of a tag, without their prefixes."""
    return {name: unescape(value) for name, value in re.findall(r'(\w+)="([^"]*)"', tag.decode())}
