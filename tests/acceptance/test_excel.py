"""A workbook through beat, worker, feed and stream: what its cells say is a quote, and a row in the database."""

from pathlib import Path

import pytest

from tests.acceptance.house import House, built
from tests.integration.marketdata.workbooks import row, write

pytestmark = pytest.mark.database


def polled_house(book: Path) -> dict[str, str]:
    """Return the environment of a house that reads a workbook for the venue that never closes."""
    return {
        "THOR_FEED": "crypto=excel",
        "THOR_EXCEL_FILE": str(book),
        "THOR_JOBS": "excel_poll,intraday,week52_extremes",
    }


def wait_for_range(house: House, low: float, high: float) -> None:
    """Wait until the row of extremes says so, which a worker makes of folded ticks."""
    found = f"SELECT count(*) FROM marketdata_extreme WHERE low_52w = {low} AND high_52w = {high}"
    house.wait_for(lambda: house.count(found) == 1, f"a range of {low} to {high}")


def test_a_saved_workbook_becomes_quotes_and_rows(tmp_path: Path) -> None:
    book = write(tmp_path / "RTD.xlsx", row("BTCUSD", 61_000.5, 1000, Bid=61_000.25, Ask=61_000.75))

    with built(**polled_house(book)) as house:
        house.prepare()
        for start in (house.beat, house.worker, house.feed):
            start()
        wait_for_range(house, 61_000.5, 61_000.5)
        write(book, row("BTCUSD", 61_200.25, 1003, Bid=61_200, Ask=61_200.5))
        wait_for_range(house, 61_000.5, 61_200.25)
        quote = house.python("from thor.marketdata.selectors import latest_quotes\nanswer = latest_quotes()['BTCUSD']")

        assert {name: quote[name] for name in ("last", "bid", "ask", "source")} == {
            "last": 61_200.25,
            "bid": 61_200,
            "ask": 61_200.5,
            "source": "EXCEL",
        }
        polls = "SELECT count(*) FROM jobs_run WHERE name LIKE 'excel_poll%' AND state = '{}'"
        assert house.count(polls.format("succeeded")) > 1
        assert house.count(polls.format("failed")) == 0
