"""The desk itself: its switch, what reconciliation found, which entries were refused, what people set."""

from enum import StrEnum

from django.db import models
from django.db.models import Q

from thor.trading.models.fields import MONEY, words


class Switch(StrEnum):
    """What orders may be sent: all, exits only, or none but an emergency's."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Desk(models.Model):
    """The one desk. Whoever writes orders, fills, positions, intents or events holds the lock of this row.

    So the switch and an order that is about to be sent are decided one after the other, and events have one order.
    `protected_because` says why entries are blocked by auto-protection; empty where they are not. `account` names whose
    account the books are of, as the broker tells it, from `account_since` on; empty until the first reconciliation.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    switch = models.CharField(max_length=10, choices=words(Switch), default=Switch.ACTIVE.value)
    reason = models.CharField(max_length=200, blank=True)
    changed_by = models.CharField(max_length=100, blank=True)
    changed_at = models.DateTimeField(null=True)
    protected_because = models.CharField(max_length=200, blank=True)
    protected_at = models.DateTimeField(null=True)
    account = models.CharField(max_length=100, blank=True)
    account_since = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "trading switch"
        verbose_name_plural = "trading switch"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="trading_one_desk")]

    def __str__(self) -> str:
        return self.switch


class Readiness(StrEnum):
    """What reconciliation lets the desk do: everything, no entries, exits only, nothing."""

    READY = "READY"
    SAFE_MODE = "SAFE_MODE"
    EXIT_ONLY = "EXIT_ONLY"
    FAILED = "FAILED"


class Reconciliation(models.Model):
    """What one reconciliation found: how the account stands, and every difference between the broker and the journal.

    `warnings`, `errors` and `notes` are lists of sentences; `external` the symbols that the broker holds and that are
    not the desk's own. `heat` is the value of all positions as a fraction of equity. Where one of the questions had no
    answer it `is_partial`. It counts until `good_until`; nothing where whoever reconciled did not know the schedule.
    """

    run = models.UUIDField(unique=True)
    at = models.DateTimeField(db_index=True)
    status = models.CharField(max_length=10, choices=words(Readiness))
    warnings = models.JSONField(default=list)
    errors = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    external = models.JSONField(default=list)
    positions_count = models.PositiveIntegerField(null=True)
    open_orders = models.PositiveIntegerField(null=True)
    equity = models.DecimalField(**MONEY, null=True)
    buying_power = models.DecimalField(**MONEY, null=True)
    heat = models.FloatField(null=True)
    is_partial = models.BooleanField(default=False)
    good_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-at", "-pk")
        get_latest_by = ("at", "pk")

    def __str__(self) -> str:
        return f"{self.status} at {self.at:%F %T}"

    @property
    def is_safe_mode(self) -> bool:
        """Tell whether new entries are shut out."""
        return self.status != Readiness.READY


class Refusal(models.Model):
    """An order that a gate did not let pass: which gate, and why. One row a symbol, gate and run."""

    run = models.UUIDField()
    at = models.DateTimeField(db_index=True)
    session_date = models.DateField(null=True)
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4)
    gate = models.CharField(max_length=40)
    reason = models.CharField(max_length=300)
    strategy_id = models.CharField(max_length=60, blank=True)
    figures = models.JSONField(default=dict, help_text="What the gate compared")

    class Meta:
        ordering = ("-at", "symbol")
        constraints = [
            models.UniqueConstraint(fields=("run", "symbol", "gate"), name="trading_refusal_once_a_run"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol}: {self.reason}"


class Setting(models.Model):
    """What a person set in the admin in place of a default: a name of `thor.trading.settings`, and a value as text."""

    name = models.CharField(max_length=60, primary_key=True)
    value = models.CharField(max_length=500)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class ImportedRun(models.Model):
    """When a task of the scheduler of old ran last, as its state file said; it counts until the ledger knows better."""

    key = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField(null=True)
    value = models.JSONField(null=True, help_text="What the file said, for a key that Thor does not know")

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.key
