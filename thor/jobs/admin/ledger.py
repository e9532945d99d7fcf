"""The pages of the ledger: runs, entries, workers."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Max, Min, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django_celery_beat.models import PeriodicTask, PeriodicTasks

from thor.jobs.admin.operable import Operable
from thor.jobs.admin.schedule import pinned_by
from thor.jobs.models import Control, Entry, Run, Worker
from thor.jobs.registry import specs
from thor.jobs.schedule import is_paused
from thor.timing import Always, parse_window
from thor.timing.edges import BadWindow


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


class OfSchedule(admin.SimpleListFilter):
    """Offer what the schedule knows: to ask a ledger of millions of runs for its different values takes too long."""

    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values of the column."""
        return [(value, value) for value in self.values()]

    def values(self) -> Iterable[str]:
        """Return the values that the schedule knows."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Return the runs with the chosen value."""
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class OfTask(OfSchedule):
    """Runs of one task."""

    title = parameter_name = column = "task"

    def values(self) -> Iterable[str]:
        """Return the tasks of all lines."""
        tasks = PeriodicTask.objects.order_by("task").distinct()
        return list(tasks.values_list("task", flat=True))


class OfMarket(OfSchedule):
    """Runs of one market."""

    title = parameter_name = column = "market"

    def values(self) -> Iterable[str]:
        """Return the markets of all entries."""
        entries = Entry.objects.exclude(market="").order_by("market").distinct()
        return list(entries.values_list("market", flat=True))


@admin.register(Run)
class RunAdmin(ReadOnly, Operable):
    """Every run, newest first; the actions are on the entries of the selected runs."""

    list_display = ("name", "nominal_at", "state", "reason", "late", "took", "attempt", "count", "hostname", "term")
    list_filter = ("state", OfMarket, OfTask)
    search_fields = ("=uid", "name")
    date_hierarchy = "nominal_at"
    show_full_result_count = False

    def entries_of(self, chosen: QuerySet) -> QuerySet[Entry]:
        """Return the entries whose runs are chosen."""
        return Entry.objects.filter(pk__in=chosen.order_by().values("entry"))

    def stretch_of(self, chosen: QuerySet) -> dict[str, Any]:
        """Return the stretch to begin with: from the first chosen occurrence to the last."""
        found = chosen.aggregate(start=Min("nominal_at"), last=Max("nominal_at"), folded=Max("last_at"))
        last = max(filter(None, (found["last"], found["folded"])))
        return {"start": found["start"], "end": last + timedelta(seconds=1)}

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
    max_num = 0
    can_delete = False
    readonly_fields = ("paused", "paused_by", "reason", "paused_at", "resumed_at", "changed_at")


class EntryForm(forms.ModelForm):
    """Edit the window of a job's entry, with its offsets."""

    class Meta:
        model = Entry
        fields = ("window",)

    def clean_window(self) -> str:
        """Refuse what is no window, or could never open, and write it as the declarations do."""
        try:
            window = parse_window(self.cleaned_data["window"])
        except BadWindow as error:
            raise forms.ValidationError(str(error)) from None
        if not window.can_open():
            raise forms.ValidationError(f"The window {window.text()} can never open; turn its edges round.")
        if not self.instance.market and not isinstance(window, Always):
            raise forms.ValidationError("This job belongs to no market, so it has no sessions; write always.")
        return window.text()


@admin.register(Entry)
class EntryAdmin(ReadOnly, Operable):
    """Every line of the schedule with its identity; a job's window is edited here, its interval at its periodic task.

    What is edited stays so when the declaration of the job changes.
    """

    form = EntryForm
    list_display = ("name", "job", "market", "window", "wish", "since", "shown_by", "retired_at")
    list_filter = ("job", "market", "control__paused")
    list_select_related = ("control",)
    search_fields = ("name", "=id")
    fields = ("name", "job", "market", "window", "declared", "shown_by", "since", "retired_at")
    readonly_fields = ("name", "job", "market", "declared", "shown_by", "since", "retired_at")
    inlines = (ControlInline,)

    def has_change_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        """Let those who may change a job's interval change its window; a user's own line has none."""
        return (obj is None or bool(obj.job)) and self.has_operate_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Entry | None = None) -> Any:
        """Fix a window that the environment pins."""
        return (*self.readonly_fields, "window") if _pins_window(obj) else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: Entry | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Say beside a window that cannot be edited which variable pins it."""
        if obj is not None and _pins_window(obj):
            kwargs["help_texts"] = {"window": pinned_by(specs()[obj.job], "window")}
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the window, and let the leader look at it at once."""
        Entry.objects.filter(pk=obj.pk).update(window=obj.window)
        PeriodicTask.objects.filter(pk=obj.task_id).update(date_changed=Now())
        PeriodicTasks.update_changed()

    @admin.display(description="window as declared")
    def declared(self, entry: Entry) -> str:
        """Show the window that the job's declaration gives it."""
        return str(entry.defaults.get("window", ""))

    @admin.display(description="wish")
    def wish(self, entry: Entry) -> str:
        """Show who paused it and why."""
        return str(entry.control) if is_paused(entry) else ""

    @admin.display(description="periodic task")
    def shown_by(self, entry: Entry) -> str:
        """Link to the periodic task."""
        if entry.task_id is None:
            return "deleted"
        address = reverse("admin:django_celery_beat_periodictask_change", args=[entry.task_id])
        return format_html('<a href="{}">edit</a>', address)


def _pins_window(entry: Entry | None) -> bool:
    spec = specs().get(entry.job) if entry is not None else None
    return spec is not None and "window" in spec.pinned


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    """The workers that are alive."""

    list_display = ("hostname", "boot", "started_at", "seen_at")
