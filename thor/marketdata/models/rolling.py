"""The 24-hour session: from the open of Tokyo to the close of New York."""

from django.db import models

from thor.marketdata.models.fields import PERCENT, PRICE, VOLUME
from thor.marketdata.models.instrument import Instrument


class TwentyFourHour(models.Model):
    """What one instrument did in one 24-hour session.

    `session_date` is the date that Tokyo and New York share. `range_percent` is of the open, `change` and
    `change_percent` are the open against the close of the 24-hour session before. `finalized` once New York has closed
    and every tick until then is in; nothing changes the row afterwards.
    """

    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="rolling")
    session_date = models.DateField()
    previous_close = models.DecimalField(**PRICE, null=True)
    open = models.DecimalField(**PRICE)
    high = models.DecimalField(**PRICE)
    low = models.DecimalField(**PRICE)
    last = models.DecimalField(**PRICE, help_text="The close, once finalized")
    change = models.DecimalField(**PRICE, null=True)
    change_percent = models.DecimalField(**PERCENT, null=True)
    range = models.DecimalField(**PRICE)
    range_percent = models.DecimalField(**PERCENT, null=True)
    volume = models.DecimalField(**VOLUME)
    finalized = models.BooleanField(default=False)
    updated_at = models.DateTimeField(help_text="The slot that last changed the row")

    class Meta:
        ordering = ("-session_date", "instrument")
        indexes = [models.Index(fields=("-session_date", "instrument"), name="marketdata_rolling_newest")]
        constraints = [
            models.UniqueConstraint(fields=("instrument", "session_date"), name="marketdata_rolling_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.session_date:%F}"
