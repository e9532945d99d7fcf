"""Show markets with their status now, what overrides them, and their history of bells, in Django's admin."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from thor.leadership.clock import process_clock
from thor.markets.models import Market, Override, Transition
from thor.markets.selectors import ComingOverride, MarketStatus, coming_overrides, market_status


@admin.register(Market)
class MarketAdmin(admin.ModelAdmin):
    """Edit markets; an edit takes effect in every process within a second.

    Markets are not deleted but made inactive: entries and history refer to them by key.
    """

    list_display = (
        "name",
        "key",
        "status",
        "local_time",
        "next_event",
        "role",
        "weight",
        "horizon",
        "overridden",
        "active",
    )
    list_filter = ("role", "active", "clock_source")
    search_fields = ("key", "name", "calendar")
    list_per_page = 50
    fieldsets = (
        (None, {"fields": ("key", "name", "role", "active", "position")}),
        ("Sessions", {"fields": ("calendar", "zone", "post_close", "clock_source")}),
        ("Composite", {"fields": ("weight", "currency")}),
        ("Capture", {"fields": ("capture_futures", "capture_open", "capture_close")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Market | None = None) -> tuple[str, ...]:
        """Fix the key once it exists: entries, addresses and logs are named after it."""
        return ("key",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Market | None = None) -> bool:
        """Refuse deletion; `active` is the switch."""
        return False

    @admin.display(description="status now")
    def status(self, market: Market) -> str:
        """Return the phase of the market at this moment."""
        status = _status(market)
        phase = status.phase.replace("_", " ")
        return f"{phase} (provisional)" if status.provisional else phase

    @admin.display(description="local time")
    def local_time(self, market: Market) -> str:
        """Return the market's own time."""
        return f"{_status(market).local_time:%a %H:%M}"

    @admin.display(description="next event")
    def next_event(self, market: Market) -> str:
        """Return what comes next, and when, in the market's own time."""
        status = _status(market)
        if status.next_event_at is None:
            return "none"
        return f"{status.next_event} {status.next_event_at.astimezone(market.zone_info):%a %d %b %H:%M}"

    @admin.display(description="calendar known until")
    def horizon(self, market: Market) -> str:
        """Return the last date of the calendar; later sessions are provisional."""
        known = _status(market).known_until
        return known.isoformat() if known else "unreadable"

    @admin.display(description="override")
    def overridden(self, market: Market) -> str:
        """Return today's override with its reason, or else the next one of the market itself."""
        status = _status(market)
        if status.override:
            return f"today {status.override_hours}: {status.override}"
        coming = next((one for one in coming_overrides(_now()) if one.key == market.key), None)
        return _short(coming) if coming else ""


class OverrideForm(forms.ModelForm):
    """Ask for an override, and answer nonsense with what to write instead."""

    class Meta:
        model = Override
        fields = ("market", "date", "closed", "open", "close", "reason")
        error_messages = {
            "date": {"invalid": "This is no date: write YYYY-MM-DD, for example 2026-12-24."},
            "open": {"invalid": "This is no time of day: write HH:MM, for example 10:30."},
            "close": {"invalid": "This is no time of day: write HH:MM, for example 13:00."},
        }

    def _post_clean(self) -> None:
        # What could not be read is missing from the row: to judge the rest would only blame another field.
        if not self.errors:
            super()._post_clean()


@admin.register(Override)
class OverrideAdmin(admin.ModelAdmin):
    """Enter closures, early closes and late opens; they take effect in every process within a second.

    Times are of the market's zone. Overrides of the file are not rows: the first page shows both.
    """

    form = OverrideForm
    list_display = ("date", "market", "what", "reason", "entered_by", "entered_at")
    list_filter = ("market", "closed")
    list_select_related = ("market",)
    search_fields = ("market__key", "market__name", "reason")
    date_hierarchy = "date"
    readonly_fields = ("entered_by", "entered_at")
    list_per_page = 50

    def save_model(self, request: HttpRequest, obj: Override, form: Any, change: bool) -> None:
        """Note who entered it, and when."""
        obj.entered_by, obj.entered_at = request.user.get_username(), _now()
        super().save_model(request, obj, form, change)

    @admin.display(description="what")
    def what(self, override: Override) -> str:
        """Return what it changes, in a few words."""
        return override.said(override.market).hours


@admin.register(Transition)
class TransitionAdmin(admin.ModelAdmin):
    """Read the history of bells and phases; it is written by the leading scheduler alone."""

    list_display = ("at", "market", "what", "session_date", "handled_at", "lateness")
    list_filter = ("kind", "market", ("handled_at", admin.EmptyFieldListFilter))
    list_select_related = ("market",)
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: history is not written by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: history is not rewritten."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: without its row a bell could ring a second time."""
        return False

    @admin.display(description="what", ordering="kind")
    def what(self, row: Transition) -> str:
        """Return the bell, or the phase that began."""
        return row.get_phase_display() if row.kind == Transition.Kind.PHASE else row.get_kind_display()

    @admin.display(description="late by")
    def lateness(self, row: Transition) -> timedelta | None:
        """Return how long after its instant it was handled."""
        return row.lateness


def _status(market: Market) -> MarketStatus:
    # One page shows one market in several columns; each asks, and an answer costs some 30 µs.
    return market_status(market, _now())


def _short(coming: ComingOverride) -> str:
    return f"{coming.said.date:%a %d %b} {coming.said.hours}: {coming.said.reason}"


def _now() -> datetime:
    return process_clock().now()
