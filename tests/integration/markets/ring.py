"""Ring the bells of one day from a process of its own: `python ring.py`; prints the signals that it heard as JSON.

Two threads of the process do the same at once, so that a test sees races inside a process and between processes.
"""

import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402  (settings must stand first)

from thor.markets import signals  # noqa: E402
from thor.markets.selectors import active_tables  # noqa: E402
from thor.markets.transitions import bootstrap_open_markets, make_transitions  # noqa: E402

START = datetime(2026, 11, 20, tzinfo=UTC)
STEP = timedelta(minutes=30)
heard: list[str] = []


def hear(name: str) -> Any:
    def receiver(sender: Any, market: str, at: datetime, **details: Any) -> None:
        heard.append(f"{name} {market} {at.isoformat()} {details.get('phase', '')}")

    return receiver


def ring() -> None:
    try:
        bootstrap_open_markets(START)
        for step in range(48):
            make_transitions(START + step * STEP, START + (step + 1) * STEP)
    finally:
        connection.close()


receivers = [hear(name) for name in ("opened", "closed", "phase")]
signals.market_opened.connect(receivers[0])
signals.market_closed.connect(receivers[1])
signals.session_phase_changed.connect(receivers[2])

# Everything slow is behind: say so, and start when the other processes are as far.
list(active_tables())
sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.readline()
threads = [threading.Thread(target=ring) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.stdout.write(json.dumps(heard))
