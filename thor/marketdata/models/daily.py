"""Daily bars as they were traded, and the splits by which older prices are made comparable."""

from django.core.validators import MinValueValidator
from django.db import models

from thor.marketdata.models.fields import PRICE, VOLUME
from thor.marketdata.models.instrument import Instrument


class DailyBar(models.Model):
    """One trading day of one instrument, in the prices of that day (not adjusted for splits).

    Imported (`manage.py import_daily`), or rolled up from the minutes of the venue's session; an imported day is
    never replaced by a rolled-up one. What comes of simulated prices says so, since nobody may trade real ones on it.
    """

    class Origin(models.TextChoices):
        """Where the day comes from."""

        IMPORTED = "imported", "imported"
        ROLLED = "rolled", "rolled up from minutes"
        SIMULATED = "simulated", "simulated"

    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="days")
    date = models.DateField()
    open = models.DecimalField(**PRICE)
    high = models.DecimalField(**PRICE)
    low = models.DecimalField(**PRICE)
    close = models.DecimalField(**PRICE)
    volume = models.DecimalField(**VOLUME)
    origin = models.CharField(max_length=10, choices=Origin.choices)

    class Meta:
        ordering = ("date",)
        constraints = [models.UniqueConstraint(fields=("instrument", "date"), name="marketdata_daily_once_a_day")]

    def __str__(self) -> str:
        return f"{self.instrument} {self.date:%F}"


class Split(models.Model):
    """From `date` on one old share is `ratio` new ones: 7 for seven to one, 0.1 for one to ten.

    Prices before that date are divided by the ratio wherever they are compared with prices since.
    """

    instrument = models.ForeignKey(Instrument, models.CASCADE, related_name="splits")
    date = models.DateField(help_text="First session in new shares")
    ratio = models.DecimalField(
        max_digits=16, decimal_places=8, validators=[MinValueValidator(0.000001)], help_text="New shares an old one"
    )

    class Meta:
        ordering = ("date",)
        constraints = [models.UniqueConstraint(fields=("instrument", "date"), name="marketdata_split_once_a_day")]

    def __str__(self) -> str:
        return f"{self.instrument} {self.ratio.normalize()}:1 from {self.date:%F}"
