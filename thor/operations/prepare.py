"""Bring the installation up to date before the programs start; all of it may be done again and again."""

import io
import os
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.management import call_command, get_commands
from django.db import DatabaseError, connections

from thor.env import env
from thor.errors import BadConfiguration, ThorError
from thor.leadership.clock import process_clock
from thor.markets.box import BOXED_CALENDARS
from thor.markets.sessions import sessions_of_calendar
from thor.markets.table import SessionTable

ADMIN = "admin"
PASSWORD_FILE = "admin_password"  # noqa: S105  (the name of a file)


class NotPrepared(ThorError):
    """The installation cannot be prepared."""


def prepare() -> str | None:
    """Migrate, write rows and static files, make the first user; return its password if it is new."""
    try:
        calendars = read_calendars()
        call_command("migrate", interactive=False, verbosity=0)
        require_market()
        if "sync_jobs" in get_commands():
            call_command("sync_jobs", verbosity=0, stdout=io.StringIO())
        call_command("collectstatic", interactive=False, verbosity=0)
        calendars.result()
        give_days()
        return make_admin()
    except (DatabaseError, OSError) as error:
        raise NotPrepared(f"the installation cannot be prepared: {error}") from error
    finally:
        connections.close_all()


def require_market() -> None:
    """Require the market of the trading jobs, of which nobody could tell anything before there were tables."""
    from thor.trading.checks import unusable_market

    if sentence := unusable_market():
        raise BadConfiguration(sentence)


def read_calendars() -> "Future[SessionTable]":
    """Have the trading calendars read, beside everything else: a beat that had to do it would lose its lease."""
    executor = ThreadPoolExecutor(1)
    try:
        return executor.submit(sessions_of_calendar, BOXED_CALENDARS[0])
    finally:
        executor.shutdown(wait=False)


def give_days() -> None:
    """Give simulated shares a past, without which nothing could be said of them before a year has gone by."""
    from thor.marketdata.feeds.simulated_days import give_history  # here, since it brings NumPy with it

    give_history(before=process_clock().now())


def make_admin() -> str | None:
    """Make the user `admin` if nobody may administrate yet; return the password, which is kept in a file."""
    users = get_user_model()
    if users.objects.filter(is_superuser=True).exists():
        return None
    password = kept_password()
    users.objects.create_superuser(ADMIN, password=password)
    return password


def password_file() -> Path:
    """Return where the password of the first user is kept."""
    return env().var_dir / PASSWORD_FILE


def kept_password() -> str:
    """Return the password kept in the folder, or make one that only the owner of the folder can read."""
    path = password_file()
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(12) + "\n")
    return path.read_text().strip()
