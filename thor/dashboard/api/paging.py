"""Answer long lists page by page, in an order that new rows do not disturb.

A page ends with the address of the next one, whose `cursor` names the last row that was shown. The next page is looked
for behind that row, by an index: the thousandth page costs what the first one does, and a row that appears meanwhile
neither repeats another nor hides one.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from ninja.errors import HttpError
from pydantic import Field

from thor.dashboard.api.questions import Strict

#: How many rows a page has where nobody asks for another number, and at most.
USUAL: Final = 100
MOST: Final = 1000
LONGEST_CURSOR: Final = 400
LIMIT: Any = Field(USUAL, ge=1, le=MOST, description="Rows of a page.")
CURSOR: Any = Field(
    None, max_length=LONGEST_CURSOR, description="Where the page begins: as in `next` of the one before."
)
NEXT: Any = Field(description="The address of the next page; null on the last.")

Row = TypeVar("Row", bound=Model)


class Paged(Strict):
    """A question whose answer has pages."""

    limit: int = LIMIT
    cursor: str | None = CURSOR


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an order: the path from a row to its value, how the value is read from a cursor, and which way."""

    path: str
    read: Callable[[Any], Any]
    descending: bool = False

    @property
    def by(self) -> str:
        """Return the column as `order_by` writes it."""
        return f"-{self.path}" if self.descending else self.path

    def beyond(self, value: Any, *, equal: bool = False) -> Q:
        """Return the condition that a row lies behind a value, or on it."""
        sign = ("lt" if self.descending else "gt") + ("e" if equal else "")
        return Q(**{f"{self.path}__{sign}": value})

    def of(self, row: Model) -> Any:
        """Return a row's value, as a cursor carries it."""
        value: Any = row
        for name in self.path.split("__"):
            value = getattr(value, name)
        return value.isoformat() if isinstance(value, date) else value


class Order:
    """An order of rows in which no two are equal."""

    def __init__(self, *columns: Column) -> None:
        """Order by these columns; the last one has to be unique among rows that the others do not tell apart."""
        self._columns = columns

    def page(self, request: HttpRequest, rows: QuerySet[Row], asked: Paged) -> tuple[list[Row], str | None]:
        """Return a page of rows and the address of the next one; raise HttpError for a cursor that is none."""
        found = self.behind(rows, asked.cursor)[: asked.limit + 1]
        shown = list(found)
        if len(shown) <= asked.limit:
            return shown, None
        shown.pop()
        return shown, self._next(request, shown[-1])

    def behind(self, rows: QuerySet[Row], cursor: str | None) -> QuerySet[Row]:
        """Return the rows behind a cursor, or all, in this order."""
        ordered = rows.order_by(*(column.by for column in self._columns))
        return ordered.filter(self._beyond(_read(cursor, self._columns))) if cursor else ordered

    def _beyond(self, values: list[Any]) -> Q:
        # (a, b, c) > (x, y, z); the first condition alone is what an index can begin with.
        first, beyond, equal = self._columns[0], Q(pk__in=[]), Q()
        for column, value in zip(self._columns, values, strict=True):
            beyond |= equal & column.beyond(value)
            equal &= Q(**{column.path: value})
        return first.beyond(values[0], equal=True) & beyond

    def _next(self, request: HttpRequest, last: Row) -> str:
        values = json.dumps([column.of(last) for column in self._columns]).encode()
        cursor = base64.urlsafe_b64encode(values).decode().rstrip("=")
        given: Mapping[str, Any] = request.GET.dict()
        return f"{request.path}?{urlencode({**given, 'cursor': cursor})}"


def _read(cursor: str, columns: tuple[Column, ...]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(columns):
            raise ValueError
        return [column.read(value) for column, value in zip(columns, values, strict=True)]
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise HttpError(400, "cursor cannot be used: take it from `next` of the page before, as it is.") from None


def number(value: Any) -> int:
    """Read a key or a place; raise ValueError."""
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError
    return value


def text(value: Any) -> str:
    """Read a name; raise ValueError."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError
    return value


def day(value: Any) -> date:
    """Read a date; raise ValueError."""
    return date.fromisoformat(text(value))


def instant(value: Any) -> datetime:
    """Read an instant with its offset; raise ValueError."""
    at = datetime.fromisoformat(text(value))
    if at.tzinfo is None:
        raise ValueError
    return at
