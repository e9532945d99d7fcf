"""Name the edges of a window by the bells of a session: `open+5m`, `close-25m`, `next open`."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from thor.timing.session import Session

_EDGE = re.compile(r"(open|close|next open)(?:\s*([+-])\s*(\d+)\s*(s|m|h))?")
SHORTEST_SESSION = timedelta(hours=1)
LONGEST_SESSION = timedelta(days=7)
LONGEST_PAUSE = timedelta(days=30)
_ZERO = timedelta(0)
LONGEST = {
    ("open", "open"): _ZERO,
    ("close", "close"): _ZERO,
    ("next open", "next open"): _ZERO,
    ("open", "close"): LONGEST_SESSION,
    ("close", "open"): -SHORTEST_SESSION,
    ("open", "next open"): LONGEST_SESSION + LONGEST_PAUSE,
    ("next open", "open"): -SHORTEST_SESSION,
    ("close", "next open"): LONGEST_PAUSE,
    ("next open", "close"): _ZERO,
}
"""How far the second bell lies after the first, at most, in any market there is."""
_UNITS = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}


class BadWindow(ValueError):
    """The window cannot be understood."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Name an instant of a session: a bell and an offset from it."""

    bell: str
    offset: timedelta = timedelta(0)

    def at(self, session: Session, following: Session | None) -> datetime | None:
        """Return the instant, or None where it needs a next session that is not known."""
        if self.bell == "open":
            return session.open + self.offset
        if self.bell == "close":
            return session.close + self.offset
        return following.open + self.offset if following else None

    def text(self) -> str:
        """Say it as it is written: `open+5m`."""
        if not self.offset:
            return self.bell
        size = abs(self.offset)
        name, unit = next((name, unit) for name, unit in _UNITS.items() if not size % unit)
        return f"{self.bell}{'-' if self.offset < timedelta(0) else '+'}{size // unit}{name}"


def parse_edge(text: str) -> Edge:
    """Read an edge. Raises BadWindow with a sentence that names what is allowed."""
    match = _EDGE.fullmatch(" ".join(text.split()).lower())
    if not match:
        raise BadWindow(
            f"{text!r} is no edge of a window: give open, close or next open, with an offset in s, m or h "
            f"where wanted, such as open+5m or close-25m."
        )
    bell, sign, number, unit = match.groups()
    offset = int(number) * _UNITS[unit] if number else timedelta(0)
    return Edge(bell, -offset if sign == "-" else offset)
