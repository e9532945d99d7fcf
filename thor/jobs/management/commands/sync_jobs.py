"""Make the rows of the schedule that the declared jobs call for."""

from typing import Any

from django.core.management.base import BaseCommand

from thor.jobs.sync import sync_jobs
from thor.leadership.clock import process_clock


class Command(BaseCommand):
    """Upsert the rows of all jobs of this installation (THOR_JOBS); other rows and operators' edits stay."""

    help = "Make or update the periodic tasks of Thor's jobs; other rows and operators' edits stay as they are."

    def handle(self, **_: Any) -> None:
        """Print what was made, changed and retired."""
        report = sync_jobs(at=process_clock().now())
        for word, names in (("made", report.made), ("changed", report.changed), ("retired", report.retired)):
            for name in names:
                self.stdout.write(f"{word} {name}")
        self.stdout.write(f"{len(report.made)} made, {len(report.changed)} changed, {len(report.retired)} retired")
