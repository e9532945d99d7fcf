"""Read the workbook once a second and push what it says, until told to stop: what runs beside Excel.

`manage.py run_feed --feed excel --push URL` where all of Thor is installed. Where it is not, on Windows, this module
runs by itself: `python -m thor.marketdata.excelpush --venue globex --push URL` needs of Thor's dependencies no more
than httpx, pydantic-settings and xlwings (or python-calamine), and neither database nor Redis.

Rows that say what they said at the last reading are not sent again, unless a batch had to be dropped since.
"""

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from thor.env import env
from thor.errors import ThorError
from thor.marketdata import poll
from thor.marketdata.events import emit, warn
from thor.marketdata.pushing import Pusher
from thor.marketdata.workbook import Place, WorkbookAway
from thor.timing import Clock, SystemClock

#: Seconds from one read to the next.
PERIOD: Final = 1.0


def prepare(url: str, venue: str, *, clock: Clock | None = None) -> Pusher:
    """Return what pushes to the Thor at `url`; raise `PushRefused` or `WorkbookAway` where that cannot begin."""
    found = clock or SystemClock()
    Place.of(env())  # a workbook that is away may come; one that nobody names does not
    return Pusher(url, venue, env().push_key, now=lambda: found.now().timestamp())


def run(pusher: Pusher, stop: threading.Event, *, clock: Clock | None = None, period: float = PERIOD) -> None:
    """Read and push; a workbook that is locked or away, or a Thor that is, is said once and tried again."""
    found, sheet, away = clock or SystemClock(), _Sheet(), ""
    while not stop.is_set():
        began = time.monotonic()
        reason = _read(pusher, found, sheet)
        if reason and reason != away:
            warn("thor.excel.away", reason=reason)
        elif away and not reason:
            emit("thor.excel.back")
        away = reason
        pusher.send()
        stop.wait(max(period - (time.monotonic() - began), 0.0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return 2 where that cannot begin, after one sentence."""
    parser = argparse.ArgumentParser(prog="excelpush", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--venue", required=True, help="the venue that the workbook prices, for example globex")
    parser.add_argument("--push", required=True, metavar="URL", help="where the pages of the other Thor are")
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        run(prepare(asked.push, asked.venue), stop)
    except ThorError as error:
        sys.stderr.write(f"excelpush: {error}\n")
        return 2
    return 0


class _Sheet:
    """What was said of the sheet, and what its rows were when they were put to those that wait."""

    def __init__(self) -> None:
        self.said = poll.Said()
        self.rows: poll.Rows = {}
        self.dropped = 0


def _read(pusher: Pusher, clock: Clock, sheet: _Sheet) -> str:
    """Read once and put the quotes where they wait; return why that could not be done."""
    at = clock.now()
    try:
        reading = poll.read_workbook(at)
    except WorkbookAway as error:
        return str(error)
    sheet.said.say(reading.sheet)
    news = reading.news(sheet.rows if pusher.dropped == sheet.dropped else {})
    sheet.rows, sheet.dropped = reading.rows, pusher.dropped
    for batch in poll.batches([{**quote, "at": at.isoformat(timespec="microseconds")} for quote in news]):
        pusher.put(batch.text())
    return ""


if __name__ == "__main__":
    sys.exit(main())
