"""Set a trading day at 60 times its pace, in a folder of its own, so that it never mixes with real runs."""

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from thor.env import PAPER_URL, env
from thor.markets.sessions import sessions_of_calendar
from thor.timing import Session, SystemClock

#: The day that is shown is one of the New York Stock Exchange.
CALENDAR = "XNYS"
#: The demo begins before the bell, and its day is over after the close, both in business time.
BEFORE_OPEN = timedelta(minutes=30)
AFTER_CLOSE = timedelta(hours=1)
#: Half days are passed over: a demo should show a whole one.
WHOLE_DAY = timedelta(hours=6)
#: What an earlier demo left, apart from the secrets: a day can only be run once in one ledger.
LEFTOVERS = ("thor.sqlite3", "thor.sqlite3-wal", "thor.sqlite3-shm", "valkey", "logs", "state")


def folder() -> Path:
    """Return the folder of the demo."""
    return env().var_dir.absolute() / "demo"


def day() -> tuple[datetime, datetime]:
    """Return when the demo begins and when its day is over; THOR_REPLAY_START chooses another day."""
    chosen = env().replay_start
    if chosen is not None:
        return chosen, first_session_after(chosen).close + AFTER_CLOSE
    session = last_whole_session(SystemClock().wall())
    return session.open - BEFORE_OPEN, session.close + AFTER_CLOSE


def last_whole_session(at: datetime) -> Session:
    """Return the last whole session that was over at `at`."""
    sessions = sessions_of_calendar(CALENDAR).around(at - timedelta(days=14), at)
    return [found for found in sessions if found.close <= at and found.close - found.open >= WHOLE_DAY][-1]


def first_session_after(at: datetime) -> Session:
    """Return the first session that closes after `at`."""
    sessions = sessions_of_calendar(CALENDAR).around(at, at + timedelta(days=14))
    return next(found for found in sessions if found.close > at)


def clear() -> None:
    """Remove the database, the Redis data and the logs of an earlier demo."""
    for name in LEFTOVERS:
        path = folder() / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def surroundings(start: datetime) -> dict[str, str]:
    """Return the environment of the demo: this one's, with clock, database and Redis of its own."""
    return {
        **os.environ,
        "THOR_FEED": "replay" if env().feed == "replay" else "simulated",
        "THOR_CLOCK": "replay",
        "THOR_REPLAY_START": start.isoformat(),
        "THOR_VAR_DIR": str(folder()),
        "DATABASE_URL": f"sqlite:///{folder() / 'thor.sqlite3'}",
        "REDIS_URL": "embedded",
        "THOR_BROKER_URL": "embedded",
        "APCA_API_BASE_URL": PAPER_URL,
        **on_paper(folder()),
    }


def on_paper(place: Path) -> dict[str, str]:
    """Return the variables with which trading is on paper, and keeps its files in a place of its own."""
    return {"THOR_BROKER": "paper", "THOR_SCOPE": "paper_paper_swing_us", "BASE_DIR": str(place)}
