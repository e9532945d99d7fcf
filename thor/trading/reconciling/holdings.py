"""Step 4: positions at the broker against those of the journal."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from thor.trading.models import Position
from thor.trading.reconciling.finding import Finding, Level
from thor.trading.reconciling.snapshot import Positions, Snapshot, price_of, units


@dataclass(frozen=True, slots=True)
class Difference:
    """A symbol of which the broker holds another quantity than the journal. What is held short is less than nothing.

    `journal` is everything that the journal knows of in the account: the desk's own, and what is somebody else's.
    """

    symbol: str
    broker: Decimal
    journal: Decimal
    average: Decimal | None

    def __str__(self) -> str:
        return f"the broker holds {self.broker.normalize():f} {self.symbol}, the journal {self.journal.normalize():f}"

    @property
    def is_short(self) -> bool:
        """Tell whether the account owes what it has sold: the desk is long only, and never books that."""
        return self.broker < 0

    @property
    def is_external(self) -> bool:
        """Tell whether the journal knows nothing of it."""
        return self.broker > 0 and self.journal == 0

    @property
    def is_vanished(self) -> bool:
        """Tell whether nothing is left of it at the broker."""
        return self.broker <= 0 < self.journal


def compare_positions(positions: Positions, journal: Mapping[str, Decimal]) -> list[Difference]:
    """Return every difference, by symbol."""
    found = []
    for symbol in sorted({*positions, *journal}):
        told = positions.get(symbol)
        held, known = units(told.quantity) if told else Decimal(0), journal.get(symbol, Decimal(0))
        if held != known:
            found.append(Difference(symbol, held, known, told.average_entry_price if told else None))
    return found


def judge_outside(held: Iterable[Position]) -> Iterator[Finding]:
    """Give the symbols of which somebody else holds a part in the desk's account: noted each time, and no reason."""
    for one in held:
        if one.outside > 0:
            others = f"{one.outside.normalize():f} {one.symbol}"
            text = f"{others} beside the desk's {one.quantity.normalize():f} are not its own"
            yield Finding(Level.NOTE, "position_outside", text, one.symbol)


def is_contradicted(seen: Snapshot) -> bool:
    """Tell whether the list of positions cannot be all: equity is not cash and what is held, by more than a hundredth.

    Positions that have vanished are not closed on such a list.
    """
    worth = sum((one.quantity * price_of(one) for one in seen.positions.values()), Decimal(0))
    return abs(seen.account.equity - seen.account.cash - worth) > abs(seen.account.equity) / 100
