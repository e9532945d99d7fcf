"""What the desk wants, what it orders for that, and what came of it.

An intent is a wish that outlives processes: buy this, or sell all of that. An order is one attempt to have it carried
out, and a fill is what the broker did. The states of an order:

    planned ──► sending ──► working ◄──► partial ──► filled, cancelled, expired, rejected
       │           ├──────► rejected                           ▲
       ▼           └──────► unknown ──► (asked by its id) ─────┤
    dropped                    ▲  └──► absent ──(looked at again until its day is over)──► dropped
                               └──────────┘ sent again under the same id

`planned` was never sent. `sending` is written before the request leaves: a process that dies there leaves an order of
which nobody knows, so it counts as `unknown`. `absent` is an unknown order that the broker, asked more than once and
late enough, does not have; it may still turn up.
"""

from enum import StrEnum
from typing import Final

from django.db import models
from django.db.models import F, Q

from thor.trading.brokers.port import Kind, Side
from thor.trading.models.fields import MONEY, QUANTITY, words


class State(StrEnum):
    """Where an order stands, as far as the desk knows."""

    PLANNED = "planned"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    DROPPED = "dropped"


#: States from which an order may still come to something: at most one order a symbol is in one of them.
OPEN: Final = (State.PLANNED, State.SENDING, State.UNKNOWN, State.ABSENT, State.WORKING, State.PARTIAL)
#: States in which the broker may have the order: it is polled.
SENT: Final = (State.SENDING, State.UNKNOWN, State.ABSENT, State.WORKING, State.PARTIAL)


class Purpose(StrEnum):
    """What an intent, and each of its orders, is for."""

    ENTRY = "entry"
    ADD_ON = "add_on"
    EXIT = "exit"
    EMERGENCY = "emergency"

    @property
    def is_exit(self) -> bool:
        """Tell whether it makes a position smaller."""
        return self in (Purpose.EXIT, Purpose.EMERGENCY)


class IntentState(StrEnum):
    """Where an intent stands: to be carried out, being carried out, done; or over without having been."""

    PLANNED = "planned"
    WORKING = "working"
    DONE = "done"
    CANCELLED = "cancelled"


class Intent(models.Model):
    """A wish to buy, or to sell the whole position, decided by `run` on the data of `session_date`.

    `exit_state` is EXIT_PLANNED for what is carried out in the next session's window, FORCE_EXIT for what goes at the
    market price; `carried` counts the windows at whose end it was not filled. `confidence` runs from 1 to 5.
    """

    run = models.UUIDField()
    symbol = models.CharField(max_length=32)
    purpose = models.CharField(max_length=10, choices=words(Purpose))
    state = models.CharField(max_length=10, choices=words(IntentState), default=IntentState.PLANNED.value)
    exit_state = models.CharField(max_length=12, blank=True)
    exit_type = models.CharField(max_length=16, blank=True, help_text="SWING_EXIT, EMERGENCY_EXIT or MANUAL")
    rule = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    strategy_id = models.CharField(max_length=60, blank=True)
    confidence = models.PositiveSmallIntegerField(null=True)
    urgency = models.CharField(max_length=10, blank=True)
    session_date = models.DateField(help_text="The session on whose data it was decided")
    decided_at = models.DateTimeField()
    entry_date = models.DateField(null=True, help_text="Since which session the position is held")
    holding_days = models.PositiveIntegerField(null=True)
    features = models.JSONField(default=dict, help_text="What the strategy saw, by name")
    risk_score = models.FloatField(null=True, help_text="The model's probability of a bad trade; none without a model")
    carried = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=300, blank=True, help_text="Why it is over")
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("decided_at", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=("symbol",),
                condition=Q(purpose__in=[Purpose.EXIT.value, Purpose.EMERGENCY.value])
                & Q(state__in=[IntentState.PLANNED.value, IntentState.WORKING.value]),
                name="trading_one_open_exit_a_symbol",
            ),
            models.UniqueConstraint(
                fields=("symbol", "session_date"),
                condition=Q(purpose__in=[Purpose.ENTRY.value, Purpose.ADD_ON.value]),
                name="trading_one_entry_a_symbol_and_session",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.symbol}"


class Order(models.Model):
    """One order, written down before it is sent. `client_order_id` follows from run, intent, symbol and side.

    `good_until` is the close of the session for which it is good: after it, and when it was looked at since, nothing
    can happen to it any more. `filled_value` is the sum of quantity times price of its fills. `absences` counts how
    often the broker said that it has no such order. `risk_amount` is what the position may lose by plan.
    """

    client_order_id = models.CharField(max_length=36, unique=True)
    intent = models.ForeignKey(Intent, models.PROTECT, related_name="orders")
    run = models.UUIDField()
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4, choices=words(Side))
    kind = models.CharField(max_length=8, choices=words(Kind))
    quantity = models.DecimalField(**QUANTITY)
    limit_price = models.DecimalField(**MONEY, null=True)
    purpose = models.CharField(max_length=10, choices=words(Purpose))
    state = models.CharField(max_length=10, choices=words(State), default=State.PLANNED.value)
    broker_order_id = models.CharField(max_length=64, blank=True)
    broker_status = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    filled_quantity = models.DecimalField(**QUANTITY, default=0)
    filled_value = models.DecimalField(**MONEY, default=0)
    risk_amount = models.DecimalField(**MONEY, null=True)
    planned_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    good_until = models.DateTimeField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)
    absences = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("planned_at", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=("symbol",),
                condition=Q(state__in=[state.value for state in OPEN]),
                name="trading_one_open_order_a_symbol",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="trading_order_of_something"),
            models.CheckConstraint(
                condition=Q(filled_quantity__gte=0, filled_quantity__lte=F("quantity")),
                name="trading_no_more_than_ordered",
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.LIMIT.value, limit_price__gt=0)
                | Q(kind=Kind.MARKET.value, limit_price__isnull=True),
                name="trading_limit_has_a_price",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} {self.symbol}"


class Fill(models.Model):
    """What an order was filled by, up to `cumulative` units in all: booked once, however often the broker tells it."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="fills")
    quantity = models.DecimalField(**QUANTITY)
    cumulative = models.DecimalField(**QUANTITY)
    price = models.DecimalField(**MONEY)
    at = models.DateTimeField()

    class Meta:
        ordering = ("at", "pk")
        constraints = [
            models.UniqueConstraint(fields=("order", "cumulative"), name="trading_fill_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0, price__gt=0), name="trading_fill_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} at {self.price.normalize():f}"
