"""Name the programs that make up a whole Thor, with their command lines."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from thor import embedded
from thor.drivers.mode import legacy_allowed
from thor.env import env

#: The queues of each worker: prices must not wait behind orders, nor orders behind prices.
WORKERS = {"worker-market-data": "market_data", "worker-trading": "trading,default"}
#: What runs Thor's jobs in legacy mode; the workers keep everybody's own tasks.
SUPERVISOR = "supervisor"


def _nothing() -> AbstractContextManager[int | None]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Program:
    """One program: its command line, when it is told to end, and for how long it is then waited for.

    Programs of a lower `stage` are ended before those of a higher one. `lock` gives a descriptor that the
    process is to inherit, where it needs one.
    """

    name: str
    command: tuple[str, ...]
    stage: int
    patience: float
    lock: Callable[[], AbstractContextManager[int | None]] = _nothing


def programs() -> list[Program]:
    """Return every program but Valkey, in the order in which they are started.

    Stages: no new runs (beats) and no new prices (feed), then the runs under way, then the pages.
    """
    workers = [_celery(name, 2, 6.0, "worker", *_worker_options(name, queues)) for name, queues in WORKERS.items()]
    return [
        Program("web", _python("-m", "gunicorn", *_web_options()), stage=3, patience=3.0),
        *workers,
        *_stack(),
        _celery("beat", 1, 3.0, "beat"),
        Program("feed", _python("manage.py", "run_feed"), stage=1, patience=3.0),
        _celery("beat-standby", 1, 3.0, "beat"),
        _celery("flower", 3, 3.0, "flower"),
    ]


def valkey() -> Program:
    """Return the embedded Valkey as a program; it ends last, because everything else speaks to it."""
    return Program(
        "valkey",
        tuple(embedded.command(embedded.socket_path())),
        stage=4,
        patience=3.0,
        lock=lambda: embedded.ownership(take_over=True),
    )


def surroundings() -> dict[str, str]:
    """Return the environment of the programs: this one's, with everything said that would depend on who asks.

    The address of the embedded server is given as REDIS_URL: a program that starts while the server is down
    must wait for the supervised one and not start a server of its own.
    """
    said = {"THOR_VAR_DIR": str(env().var_dir.absolute()), "PYTHONUNBUFFERED": "1", "THOR_ACCOUNT_ASKED": "1"}
    if not env().redis_url:
        said["REDIS_URL"] = embedded.url()
    if _stack():
        said["THOR_STACK_AUTO_START"] = "0"  # it is a program of its own here, and the web server another
    return {**os.environ, **said}


def _stack() -> list[Program]:
    """Return the program of legacy mode, where that is the mode."""
    if not legacy_allowed():
        return []
    return [Program(SUPERVISOR, _python("manage.py", "run_supervisor"), stage=2, patience=6.0)]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


def _celery(name: str, stage: int, patience: float, *arguments: str) -> Program:
    return Program(name, _python("-m", "celery", "-q", "-A", "thor", *arguments), stage, patience)


def _worker_options(name: str, queues: str) -> tuple[str, ...]:
    # Gossip and mingle are about other workers; a start without them is seconds quicker.
    return ("-Q", queues, "-n", f"{name}@%h", "--without-gossip", "--without-mingle")


def _web_options() -> tuple[str, ...]:
    host = f"[{env().host}]" if ":" in env().host else env().host
    return (
        "thor.wsgi:application",
        *("--bind", f"{host}:{env().web_port}"),
        *("--worker-class", "gthread", "--threads", "8"),
        *("--graceful-timeout", "2", "--log-level", "warning", "--no-control-socket"),
    )
