"""Instruments can be edited; bars and samples are what was recorded and can only be read."""

from django.contrib import admin
from django.http import HttpRequest

from thor.marketdata.models import Bar, Instrument, VwapSample


@admin.register(Instrument)
class InstrumentAdmin(admin.ModelAdmin):
    """List and edit instruments."""

    list_display = ("symbol", "name", "venue", "kind", "currency", "tick_size", "tick_value", "active", "sampled")
    list_editable = ("active", "sampled")
    list_filter = ("venue", "kind", "active")
    search_fields = ("symbol", "name")


class Recorded(admin.ModelAdmin):
    """Show rows that nobody edits by hand."""

    show_full_result_count = False
    list_per_page = 100
    list_select_related = ("instrument",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from feeds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What was recorded stays."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Deleting is the business of retention."""
        return False


@admin.register(Bar)
class BarAdmin(Recorded):
    """List one-minute bars, newest first."""

    list_display = (
        "instrument",
        "start_at",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "trades",
        "vwap",
        "spread",
        "source",
    )
    list_filter = ("instrument__venue", "source", "instrument")
    ordering = ("-start_at", "instrument__symbol")
    search_fields = ("=instrument__symbol",)


@admin.register(VwapSample)
class VwapSampleAdmin(Recorded):
    """List minute samples, newest first."""

    list_display = ("instrument", "minute_at", "last_price", "cumulative_volume", "captured_at")
    list_filter = ("instrument__venue", "instrument")
    ordering = ("-minute_at", "instrument__symbol")
    search_fields = ("=instrument__symbol",)
