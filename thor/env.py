"""Read the whole configuration from the environment (and from `.env`, where there is one), typed and checked.

This is the only module that reads environment variables. A value out of range, or a `THOR_` name that nobody knows, is
refused at start with a sentence that names the fix: a typing error must not silently become a default.
"""

import difflib
import functools
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from thor.env_alpaca import LOOPBACK, PAPER_HOSTS, PAPER_URL
from thor.env_trading import TradingEnv
from thor.env_variables import default_of, lowered, name_of, named, range_of, refusal
from thor.errors import BadConfiguration

__all__ = ["BASE_DIR", "FOREIGN_NAMES", "LOOPBACK", "PAPER_HOSTS", "PAPER_URL", "Env", "env", "is_set", "pins", "read"]

BASE_DIR = Path(__file__).resolve().parent.parent

#: Names whose values are not shown, not even where they are refused.
_SECRETS = frozenset({"THOR_PUSH_KEY", "APCA_API_SECRET_KEY"})

#: Names that begin with THOR_ and are read by the test suite or the Makefile, not by the product.
FOREIGN_NAMES = frozenset({"THOR_REQUIRE_DOCKER", "THOR_TEST_KEEP"})


class Env(TradingEnv, BaseSettings):
    """Every variable that Thor reads, with its type, default, range and meaning."""

    model_config = SettingsConfigDict(
        env_file=BASE_DIR / ".env", extra="ignore", case_sensitive=True, env_ignore_empty=True
    )

    database_url: str = named("DATABASE_URL", "", "Database; empty means SQLite in THOR_VAR_DIR")
    redis_url: str = named("REDIS_URL", "", "Redis or Valkey; empty or embedded means one of our own")
    broker_url: str = named("THOR_BROKER_URL", "", "Celery's broker; empty means REDIS_URL")
    var_dir: Path = named("THOR_VAR_DIR", BASE_DIR / "var", "Folder of the database, sockets, logs and keys")
    secret_key: str = named("THOR_SECRET_KEY", "", "Django's secret; empty means one kept in THOR_VAR_DIR")
    debug: bool = named("THOR_DEBUG", False, "Show Django's error pages; never in production")
    allowed_hosts: str = named("THOR_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", "Host names, comma-separated")
    tls: bool = named("THOR_TLS", False, "Served behind TLS: secure cookies and HSTS")
    host: str = named("THOR_HOST", "127.0.0.1", "Address on which the web server and Flower listen")
    web_port: int = named("THOR_WEB_PORT", 8000, "Port of the web server", ge=1, le=65535)
    flower_port: int = named("THOR_FLOWER_PORT", 5555, "Port of Flower", ge=1, le=65535)
    flower_url: str = named("THOR_FLOWER_URL", "", "Address of Flower for links; empty means host and port")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lowered)] = named(
        "THOR_LOG_LEVEL", "info", "How much is logged"
    )
    scheduler_mode: Annotated[Literal["heartbeat", "legacy"], BeforeValidator(lowered)] = named(
        "THOR_SCHEDULER_MODE", "heartbeat", "Who runs the jobs: heartbeat (beat, or run_heartbeat), legacy (threads)"
    )
    stack_auto_start: bool = named("THOR_STACK_AUTO_START", True, "In legacy mode, let a web server start the stack")
    jobs: str = named("THOR_JOBS", "all", "Jobs of this installation: all, none, or names and groups")
    imports: str = named("THOR_IMPORTS", "", "Modules of tasks of your own, comma-separated, loaded by every process")
    feed: str = named("THOR_FEED", "simulated", "Feed of prices, or one a venue: globex=simulated,…")
    feed_silence: float = named(
        "THOR_FEED_SILENCE", 30.0, "Seconds without a tick after which an open venue's feed is silent", ge=1, le=86_400
    )
    replay_files: str = named("THOR_REPLAY_FILES", "", "Files of the replay feed: paths or globs, comma-separated")
    push_key: str = named(
        "THOR_PUSH_KEY", "", "Secret that signs pushed quotes; empty means none are taken", repr=False
    )
    excel_file: str = named("THOR_EXCEL_FILE", "", "Workbook of the excel feed: .xlsx or .xlsm")
    excel_sheet: str = named("THOR_EXCEL_SHEET", "LiveData", "Its sheet")
    excel_range: str = named("THOR_EXCEL_RANGE", "A1:N13", "Cells of the sheet, the row of headers included")
    excel_read: Annotated[Literal["auto", "saved", "live"], BeforeValidator(lowered)] = named(
        "THOR_EXCEL_READ", "auto", "Read the saved file, or ask the running Excel (auto: on Windows and macOS)"
    )
    market_overrides: str = named("THOR_MARKET_OVERRIDES", "", "YAML file of overrides of markets' hours")
    clock: Annotated[Literal["system", "replay"], BeforeValidator(lowered)] = named(
        "THOR_CLOCK", "system", "The clock of all processes: system, or replay"
    )
    replay_start: datetime | None = named(
        "THOR_REPLAY_START", None, "First instant of the replay, with offset: 2013-10-07T13:30:00+00:00"
    )
    replay_speed: float = named("THOR_REPLAY_SPEED", 60.0, "Virtual seconds a second of the wall", gt=0, le=100_000)
    replay_tick: float = named("THOR_REPLAY_TICK", 0.5, "Seconds of the wall between decisions", ge=0.05, le=60)
    lease_ttl: float = named("THOR_LEASE_TTL", 1.5, "Seconds until a leader's lease expires", ge=1, le=30)
    disable_leader_lock: bool = named("THOR_DISABLE_LEADER_LOCK", False, "Lead without the lease: one scheduler only")
    keep_brief_hours: int = named(
        "THOR_KEEP_BRIEF_HOURS", 48, "Hours to keep successes of entries under a minute", ge=24, le=100_000
    )
    keep_runs_days: int = named("THOR_KEEP_RUNS_DAYS", 14, "Days to keep runs", ge=1, le=10_000)
    keep_failures_days: int = named("THOR_KEEP_FAILURES_DAYS", 90, "Days to keep failed and lost runs", ge=1, le=10_000)
    keep_bars_days: int = named(
        "THOR_KEEP_BARS_DAYS", 0, "Days to keep one-minute bars; 0 is for ever", ge=0, le=100_000
    )
    keep_samples_days: int = named(
        "THOR_KEEP_SAMPLES_DAYS", 30, "Days to keep minute samples; 0 is for ever", ge=0, le=100_000
    )
    keep_incidents_days: int = named(
        "THOR_KEEP_INCIDENTS_DAYS", 90, "Days to keep incidents of feeds that are over; 0 is for ever", ge=0, le=100_000
    )
    worker_concurrency: int = named("THOR_WORKER_CONCURRENCY", 2, "Processes of each worker of `up`", ge=1, le=256)
    scheduler_tick: int = named(
        "SCHEDULER_TICK_SECONDS", 60, "Seconds between questions to a broker's clock", ge=15, le=3600
    )
    account_asked: bool = named(
        "THOR_ACCOUNT_ASKED",
        False,
        "Set by `up` for its programs: whether the account may trade was asked at its start",
    )
    failpoint: str = named("THOR_FAILPOINT", "", "For tests: die or freeze at a step, e.g. decided:kill:20")

    @field_validator("redis_url", "broker_url")
    @classmethod
    def _embedded(cls, value: str) -> str:
        # A word for "not set", since an empty variable would let the one in `.env` through.
        return "" if value.strip().lower() == "embedded" else value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("write redis://host:6379/0, rediss://… or unix:///path/to/socket")
        return value

    @field_validator("excel_range")
    @classmethod
    def _cells(cls, value: str) -> str:
        cells = value.strip().replace("$", "").upper()
        found = re.fullmatch(r"([A-Z]{1,3})([1-9]\d{0,6}):([A-Z]{1,3})([1-9]\d{0,6})", cells)
        if not found or int(found[2]) > int(found[4]) or (len(found[1]), found[1]) > (len(found[3]), found[3]):
            raise ValueError("write the first and the last cell, for example A1:N13")
        return cells

    @field_validator("push_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 16:
            raise ValueError("write at least 16 characters, for example the output of openssl rand -hex 32")
        return value

    @field_validator("failpoint")
    @classmethod
    def _step(cls, value: str) -> str:
        if value and not re.fullmatch(r"[a-z]+:(kill|stop):[1-9]\d*", value):
            raise ValueError("write the step, kill or stop, and at which time: decided:kill:20")
        return value

    @field_validator("replay_start")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs an offset, for example 2013-10-07T13:30:00+00:00")
        return value.astimezone(UTC) if value else None

    @model_validator(mode="after")
    def _replay_needs_a_start(self) -> "Env":
        if self.clock == "replay" and self.replay_start is None:
            raise ValueError("THOR_CLOCK=replay needs THOR_REPLAY_START, for example 2013-10-07T13:30:00+00:00")
        return self

    @model_validator(mode="after")
    def _replay_orders_nothing(self) -> "Env":
        if self.clock == "replay" and self.broker == "alpaca" and urlsplit(self.alpaca_url).hostname not in LOOPBACK:
            raise ValueError(
                "THOR_CLOCK=replay would order at Alpaca what was due on another day; set THOR_BROKER=paper"
            )
        return self

    @property
    def lease_time(self) -> timedelta:
        """Return the life of a lease."""
        return timedelta(seconds=self.lease_ttl)

    @property
    def tick(self) -> timedelta:
        """Return the wall time between two decisions of a replay."""
        return timedelta(seconds=self.replay_tick)


def variables() -> list[tuple[str, str, str, str]]:
    """Return (name, default, range, meaning) of every variable, in the order of the table in the docs."""
    fields = sorted(Env.model_fields.items(), key=lambda item: item[0] in TradingEnv.model_fields)
    return [(name_of(field), default_of(field), range_of(field), field.description or "") for _, field in fields]


@functools.cache
def env() -> Env:
    """Return the configuration of this process, read once."""
    return read()


def read() -> Env:
    """Read and check the environment; raise `BadConfiguration` with one sentence that names the fix."""
    try:
        found = Env()
    except ValidationError as error:
        raise BadConfiguration(_sentence(error)) from None
    _refuse_unknown_names()
    return found


def is_set(name: str) -> bool:
    """Tell whether the variable `name` is set, in the environment or in `.env`, rather than left to its default."""
    fields = {name_of(field): key for key, field in Env.model_fields.items()}
    if name not in fields:
        raise BadConfiguration(f"{name} is not a variable of Thor.")
    return fields[name] in env().model_fields_set


def pins(**fields: str | tuple[str, ...]) -> dict[str, str]:
    """Return which of these fields are pinned, each with the names of those of its variables that are set.

    For declarations: `pinned=pins(cadence="SCHEDULER_TICK_SECONDS")`.
    """
    named_by = {field: (names,) if isinstance(names, str) else names for field, names in fields.items()}
    found = {field: " and ".join(filter(is_set, names)) for field, names in named_by.items()}
    return {field: names for field, names in found.items() if names}


def _refuse_unknown_names() -> None:
    known = {name_of(field) for field in Env.model_fields.values()} | FOREIGN_NAMES
    for name in sorted(os.environ):
        if name.startswith("THOR_") and name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else "docs/configuration.md lists the names that exist."
            raise BadConfiguration(f"{name} is not a variable of Thor; {hint}")


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    text = str(first["msg"]).removeprefix("Value error, ")
    if not first["loc"]:
        return text
    name = str(first["loc"][0])
    field = next(field for field in Env.model_fields.values() if name_of(field) == name)
    return refusal(field, first["input"], text, is_secret=name in _SECRETS)
