"""What the desk learns from: finished trades as examples, the models made of them, and what each attempt came to."""

from django.db import models
from django.db.models import Q

from thor.trading.models.fields import MONEY
from thor.trading.models.positions import Trade


class Example(models.Model):
    """One finished trade with what was seen when it was entered. Percentages are percent, excursions signed."""

    trade = models.OneToOneField(Trade, models.PROTECT, related_name="example")
    symbol = models.CharField(max_length=32)
    decision_timestamp = models.DateTimeField()
    rule_confidence = models.PositiveSmallIntegerField(null=True)
    rule_features = models.JSONField(default=dict)
    position_size = models.DecimalField(**MONEY)
    entry_price = models.DecimalField(**MONEY)
    exit_price = models.DecimalField(**MONEY)
    exit_timestamp = models.DateTimeField()
    holding_days = models.PositiveIntegerField()
    realized_pnl_pct = models.FloatField()
    mae_pct = models.FloatField(help_text="Worst excursion, percent of the entry price: 0 or below")
    mfe_pct = models.FloatField(help_text="Best excursion, percent of the entry price: 0 or above")

    class Meta:
        ordering = ("decision_timestamp", "symbol")
        constraints = [
            models.UniqueConstraint(fields=("symbol", "decision_timestamp"), name="trading_example_once"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.decision_timestamp:%F}"


class LearnedModel(models.Model):
    """A model of the probability that a trade is bad, as plain numbers: names, coefficients, scaler.

    `content` holds features, coefficients, intercept, mean and scale; `metrics` what its evaluation against the rules
    alone said. At most one is active.
    """

    name = models.CharField(max_length=40, primary_key=True, help_text="YYYYMMDD_HHMMSS of its training")
    trained_at = models.DateTimeField()
    fingerprint = models.CharField(max_length=64)
    content = models.JSONField()
    metrics = models.JSONField(default=dict)
    promoted_at = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=False)

    class Meta:
        ordering = ("-trained_at",)
        constraints = [
            models.UniqueConstraint(
                fields=("is_active",), condition=Q(is_active=True), name="trading_one_active_model"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LearningRun(models.Model):
    """What one attempt to learn came to: a model, or why there is none."""

    run = models.UUIDField(unique=True)
    at = models.DateTimeField(db_index=True)
    session_date = models.DateField(null=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    examples = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=20, help_text="skipped, trained, promoted or failed")
    reason = models.CharField(max_length=300, blank=True)
    model = models.ForeignKey(LearnedModel, models.SET_NULL, null=True, related_name="runs")

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.outcome} at {self.at:%F %T}"
