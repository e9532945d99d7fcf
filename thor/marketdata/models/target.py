"""How far from its entry a trade's target and stop lie."""

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from thor.marketdata.models.instrument import Instrument

_OFFSET = {"max_digits": 16, "decimal_places": 8, "null": True, "blank": True, "validators": [MinValueValidator(0)]}


class Target(models.Model):
    """The offsets of one instrument, in points or percent of the entry: above (`high`) and below (`low`).

    A long trade has its target above and its stop below, a short one the other way round. Without a row, or disabled,
    captures have no targets and end neutral.
    """

    class Mode(models.TextChoices):
        """What the offsets are."""

        POINTS = "points", "points"
        PERCENT = "percent", "percent of the entry"
        DISABLED = "disabled", "none"

    instrument = models.OneToOneField(Instrument, models.CASCADE, related_name="target", primary_key=True)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.POINTS)
    high = models.DecimalField(**_OFFSET, help_text="Above the entry")
    low = models.DecimalField(**_OFFSET, help_text="Below the entry")

    class Meta:
        ordering = ("instrument",)

    def __str__(self) -> str:
        return f"{self.instrument} +{self.high} -{self.low} {self.mode}"

    def clean(self) -> None:
        """Refuse offsets that make no target."""
        if self.mode == self.Mode.DISABLED:
            return
        for name in ("high", "low"):
            value = getattr(self, name)
            if value is None or value <= 0:
                raise ValidationError({name: "An offset must be greater than zero; choose none to have no targets."})
        if self.mode == self.Mode.PERCENT and self.low >= 100:
            raise ValidationError({"low": "100 percent below the entry is no price; write less."})
