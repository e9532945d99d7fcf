"""Run everything on this machine: `manage.py up`."""

import contextlib
import sys
import threading
import time
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from thor import embedded
from thor.connections import redis_client
from thor.env import env
from thor.errors import ThorError
from thor.leadership.clock import forget_replay, process_clock
from thor.operations import folder, preflight
from thor.operations.prepare import prepare
from thor.operations.programs import programs, valkey
from thor.operations.supervisor import Supervisor
from thor.operations.welcome import welcome


class Command(BaseCommand):
    """Check, prepare, start every program, look after them, and end them all."""

    help = "Run the web pages, the feed, two beats, two workers and Flower until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--until`, for replays."""
        parser.add_argument(
            "--until",
            type=datetime.fromisoformat,
            metavar="INSTANT",
            help="say when a replay passes this instant, for example 2013-10-07T21:00:00+00:00",
        )

    def handle(self, **options: Any) -> None:
        """Run until the end is asked for; exit with 1 or 2 if a program forced it."""
        began = time.monotonic()
        with folder.occupied(env().var_dir.absolute()):
            preflight.check()
            status = run(began, options["until"])
        sys.exit(status)


def run(began: float, until: datetime | None) -> int:
    """Run everything and return the exit status."""
    supervisor = Supervisor(sys.stdout, width=max(len(program.name) for program in programs()))
    ended = threading.Event()
    supervisor.obey_signals()
    try:
        password = start_everything(supervisor)
        if not supervisor.is_ending:
            arguments = (supervisor.say, began, password, ended, until)
            threading.Thread(target=welcome, args=arguments, name="welcome", daemon=True).start()
        return supervisor.supervise()
    finally:
        ended.set()
        supervisor.say("Everything ends now.")
        end_replay()
        supervisor.end_all()


def start_everything(supervisor: Supervisor) -> str | None:
    """Start Valkey, prepare the installation, start the others; return the password of a new user."""
    if not env().redis_url:
        process = supervisor.start(valkey())
        embedded.wait_until_ready(embedded.socket_path(), lambda: process.poll() is not None)
    supervisor.say("Preparing the database, the jobs and the pages.")
    supervisor.print_lines()
    begin_replay()
    password = prepare()
    begin_replay()  # once more: it should not have gone on while everything was prepared
    for program in programs():
        if not supervisor.is_ending:
            supervisor.start(program)
    return password


def begin_replay() -> None:
    """Fix the origin of a replay at this moment: one that an earlier `up` left would be hours ahead."""
    if env().clock == "replay":
        forget_replay(redis_client())
        process_clock()


def end_replay() -> None:
    """Forget the replay that ends with everything else, so that another one can begin here."""
    if env().clock == "replay":
        with contextlib.suppress(ThorError):
            forget_replay(redis_client())
