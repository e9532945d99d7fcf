"""Beside Excel: what is pushed of readings, and what is said again."""

import json
import threading
from typing import Any

import httpx
import pytest

from thor.env import Env
from thor.marketdata import excelpush, poll, pushing
from thor.marketdata.pushing import Pusher
from thor.marketdata.workbook import Area, Cells, Place

OK = httpx.Response(200, json={"accepted": 1, "refused": [], "entry": "1-0"})
HEAD = ["Symbol", "Last", "Volume"]


class Book:
    """A workbook that shows one reading after the other, then asks to stop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *readings: list[list[Any]]) -> None:
        self.readings, self.stop = list(readings), threading.Event()
        monkeypatch.setattr(poll, "env", lambda: Env(_env_file=None, THOR_EXCEL_FILE="quotes.xlsx"))
        monkeypatch.setattr(Place, "read", lambda _: self.read())

    def read(self) -> Cells:
        rows = self.readings.pop(0)
        if not self.readings:
            self.stop.set()
        return Cells(Area(1, 1, len(rows) + 1, 3), [HEAD, *rows])


def pushed(book: Book, *answers: httpx.Response) -> list[list[str]]:
    """Run until the book has no more readings; return the symbols of each batch that was sent."""
    waiting, sent = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append([quote["symbol"] for quote in json.loads(request.content)["quotes"]])
        return waiting.pop(0) if waiting else OK

    client = httpx.Client(transport=httpx.MockTransport(answer))
    pusher = Pusher("http://thor.example", "globex", "k" * 16, now=lambda: 1_772_461_800.0, client=client)
    excelpush.run(pusher, book.stop, period=0)
    return sent


def test_only_rows_that_changed_are_pushed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    still = [["ES", 6000, 1000], ["ZB", 111.5, 7]]
    book = Book(monkeypatch, still, still, still, [["ES", 6000, 1003], ["ZB", 111.5, 7]], still)

    assert pushed(book) == [["ES", "ZB"], ["ES"], ["ES"]]


def test_after_a_batch_was_given_up_every_row_is_pushed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    still = [["ES", 6000, 1000], ["ZB", 111.5, 7]]
    book = Book(monkeypatch, still, still, still)

    assert pushed(book, httpx.Response(400, json={"error": "no"})) == [["ES", "ZB"], ["ES", "ZB"]]


def test_a_reading_may_have_more_rows_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "AT_ONCE", 10)
    book = Book(monkeypatch, [[f"S{number}", 6000, 1] for number in range(1101)])

    sent = pushed(book)

    assert [symbol for batch in sent for symbol in batch] == [f"S{number}" for number in range(1101)]
    assert max(len(batch) for batch in sent) <= 1000
