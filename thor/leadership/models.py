"""The rows that the database keeps about leadership: one a seat."""

import uuid
from datetime import datetime

from django.db import models

from thor.leadership.seat import BOTH, Part


class Leader(models.Model):
    """Who leads from a seat: the term, how far time has been decided, and how far decisions have been published.

    `parts` are what the newest reign decides; `jobs_until` and `others_until` how far each part was decided by the
    reigns before it. `system_started_at` is business time, `jobs_led_at` the wall's (`thor.leadership.start`). The
    installation is told by the first row.
    """

    installation = models.UUIDField(default=uuid.uuid4, editable=False)
    term = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField(null=True)
    decided_until = models.DateTimeField(null=True)
    published_seq = models.BigIntegerField(default=0)
    next_due_at = models.DateTimeField(null=True, help_text="When anything is due next, as of the newest decision")
    parts = models.CharField(max_length=40, default="jobs others", help_text="The lines that the newest reign decides")
    jobs_until = models.DateTimeField(null=True)
    others_until = models.DateTimeField(null=True)
    jobs_led_at = models.DateTimeField(null=True, help_text="When a reign over jobs raised the term or decided last")
    system_started_at = models.DateTimeField(null=True, help_text="When a reign began after nobody had led")
    is_start_owed = models.BooleanField(default=False, help_text="The runs of that start are still to be written")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id__in=(1, 2)), name="leadership_leader_is_a_seat")]

    def __str__(self) -> str:
        """Name the reign."""
        return f"term {self.term} of {self.holder or 'nobody'}"

    def until(self, part: Part) -> datetime | None:
        """Return how far the lines of a part are decided from this seat, by the newest reign or one before it."""
        earlier: datetime | None = getattr(self, f"{part}_until")
        newest = self.decided_until if part in self.parts.split() else None
        return max((at for at in (earlier, newest) if at is not None), default=None)

    def begin(self, parts: frozenset[Part], decided_until: datetime | None) -> None:
        """Let a reign over `parts` go on from an instant, and keep how far each part was decided before."""
        for part in BOTH:
            setattr(self, f"{part}_until", self.until(part))
        known, self.parts = self.parts, " ".join(sorted(parts))
        if self.parts != known:
            self.published_seq = 0  # it told how far other lines were handed over, perhaps to somebody else
        self.decided_until = decided_until
