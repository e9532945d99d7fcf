"""Show who leads."""

from django.contrib import admin
from django.http import HttpRequest

from thor.leadership.models import Leader
from thor.leadership.seat import SCHEDULER, STACK

_SHOWN = ("next_due_at", "jobs_led_at", "system_started_at", "is_start_owed")


@admin.register(Leader)
class LeaderAdmin(admin.ModelAdmin):
    """The rows of leadership, read-only: only a leader's own statements may change them."""

    list_display = ("seat", "term", "holder", "since", "decided_until", "published_seq")
    readonly_fields = ("installation", *list_display, "parts", "jobs_until", "others_until", *_SHOWN)

    @admin.display(description="seat")
    def seat(self, row: Leader) -> str:
        """Name the lease that guards the row."""
        return STACK.lease if row.pk == STACK.row else SCHEDULER.lease

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: the seats are known."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Leader | None = None) -> bool:
        """Refuse: without the row nobody can lead."""
        return False
