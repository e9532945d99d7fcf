"""What trading notes of days, so that nobody reads a year of minutes for each decision."""

from django.db import models

from thor.marketdata.models import Instrument
from thor.marketdata.models.fields import PRICE, VOLUME


class RegularDay(models.Model):
    """What an instrument did on one date within the hours of the market that is traded.

    A day that is rolled up has the prices of its venue's whole session, from 04:00 on for shares of New York; a day
    that is imported has those of 09:30 to 16:00 alone. This is the note that makes the one like the other.
    """

    instrument = models.ForeignKey(Instrument, models.CASCADE, related_name="regular_days")
    date = models.DateField()
    high = models.DecimalField(**PRICE, null=True)
    low = models.DecimalField(**PRICE, null=True)
    close = models.DecimalField(**PRICE, null=True)
    volume = models.DecimalField(**VOLUME, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("instrument", "date"), name="trading_regular_once_a_day")]

    def __str__(self) -> str:
        return f"{self.instrument} {self.date:%F}, regular hours"
