"""Let the trouble of one symbol be that symbol's alone, and bring the records level when a job is done."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import redis
from django.db import Error as DatabaseError

from thor.errors import ThorError
from thor.trading import journal
from thor.trading.desk import hold
from thor.trading.models import Happening
from thor.trading.records.trades_file import append_trades
from thor.trading.scope import scope

logger = logging.getLogger("thor.trading")

#: What can go wrong with one symbol. What ends a run from outside, such as its time limit, is not among it.
TROUBLES: Final = (
    ThorError,
    DatabaseError,
    redis.RedisError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class NothingWorked(ThorError):
    """Every symbol of the run failed."""


class SomeFailed(ThorError):
    """Some symbols of a run failed, and have to be tried again."""


class Boundary:
    """Keep the troubles of a run by symbol: each is logged and journaled, and the next symbol has its turn."""

    def __init__(self, *, at: datetime, run: UUID | None = None) -> None:
        """Begin without any; outside of a run every symbol's work needs a key."""
        self._at, self._run = at, run
        self._tried = 0
        self.failed: dict[str, str] = {}

    @contextmanager
    def around(self, symbol: str, key: str = "") -> Iterator[None]:
        """Do a symbol's work; what it raises goes no further. It is journaled once a `key`, else once a run."""
        self._tried += 1
        try:
            yield
        except TROUBLES as error:
            logger.exception("thor.trading.symbol_failed %s", symbol)
            self.failed[symbol] = f"{type(error).__name__}: {error}"
            self._write(symbol, self.failed[symbol], key or f"error:{self._run}:{symbol}")

    def told(self) -> dict[str, dict[str, str]]:
        """Return the failures for a run's result; raise `NothingWorked` where there is nothing else."""
        if self.failed and len(self.failed) == self._tried:
            raise NothingWorked(self._said())
        return {"failed": self.failed} if self.failed else {}

    def refuse_failures(self) -> None:
        """Raise where any symbol failed. For what comes once a session: only a run that fails is tried again in it."""
        if self.told():
            raise SomeFailed(f"{self._said()}; the others are done")

    def _said(self) -> str:
        return "; ".join(f"{symbol}: {reason}" for symbol, reason in sorted(self.failed.items()))

    def _write(self, symbol: str, reason: str, key: str) -> None:
        # Where the database is what failed, there is no writing to it: the log has the line.
        with suppress(DatabaseError), hold():
            journal.record(Happening.ERROR, at=self._at, key=key[:200], symbol=symbol, run=self._run, reason=reason)


@contextmanager
def recorded(at: datetime) -> Iterator[None]:
    """Bring `trades.jsonl` level with the journal afterwards, whatever the work came to; it never fails a run."""
    try:
        yield
    finally:
        append_trades(scope().logs / "trades.jsonl", at=at)
