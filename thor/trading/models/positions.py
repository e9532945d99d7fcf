"""What the desk holds, and what it has earned or lost."""

from decimal import Decimal
from typing import Final

from django.db import models
from django.db.models import Q

from thor.trading.models.fields import MONEY, QUANTITY
from thor.trading.models.orders import Intent

#: Who opened a position that the broker has and the desk did not order.
EXTERNAL: Final = "BROKER_RECONCILIATION"


class Position(models.Model):
    """A long position, from the first fill of its entry to the last of its exit; at most one open a symbol.

    `bought` and `cost` count everything that was ever bought of it, `sold` and `proceeds` what was sold; `highest` and
    `lowest` are the best and the worst close since (for the excursions that learning looks at; what is added to the
    position moves them with the average price, so that in percent they stay what they were). `entry_date` is the
    session of the first fill. `source` is empty for the desk's own. `outside` is what somebody else bought of the
    symbol in the same account: it counts for how much is held, and the desk never sells it.
    """

    symbol = models.CharField(max_length=32)
    strategy_id = models.CharField(max_length=60, blank=True)
    confidence = models.PositiveSmallIntegerField(null=True)
    entry_date = models.DateField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    bought = models.DecimalField(**QUANTITY, default=0)
    cost = models.DecimalField(**MONEY, default=0)
    sold = models.DecimalField(**QUANTITY, default=0)
    proceeds = models.DecimalField(**MONEY, default=0)
    outside = models.DecimalField(**QUANTITY, default=0)
    highest = models.DecimalField(**MONEY, null=True)
    lowest = models.DecimalField(**MONEY, null=True)
    risk_amount = models.DecimalField(**MONEY, null=True)
    entry_order_id = models.CharField(max_length=36)
    entry_intent = models.ForeignKey(Intent, models.PROTECT, null=True, related_name="positions")
    last_bought_at = models.DateTimeField()
    entries = models.PositiveIntegerField(default=1)
    source = models.CharField(max_length=24, blank=True)

    class Meta:
        ordering = ("opened_at", "symbol")
        constraints = [
            models.UniqueConstraint(
                fields=("symbol",), condition=Q(closed_at__isnull=True), name="trading_one_open_position_a_symbol"
            ),
            models.CheckConstraint(condition=Q(sold__lte=models.F("bought")), name="trading_position_long_only"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.symbol}"

    @property
    def quantity(self) -> Decimal:
        """Return what is still held."""
        return self.bought - self.sold

    @property
    def entry_price(self) -> Decimal:
        """Return the average price that was paid."""
        return self.cost / self.bought

    @property
    def is_external(self) -> bool:
        """Tell whether the desk found it at the broker, and did not order it."""
        return self.source == EXTERNAL


class Trade(models.Model):
    """A position that is over, as the desk's ledger of trades has it; percentages are percent."""

    trade_id = models.UUIDField(primary_key=True)
    position = models.OneToOneField(Position, models.PROTECT, related_name="trade")
    symbol = models.CharField(max_length=32)
    strategy_id = models.CharField(max_length=60, blank=True)
    entry_order_id = models.CharField(max_length=36)
    entry_timestamp = models.DateTimeField()
    entry_price = models.DecimalField(**MONEY)
    entry_quantity = models.DecimalField(**QUANTITY)
    exit_order_id = models.CharField(max_length=36, blank=True)
    exit_timestamp = models.DateTimeField(db_index=True)
    exit_price = models.DecimalField(**MONEY)
    exit_quantity = models.DecimalField(**QUANTITY)
    exit_type = models.CharField(max_length=16)
    exit_reason = models.CharField(max_length=300, blank=True)
    holding_days = models.PositiveIntegerField()
    gross_pnl = models.DecimalField(**MONEY)
    gross_pnl_pct = models.DecimalField(**MONEY)
    fees = models.DecimalField(**MONEY, default=0)
    net_pnl = models.DecimalField(**MONEY)
    net_pnl_pct = models.DecimalField(**MONEY)
    confidence = models.PositiveSmallIntegerField(null=True)
    risk_amount = models.DecimalField(**MONEY, null=True)
    position_size = models.DecimalField(**MONEY)
    session_date = models.DateField(help_text="The session in which it ended")

    class Meta:
        ordering = ("exit_timestamp", "symbol")

    def __str__(self) -> str:
        return f"{self.symbol} {self.net_pnl:+}"
