"""What feeds and jobs have recorded: it can be read, and nobody edits it by hand."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from thor.marketdata.models import (
    Backtest,
    Bar,
    DailyBar,
    Extreme,
    FeedIncident,
    NewExtreme,
    TwentyFourHour,
    VwapSample,
)
from thor.marketdata.selectors import UnknownSymbol, find_instrument


class Recorded(admin.ModelAdmin):
    """Show rows that nobody edits by hand."""

    show_full_result_count = False
    list_per_page = 100
    list_select_related: Any = ("instrument",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from feeds and jobs."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What was recorded stays."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Deleting is the business of retention."""
        return False


class OfOneInstrument(Recorded):
    """Show rows of which there are many millions: of one instrument at a time, which an index finds."""

    search_fields = ("=instrument__symbol",)
    search_help_text = "Write a symbol, for example ES: rows are listed of one instrument at a time."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return nothing to the list until a symbol was written."""
        rows: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        lists = match is not None and str(match.url_name).endswith("_changelist")
        return rows.none() if lists and not request.GET.get("q", "").strip() else rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows of the instrument, in whatever spelling its symbol was written."""
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(instrument=find_instrument(search_term.replace("\0", ""))), False
        except UnknownSymbol as error:
            self.message_user(request, str(error), "WARNING")
            return queryset.none(), False


@admin.register(Bar)
class BarAdmin(OfOneInstrument):
    """List one-minute bars, newest first."""

    list_display = (
        *("instrument", "start_at", "open", "high", "low", "close", "volume", "trades", "vwap", "spread"),
        *("ticks", "source"),
    )
    ordering = ("-start_at",)


@admin.register(VwapSample)
class VwapSampleAdmin(OfOneInstrument):
    """List minute samples, newest first."""

    list_display = ("instrument", "minute_at", "last_price", "cumulative_volume", "bid", "ask", "captured_at")
    ordering = ("-minute_at",)


@admin.register(DailyBar)
class DailyBarAdmin(OfOneInstrument):
    """List trading days, newest first, in the prices of their day; one that was imported by mistake can be deleted."""

    list_display = ("instrument", "date", "open", "high", "low", "close", "volume", "origin")
    list_filter = ("origin",)
    ordering = ("-date",)

    def has_delete_permission(self, request: HttpRequest, obj: DailyBar | None = None) -> bool:
        """Let a day go that was imported or simulated; one that was rolled up would only come again."""
        may_go = obj is None or obj.origin != DailyBar.Origin.ROLLED
        return may_go and admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Extreme)
class ExtremeAdmin(Recorded):
    """List the extremes of 52 weeks and of all time, in today's shares."""

    list_display = (
        *("instrument", "as_of", "low_52w", "low_52w_date", "high_52w", "high_52w_date"),
        *("all_time_low", "all_time_high", "last_price", "updated_at"),
    )
    list_filter = ("instrument__venue",)
    search_fields = ("=instrument__symbol",)
    ordering = ("instrument__sort_order", "instrument__symbol")


@admin.register(NewExtreme)
class NewExtremeAdmin(Recorded):
    """List the extremes that were broken, newest first."""

    list_display = ("date", "instrument", "kind", "before", "price")
    list_filter = ("kind", "instrument__venue")
    search_fields = ("=instrument__symbol",)
    date_hierarchy = "date"


@admin.register(TwentyFourHour)
class TwentyFourHourAdmin(Recorded):
    """List the 24-hour sessions, newest first."""

    list_display = (
        *("session_date", "instrument", "previous_close", "open", "high", "low", "last", "change_percent"),
        *("range_percent", "volume", "finalized"),
    )
    list_filter = ("finalized", "instrument__venue")
    search_fields = ("=instrument__symbol",)
    date_hierarchy = "session_date"


@admin.register(Backtest)
class BacktestAdmin(Recorded):
    """List the track records before the opens, newest first."""

    list_display = ("as_of", "market", "symbol", "session_date", "summary")
    list_filter = ("market",)
    list_select_related = False
    search_fields = ("=symbol",)
    date_hierarchy = "session_date"

    @admin.display(description="worked, didn't work")
    def summary(self, row: Backtest) -> str:
        """Return how often each signal worked and did not."""
        names = ("strong_buy", "buy", "sell", "strong_sell")
        return "; ".join(
            f"{name.replace('_', ' ')} {_count(row, name, 'worked')}, {_lost(row, name)}" for name in names
        )


@admin.register(FeedIncident)
class FeedIncidentAdmin(Recorded):
    """List what went wrong with feeds, latest first; what is not over is shown on the first page too."""

    list_display = ("last_at", "venue", "symbol", "kind", "count", "first_at", "ended_at", "source", "detail")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "kind", "venue")
    list_select_related = False
    search_fields = ("=symbol",)
    ordering = ("-last_at", "-id")


def _count(row: Backtest, name: str, what: str) -> Any:
    return row.figures.get(f"{name}_{what}", 0)


def _lost(row: Backtest, name: str) -> Any:
    return _count(row, name, "didnt_work")
