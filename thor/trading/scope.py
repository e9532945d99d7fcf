"""Say for which account the desk works, and where it keeps its files.

    <BASE_DIR>/logs/<market>/<environment>/    scheduler.log, trades.jsonl
    <BASE_DIR>/state/                          what the scheduler of old called its state

Which scopes there are, and that a live one needs an account with real money and the other way round, `thor.env` checks
when a process starts. BASE_DIR is THOR_VAR_DIR where it is not set.
"""

from dataclasses import dataclass
from pathlib import Path

from thor.env import Env, env


@dataclass(frozen=True, slots=True)
class Scope:
    """One account: with real money or not, at which broker, traded how, on which market; and where its files are."""

    env: str
    broker: str
    mode: str
    market: str
    base: Path

    @property
    def name(self) -> str:
        """Return the scope in one word."""
        return f"{self.env}_{self.broker}_{self.mode}_{self.market}"

    @property
    def is_live(self) -> bool:
        """Tell whether it is about real money."""
        return self.env == "live"

    @property
    def logs(self) -> Path:
        """Return the folder of `scheduler.log` and `trades.jsonl`."""
        return self.base / "logs" / self.market / self.env

    @property
    def state(self) -> Path:
        """Return the folder of the state."""
        return self.base / "state"


def scope(settings: Env | None = None) -> Scope:
    """Return the scope of this process, or of another configuration."""
    found = settings or env()
    account, broker, mode, market = found.scope_name.split("_")
    return Scope(account, broker, mode, market, (found.base_dir or found.var_dir).absolute())
