"""Show who leads, or ask the leader to make way."""

import json
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from thor.leadership.requests import ask_to_step_down
from thor.leadership.selectors import LeaderStatus, leader_status, seats_in_use

PATIENCE = 5.0


class Command(BaseCommand):
    """Print holder, term and age of the lease; with `--step-down` let a standby take over.

    In legacy mode that is the stack's lease, which Thor's jobs depend on, and a second line tells of beat's.
    """

    help = "Show who leads. Example: manage.py leader --step-down"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--step-down` and `--json`."""
        parser.add_argument("--step-down", action="store_true", help="ask the leader to make way for a standby")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, **options: Any) -> None:
        """Print the leader, after the change where one was asked for; exit with 1 if nobody leads."""
        status, others = leader_status(), seats_in_use()[1:]
        if options["step_down"]:
            status = self._changed(status)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(status), default=str))
        else:
            self.stdout.write(_sentence(status) + (", over Thor's jobs" if others and status.is_held else ""))
            for seat in others:
                self.stdout.write(f"beside the stack, over all other entries: {_sentence(leader_status(seat))}")
        if not status.is_held:
            raise SystemExit(1)

    def _changed(self, before: LeaderStatus) -> LeaderStatus:
        if not before.is_held:
            raise CommandError(_sentence(before), returncode=1)
        ask_to_step_down(before.holder)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            status = leader_status()
            if status.is_held and status.holder != before.holder and status.term > before.term:
                return status
            time.sleep(0.1)
        sentence = f"{before.holder} was asked to step down, and nobody else leads yet; is a second one running?"
        raise CommandError(sentence, returncode=1)


def _sentence(status: LeaderStatus) -> str:
    if not status.is_held:
        return f"nobody leads{': ' + status.problem if status.problem else '; is a scheduler running?'}"
    since = f" since {status.since:%Y-%m-%d %H:%M:%S} UTC" if status.since else ""
    return f"{status.holder} leads in term {status.term}{since}, lease renewed {status.lease_age_ms} ms ago"
