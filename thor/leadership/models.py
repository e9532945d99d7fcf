"""The one row that the database keeps about leadership."""

import uuid

from django.db import models


class Leader(models.Model):
    """Who leads: the term, how far time has been decided, and how far decisions have been published."""

    installation = models.UUIDField(default=uuid.uuid4, editable=False)
    term = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField(null=True)
    decided_until = models.DateTimeField(null=True)
    published_seq = models.BigIntegerField(default=0)
    next_due_at = models.DateTimeField(null=True, help_text="When anything is due next, as of the newest decision")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="leadership_leader_is_one_row")]

    def __str__(self) -> str:
        """Name the reign."""
        return f"term {self.term} of {self.holder or 'nobody'}"
