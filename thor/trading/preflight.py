"""Check what must be true before anything is traded: each answer is one sentence, and names the remedy where it is no.

    settings     what is set makes sense, and the market of the trading jobs is one that closes
    scope        the account to work for is one that the desk knows
    storage      the folders of logs and state can be written
    broker       it answers, and lets the account trade
    clock        at a real broker the market goes by its clock; by the calendar alone is a warning
    universe     what is traded are shares of this market; symbols of other venues are left out with a warning
    strategies   at least one can be asked on this market
    model        the active one can be read; to have none is a warning, since the rules go on alone
    pipeline     every module of trading can be loaded

A warning stops nothing. `thor.trading.checks` makes system checks of those that cost nothing.
"""

import importlib
import os
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from django.db import DatabaseError

from thor.env import env
from thor.errors import ThorError
from thor.trading.brokers.port import Account, Broker, BrokerUnreachable
from thor.trading.scope import scope
from thor.trading.settings import BadSetting, declared, limits, require_strategies

#: Statuses of HTTP with which a broker refuses keys.
BAD_KEYS: Final = frozenset({401, 403})
#: What is loaded by others, at their time.
LEFT_OUT: Final = ("migrations", "management", "admin")


class Level(StrEnum):
    """What follows where a check fails: nothing may start, or somebody should know."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found, in a sentence. `level` counts where it is not `ok`."""

    name: str
    ok: bool
    level: Level
    sentence: str

    @property
    def is_failure(self) -> bool:
        """Tell whether nothing may start."""
        return not self.ok and self.level is Level.ERROR


def run_checks(broker: Callable[[], Broker] | None = None) -> list[Check]:
    """Return what every check found, with the broker of this process or another one."""
    from thor.trading.brokers.choice import broker as own

    checks: dict[str, Callable[[], Check]] = {
        "settings": check_settings,
        "scope": check_scope,
        "storage": check_storage,
        "broker": lambda: check_broker((broker or own)()),
        "clock": check_clock,
        "universe": check_universe,
        "strategies": check_strategies,
        "model": check_model,
        "pipeline": check_pipeline,
    }
    return [_carefully(name, check) for name, check in checks.items()]


def check_settings() -> Check:
    """Look at the rows of the admin, at limits that shut each other out, and at the market."""
    if sentence := why_not_market():
        return _failed("settings", sentence)
    if wrong := [one.wrong for one in declared() if one.wrong]:
        return Check("settings", False, Level.WARNING, f"{wrong[0]} The default counts; correct it in the admin.")
    found = limits()
    if found.risk_per_trade > found.max_risk_per_symbol:
        sentence = (
            f"RISK_PER_TRADE={found.risk_per_trade} is above MAX_RISK_PER_SYMBOL={found.max_risk_per_symbol}, so most "
            "entries are refused; lower the first or raise the second."
        )
        return Check("settings", False, Level.WARNING, sentence)
    return _passed("settings", "every value can be used")


def why_not_market() -> str:
    """Return why the trading jobs cannot work on THOR_TRADING_MARKET; nothing where they can, or nobody can tell yet.

    Their windows count from opens and closes: a market that is always open has none.
    """
    from thor.markets.registry import UnknownMarket
    from thor.markets.sessions import sessions_of
    from thor.markets.store import CalendarUnavailable

    begin = f"THOR_TRADING_MARKET={env().trading_market!r} cannot be used:"
    try:
        is_continuous = sessions_of(env().trading_market).continuous
    except UnknownMarket as error:
        return f"{begin} {error}"
    except CalendarUnavailable:
        return ""
    said = "it never closes, and the windows of trading count from a close; name a market that does, for example usa."
    return f"{begin} {said}" if is_continuous else ""


def check_clock() -> Check:
    """Say by what the market opens and closes; at a real broker that should be the broker's own clock."""
    from thor.markets.models import Market
    from thor.markets.registry import UnknownMarket, market

    name = env().trading_market
    if env().broker != "alpaca":
        return _passed("clock", f"{name} goes by its calendar, as the embedded broker does")
    try:
        row = market(name)
    except UnknownMarket as error:
        return _failed("clock", str(error))
    if row.clock_source == Market.ClockSource.BROKER:
        return _passed("clock", f"{name} goes by the broker's clock")
    sentence = (
        f"{name} goes by its calendar, which knows of no halt of the day; set the clock source of market {name} to the "
        "broker in the admin."
    )
    return Check("clock", False, Level.WARNING, sentence)


def check_scope() -> Check:
    """Say for which account the desk works; a scope that it does not know has been refused already."""
    found = scope()
    return _passed("scope", f"{found.name}{': real money' if found.is_live else ''}, files in {found.base}")


def check_storage() -> Check:
    """Make the folders and write a file in each."""
    for folder in (scope().logs, scope().state):
        trial = folder / f".trial-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trial.touch()
            trial.unlink()
        except OSError as error:
            return _failed("storage", cannot_be_written(folder, error.strerror or str(error)))
    return _passed("storage", f"{scope().logs} and {scope().state} can be written")


def why_not_writable(folder: Path) -> str:
    """Return why nothing could be written in a folder, which need not exist yet, without touching anything."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        return cannot_be_written(folder, f"{there} is no folder")
    return "" if os.access(there, os.W_OK | os.X_OK) else cannot_be_written(folder, f"{there} is not writable")


def cannot_be_written(folder: Path, reason: str) -> str:
    """Return the sentence about a folder."""
    return f"the folder {folder} cannot be written ({reason}); make it writable or set BASE_DIR."


def check_broker(broker: Broker, *, unreachable: Level = Level.ERROR) -> Check:
    """Ask for the account; `unreachable` says how bad it is where nobody answers."""
    try:
        account = broker.account()
    except BrokerUnreachable as error:
        if getattr(error.__cause__, "status", None) in BAD_KEYS:
            sentence = f"{broker.name} refused the keys ({error}); correct APCA_API_KEY_ID and APCA_API_SECRET_KEY."
            return _failed("broker", sentence)
        sentence = f"{broker.name} did not answer ({error}); nothing is ordered until it does."
        return Check("broker", False, unreachable, sentence)
    return _judge(broker.name, account)


def _judge(name: str, account: Account) -> Check:
    blocked = {"trading_blocked": account.is_trading_blocked, "account_blocked": account.is_account_blocked}
    if words := " and ".join(word for word, is_so in blocked.items() if is_so):
        return _failed("broker", f"the account at {name} is {words}; settle that with the broker before trading.")
    return _passed("broker", f"{name} answers: equity {account.equity:.2f} {account.currency}, status {account.status}")


def check_universe() -> Check:
    """Look for symbols that are instruments of another venue: entries leave them out."""
    from thor.trading.universe import elsewhere, universe

    symbols = universe()
    if others := elsewhere(symbols):
        reasons = "; ".join(f"{symbol}: {reason}" for symbol, reason in others.items())
        sentence = f"not everything is traded ({reasons}); take it out of THOR_UNIVERSE."
        return Check("universe", False, Level.WARNING, sentence)
    return _passed("universe", f"{len(symbols)} symbols")


def check_strategies() -> Check:
    """Build the strategies that are enabled, and count those that are made for this market."""
    from thor.trading.strategies.container import SwingEquityStrategy

    ids = limits().strategies
    try:
        require_strategies(ids)
    except BadSetting as error:
        return _failed("strategies", str(error))
    container = SwingEquityStrategy.of(ids) if ids else SwingEquityStrategy()
    here = [
        one.metadata.strategy_id
        for one in container.strategies
        if scope().market in one.metadata.markets and one.metadata.mode == scope().mode
    ]
    if not here:
        sentence = f"no strategy that is enabled is made for {scope().mode} on {scope().market}; see THOR_STRATEGIES."
        return _failed("strategies", sentence)
    return _passed("strategies", ", ".join(here))


def check_model() -> Check:
    """Read the active model."""
    from thor.trading.learning.active import active_name, readable

    name = active_name()
    if not name:
        return Check("model", False, Level.WARNING, "there is no active model yet; the rules decide alone.")
    reason = readable()
    return _failed("model", f"{reason.rstrip('.')}.") if reason else _passed("model", f"{name} can be read")


def check_pipeline() -> Check:
    """Load every module of trading."""
    names = list(_modules("thor.trading"))
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a module does when it is loaded
            return _failed("pipeline", f"{name} cannot be loaded ({type(error).__name__}: {error}); install Thor anew.")
    return _passed("pipeline", f"{len(names)} modules can be loaded")


def _modules(package: str) -> Iterable[str]:
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if found.name.rpartition(".")[2] in LEFT_OUT:
            continue
        yield found.name
        if found.ispkg:
            yield from _modules(found.name)


def _carefully(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except DatabaseError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return _failed(name, f"the database cannot be read ({reason}); run python manage.py migrate, or start it.")
    except ThorError as error:
        return _failed(name, str(error))
    except Exception as error:  # whoever asks wants to see what the other checks found as well
        return _failed(name, f"it could not be checked ({type(error).__name__}: {error}).")


def _failed(name: str, sentence: str) -> Check:
    return Check(name, False, Level.ERROR, sentence)


def _passed(name: str, sentence: str) -> Check:
    return Check(name, True, Level.ERROR, sentence)
