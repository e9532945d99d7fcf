"""Show the ledger and the entries."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from thor.jobs.models import Control, Entry, Run, Worker


class ReadOnly(admin.ModelAdmin):
    """A list that only the ledger's own statements may change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(Run)
class RunAdmin(ReadOnly):
    """Every run, newest first."""

    list_display = ("name", "nominal_at", "state", "reason", "late", "took", "attempt", "count", "hostname", "term")
    list_filter = ("state", "market", "task")
    search_fields = ("=uid", "name")
    date_hierarchy = "nominal_at"
    show_full_result_count = False

    @admin.display(description="late (ms)")
    def late(self, run: Run) -> str:
        """Show how late the body started."""
        return "" if run.lateness_ms is None else f"{run.lateness_ms:.0f}"

    @admin.display(description="took (ms)")
    def took(self, run: Run) -> str:
        """Show how long the body took."""
        return "" if run.duration_ms is None else f"{run.duration_ms:.0f}"


class ControlInline(admin.StackedInline):
    """The operator's wish for an entry, shown where the entry is."""

    model = Control
    extra = 0
    can_delete = False
    readonly_fields = ("paused", "paused_by", "reason", "paused_at", "resumed_at", "changed_at")


@admin.register(Entry)
class EntryAdmin(ReadOnly):
    """Every line of the schedule with its identity; the interval is edited at its periodic task."""

    list_display = ("name", "job", "market", "window", "since", "shown_by", "retired_at")
    list_filter = ("job", "market")
    search_fields = ("name", "=id")
    inlines = (ControlInline,)

    @admin.display(description="periodic task")
    def shown_by(self, entry: Entry) -> str:
        """Link to the periodic task."""
        if entry.task_id is None:
            return "deleted"
        return format_html('<a href="/admin/django_celery_beat/periodictask/{}/change/">edit</a>', entry.task_id)


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    """The workers that are alive."""

    list_display = ("hostname", "boot", "started_at", "seen_at")
