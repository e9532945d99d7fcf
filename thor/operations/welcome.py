"""Notice that all programs are ready, and say where they are and what will run."""

import http.client
import io
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import DatabaseError, connections
from rich.console import Console
from rich.table import Table

from thor.celery import app
from thor.drivers.mode import legacy_allowed
from thor.env import env
from thor.jobs.selectors import entry_board
from thor.leadership.clock import process_clock
from thor.leadership.seat import STACK
from thor.leadership.selectors import leader_status
from thor.operations.prepare import ADMIN, password_file
from thor.operations.programs import SUPERVISOR, WORKERS

#: Seconds after which it is said what is not ready yet.
READY_SECONDS = 60.0
#: Columns that the names in front of the lines take up.
MARGIN = 32

Say = Callable[[str], None]


def welcome(say: Say, began: float, password: str | None, ended: threading.Event, until: datetime | None) -> None:
    """Wait until everything answers, then say so; with `until`, say later that this instant has passed.

    `began` is the second of the monotonic clock at which everything began. Runs in a thread beside the
    supervisor's loop until `ended` is set.
    """
    if not wait_until_ready(say, ended):
        return
    say(f"Thor is ready after {time.monotonic() - began:.1f} s.")
    for line in addresses(password):
        say(line)
    try:
        say(job_table(process_clock().now()))
    except DatabaseError as error:
        say(f"The table of jobs cannot be read now: {error}")
    finally:
        connections.close_all()
    if until is not None:
        tell_end_of_day(say, until, ended)


def wait_until_ready(say: Say, ended: threading.Event) -> bool:
    """Wait for pages and workers; after `READY_SECONDS` say what is missing, and wait on."""
    deadline = time.monotonic() + READY_SECONDS
    while not ended.is_set():
        missing = next(not_ready(), None)
        if missing is None:
            return True
        if time.monotonic() > deadline:
            say(f"{missing} is not ready after {READY_SECONDS:.0f} s; its own lines say what it is doing.")
            deadline = float("inf")
        ended.wait(0.25)
    return False


def not_ready() -> Iterator[str]:
    """Name the programs that do not answer, cheapest question first."""
    if not page_answers(env().web_port, "/login/"):
        yield "web"
    if not page_answers(env().flower_port, "/healthcheck"):
        yield "flower"
    if legacy_allowed() and not leader_status(STACK).is_held:
        yield SUPERVISOR
    names = {f"{name}@{socket.gethostname()}": name for name in WORKERS}
    answers = app.control.ping(destination=list(names), timeout=1.0, limit=len(names)) or []
    for found in set(names) - {worker for answer in answers for worker in answer}:
        yield names[found]


def page_answers(port: int, path: str) -> bool:
    """Tell whether a page of this machine is served."""
    connection = http.client.HTTPConnection(reachable_host(), port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def reachable_host() -> str:
    """Return an address under which the pages can be reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(env().host, env().host)  # noqa: S104  (compared, not bound)


def addresses(password: str | None) -> list[str]:
    """Return the lines that say where the pages are and how to enter and to leave."""
    host = reachable_host()
    site = f"http://[{host}]" if ":" in host else f"http://{host}"
    entry = f"user {ADMIN}, password {password}" if password else f"user {ADMIN}"
    return [
        f"  dashboard  {site}:{env().web_port}/",
        f"  admin      {site}:{env().web_port}/admin/",
        f"  Flower     {site}:{env().flower_port}/",
        f"  log in as  {entry} (password kept in {password_file()})",
        "  stop with  Ctrl-C, or 'make down' from elsewhere",
    ]


def job_table(at: datetime) -> str:
    """Return the entries as a table: what runs, on which market, how often, and when next."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("job", "market", "how often", "when", "state", "next (UTC)"):
        table.add_column(heading)
    for entry in entry_board(at):
        next_at = f"{entry.next_at:%m-%d %H:%M:%S}" if entry.next_at else "–"
        state = "on" if entry.enabled else entry.why or "off"
        table.add_row(entry.job, entry.market or "–", entry.cadence, entry.window, state, next_at)
    width = max(shutil.get_terminal_size((132, 24)).columns - MARGIN, 60)
    text = io.StringIO()
    Console(file=text, width=width).print(table)
    return text.getvalue()


def tell_end_of_day(say: Say, until: datetime, ended: threading.Event) -> None:
    """Say that the replay has passed `until`, once it has."""
    clock = process_clock()
    while not ended.is_set():
        left = (clock.wall_of(until) - clock.wall()).total_seconds()
        if left <= 0:
            say(f"The day is over: the replay has passed {until:%Y-%m-%d %H:%M} UTC. It goes on until Ctrl-C.")
            return
        ended.wait(min(left, 60.0))
