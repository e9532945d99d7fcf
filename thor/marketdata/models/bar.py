"""One-minute bars."""

from django.db import models

from thor.marketdata.models.fields import PRICE, VOLUME
from thor.marketdata.models.instrument import Instrument


class Bar(models.Model):
    """One minute [start_at, start_at + 1 min) of one instrument, folded from its ticks.

    Stored once an instrument, whatever markets are open. `vwap` is null when nothing but empty sizes traded. `bid`,
    `ask` and `spread` are the last ones quoted within the minute. `ticks` counts every tick (trades and quotes) that
    went in: of two versions of a bar from one source, the one that has seen more ticks stands.
    """

    # The unique constraint begins with the instrument: an index of its own would only cost.
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="bars", db_index=False)
    start_at = models.DateTimeField()
    open = models.DecimalField(**PRICE)
    high = models.DecimalField(**PRICE)
    low = models.DecimalField(**PRICE)
    close = models.DecimalField(**PRICE)
    volume = models.DecimalField(**VOLUME)
    trades = models.PositiveIntegerField()
    vwap = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    bid = models.DecimalField(**PRICE, null=True)
    ask = models.DecimalField(**PRICE, null=True)
    spread = models.DecimalField(**PRICE, null=True)
    ticks = models.PositiveIntegerField()
    source = models.CharField(max_length=16)

    class Meta:
        ordering = ("start_at",)
        constraints = [models.UniqueConstraint(fields=("instrument", "start_at"), name="marketdata_bar_once_a_minute")]

    def __str__(self) -> str:
        return f"{self.instrument} {self.start_at:%Y-%m-%d %H:%M}"
