"""The books of the embedded broker: its account, its orders, its fills and what it holds.

They are the broker's own and no journal of Thor's: nothing but `thor.trading.brokers.paper` reads or writes them, just
as nobody but Alpaca writes Alpaca's. Quantities have six places and money four, within what SQLite keeps exactly (15
digits); whatever is computed is computed in Python while the account's row is locked.
"""

from django.db import models
from django.db.models import F, Q

from thor.trading.brokers.port import Kind, Side, Standing
from thor.trading.models.fields import MONEY, QUANTITY, words


class PaperAccount(models.Model):
    """The one account. Whoever changes anything in these books holds the lock of its row.

    `settled_at` is the business time up to which orders have been looked at; `last_equity` is what the account was
    worth at the first settlement after the close at `closed_at`.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    currency = models.CharField(max_length=8, default="USD")
    cash = models.DecimalField(**MONEY)
    last_equity = models.DecimalField(**MONEY)
    closed_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="trading_paper_one_account"),
            models.CheckConstraint(condition=Q(cash__gte=0), name="trading_paper_no_debt"),
        ]

    def __str__(self) -> str:
        return f"{self.cash} {self.currency}"


class PaperOrder(models.Model):
    """An order, good from `active_at` until `expires_at`: the open and the close of one session.

    `reserve_price` is what a unit of a purchase may cost at most: so much buying power is set aside until it is bought.
    `filled_value` is the sum of quantity times price of its fills.
    """

    client_order_id = models.CharField(max_length=128, unique=True)
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4, choices=words(Side))
    kind = models.CharField(max_length=8, choices=words(Kind))
    quantity = models.DecimalField(**QUANTITY)
    limit_price = models.DecimalField(**MONEY, null=True)
    reserve_price = models.DecimalField(**MONEY)
    standing = models.CharField(max_length=10, choices=words(Standing), default=Standing.WORKING.value)
    reason = models.CharField(max_length=200, blank=True)
    filled_quantity = models.DecimalField(**QUANTITY, default=0)
    filled_value = models.DecimalField(**MONEY, default=0)
    active_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    submitted_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="trading_paper_order_of_something"),
            models.CheckConstraint(
                condition=Q(filled_quantity__gte=0, filled_quantity__lte=F("quantity")),
                name="trading_paper_no_more_than_ordered",
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.LIMIT.value, limit_price__gt=0)
                | Q(kind=Kind.MARKET.value, limit_price__isnull=True),
                name="trading_paper_limit_has_a_price",
            ),
        ]
        indexes = [
            models.Index(
                fields=("symbol",),
                condition=Q(standing__in=[Standing.WORKING.value, Standing.PARTIAL.value]),
                name="trading_paper_open_orders",
            )
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} {self.symbol}"


class PaperFill(models.Model):
    """One execution: the `number`th of its order. `quote_at` is the time of the quote it was done at."""

    order = models.ForeignKey(PaperOrder, models.PROTECT, related_name="fills")
    number = models.PositiveIntegerField()
    quantity = models.DecimalField(**QUANTITY)
    price = models.DecimalField(**MONEY)
    at = models.DateTimeField()
    quote_at = models.DateTimeField()

    class Meta:
        ordering = ("at", "pk")
        constraints = [
            models.UniqueConstraint(fields=("order", "number"), name="trading_paper_fill_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0, price__gt=0), name="trading_paper_fill_of_something"),
        ]
        indexes = [models.Index(fields=("at",), name="trading_paper_fills_since")]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} at {self.price.normalize():f}"


class PaperPosition(models.Model):
    """What is held of one symbol: more than nothing, since the account is long or has none.

    `since` is the date on which it was bought first, nothing where nobody noted it; `splits` are the dates (ISO) of the
    splits that are in `quantity`.
    """

    symbol = models.CharField(max_length=32, primary_key=True)
    quantity = models.DecimalField(**QUANTITY)
    cost = models.DecimalField(**MONEY, help_text="What was paid for what is held")
    since = models.DateField(null=True)
    splits = models.JSONField(default=list)

    class Meta:
        ordering = ("symbol",)
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="trading_paper_long_only"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.symbol}"
