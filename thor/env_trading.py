"""The variables of trading: when its jobs run, what they may risk, and for which account they work.

They have the names that the desk's earlier scheduler gave them, most of them without THOR_. `thor.env` reads them with
all others; `thor.trading.settings` lets people set limits in the admin that are not set here.
"""

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, field_validator, model_validator
from pydantic_settings import NoDecode

from thor.env_alpaca import AlpacaEnv
from thor.env_variables import lowered, named, text_of

PROJECT: Final = Path(__file__).resolve().parent.parent

#: For which accounts the desk works: environment, broker, mode, market.
SCOPES: Final = ("paper_paper_swing_us", "paper_alpaca_swing_us", "live_alpaca_swing_us")
#: Minutes of New York's shortest session: a longer window would begin before the bell, or end after the close.
SHORTEST_SESSION: Final = 210
#: Minutes of a day.
DAY: Final = 1440
#: Fields of which the first must not be above the second.
ORDERED: Final = (
    ("min_history_days", "lookback_days"),
    ("emergency_loss_limit", "emergency_entry_day_loss_limit"),
)


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    return value


def _symbols(values: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(value.upper() for value in values))
    for symbol in found:
        if not re.fullmatch(r"[A-Z][A-Z0-9]{0,9}([.-][A-Z]{1,3})?", symbol):
            raise ValueError(f"{symbol!r} is no symbol; write symbols with commas between them, for example SPY,AAPL")
    return found


def _multipliers(values: Any) -> Any:
    try:
        found = tuple(Decimal(value) for value in values)
    except (ArithmeticError, TypeError, ValueError):
        found = ()
    if len(found) != 5 or not all(value.is_finite() and 0 <= value <= 2 for value in found):
        raise ValueError("write five numbers from 0 to 2 with commas between them, for the confidences 1 to 5")
    if list(found) != sorted(found):
        raise ValueError("write numbers none of which is below the one before it, for the confidences 1 to 5")
    return found


Symbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_symbols)]
Ids = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), BeforeValidator(lowered)]
Multipliers = Annotated[tuple[Decimal, ...], NoDecode, BeforeValidator(_multipliers), BeforeValidator(_listed)]
Word = Annotated[str, BeforeValidator(lowered)]

MULTIPLIERS: Final = tuple(Decimal(text) for text in ("0.25", "0.50", "0.75", "1.00", "1.25"))


def _minutes(name: str, default: int, description: str, most: int, least: int = 1) -> Any:
    return named(name, default, f"Minutes {description}", ge=least, le=most)


def _part(name: str, default: str, description: str, most: str = "1") -> Any:
    """Declare a part of one: 0.01 is one percent."""
    return named(name, Decimal(default), description, gt=0, le=Decimal(most))


class ScheduleEnv(AlpacaEnv):
    """When trading's jobs run: intervals, windows, and for which account and market."""

    market_timezone: str = named(
        "MARKET_TIMEZONE", "America/New_York", "Zone of printed times, journal and state; it moves no session"
    )
    trading_market: Word = named(
        "THOR_TRADING_MARKET", "usa", "Market whose sessions carry the trading jobs", pattern="^[a-z][a-z0-9_]{0,39}$"
    )
    reconciliation_interval_minutes: int = _minutes(
        "RECONCILIATION_INTERVAL_MINUTES", 60, "between reconciliations", DAY
    )
    emergency_exit_interval_minutes: int = _minutes(
        "EMERGENCY_EXIT_INTERVAL_MINUTES", 20, "between looks for emergency exits", SHORTEST_SESSION
    )
    order_poll_interval_minutes: int = _minutes("ORDER_POLL_INTERVAL_MINUTES", 3, "between polls of orders", 60)
    health_check_interval_minutes: int = _minutes("HEALTH_CHECK_INTERVAL_MINUTES", 60, "between health checks", DAY)
    entry_window_minutes_before_close: int = _minutes(
        "ENTRY_WINDOW_MINUTES_BEFORE_CLOSE", 25, "before the close at which entries begin", SHORTEST_SESSION
    )
    swing_exit_delay_minutes_after_close: int = _minutes(
        "SWING_EXIT_DELAY_MINUTES_AFTER_CLOSE", 10, "after the close at which swing exits are decided", 240
    )
    swing_exit_execution_window_start_min: int = _minutes(
        "SWING_EXIT_EXECUTION_WINDOW_START_MIN", 5, "after the open at which exits begin", SHORTEST_SESSION - 1, 0
    )
    swing_exit_execution_window_end_min: int = _minutes(
        "SWING_EXIT_EXECUTION_WINDOW_END_MIN", 30, "after the open at which exits end", SHORTEST_SESSION
    )
    run_startup_reconciliation: bool = named("RUN_STARTUP_RECONCILIATION", True, "Reconcile at each system start")
    run_health_check_on_boot: bool = named("RUN_HEALTH_CHECK_ON_BOOT", True, "Check the health at each system start")
    scope: str = named(
        "THOR_SCOPE", "", f"Account to work for: {', '.join(SCOPES)}; empty: APP_ENV, THOR_BROKER, MODE, MARKET"
    )
    app_env: Word = named("APP_ENV", "", "First word of the scope: paper, live; empty: what APCA_API_BASE_URL is")
    mode: Word = named("MODE", "swing", "Third word of the scope: swing")
    market: Word = named("MARKET", "us", "Fourth word of the scope: us")
    base_dir: Path | None = named(
        "BASE_DIR", None, "Folder in which trading keeps logs/ and state/; empty means THOR_VAR_DIR"
    )

    @field_validator("market_timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("write a zone of the IANA database, for example America/New_York") from None
        return value

    @field_validator("base_dir")
    @classmethod
    def _place(cls, value: Path | None) -> Path | None:
        # From the project's folder, so that all processes mean the same one wherever they were started.
        try:
            return PROJECT / value.expanduser() if value else None
        except RuntimeError:
            raise ValueError(
                f"{value} begins with a user that this machine does not have; write the folder in full"
            ) from None

    @model_validator(mode="after")
    def _window_has_length(self) -> "ScheduleEnv":
        start, end = self.swing_exit_execution_window_start_min, self.swing_exit_execution_window_end_min
        if end <= start:
            raise ValueError(
                f"SWING_EXIT_EXECUTION_WINDOW_END_MIN={end} has to be above SWING_EXIT_EXECUTION_WINDOW_START_MIN="
                f"{start}; write {start + 1} to {SHORTEST_SESSION}, or an earlier start"
            )
        return self

    @model_validator(mode="after")
    def _scope_is_meant(self) -> "ScheduleEnv":
        _refuse_unknown_scope(self)
        env, broker, _, _ = self.scope_name.split("_")
        if broker != self.broker:
            raise ValueError(f"THOR_SCOPE={self.scope} needs THOR_BROKER={broker}; set that, or another scope")
        if env == "live" and not self.is_live:
            raise ValueError(
                f"{self._asker()} means real money, but APCA_API_BASE_URL is no live address; set it and "
                "THOR_ALLOW_LIVE=1, or work for paper"
            )
        if env != "live" and self.is_live:
            host = urlsplit(self.alpaca_url).hostname
            raise ValueError(f"{self._asker()} means no money, but APCA_API_BASE_URL is a live address ({host})")
        return self

    @property
    def scope_name(self) -> str:
        """Return the scope: environment, broker, mode and market in one word."""
        if self.scope:
            return self.scope.strip().lower().replace("/", "_")
        env = self.app_env or ("live" if self.is_live else "paper")
        return f"{env}_{self.broker}_{self.mode}_{self.market}"

    def _asker(self) -> str:
        return f"THOR_SCOPE={self.scope}" if self.scope else f"APP_ENV={self.app_env}"


class TradingEnv(ScheduleEnv):
    """What trading may risk, and what it does and leaves. Without a value here, the admin's counts."""

    start_capital: Decimal = named(
        "START_CAPITAL", Decimal(100_000), "Cash with which a new paper account opens", gt=0, le=1_000_000_000
    )
    risk_per_trade: Decimal = _part("RISK_PER_TRADE", "0.01", "Part of equity that one entry takes", "0.2")
    max_risk_per_symbol: Decimal = _part("MAX_RISK_PER_SYMBOL", "0.02", "Part of equity at risk in one symbol")
    max_portfolio_heat: Decimal = _part("MAX_PORTFOLIO_HEAT", "0.08", "Part of equity in all positions")
    max_trades_per_day: int = named("MAX_TRADES_PER_DAY", 4, "Entries a session", ge=1, le=1000)
    max_consecutive_losses: int = named(
        "MAX_CONSECUTIVE_LOSSES", 3, "Losing trades in a row that stop entries", ge=1, le=100
    )
    daily_loss_limit: Decimal = _part(
        "DAILY_LOSS_LIMIT", "0.02", "Part of equity whose loss in a session stops entries"
    )
    max_allocation_per_symbol_pct: Decimal = named(
        "MAX_ALLOCATION_PER_SYMBOL_PCT",
        Decimal(5),
        "Percent of equity in one symbol at which it is not added to: 5 is 5 %",
        gt=0,
        le=100,
    )
    confidence_multipliers: Multipliers = named(
        "CONFIDENCE_MULTIPLIERS", MULTIPLIERS, "By how much the size of an entry is multiplied, for confidences 1 to 5"
    )
    enable_ml_sizing: bool = named(
        "ENABLE_ML_SIZING", True, "Let the learned model make purchases smaller; it refuses bad ones in any case"
    )
    add_on_buy_enabled: bool = named("ADD_ON_BUY_ENABLED", True, "Add to positions")
    max_entries_per_symbol: int = named("MAX_ENTRIES_PER_SYMBOL", 4, "Purchases of one position", ge=1, le=100)
    min_time_between_entries_minutes: int = _minutes(
        "MIN_TIME_BETWEEN_ENTRIES_MINUTES", DAY, "between two purchases of one position", 30 * DAY, 0
    )
    cash_only_trading: bool = named("CASH_ONLY_TRADING", True, "Buy with cash alone, never on margin")
    observation_only: bool = named("OBSERVATION_ONLY", False, "Decide, judge and write down, but order nothing")
    swing_exit_two_phase_enabled: bool = named(
        "SWING_EXIT_TWO_PHASE_ENABLED", True, "Decide exits after the close, and order them after the next open"
    )
    emergency_loss_limit: Decimal = _part(
        "EMERGENCY_LOSS_LIMIT", "0.03", "Part of equity whose loss in one position is an emergency"
    )
    emergency_entry_day_loss_limit: Decimal = _part(
        "EMERGENCY_ENTRY_DAY_LOSS_LIMIT", "0.06", "The same on the day of entry"
    )
    emergency_atr_multiple: Decimal = named(
        "EMERGENCY_ATR_MULTIPLE", Decimal(4), "Drop below the entry, in ATR, that is an emergency", gt=0, le=100
    )
    reconciliation_backfill_enabled: bool = named(
        "RECONCILIATION_BACKFILL_ENABLED", True, "Write down positions that the broker has and the desk did not order"
    )
    reconciliation_mark_unknown_closed: bool = named(
        "RECONCILIATION_MARK_UNKNOWN_CLOSED", True, "Close positions that the broker has no more"
    )
    top_n_candidates: int = named("TOP_N_CANDIDATES", 20, "Best candidates that are looked at", ge=1, le=1000)
    lookback_days: int = named("LOOKBACK_DAYS", 252, "Daily bars that entries are judged by", ge=210, le=5000)
    min_history_days: int = named("MIN_HISTORY_DAYS", 210, "Daily bars that an entry needs", ge=210, le=5000)
    universe: Symbols = named("THOR_UNIVERSE", (), "Symbols to trade, comma-separated; empty means the box's list")
    strategies: Ids = named("THOR_STRATEGIES", (), "Ids of the strategies to ask, comma-separated; empty means all")

    @model_validator(mode="after")
    def _limits_agree(self) -> "TradingEnv":
        if sentence := contradiction({field: getattr(self, field) for pair in ORDERED for field in pair}):
            raise ValueError(sentence)
        return self


def contradiction(values: Mapping[str, Any], pairs: Sequence[tuple[str, str]] = ORDERED) -> str:
    """Return why these values, by field, do not go together; nothing where they do."""
    for low, high in pairs:
        if values[low] > values[high]:
            least, most = text_of(values[low]), text_of(values[high])
            return f"{low.upper()}={least} is above {high.upper()}={most}; write {most} or less, or raise the other"
    return ""


def _refuse_unknown_scope(settings: ScheduleEnv) -> None:
    """Refuse a scope that the desk does not know: others use APP_ENV, MODE and MARKET too, and mean something else."""
    if settings.scope_name in SCOPES:
        return
    known = ", ".join(SCOPES)
    if settings.scope:
        raise ValueError(f"THOR_SCOPE={settings.scope!r} cannot be used: write one of {known}")
    words = [set(column) for column in zip(*(scope.split("_") for scope in SCOPES), strict=True)]
    given = {"APP_ENV": settings.app_env or "paper", "MODE": settings.mode, "MARKET": settings.market}
    for (name, value), allowed in zip(given.items(), (words[0], words[2], words[3]), strict=True):
        if value not in allowed:
            raise ValueError(
                f"{name}={value!r} cannot be used: write {' or '.join(sorted(allowed))}; where it is meant for another "
                f"program, unset it here or set THOR_SCOPE, which comes before it, to one of {known}"
            )
    raise ValueError(f"APP_ENV={settings.app_env} and THOR_BROKER={settings.broker} are no scope; write one of {known}")
