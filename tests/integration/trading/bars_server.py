"""A server on this machine that answers Alpaca's market data API about days and splits, faults included.

Every weekday has a bar of every known symbol, in pages of a few. `faults` are those of `thor.testing.alpaca_faults`,
one a request of the path that they are planned for.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from thor.testing.alpaca_faults import Answer, Fault, Request, send

KEYS = ("PKTEST", "secret")
BARS, ACTIONS = "/v2/stocks/bars", "/v1/corporate-actions"
NEW_YORK = ZoneInfo("America/New_York")


class BarsServer:
    """What the server knows, how it fails next, and what it was asked."""

    def __init__(self) -> None:
        self.symbols = {"SPY", "AAPL", "AMD"}
        #: What a bar says instead, by symbol and date.
        self.says: dict[tuple[str, str], dict[str, Any]] = {}
        #: Whether a bar is there once more.
        self.twice: set[str] = set()
        self.forward: list[dict[str, Any]] = []
        self.reverse: list[dict[str, Any]] = []
        self.page = 10_000
        self.faults: list[tuple[str, Fault]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    def fail(self, *faults: Fault, path: str = BARS) -> None:
        """Plan faults for the next requests of a path."""
        self.faults.extend((path, fault) for fault in faults)

    def count(self, path: str) -> int:
        """Return how many requests of a path have come."""
        return sum(one == path for one, _ in self.asked)

    def answer(self, request: Request) -> None:
        """Answer one request, or fail as planned."""
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query))
        self.asked.append((parts.path, query))
        fault = next((one for one in self.faults if one[0] == parts.path), None)
        with suppress(OSError):
            if (request.headers["APCA-API-KEY-ID"], request.headers["APCA-API-SECRET-KEY"]) != KEYS:
                send(request, Answer(403, {"message": "forbidden."}))
            elif fault:
                self.faults.remove(fault)
                fault[1](request, lambda: self._work(parts.path, query))
            else:
                send(request, self._work(parts.path, query))

    def _work(self, path: str, query: dict[str, str]) -> Answer:
        if path == ACTIONS:
            found = {"forward_splits": self.forward, "reverse_splits": self.reverse}
            asked = {name: [row for row in rows if _is_within(row, query)] for name, rows in found.items()}
            return Answer(200, {"corporate_actions": {name: rows for name, rows in asked.items() if rows}})
        if path != BARS:
            return Answer(404, {"message": "endpoint not found."})
        bars = [
            one for symbol in query["symbols"].split(",") if symbol in self.symbols for one in self._bars(symbol, query)
        ]
        start = int(query.get("page_token", 0))
        page: dict[str, list[Any]] = {}
        for symbol, bar in bars[start : start + self.page]:
            page.setdefault(symbol, []).append(bar)
        rest = start + self.page
        return Answer(200, {"bars": page, "next_page_token": str(rest) if rest < len(bars) else None})

    def _bars(self, symbol: str, query: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
        day = start.date()
        while day <= end.date():
            midnight = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC)
            if day.weekday() < 5 and start <= midnight <= end:
                bar = {**bar_of(midnight), **self.says.get((symbol, f"{day}"), {})}
                yield symbol, bar
                if symbol in self.twice:
                    yield symbol, bar
            day += timedelta(days=1)


def bar_of(at: datetime) -> dict[str, Any]:
    """Return a bar as Alpaca writes it."""
    return {
        "t": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "o": 100.5,
        "h": 102,
        "l": 99.995,
        "c": 101.1,
        "v": 1234,
        "n": 5,
        "vw": 101,
    }


def split_of(symbol: str, day: date, old: float, new: float) -> dict[str, Any]:
    """Return a split as Alpaca writes it."""
    return {"symbol": symbol, "ex_date": f"{day}", "process_date": f"{day}", "old_rate": old, "new_rate": new}


def _is_within(row: dict[str, Any], query: dict[str, str]) -> bool:
    # Both ends belong to it; where there is none it is the current day, which nobody here asks for.
    return query["start"] <= row["process_date"] <= query["end"]


@contextmanager
def serving() -> Iterator[BarsServer]:
    """Serve until the block ends."""
    bars = BarsServer()

    class Handler(Request):
        def do_GET(self) -> None:
            bars.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bars.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield bars
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)
