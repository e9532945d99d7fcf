"""Say what trading may risk, and what it does and leaves: by the environment, else by the admin, else by default.

A variable that is set pins its limit: the admin shows it and lets nobody change it. Otherwise a row of `Setting`
counts, if it can be used; one that cannot, since somebody wrote it past the admin, is as good as none. Nothing is
remembered: whoever asks reads one small table, so what a person sets counts from the next question on, everywhere.
"""

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final

from django.db import DatabaseError
from pydantic import TypeAdapter, ValidationError

from thor.env import env
from thor.env_trading import MULTIPLIERS, ORDERED, TradingEnv, contradiction
from thor.env_variables import name_of, range_of, refusal, text_of
from thor.errors import BadConfiguration, ThorError
from thor.trading.models import Setting

log = logging.getLogger(__name__)


class BadSetting(ThorError):
    """A setting cannot have this value."""


class Source(StrEnum):
    """Where a value comes from."""

    ENVIRONMENT = "environment"
    ADMIN = "admin"
    DEFAULT = "default"


def _by_confidence(values: tuple[Decimal, ...]) -> dict[int, Decimal]:
    return dict(enumerate(values, start=1))


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit and switch as it is in force; without arguments, as it comes in the box.

    Parts are parts of one (0.01 is one percent), money is in the account's currency; only a name that ends in `_pct`
    is percent. `strategies` are ids, none of them meaning all. `unread` says why the admin's settings could not be
    read: nothing is bought then, since a person may have set a limit that is not known (MAX_TRADES_PER_DAY is 0).
    """

    start_capital: Decimal = Decimal(100_000)
    risk_per_trade: Decimal = Decimal("0.01")
    max_risk_per_symbol: Decimal = Decimal("0.02")
    max_portfolio_heat: Decimal = Decimal("0.08")
    max_trades_per_day: int = 4
    max_consecutive_losses: int = 3
    daily_loss_limit: Decimal = Decimal("0.02")
    max_allocation_per_symbol_pct: Decimal = Decimal(5)
    confidence_multipliers: Mapping[int, Decimal] = field(default_factory=lambda: _by_confidence(MULTIPLIERS))
    enable_ml_sizing: bool = True
    add_on_buy_enabled: bool = True
    max_entries_per_symbol: int = 4
    min_time_between_entries_minutes: int = 1440
    cash_only_trading: bool = True
    observation_only: bool = False
    swing_exit_two_phase_enabled: bool = True
    emergency_loss_limit: Decimal = Decimal("0.03")
    emergency_entry_day_loss_limit: Decimal = Decimal("0.06")
    emergency_atr_multiple: Decimal = Decimal(4)
    reconciliation_backfill_enabled: bool = True
    reconciliation_mark_unknown_closed: bool = True
    top_n_candidates: int = 20
    lookback_days: int = 252
    min_history_days: int = 210
    strategies: tuple[str, ...] = ()
    unread: str = ""

    @property
    def max_allocation_per_symbol(self) -> Decimal:
        """Return the allocation of a symbol as a part of equity."""
        return self.max_allocation_per_symbol_pct / 100

    @property
    def min_time_between_entries(self) -> timedelta:
        """Return the time that has to pass between two purchases of one position."""
        return timedelta(minutes=self.min_time_between_entries_minutes)


#: What the environment declares of each field that is a setting, in the order of lists.
DECLARATIONS: Final = {one.name: TradingEnv.model_fields[one.name] for one in fields(Limits) if one.name != "unread"}
#: The fields by the name of the variable, which is the name of the setting too.
BY_NAME: Final = {name_of(declaration): name for name, declaration in DECLARATIONS.items()}


@dataclass(frozen=True, slots=True)
class Declared:
    """A setting with its value in force as somebody would write it. `wrong` says why a row of it does not count."""

    name: str
    value: str
    source: Source
    default: str
    range: str
    description: str
    wrong: str = ""


def limits() -> Limits:
    """Return what is in force. Never raises: where the admin's settings cannot be read, nothing may be bought."""
    try:
        rows, unread = _rows(), ""
    except DatabaseError as error:
        rows, unread = {}, f"the settings cannot be read ({type(error).__name__})"
        log.error("%s: nothing is bought until they can", unread)
    found = _resolve(rows)
    for one in found.values():
        if one.wrong:
            _tell_once(one.wrong)
    values = {key: one.value for key, one in found.items()}
    values["confidence_multipliers"] = _by_confidence(values["confidence_multipliers"])
    if unread:
        values["max_trades_per_day"] = 0
    return Limits(**values, unread=unread)


def declared() -> list[Declared]:
    """Return every setting with its value and where that comes from, in the order of lists."""
    return [_declared(name, found) for name, found in _resolve(_rows()).items()]


def check_setting(name: str, text: str) -> None:
    """Require that a value can be used, together with all others; raise `BadSetting` with one sentence."""
    key = BY_NAME[name]
    parse(key, text)
    found = _resolve({**_rows(), name: text})
    if found[key].wrong:
        raise BadSetting(found[key].wrong)


def is_pinned(name: str) -> bool:
    """Tell whether the environment says what this setting is."""
    return BY_NAME[name] in env().model_fields_set


def parse(key: str, text: str) -> Any:
    """Return the value that a text stands for; raise `BadSetting` with one sentence that names the range."""
    try:
        value = _adapter(key).validate_python(text.strip())
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise BadSetting(refusal(DECLARATIONS[key], text, said)) from None
    if key == "strategies":
        require_strategies(value)
    return value


def require_strategies(ids: tuple[str, ...]) -> None:
    """Require that these strategies exist; raise `BadSetting` with one sentence that names those that do."""
    from thor.trading.strategies.container import SwingEquityStrategy

    try:
        SwingEquityStrategy.of(ids)
    except BadConfiguration as error:
        raise BadSetting(f"THOR_STRATEGIES={','.join(ids)!r} cannot be used: {error}") from None


@dataclass(frozen=True, slots=True)
class _Found:
    """A value, where it comes from, and what is wrong with the row that does not count."""

    value: Any
    source: Source
    wrong: str = ""


def _rows() -> dict[str, str]:
    return dict(Setting.objects.values_list("name", "value"))


def _resolve(rows: Mapping[str, str]) -> dict[str, _Found]:
    found = {key: _find(key, rows) for key in DECLARATIONS}
    # What the environment and the defaults say agrees, or this process had not started: it is the rows that give way.
    for pair in ORDERED:
        wrong = contradiction({key: one.value for key, one in found.items()}, (pair,))
        for key in pair if wrong else ():
            if found[key].source is Source.ADMIN:
                found[key] = _default(key, wrong + ".")
    return found


def _find(key: str, rows: Mapping[str, str]) -> _Found:
    name = name_of(DECLARATIONS[key])
    if key in env().model_fields_set:
        return _Found(getattr(env(), key), Source.ENVIRONMENT)
    if name not in rows:
        return _default(key)
    try:
        return _Found(parse(key, rows[name]), Source.ADMIN)
    except BadSetting as error:
        return _default(key, str(error))


def _default(key: str, wrong: str = "") -> _Found:
    return _Found(DECLARATIONS[key].default, Source.DEFAULT, wrong)


def _declared(key: str, found: _Found) -> Declared:
    declaration = DECLARATIONS[key]
    return Declared(
        name=name_of(declaration),
        value=text_of(found.value),
        source=found.source,
        default=text_of(declaration.default),
        range=range_of(declaration),
        description=declaration.description or "",
        wrong=found.wrong,
    )


@functools.cache
def _tell_once(sentence: str) -> None:
    log.warning("%s The default counts.", sentence)


@functools.cache
def _adapter(key: str) -> TypeAdapter[Any]:
    kind: Any = DECLARATIONS[key].annotation
    parts = DECLARATIONS[key].metadata
    return TypeAdapter(Annotated[(kind, *parts)] if parts else kind)
