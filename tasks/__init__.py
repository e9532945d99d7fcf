"""The job files: each joins one service to the jobs API. Importing this package registers all of them."""

import importlib
import pkgutil

from thor.jobs.protocol import DeclaredJob, JobRegistry
from thor.jobs.registry import owned

#: The groups of jobs that are counted; those of housekeeping look after the house itself.
COUNTED = ("market_data", "trading")
#: In which order those run that fall due together in one process: prices first, then what is made of them, then
#: what trades by it: where everything stands, what is to be got out of, what is to be got into. A job that is not named
#: here comes after those that are.
ORDER = (
    "excel_poll",
    "intraday",
    "week52_extremes",
    "session_volume",
    "market_metrics",
    "rolling_24h",
    "preopen_backtest",
    "vwap_minute",
    "closed_bars_flush",
    "market_open_capture",
    "market_open_grading",
    "market_close_capture",
    "reconciliation",
    "exit_intents",
    "emergency_exits",
    "order_polling",
    "entry_signals",
    "swing_exits",
    "offline_ml",
    "health_check",
)

for _found in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
    importlib.import_module(_found.name)


def register_all_jobs(registry: JobRegistry) -> int:
    """Register the jobs of the desk that this installation has, in the order in which they run; return how many."""
    counted = [spec for group in COUNTED for spec in owned().values() if spec.group == group]
    places = {name: place for place, name in enumerate(ORDER)}
    for spec in sorted(counted, key=lambda spec: places.get(spec.name, len(places))):
        registry.register(DeclaredJob(spec))
    return len(counted)
