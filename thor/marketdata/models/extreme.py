"""The highest and lowest prices of 52 weeks and of all time, and when they were broken."""

from django.db import models

from thor.marketdata.models.fields import PRICE
from thor.marketdata.models.instrument import Instrument


class Extreme(models.Model):
    """The extremes of one instrument: over the 365 calendar days that end with `as_of`, and since records began.

    In today's shares: older prices are adjusted for splits. Dates are session dates of the venue; of two days with the
    same extreme the earlier one is named.
    """

    instrument = models.OneToOneField(Instrument, models.CASCADE, related_name="extreme", primary_key=True)
    as_of = models.DateField(help_text="The session date up to which the window reaches")
    high_52w = models.DecimalField(**PRICE)
    high_52w_date = models.DateField()
    low_52w = models.DecimalField(**PRICE)
    low_52w_date = models.DateField()
    all_time_high = models.DecimalField(**PRICE)
    all_time_high_date = models.DateField()
    all_time_low = models.DecimalField(**PRICE)
    all_time_low_date = models.DateField()
    last_price = models.DecimalField(**PRICE, null=True, help_text="The last price that was checked")
    updated_at = models.DateTimeField(help_text="The slot that last changed the row")

    class Meta:
        ordering = ("instrument",)

    def __str__(self) -> str:
        return f"{self.instrument} {self.low_52w.normalize():f} to {self.high_52w.normalize():f}"


class NewExtreme(models.Model):
    """An extreme that was broken on a session date: what it was before, and how far it has gone since."""

    class Kind(models.TextChoices):
        """Which extreme."""

        HIGH_52W = "high_52w", "52-week high"
        LOW_52W = "low_52w", "52-week low"
        ALL_TIME_HIGH = "all_time_high", "all-time high"
        ALL_TIME_LOW = "all_time_low", "all-time low"

    instrument = models.ForeignKey(Instrument, models.CASCADE, related_name="new_extremes")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    date = models.DateField(help_text="Session date of the venue")
    before = models.DecimalField(**PRICE)
    price = models.DecimalField(**PRICE, help_text="The extreme of that date so far")

    class Meta:
        ordering = ("-date", "instrument")
        constraints = [
            models.UniqueConstraint(fields=("instrument", "kind", "date"), name="marketdata_extreme_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.get_kind_display()} {self.price.normalize():f} on {self.date:%F}"
