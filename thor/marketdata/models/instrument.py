"""The instruments."""

from django.db import models


class Kind(models.TextChoices):
    """What an instrument is."""

    FUTURE = "future", "Future"
    EQUITY = "equity", "Equity"
    INDEX = "index", "Index"
    CRYPTO = "crypto", "Crypto"


class Instrument(models.Model):
    """Something with a price: how it is called, where it trades, and in which steps its price moves.

    `venue` is the key of a market with the role venue. `strong_threshold` and `threshold` are points of net change
    against the previous close at which a signal is strong or plain; `signal_weight` is its weight in the composite.
    """

    symbol = models.CharField(max_length=32, unique=True)
    venue = models.SlugField(max_length=32)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=80, blank=True)
    currency = models.CharField(max_length=8, default="USD")
    tick_size = models.DecimalField(max_digits=16, decimal_places=8, default="0.01")
    tick_value = models.DecimalField(
        max_digits=16, decimal_places=8, null=True, blank=True, help_text="Worth of one tick of one contract"
    )
    decimals = models.PositiveSmallIntegerField(default=2, help_text="Decimals shown")
    aliases = models.JSONField(default=list, blank=True, help_text="Other spellings that feeds use")
    strong_threshold = models.DecimalField(max_digits=16, decimal_places=8, null=True, blank=True)
    threshold = models.DecimalField(max_digits=16, decimal_places=8, null=True, blank=True)
    signal_weight = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    inverted = models.BooleanField(default=False, help_text="Safe haven: its rise is a fall of the composite")
    sampled = models.BooleanField(default=True, help_text="Price and volume are sampled each minute")
    captured = models.BooleanField(default=False, help_text="Has a row in what is captured when a market opens")
    ribbon = models.BooleanField(default=False, help_text="Shown in the ribbon of quotes")
    active = models.BooleanField(default=True, help_text="Watched; bars are kept either way")
    sort_order = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ("sort_order", "symbol")
        indexes = [models.Index(fields=("venue", "active"), name="marketdata_instr_venue")]

    def __str__(self) -> str:
        return self.symbol
