"""Workbooks as they lie on a disk: whole, broken, half written, and open in an Excel."""

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest

from tests.integration.marketdata.workbooks import HEADERS, row, write
from thor.env import Env
from thor.marketdata.workbook import CellError, Place, WorkbookAway
from thor.marketdata.workbook_rows import quotes_of


def place(path: Path | str, **others: str) -> Place:
    names = {"THOR_EXCEL_FILE": str(path), **others}
    return Place.of(Env(_env_file=None, **names), platform="linux")


def test_a_saved_workbook_is_read_whole(tmp_path: Path) -> None:
    path = write(
        tmp_path / "RTD_TOS.xlsm",
        row("/YM", 44000, 120_000, Close=43900, Bid=43999, Ask=44001, BidSize=3, AskSize=4, Open=43950),
        [],
        row("30YrBond", "111-16+", 5, Bid="111'16", Ask="111:17"),
        row("$DXY", "#N/A", None, Bid=99.5),
        row("VX", None, "#REF!", Ask=17.6),
    )

    cells = place(path).read()

    assert cells.rows[0] == list(HEADERS)
    assert cells.rows[4][HEADERS.index("Last")] == CellError("#N/A")
    found = quotes_of(cells)
    assert [(quote["symbol"], quote.get("last")) for quote in found.quotes] == [
        ("/YM", 44000),
        ("30YrBond", 111.515625),
        ("$DXY", None),
        ("VX", None),
    ]
    assert [trouble.text() for trouble in found.troubles] == ["K5: #N/A is no figure.", "I6: #REF! is no figure."]
    assert found.quotes[1]["bid"] == 111.5


def test_only_the_range_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Prices & more"
    for cell, value in {"B3": "Symbol", "C3": "Last", "B4": "ES", "C4": 6000, "B5": "NQ", "C5": 21000, "D4": 1}.items():
        book.active[cell] = value
    book.active["C5"] = "#N/A"
    book.active["C5"].data_type = "e"
    book.save(tmp_path / "book.xlsx")

    cells = place(tmp_path / "book.xlsx", THOR_EXCEL_SHEET="Prices & more", THOR_EXCEL_RANGE="B3:C9").read()

    assert cells.rows[:3] == [["Symbol", "Last"], ["ES", 6000], ["NQ", CellError("#N/A")]]
    assert (len(cells.rows), cells.rows[6]) == (7, [None, None])


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is no workbook, or is just being written"), (b"PK\3\4" + b"\0" * 500, "is no workbook"), (None, "no file")],
)
def test_what_is_no_workbook_is_said(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "book.xlsx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(WorkbookAway) as caught:
        place(path).read()

    assert (reason if content is not None else "does not exist; save the workbook there") in str(caught.value)


def test_a_workbook_that_is_cut_anywhere_is_no_workbook(tmp_path: Path) -> None:
    path = write(tmp_path / "book.xlsx", row("ES", 6000))
    content = path.read_bytes()

    for end in range(0, len(content) - 1, 97):
        path.write_bytes(content[:end])
        with pytest.raises(WorkbookAway):
            place(path).read()


def test_a_missing_sheet_names_those_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "book.xlsx", row("ES", 6000))

    with pytest.raises(WorkbookAway, match="no sheet 'Live', only Notes, LiveData; correct THOR_EXCEL_SHEET"):
        place(path, THOR_EXCEL_SHEET="Live").read()


def test_without_a_file_the_variable_is_named() -> None:
    with pytest.raises(WorkbookAway, match="set THOR_EXCEL_FILE"):
        place("")


def test_a_folder_is_no_workbook(tmp_path: Path) -> None:
    with pytest.raises(WorkbookAway, match="cannot be read"):
        place(tmp_path).read()


def test_a_file_that_is_replaced_while_it_is_read_never_mixes_two_versions(tmp_path: Path) -> None:
    path = write(tmp_path / "book.xlsx", row("ES", 1000, 1000), row("NQ", 1000, 1000))
    stop = threading.Event()

    def replace_it() -> None:
        number = 1000
        while not stop.is_set():
            number += 1
            if number % 2:
                write(path, row("ES", number, number), row("NQ", number, number))
            else:  # in place, as some programs save
                path.write_bytes(
                    write(tmp_path / "other.xlsx", row("ES", number, number), row("NQ", number, number)).read_bytes()
                )

    writer = threading.Thread(target=replace_it)
    writer.start()
    seen, away = [], 0
    try:
        while len(seen) < 150:
            try:
                found = quotes_of(place(path).read())
            except WorkbookAway:
                away += 1
                continue
            seen.append({quote[name] for quote in found.quotes for name in ("last", "volume")})
    finally:
        stop.set()
        writer.join()

    assert all(len(figures) == 1 for figures in seen)
    assert len({min(figures) for figures in seen}) > 5


class Excel:
    """As much of xlwings as is used: a book with one sheet, in an Excel that is busy now and then."""

    def __init__(self, rows: list[list[Any]]) -> None:
        self.rows, self.busy, self.asked = rows, False, []

    def Book(self, path: str) -> Any:
        if self.busy:
            raise RuntimeError("(-2147418111, 'Call was rejected by callee.')")
        self.asked.append(path)
        sheet = SimpleNamespace(name="LiveData", range=self.range)
        return SimpleNamespace(sheets=type("Sheets", (list,), {"__getitem__": lambda *_: sheet})([sheet]))

    def range(self, corner: tuple[int, int], end: tuple[int, int]) -> Any:
        assert (corner, end) == ((1, 1), (13, 14))
        return SimpleNamespace(options=lambda **asked: SimpleNamespace(value=self.rows))


def test_the_running_excel_is_asked_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    excel = Excel([list(HEADERS), row("ES", 6000.0, "#N/A")])
    monkeypatch.setitem(sys.modules, "xlwings", excel)  # type: ignore[arg-type]
    settings = Env(_env_file=None, THOR_EXCEL_FILE="A:/Thor/RTD_TOS.xlsm")

    live = Place.of(settings, platform="win32")
    found = quotes_of(live.read())

    assert found.quotes == [{"symbol": "ES", "last": 6000.0}]
    assert [trouble.text() for trouble in found.troubles] == ["I2: #N/A is no figure."]
    assert excel.asked == ["A:/Thor/RTD_TOS.xlsm"]
    excel.busy = True
    with pytest.raises(WorkbookAway, match=r"does not give .* just now .*rejected by callee"):
        live.read()


def test_where_xlwings_is_missing_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlwings", None)

    with pytest.raises(
        WorkbookAway, match=r"pip install 'thor\[excel\]' where Excel runs, or set THOR_EXCEL_READ=saved"
    ):
        place("book.xlsx", THOR_EXCEL_READ="live").read()
