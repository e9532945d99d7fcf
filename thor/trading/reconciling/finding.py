"""What a reconciliation found, and how much of trading that stops."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum


class Level(IntEnum):
    """How bad a finding is. Whoever comes after `EXTERNAL` stops entries, `BLOCKED` all but exits, `ERROR` all."""

    NOTE = 0
    EXTERNAL = 1
    WARNING = 2
    BLOCKED = 3
    ERROR = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about the account. `code`, symbol and `about` make it the same finding at the next time.

    `about` names what it is about where that has a name: an order, a run. Such a finding is alerted once; one without
    a name, as "no buying power", once a session.
    """

    level: Level
    code: str
    text: str
    symbol: str = ""
    about: str = ""

    def key(self, day: date) -> str:
        """Return under what it is alerted, where it is found in the session of a day."""
        return f"reconciliation:{self.code}:{self.symbol}:{self.about or day}"[:200]
