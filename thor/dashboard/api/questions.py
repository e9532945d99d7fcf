"""The parameters of the API, read strictly: what is misspelt or out of range is refused, never ignored."""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

from django.http import HttpRequest
from ninja import Schema
from ninja.errors import HttpError
from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from thor.markets.models import Market

#: The dates that are answered: before them no calendar is read, after them none is carried on.
FIRST: Final = date(1990, 1, 1)
LAST: Final = date(2100, 12, 31)
#: The longest range of sessions that one question may ask for.
LONGEST: Final = timedelta(days=366)
#: How many days are shown from the first date on where no last date is asked for.
USUAL: Final = timedelta(days=14)

#: An instant whose + was read as a blank, which is what + means in an address.
_LOST_PLUS: Final = re.compile(r"(.+T.+) (\d\d:?\d\d)")


def read_instant(text: Any) -> Any:
    """Return an instant in UTC; raise ValueError with the reason why it is none."""
    if not isinstance(text, str):
        return text
    lost = _LOST_PLUS.fullmatch(text)
    try:
        # Python's parser lets a NUL at the end pass.
        at = datetime.fromisoformat(f"{lost[1]}+{lost[2]}" if lost else text.replace("\0", "?"))
    except ValueError:
        raise ValueError(f"{text!r} is no instant, write 2026-11-27T17:30:00Z") from None
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no offset, write 2026-11-27T17:30:00Z or 2026-11-27T12:30:00-05:00")
    _within(at.date(), text)
    return at.astimezone(UTC)


def read_date(text: Any) -> Any:
    """Return a date; raise ValueError with the reason why it is none."""
    if not isinstance(text, str):
        return text
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date, write 2026-11-27") from None
    _within(day, text)
    return day


def _within(day: date, text: str) -> None:
    if not FIRST <= day <= LAST:
        raise ValueError(f"{text!r} is out of range, dates from {FIRST} to {LAST} are answered")


Instant = Annotated[datetime, BeforeValidator(read_instant)]
Day = Annotated[date, BeforeValidator(read_date)]

_AT: Any = Field(
    None, description="Instant with its offset; left out, now.", json_schema_extra={"example": "2026-11-27T17:30:00Z"}
)
_ROLE: Any = Field(None, description="Only markets of this role; left out, of both.")


class Strict(Schema):
    """A question that knows all its parameters: the library passes on those alone, so the request itself is asked."""

    @model_validator(mode="before")
    @classmethod
    def _no_others(cls, data: Any, info: ValidationInfo) -> Any:
        names = {field.alias or name for name, field in cls.model_fields.items()}
        context: Any = info.context
        refuse_others(context["request"], names)
        return data


class When(Strict):
    """The instant that is asked about."""

    at: Instant | None = _AT


class Which(Strict):
    """The markets that are asked about."""

    role: Market.Role | None = _ROLE


class WhichWhen(Strict):
    """The markets that are asked about, and the instant."""

    role: Market.Role | None = _ROLE
    at: Instant | None = _AT


class Range(Strict):
    """A range of dates, both included, at most a year and a day of them."""

    first: Day | None = Field(None, alias="from", description="First date; left out, the market's today.")
    last: Day | None = Field(None, alias="to", description="Last date; left out, two weeks after the first.")

    def dates(self, today: date) -> tuple[date, date]:
        """Return the first and the last date, with what was left out filled in; raise ValueError."""
        first = self.first or today
        last = self.last or min(first + USUAL, LAST)
        if last < first:
            raise ValueError(f"{last} lies before {first}")
        if last - first > LONGEST:
            raise ValueError(f"{first} to {last} is too long, ask for at most {LONGEST.days} days at a time")
        return first, last


def refuse_others(request: HttpRequest, names: Collection[str] = ()) -> None:
    """Refuse parameters other than these; raise HttpError."""
    for name in request.GET:
        if name not in names:
            raise HttpError(400, f"{name!r} is no parameter of this address; /api/v1/openapi.json lists them.")
