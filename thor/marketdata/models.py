"""The instruments, their one-minute bars and their minute samples.

Prices and volumes are `Decimal` with eight places: enough for a satoshi, and exact on both databases for prices below
ten million (SQLite keeps 15 significant digits).
"""

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
    active = models.BooleanField(default=True, help_text="Watched; bars are kept either way")
    sort_order = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ("sort_order", "symbol")
        indexes = [models.Index(fields=("venue", "active"), name="marketdata_instr_venue")]

    def __str__(self) -> str:
        return self.symbol


class Bar(models.Model):
    """One minute [start_at, start_at + 1 min) of one instrument, folded from its ticks.

    Stored once an instrument, whatever markets are open. `vwap` is null when nothing but empty sizes traded. `bid`,
    `ask` and `spread` are the last ones quoted within the minute. `ticks` counts every tick (trades and quotes) that
    went in: of two versions of a bar from one source, the one that has seen more ticks stands.
    """

    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="bars")
    start_at = models.DateTimeField()
    open = models.DecimalField(max_digits=20, decimal_places=8)
    high = models.DecimalField(max_digits=20, decimal_places=8)
    low = models.DecimalField(max_digits=20, decimal_places=8)
    close = models.DecimalField(max_digits=20, decimal_places=8)
    volume = models.DecimalField(max_digits=24, decimal_places=8)
    trades = models.PositiveIntegerField()
    vwap = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    bid = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    ask = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    spread = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    ticks = models.PositiveIntegerField()
    source = models.CharField(max_length=16)

    class Meta:
        ordering = ("start_at",)
        constraints = [models.UniqueConstraint(fields=("instrument", "start_at"), name="marketdata_bar_once_a_minute")]

    def __str__(self) -> str:
        return f"{self.instrument} {self.start_at:%Y-%m-%d %H:%M}"


class VwapSample(models.Model):
    """The last price and the volume of the UTC day so far, as they were at one minute of data time.

    Everything before `minute_at` is in, nothing at or after it. At 00:00 the sample closes the day that ends.
    """

    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="samples")
    minute_at = models.DateTimeField()
    last_price = models.DecimalField(max_digits=20, decimal_places=8)
    cumulative_volume = models.DecimalField(max_digits=24, decimal_places=8)
    captured_at = models.DateTimeField(help_text="The slot of the job that stored it")

    class Meta:
        ordering = ("minute_at",)
        constraints = [
            models.UniqueConstraint(fields=("instrument", "minute_at"), name="marketdata_sample_once_a_minute")
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.minute_at:%Y-%m-%d %H:%M}"
