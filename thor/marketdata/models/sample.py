"""Minute samples."""

from django.db import models

from thor.marketdata.models.fields import PRICE, VOLUME
from thor.marketdata.models.instrument import Instrument


class VwapSample(models.Model):
    """The last price, the quote and the volume of the UTC day so far, as they were at one minute of data time.

    Everything before `minute_at` is in, nothing at or after it. At 00:00 the sample closes the day that ends. The quote
    is the last one that was seen, of whatever age; its figures are null where the feed gives none.
    """

    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="samples", db_index=False)
    minute_at = models.DateTimeField()
    last_price = models.DecimalField(**PRICE)
    cumulative_volume = models.DecimalField(**VOLUME)
    bid = models.DecimalField(**PRICE, null=True)
    ask = models.DecimalField(**PRICE, null=True)
    bid_size = models.DecimalField(**PRICE, null=True)
    ask_size = models.DecimalField(**PRICE, null=True)
    captured_at = models.DateTimeField(help_text="The slot of the job that stored it")

    class Meta:
        ordering = ("minute_at",)
        constraints = [
            models.UniqueConstraint(fields=("instrument", "minute_at"), name="marketdata_sample_once_a_minute")
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.minute_at:%Y-%m-%d %H:%M}"
