"""Stop what `up` or `demo` of this folder started: `manage.py down`."""

from typing import Any

from django.core.management.base import BaseCommand

from thor import embedded
from thor.connections import redis_client
from thor.env import env
from thor.leadership.clock import forget_replay
from thor.operations import demo, folder


class Command(BaseCommand):
    """Tell a running `up` and a running `demo` to end, let go of the replay, and stop the embedded server."""

    help = "Stop the processes that 'up' or 'demo' of this folder runs, and the embedded Valkey."
    requires_system_checks = ()

    def handle(self, **_options: Any) -> None:
        """End what runs and say what it was."""
        found = False
        for place in (env().var_dir.absolute(), demo.folder()):
            pid = folder.tell_to_end(place)
            if pid is not None:
                found = True
                self.stdout.write(f"Thor in {place} (process {pid}) has ended.")
        if env().clock == "replay":
            forget_replay(redis_client())
        if embedded.stop():
            found = True
            self.stdout.write("The embedded Valkey has ended.")
        if not found:
            self.stdout.write(f"Nothing runs in {env().var_dir}.")
