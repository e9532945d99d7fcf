"""Headers, symbols and figures of a sheet."""

from datetime import date, time
from typing import Any

import pytest

from tests.integration.marketdata.workbooks import HEADERS
from thor.marketdata.workbook import Area, CellError, Cells, WorkbookAway, shaped
from thor.marketdata.workbook_rows import Sheet, quotes_of

USUAL = ["Symbol", "Close", "Volume", "Bid", "Last", "Ask", "BidSize"]


def sheet(*rows: list[Any], area: str = "A1:N13") -> Sheet:
    found = Area.of(area)
    return quotes_of(Cells(found, shaped([list(row) for row in rows], found)))


def test_every_column_arrives_as_its_figure() -> None:
    found = sheet(list(HEADERS), ["/ES", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])

    assert found.troubles == []
    assert found.quotes == [
        {
            **{"symbol": "/ES", "previous_close": 1, "open": 2, "high": 4, "low": 5, "high_52w": 6, "low_52w": 7},
            **{"volume": 8, "bid": 9, "last": 10, "ask": 11, "bid_size": 12, "ask_size": 13},
        }
    ]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("World High", "high"),
        ("World Low", "low"),
        ("52wkHigh", "high_52w"),
        ("52 Week High", "high_52w"),
        ("52WeekHigh", "high_52w"),
        ("52HIGH", "high_52w"),
        (" 52 week low ", "low_52w"),
        ("52LOW", "low_52w"),
        ("Bid Size", "bid_size"),
        ("ASK_SIZE", "ask_size"),
        ("Prev. Close", "previous_close"),
    ],
)
def test_headers_have_many_spellings(header: str, name: str) -> None:
    found = sheet(["Ticker", "Last", header], ["ES", 1, 2])

    assert found.quotes == [{"symbol": "ES", "last": 1, name: 2}]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (["Last", "Contract"], [1, "ES"]),
        (["Underlying", "Last"], ["ES", 1]),
        (["Root", "Last"], ["ES", 1]),
        (["", "Last"], ["ES", 1]),
        (["Whatever", "Last"], ["ES", 1]),
        (["Type", "", "Last"], ["Future", "ES", 1]),
        (["", "", "Last"], ["FUTURES", "ES", 1]),
        (["Type", "Symbol", "Last", "Weight", "HBS"], ["Future", "ES", 1, 3, "BUY"]),
    ],
)
def test_the_symbol_is_found(head: list[Any], row: list[Any]) -> None:
    found = sheet(head, row)

    assert (found.quotes, found.troubles) == ([{"symbol": "ES", "last": 1}], [])


def test_rows_that_cannot_be_used_cost_themselves() -> None:
    found = sheet(
        USUAL,
        [None, "", "  "],
        ["ES", None, 5, None, 6000],
        [None, None, None, None, 7],
        ["/es", None, None, None, 7],
        ["NQ", None, 5],
        [7203.0, None, None, None, 2500],
        ["X" * 60, None, None, None, 7],
    )

    assert [quote["symbol"] for quote in found.quotes] == ["ES", "7203"]
    assert [trouble.text()[:32] for trouble in found.bad_rows] == [
        "A4: the row has no symbol.",
        "A5: /es has a row already.",
        "A6: it has neither last, bid nor",
        'A8: "symbol" must be a text of 1',
    ]


@pytest.mark.parametrize(
    ("header", "cell", "reason"),
    [
        ("Bid", CellError("#N/A"), "#N/A is no figure."),
        ("Bid", "loading", "'loading' is no figure."),
        ("Bid", "111-33", "'111-33' is no figure."),
        ("Bid", "1.234,5", "'1.234,5' is no figure."),
        ("Bid", True, "True is no figure."),
        ("Bid", time(1, 51), "the time or date 01:51:00 (format the column as text) is no figure."),
        ("Bid", date(2026, 1, 1), "the time or date 2026-01-01 (format the column as text) is no figure."),
        ("Bid", float("nan"), "nan is out of range."),
        ("Close", 1e11, "100000000000.0 is out of range."),
        ("Volume", -1, "-1 is below zero."),
        ("Volume", "111-16", "'111-16' is no figure."),
        ("BidSize", "3 lots", "'3 lots' is no figure."),
    ],
)
def test_a_bad_cell_costs_that_cell_alone(header: str, cell: Any, reason: str) -> None:
    row: list[Any] = ["ES", 1, 2, 3, 4, 5, 6]
    row[USUAL.index(header)] = cell

    found = sheet(USUAL, row, ["NQ", 1, 2, 3, 4, 5, 6], area="C5:N13")

    (trouble,) = found.bad_cells
    assert (trouble.symbol, trouble.reason) == ("ES", reason)
    assert trouble.cell == f"{'CDEFGHI'[USUAL.index(header)]}6"
    assert [len(quote) for quote in found.quotes] == [6, 7]


@pytest.mark.parametrize(
    ("cell", "price"),
    [("111-16+", 111.515625), ("111'16", 111.5), ("-0'06", -0.1875), ("1,234.50", 1234.5), (" 12 ", 12), ("-.5", -0.5)],
)
def test_prices_may_be_written_as_text(cell: str, price: float) -> None:
    assert sheet(["Symbol", "Last"], ["ZB", cell]).quotes == [{"symbol": "ZB", "last": price}]


def test_a_quote_without_a_last_price_is_one_all_the_same() -> None:
    found = sheet(USUAL, ["VX", 17.5, 100, 17.4, None, 17.6])

    assert found.quotes == [{"symbol": "VX", "previous_close": 17.5, "volume": 100, "bid": 17.4, "ask": 17.6}]
    assert (found.without_last, found.troubles) == (["VX"], [])


def test_a_column_that_nobody_knows_is_said_and_left_out() -> None:
    found = sheet(["Symbol", "Last", "Lasst", "LAST"], ["ES", 1, 2, 3])

    assert found.quotes == [{"symbol": "ES", "last": 1}]
    assert [trouble.cell for trouble in found.bad_cells] == ["C1", "D1"]


@pytest.mark.parametrize("rows", [[], [["ES", 6000, 1]], [["Symbol", "Volume"], ["ES", 1]]])
def test_without_headers_nothing_is_guessed(rows: list[list[Any]]) -> None:
    with pytest.raises(WorkbookAway, match="names neither Last, Bid nor Ask; correct THOR_EXCEL_RANGE"):
        sheet(*rows)


def test_cells_are_named_as_excel_names_them() -> None:
    assert [Area.of("Z9:AB12").name(0, column) for column in range(3)] == ["Z9", "AA9", "AB9"]
