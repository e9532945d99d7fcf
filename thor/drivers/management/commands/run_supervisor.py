"""Run Thor's jobs in threads of this process, as legacy mode does."""

import importlib
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from thor.drivers.mode import VARIABLE, legacy_allowed
from thor.drivers.supervisor import Stack, start_thor_background_stack, stop_thor_background_stack
from thor.drivers.wake import Wake
from thor.jobs.sync import sync_jobs
from thor.leadership.clock import process_clock
from thor.leadership.seat import STACK
from thor.leadership.selectors import leader_status

#: Seconds after which a stack that does not lead yet says who does.
PATIENCE = 2.0


class Command(BaseCommand):
    """Run the stack, or stand by while another one leads, until SIGTERM or Ctrl-C."""

    help = f"Run Thor's jobs in threads of this process, in legacy mode: {VARIABLE}=legacy manage.py run_supervisor"

    def handle(self, **options: Any) -> None:
        """Run until the end is asked for; status 0 after a signal, 1 where the stack ended by itself, 2 in no mode."""
        if not legacy_allowed():
            sentence = f"run_supervisor is for legacy mode: set {VARIABLE}=legacy, or use run_heartbeat."
            raise CommandError(sentence, returncode=2)
        importlib.import_module("thor.operations.preflight").check_trading()
        sync_jobs(at=process_clock().now())
        ended = Wake()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        stack = start_thor_background_stack(force=True, delay=0.0)
        assert stack is not None  # noqa: S101  (the mode was asked above)
        self._say_until(ended, stack)
        left = stop_thor_background_stack(None)
        if left:
            self.say(f"Left behind, past their limits: {', '.join(left)}")
        if stack.failure:
            raise CommandError(f"run_supervisor: {stack.failure}", returncode=1)
        self.say("Supervisor stopped")

    def say(self, line: str) -> None:
        """Print a line at once."""
        self.stdout.write(line)
        self.stdout.flush()

    def _say_until(self, ended: Wake, stack: Stack) -> None:
        """Say each time that it begins to lead or to stand by, until the end."""
        did_lead: bool | None = None
        while not ended.wait(PATIENCE) and stack.is_alive:
            if stack.leads != did_lead:
                did_lead = stack.leads
                self.say("Supervisor leads: the jobs run here" if did_lead else f"Supervisor stands by: {_who_leads()}")


def _who_leads() -> str:
    status = leader_status(STACK)
    return f"{status.holder} holds the lease" if status.is_held else status.problem or "nobody could lead yet"
