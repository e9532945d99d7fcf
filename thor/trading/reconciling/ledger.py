"""Step 7: trades that are over, against what is held."""

from collections.abc import Collection, Iterator

from thor.trading.reconciling.finding import Finding, Level
from thor.trading.reconciling.holdings import Difference


def judge_ledger(differences: Collection[Difference], traded: Collection[str]) -> Iterator[Finding]:
    """Give the symbols that the broker holds, that the journal does not, and of which it has closed a trade.

    Once such a position is written down as external the two agree again: it is said when it is found.
    """
    for one in differences:
        if one.is_external and one.symbol in traded:
            text = f"{one.symbol} is closed in the ledger and held at the broker"
            yield Finding(Level.WARNING, "closed_but_held", text, one.symbol)
