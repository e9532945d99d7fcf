"""What went wrong with a feed, as people see it."""

from django.db import models


class FeedIncident(models.Model):
    """One trouble of one kind with one venue or symbol, from its first occurrence to its last.

    An incident is open while `ended_at` is null; of one kind, venue and symbol at most one is open. `count` counts
    ticks (for a silence it is 1). Times are data time.
    """

    class Kind(models.TextChoices):
        """What happened, and in its label what was done about it."""

        SILENT = "silent", "silent while its market is open: entries are refused"
        BAD_PRICE = "bad_price", "price not above zero, or no number: dropped"
        JUMP = "jump", "price far off the last one: held back until others confirm it"
        AHEAD = "ahead", "clock of the source ahead of ours: stamped with our time"
        UNKNOWN_SYMBOL = "unknown", "symbol that is no instrument: added, inactive"
        LOST = "lost", "ticks that never came"
        LATE = "late", "ticks too late to count"
        SPLIT = "split", "price moved like a split that nobody has entered"
        BAD_CELL = "bad_cell", "cell of a workbook that is no figure: left out"
        DISCONNECTED = "disconnected", "no connection to the source: trying again"
        OVERFLOW = "overflow", "more ticks than the buffer holds: the oldest were dropped"

    venue = models.SlugField(max_length=32)
    symbol = models.CharField(max_length=32, blank=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    source = models.CharField(max_length=16, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    count = models.PositiveIntegerField(default=1)
    detail = models.CharField(max_length=300, blank=True, help_text="The latest example")

    class Meta:
        ordering = ("-last_at",)
        indexes = [
            models.Index(fields=("venue", "last_at"), name="marketdata_incident_venue"),
            models.Index(fields=("-last_at", "-id"), name="marketdata_incident_newest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=("venue", "symbol", "kind"),
                condition=models.Q(ended_at__isnull=True),
                name="marketdata_incident_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.venue} {self.symbol} {self.kind}".replace("  ", " ")
