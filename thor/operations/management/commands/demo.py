"""Show a trading day at 60 times its pace: `manage.py demo`."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from thor.env import BASE_DIR
from thor.operations import demo, folder


class Command(BaseCommand):
    """Run `up` on a replay clock, from before the bell to after the close, in a folder of its own."""

    help = (
        "Run everything through a whole trading day at 60 times its pace, in var/demo. It says when the day is over "
        "and goes on until Ctrl-C; THOR_REPLAY_START chooses another day."
    )

    def handle(self, **_options: Any) -> None:
        """Clear the demo's folder and become `manage.py up` there."""
        with folder.occupied(demo.folder()):
            start, until = demo.day()
            demo.clear()
        self.stdout.write(f"A trading day from {start:%A %Y-%m-%d %H:%M} to {until:%H:%M} UTC, in {demo.folder()}.")
        self.stdout.flush()
        command = [sys.executable, str(BASE_DIR / "manage.py"), "up", "--until", until.isoformat()]
        os.execve(command[0], command, demo.surroundings(start))  # noqa: S606  (no shell is wanted)
