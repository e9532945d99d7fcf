"""Name the account at which a process trades: as the broker tells it, and as far as the configuration alone knows it.

    paper, simulated prices      the embedded broker, where prices are made up
    paper, real prices           the same broker, where they are those of shares
    alpaca paper PA3ABC…         an account at Alpaca without real money, by its number
    alpaca live 123…             one with real money

The books are of one account (`Desk.account`): what was gained, lost or held at another says nothing of this one.
"""

from thor.env import env
from thor.trading.real_venues import real_venues


def paper_identity() -> str:
    """Name the account of the embedded broker: prices that are made up are another world."""
    return f"paper, {'real' if real_venues() else 'simulated'} prices"


def alpaca_identity(*, is_live: bool, number: str = "") -> str:
    """Name an account at Alpaca; without a number what all of this kind begin with."""
    return f"alpaca {'live' if is_live else 'paper'} {number}"


def configured_identity() -> str:
    """Return what the name of this process's account begins with, without asking anybody."""
    settings = env()
    return alpaca_identity(is_live=settings.is_live) if settings.broker == "alpaca" else paper_identity()
