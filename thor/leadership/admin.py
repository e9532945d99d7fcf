"""Show who leads."""

from django.contrib import admin
from django.http import HttpRequest

from thor.leadership.models import Leader


@admin.register(Leader)
class LeaderAdmin(admin.ModelAdmin):
    """The one row of leadership, read-only: only a leader's own statements may change it."""

    list_display = ("term", "holder", "since", "decided_until", "published_seq")
    readonly_fields = ("installation", *list_display)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: there is one row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Leader | None = None) -> bool:
        """Refuse: without the row nobody can lead."""
        return False
