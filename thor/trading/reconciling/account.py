"""Step 5: may the account trade, is there money to buy with, and how much is at stake."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from thor.trading.brokers.port import Account
from thor.trading.reconciling.finding import Finding, Level

#: Less buying power than this part of equity is as good as none.
LEAST_POWER: Final = Decimal("0.01")
#: Words of accounts that trade; `ACCOUNT_UPDATED` is Alpaca's while somebody's address changes.
TRADING: Final = ("ACTIVE", "ACCOUNT_UPDATED")


def judge_account(account: Account, *, value: Decimal, most_heat: Decimal) -> Iterator[Finding]:
    """Give what is wrong with an account whose positions are worth `value`."""
    if account.is_account_blocked:
        yield Finding(Level.ERROR, "account_blocked", "the broker has blocked the account")
    if account.is_trading_blocked:
        yield Finding(Level.BLOCKED, "trading_blocked", "the broker has blocked trading for the account")
    if account.status not in TRADING:
        yield Finding(Level.WARNING, "account_status", f"the account is {account.status}")
    if account.is_pattern_day_trader:
        count = "an untold number of" if account.day_trades is None else account.day_trades
        text = f"the account is marked as a pattern day trader ({count} day trades in five days)"
        yield Finding(Level.NOTE, "pattern_day_trader", text)
    if account.day_trades is None:
        text = "the broker does not tell how many day trades there were: those of the journal count"
        yield Finding(Level.NOTE, "day_trades_untold", text)
    yield from _judge_power(account)
    yield from _judge_heat(account, value, most_heat)


def heat_of(account: Account, value: Decimal) -> float | None:
    """Return the value of all positions as a part of equity; nothing where there is no equity."""
    return float(value / account.equity) if account.equity > 0 else None


def _judge_power(account: Account) -> Iterator[Finding]:
    power = account.buying_power
    if power <= 0:
        yield Finding(Level.WARNING, "no_buying_power", f"there is no buying power: {power:.2f} {account.currency}")
    elif power < LEAST_POWER * account.equity:
        part = power / account.equity
        yield Finding(Level.WARNING, "low_buying_power", f"buying power is {part:.2%} of equity, less than 1 %")


def _judge_heat(account: Account, value: Decimal, most: Decimal) -> Iterator[Finding]:
    if account.equity <= 0:
        yield Finding(Level.WARNING, "no_equity", f"the account is worth {account.equity:.2f} {account.currency}")
    elif value > most * account.equity:
        text = f"positions are {value / account.equity:.2%} of equity, more than {most:.2%}"
        yield Finding(Level.WARNING, "heat", text)
