"""Read the five fields of a crontab as Celery reads them.

Lists, ranges (22-2 wraps round), steps over a range or a star, names of days and months. `*/2` counts from
the lowest value of the field, so `*/2` as day of the month means the odd days. Celery takes the text after a
number it understood for nothing; here it is an error.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from thor.timing.interval import BadCadence

Spec = str | int | Iterable[int]

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_PART = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?")


@dataclass(frozen=True, slots=True)
class Field:
    """Describe one field: its name for people, its range, the names it knows."""

    name: str
    low: int
    high: int
    names: tuple[tuple[str, int], ...] = ()

    def span(self, low: int, high: int) -> list[int]:
        """List low to high, wrapping round the end of the field."""
        if high < low:
            return [*range(low, self.high + 1), *range(self.low, high + 1)]
        return list(range(low, high + 1))


MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY_OF_MONTH = Field("day of the month", 1, 31)
MONTH_OF_YEAR = Field("month", 1, 12, tuple((name, i) for i, name in enumerate(_MONTHS, start=1)))
DAY_OF_WEEK = Field("day of the week", 0, 6, tuple((name, i) for i, name in enumerate(_DAYS)))


def spell(field: Field, spec: Spec) -> str:
    """Write a field as text: numbers and sets become lists, text loses its blanks."""
    if isinstance(spec, str):
        return "".join(spec.split()).lower()
    if isinstance(spec, int):
        return str(spec)
    return ",".join(str(value) for value in sorted(spec))


@lru_cache(maxsize=4096)
def expand(field: Field, text: str) -> tuple[int, ...]:
    """List the values that a field names, ascending.

    Raises BadCadence with a sentence that names the field and what it allows.
    """
    values: set[int] = set()
    for part in text.split(","):
        values.update(_expand_part(field, part))
    return tuple(sorted(values))


def _expand_part(field: Field, part: str) -> list[int]:
    match = _PART.fullmatch(part)
    if not match:
        raise _nonsense(field, part)
    star, first, last, step = match.groups()
    if step is not None and (int(step) == 0 or not (star or last)):
        raise _nonsense(field, part)
    values = field.span(field.low, field.high) if star else _expand_range(field, first, last, part)
    return values[:: int(step or 1)]


def _expand_range(field: Field, first: str, last: str | None, part: str) -> list[int]:
    low = _number(field, first, part)
    if last is None:
        return [low % 7] if field is DAY_OF_WEEK else [low]
    high = _number(field, last, part)
    if field is DAY_OF_WEEK:  # 7 is Sunday too: fri-7 ends there, 7-2 begins there
        low %= 7
        return [day % 7 for day in (range(low, 8) if high == 7 else field.span(low, high))]
    return field.span(low, high)


def _number(field: Field, text: str, part: str) -> int:
    top = 7 if field is DAY_OF_WEEK else field.high
    if text.isascii() and text.isdigit() and field.low <= int(text) <= top:
        return int(text)
    for name, value in field.names:
        if len(text) >= 3 and name.startswith(text):
            return value
    raise _nonsense(field, part)


def _nonsense(field: Field, part: str) -> BadCadence:
    names = f", names such as {field.names[1][0][:3]}" if field.names else ""
    return BadCadence(
        f"{part!r} is no {field.name} of a crontab: allowed are numbers from {field.low} to {field.high}"
        f"{names}, ranges (1-5), steps (*/2, 1-5/2), lists (1,3) and *."
    )
