"""What the ledger keeps: entries, runs, an operator's wishes, and the workers that are alive."""

import uuid

from django.db import models
from django.db.models import Q
from django_celery_beat.models import IntervalSchedule, PeriodicTask


class Entry(models.Model):
    """One line of the schedule: a periodic task with an identity of its own.

    The name of a periodic task can be changed and used again; runs belong to the id. Rows that Thor's own jobs own
    carry the job, its market and its window; a user's own periodic task has none of these.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.OneToOneField(
        PeriodicTask, null=True, on_delete=models.SET_NULL, related_name="thor_entry", db_constraint=True
    )
    name = models.CharField(max_length=200)
    job = models.CharField(max_length=200, blank=True, db_index=True)
    market = models.CharField(max_length=64, blank=True)
    window = models.CharField(max_length=200, default="always")
    since = models.DateTimeField()
    version = models.CharField(max_length=64, blank=True, help_text="Fingerprint of the schedule last seen")
    gated = models.BooleanField(default=True, help_text="What the gate last wrote to the periodic task")
    defaults = models.JSONField(default=dict, help_text="What the job's declaration last wrote here")
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "entries"
        ordering = ("name",)

    def __str__(self) -> str:
        """Name the entry."""
        return self.name


class Control(models.Model):
    """An operator's wish for an entry: paused, by whom and why. It outlives every bell."""

    entry = models.OneToOneField(Entry, on_delete=models.CASCADE, related_name="control")
    paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    paused_at = models.DateTimeField(null=True, help_text="Business time from which nothing fires")
    resumed_at = models.DateTimeField(null=True, help_text="Set until the leader has written down what was dropped")
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        """Tell the wish."""
        return f"paused by {self.paused_by}: {self.reason}" if self.paused else "as scheduled"


class SessionSchedule(IntervalSchedule):
    """The row that once-a-session entries carry: a periodic task must have some, and a session is no interval.

    All of them share it, nobody else has it, and it is never edited: it says a day, and means a session.
    """

    name = models.CharField(max_length=80, unique=True)

    class Meta:
        verbose_name = "schedule of sessions"
        verbose_name_plural = "schedules of sessions"

    def __str__(self) -> str:
        """Name it."""
        return self.name


class State(models.TextChoices):
    """Where a run stands."""

    DUE = "due"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSED = "missed"
    LOST = "lost"
    HANDED_OVER = "handed_over"


LIVE = (State.DUE, State.STARTED)


class Lane(models.IntegerChoices):
    """How the message of a run that is due gets to its queue; what is not `DIRECT` waits in the ledger for room."""

    DIRECT = 0, "published with its decision"
    ASKED = 1, "asked for by a person"
    HELD = 2, "held back: its queue is full"
    BEHIND = 3, "caught up behind live work"


class Run(models.Model):
    """The ledger's row of one occurrence, or of several in a row that were dropped for one reason (`count`).

    `nominal_at` is business time (virtual in a replay); all other time stamps are the wall's.
    """

    seq = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(unique=True, editable=False)
    entry = models.UUIDField()
    name = models.CharField(max_length=200)
    task = models.CharField(max_length=200)
    market = models.CharField(max_length=64, blank=True)
    session_date = models.DateField(null=True)
    once_on = models.DateField(null=True, help_text="The session date of an entry that runs once a session")
    nominal_at = models.DateTimeField()
    origin = models.CharField(max_length=100, blank=True)
    due_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, help_text="When the next attempt of a retry may begin")
    state = models.CharField(max_length=12, choices=State)
    reason = models.CharField(max_length=500, blank=True)
    lane = models.SmallIntegerField(choices=Lane, default=Lane.DIRECT)
    last_at = models.DateTimeField(null=True, help_text="The last of several dropped occurrences")
    folded_from = models.DateTimeField(null=True, help_text="The first of several that a replay folded into this one")
    count = models.IntegerField(default=1, help_text="How many occurrences this row stands for")
    queue = models.CharField(max_length=200, blank=True)
    exclusive = models.BooleanField(default=False, help_text="No two runs of this entry at once")
    repeatable = models.BooleanField(default=False)
    brief = models.BooleanField(default=False, help_text="Its entry has a period under a minute: kept less long")
    time_limit = models.FloatField(null=True, help_text="Seconds that the body may take")
    attempt = models.IntegerField(default=0)
    token = models.UUIDField(null=True)
    worker = models.UUIDField(null=True, help_text="Boot id of the worker that claimed it")
    hostname = models.CharField(max_length=200, blank=True)
    term = models.BigIntegerField(default=0)
    decided_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    result = models.TextField(blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-nominal_at", "-seq")
        constraints = [
            models.UniqueConstraint(fields=["entry", "nominal_at", "origin"], name="jobs_run_once"),
            models.UniqueConstraint(
                fields=["entry", "once_on"], condition=Q(once_on__isnull=False), name="jobs_run_once_a_session"
            ),
            models.UniqueConstraint(
                fields=["entry"], condition=Q(state="started", exclusive=True), name="jobs_run_one_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["entry"], condition=Q(state__in=["due", "started"]), name="jobs_run_live"),
            models.Index(fields=["lane"], condition=Q(state="due", lane__gt=0), name="jobs_run_waiting"),
            models.Index(fields=["-nominal_at"], name="jobs_run_newest"),
            models.Index(fields=["finished_at"], condition=Q(state__in=["missed", "lost"]), name="jobs_run_not_run"),
        ]

    def __str__(self) -> str:
        """Name the occurrence and its state."""
        return f"{self.name} of {self.nominal_at:%Y-%m-%d %H:%M:%S} {self.state}"

    @property
    def lateness_ms(self) -> float | None:
        """Return the milliseconds between the moment it was due and the start of the body."""
        return None if self.started_at is None else (self.started_at - self.due_at).total_seconds() * 1000

    @property
    def duration_ms(self) -> float | None:
        """Return the milliseconds that the body took."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds() * 1000


class Worker(models.Model):
    """One start of a worker process, and when it was last heard of."""

    boot = models.UUIDField(primary_key=True)
    hostname = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Name the worker."""
        return self.hostname
