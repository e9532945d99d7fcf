"""Finished trades as examples, the models made of them, and what each attempt to learn came to; to be read."""

from django.contrib import admin

from thor.trading.admin.recorded import Recorded
from thor.trading.models import Example, LearnedModel, LearningRun


@admin.register(Example)
class ExampleAdmin(Recorded):
    """List examples, latest first."""

    list_display = (
        *("decision_timestamp", "symbol", "rule_confidence", "entry_price", "exit_price", "realized_pnl_pct"),
        *("mae_pct", "mfe_pct", "holding_days"),
    )
    list_filter = ("rule_confidence",)
    search_fields = ("=symbol",)
    date_hierarchy = "decision_timestamp"
    ordering = ("-decision_timestamp", "symbol")
    raw_id_fields = ("trade",)


@admin.register(LearnedModel)
class LearnedModelAdmin(Recorded):
    """List models, latest first."""

    list_display = ("name", "trained_at", "is_active", "promoted_at", "metrics")
    list_filter = ("is_active",)
    search_fields = ("name", "=fingerprint")


@admin.register(LearningRun)
class LearningRunAdmin(Recorded):
    """List attempts to learn, latest first."""

    list_display = ("at", "session_date", "outcome", "reason", "examples", "model")
    list_filter = ("outcome",)
    list_select_related = ("model",)
    search_fields = ("=run", "=fingerprint")
    date_hierarchy = "at"
