"""Name the tasks of document 003, and the job that each of them means here."""

from typing import Final

#: In the order of the document; the values are names of jobs.
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
