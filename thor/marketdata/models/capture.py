"""What is captured when a market opens, what became of it, and what the session looked like at its close."""

from django.db import models

from thor.marketdata.models.fields import PERCENT, PRICE, VOLUME
from thor.marketdata.models.instrument import Instrument

#: The symbol of the composite of all captured instruments.
TOTAL = "TOTAL"


class Signal(models.TextChoices):
    """What a net change against the previous close says."""

    STRONG_BUY = "STRONG_BUY", "strong buy"
    BUY = "BUY", "buy"
    HOLD = "HOLD", "hold"
    SELL = "SELL", "sell"
    STRONG_SELL = "STRONG_SELL", "strong sell"


class Outcome(models.TextChoices):
    """What became of a captured trade."""

    PENDING = "PENDING", "pending"
    WORKED = "WORKED", "worked"
    DIDNT_WORK = "DIDNT_WORK", "didn't work"
    NEUTRAL = "NEUTRAL", "neutral"


class SessionCapture(models.Model):
    """One session of one control market as it was captured: its rows are the instruments and TOTAL.

    `captured_at` is the data time of the prices: the open, or later (`late`) where the feed was not running at the
    open. `grading` says how far each venue's stream has been judged; it is written together with the outcomes.
    `closed_at` is the data time of the close figures, and `incomplete` says that the feed had not reached the close,
    or that ticks are missing.
    """

    market = models.SlugField(max_length=32)
    session_date = models.DateField()
    opens_at = models.DateTimeField()
    captured_at = models.DateTimeField()
    late = models.BooleanField(default=False)
    grading = models.JSONField(default=dict, editable=False)
    graded_until = models.DateTimeField(null=True, help_text="Every tick before this data time has been judged")
    closed_at = models.DateTimeField(null=True)
    incomplete = models.BooleanField(default=False)

    class Meta:
        ordering = ("-captured_at", "market")
        constraints = [
            models.UniqueConstraint(fields=("market", "session_date"), name="marketdata_capture_once_a_session")
        ]
        indexes = [models.Index(fields=("-session_date", "market"), name="marketdata_session_newest")]

    def __str__(self) -> str:
        return f"{self.market} {self.session_date:%F}"


class Capture(models.Model):
    """One instrument, or TOTAL (without an instrument), at one open.

    `number` counts the rows of this symbol at this market. Percentages have four places; a figure whose base is zero
    or unknown is null. `judged_on` says whether ticks are judged by their quotes or, where the feed gave none, by
    trades. Session figures: high and low are of the trades since the open, `session_volume` is what was traded since.
    """

    class Basis(models.TextChoices):
        """By what the outcome is judged."""

        QUOTES = "quotes", "quotes"
        TRADES = "trades", "trades"

    class Touched(models.TextChoices):
        """Which side was touched first."""

        TARGET = "TARGET", "target"
        STOP = "STOP", "stop"

    session = models.ForeignKey(SessionCapture, models.CASCADE, related_name="rows")
    symbol = models.CharField(max_length=32)
    instrument = models.ForeignKey(Instrument, models.PROTECT, null=True, related_name="captures")
    number = models.PositiveIntegerField(help_text="The how manieth row of this symbol at this market")

    signal = models.CharField(max_length=12, choices=Signal.choices, blank=True)
    weight = models.SmallIntegerField(default=0, help_text="Weight of the signal; of TOTAL the sum of all")
    weighted_sum = models.DecimalField(max_digits=16, decimal_places=2, null=True)
    weighted_average = models.DecimalField(max_digits=16, decimal_places=6, null=True)
    instrument_count = models.PositiveSmallIntegerField(null=True)

    priced_at = models.DateTimeField(null=True, help_text="Data time of the price")
    last_price = models.DecimalField(**PRICE, null=True)
    previous_close = models.DecimalField(**PRICE, null=True)
    net_change = models.DecimalField(**PRICE, null=True)
    bid = models.DecimalField(**PRICE, null=True)
    ask = models.DecimalField(**PRICE, null=True)
    bid_size = models.DecimalField(**VOLUME, null=True)
    ask_size = models.DecimalField(**VOLUME, null=True)
    spread = models.DecimalField(**PRICE, null=True)
    volume = models.DecimalField(**VOLUME, null=True, help_text="Of the UTC day until the open")

    entry = models.DecimalField(**PRICE, null=True)
    target_high = models.DecimalField(**PRICE, null=True)
    target_low = models.DecimalField(**PRICE, null=True)
    judged_on = models.CharField(max_length=8, choices=Basis.choices, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.PENDING)
    touched = models.CharField(max_length=8, choices=Touched.choices, blank=True)
    touched_at = models.DateTimeField(null=True)
    touched_price = models.DecimalField(**PRICE, null=True)

    session_open = models.DecimalField(**PRICE, null=True)
    session_high = models.DecimalField(**PRICE, null=True)
    session_low = models.DecimalField(**PRICE, null=True)
    session_close = models.DecimalField(**PRICE, null=True)
    session_range = models.DecimalField(**PRICE, null=True)
    session_volume = models.DecimalField(**VOLUME, null=True)
    high_pct_open = models.DecimalField(**PERCENT, null=True)
    low_pct_open = models.DecimalField(**PERCENT, null=True, help_text="Run-up of the last price from the low")
    high_pct_close = models.DecimalField(**PERCENT, null=True)
    low_pct_close = models.DecimalField(**PERCENT, null=True)
    close_vs_open_pct = models.DecimalField(**PERCENT, null=True)
    range_pct = models.DecimalField(**PERCENT, null=True)

    previous_close_24h = models.DecimalField(**PRICE, null=True)
    open_24h = models.DecimalField(**PRICE, null=True)
    high_24h = models.DecimalField(**PRICE, null=True)
    low_24h = models.DecimalField(**PRICE, null=True)
    close_24h = models.DecimalField(**PRICE, null=True)
    change_24h = models.DecimalField(**PRICE, null=True)
    change_pct_24h = models.DecimalField(**PERCENT, null=True)
    range_24h = models.DecimalField(**PRICE, null=True)
    range_pct_24h = models.DecimalField(**PERCENT, null=True)

    high_52w = models.DecimalField(**PRICE, null=True)
    high_pct_52w = models.DecimalField(**PERCENT, null=True)
    low_52w = models.DecimalField(**PRICE, null=True)
    low_pct_52w = models.DecimalField(**PERCENT, null=True)
    range_52w = models.DecimalField(**PRICE, null=True)
    range_pct_52w = models.DecimalField(**PERCENT, null=True)

    backtest = models.JSONField(default=dict, help_text="The 17 figures of the track record before this open")

    class Meta:
        ordering = ("session", "pk")
        constraints = [models.UniqueConstraint(fields=("session", "symbol"), name="marketdata_capture_row_once")]
        indexes = [
            models.Index(fields=("symbol", "session"), name="marketdata_capture_symbol"),
            models.Index(fields=("session",), condition=models.Q(outcome="PENDING"), name="marketdata_capture_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.session} {self.symbol}"
