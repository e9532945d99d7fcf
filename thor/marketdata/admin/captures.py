"""What was captured when markets opened: sessions with their rows."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from thor.marketdata.admin.recorded import Recorded
from thor.marketdata.models import Capture, Outcome, SessionCapture


class CaptureInline(admin.TabularInline):
    """The rows of a session: its instruments, and TOTAL."""

    model = Capture
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = "Rows"
    fields = readonly_fields = (
        *("symbol", "number", "signal", "weight", "last_price", "net_change", "entry", "target_high", "target_low"),
        *("outcome", "touched", "touched_at", "touched_price", "session_high", "session_low", "session_close"),
        "session_volume",
    )

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Rows come from the job."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What was captured stays."""
        return False


@admin.register(SessionCapture)
class SessionCaptureAdmin(Recorded):
    """List captured sessions, newest first, with how their trades ended."""

    list_display = (
        *("session_date", "market", "opens_at", "captured_at", "late", "graded_until", "closed_at", "incomplete"),
        *("rows_captured", "worked", "didnt_work", "pending"),
    )
    list_filter = ("market", "late", "incomplete", ("closed_at", admin.EmptyFieldListFilter))
    list_select_related = False
    date_hierarchy = "session_date"
    ordering = ("-session_date", "market")
    inlines = (CaptureInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the sessions with the numbers of their rows, which are counted for those on the page alone."""
        ended = {outcome.name.lower(): _number(outcome=outcome) for outcome in Outcome}
        counted: QuerySet[Any] = super().get_queryset(request).annotate(captured=_number(), **ended)
        return counted

    @admin.display(description="rows")
    def rows_captured(self, row: Any) -> int:
        """Return how many rows were captured."""
        return int(row.captured)

    @admin.display(description="worked")
    def worked(self, row: Any) -> int:
        """Return how many worked."""
        return int(row.worked)

    @admin.display(description="didn't work")
    def didnt_work(self, row: Any) -> int:
        """Return how many did not work."""
        return int(row.didnt_work)

    @admin.display(description="pending")
    def pending(self, row: Any) -> int:
        """Return how many are pending."""
        return int(row.pending)


@admin.register(Capture)
class CaptureAdmin(Recorded):
    """List captured rows, newest first; a row shows all its figures."""

    list_display = (
        *("session", "symbol", "number", "signal", "entry", "target_high", "target_low", "outcome"),
        *("touched", "touched_at", "touched_price"),
    )
    list_filter = ("outcome", "signal", "session__market")
    list_select_related = ("session", "instrument")
    search_fields = ("=symbol",)
    ordering = ("-session__session_date", "session__market", "pk")


def _number(**which: Any) -> Coalesce:
    rows = Capture.objects.filter(session=OuterRef("pk"), **which).order_by().values("session")
    return Coalesce(Subquery(rows.annotate(number=Count("pk")).values("number")), 0)
