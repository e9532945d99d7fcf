"""Name the keys of the earlier scheduler's state file, and the job that each of them means here."""

from typing import Final

#: In the order of that file; the values are names of jobs.
JOBS: Final = {
    "reconciliation": "reconciliation",
    "monitor": "emergency_exits",
    "poll": "order_polling",
    "entry": "entry_signals",
    "swing_exit": "swing_exits",
    "exit_intent_execution": "exit_intents",
    "offline_ml": "offline_ml",
    "health_check": "health_check",
}
