"""Print, write or import the state of the scheduler: `manage.py scheduler_state`."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from thor.leadership.clock import process_clock
from thor.operations.scheduler_state import scheduler_state
from thor.trading.records.whole_file import write_whole
from thor.trading.state_file import forget_state, import_state


class Command(BaseCommand):
    """Show when each trading task ran last, as the state file of the earlier scheduler."""

    help = "Print when each trading task ran last, as scheduler_state.json; or take over such a file, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one file to write, or one to read."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--output", type=Path, metavar="FILE", help="write it to this file, whole or not at all")
        which.add_argument("--import", type=Path, dest="source", metavar="FILE", help="take over this file, once")
        which.add_argument("--forget", action="store_true", help="let go of what was taken over, if it was wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked; what cannot be read, imported or written is one sentence and status 2."""
        if options["source"]:
            self._import(options["source"])
        elif options["forget"]:
            self.stdout.write(f"Let go of {forget_state()} imported keys.")
        else:
            self._print(options["output"])

    def _print(self, output: Path | None) -> None:
        text = json.dumps(scheduler_state(), indent=2, ensure_ascii=False)
        if output:
            write_whole(output, text + "\n")
        else:
            self.stdout.write(text)

    def _import(self, source: Path) -> None:
        found = import_state(source, at=process_clock().now())
        for sentence in found.sentences:
            self.stderr.write(sentence)
        if found.was_there:
            self.stdout.write(f"{source} has been imported before; nothing was changed.")
        else:
            self.stdout.write(f"Imported {found.kept} key{'' if found.kept == 1 else 's'} of {source}.")
