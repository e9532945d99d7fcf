"""Write events of the journal as CSV, a line at a time: a journal may be larger than the memory.

The columns are few and fixed, since each kind of event has fields of its own: these are one cell of JSON. Times are
those of UTC, so that the table sorts and joins wherever it is read.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, date
from typing import Final

from thor.trading.models import Event
from thor.trading.records.cells import cell
from thor.trading.records.days import NEXT, midnight
from thor.trading.records.event_lines import json_of

COLUMNS: Final = ("number", "at", "kind", "symbol", "run", "fields")
#: How many events are read at a time.
BATCH: Final = 1000


def events_between(first: date | None, last: date | None) -> Iterator[Event]:
    """Yield the events of these days on the market's calendar, both included, in the journal's order."""
    events = Event.objects.order_by("number")
    events = events.filter(at__gte=midnight(first)) if first else events
    events = events.filter(at__lt=midnight(last + NEXT)) if last else events
    return events.iterator(chunk_size=BATCH)


def events_csv(events: Iterable[Event]) -> Iterator[str]:
    """Yield the lines of the table, the first of which names the columns."""
    table = csv.writer(_Line(), lineterminator="\n")
    yield table.writerow(COLUMNS)
    for event in events:
        at = event.at.astimezone(UTC).isoformat()
        row = (event.number, at, event.kind, event.symbol, event.run, json_of(event.fields, by_name=True))
        yield table.writerow([cell(value) for value in row])


class _Line:
    """Give back what is written, which `writerow` then returns."""

    def write(self, text: str) -> str:
        return text
