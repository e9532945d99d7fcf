"""django-celery-beat's own pages, made to agree with Thor."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from thor.jobs import operate
from thor.jobs.admin.operable import NAMED, Operable, asked_by
from thor.jobs.controls import pause_entry, resume_entry
from thor.jobs.models import Entry, SessionSchedule
from thor.jobs.registry import specs
from thor.jobs.schedule import is_in_window, is_paused
from thor.jobs.spec import JobSpec
from thor.jobs.sync import restore_pinned
from thor.timing import Clock, OncePerSession

SWITCHED_OFF = "switched off in the admin"


class PeriodicTaskForm(beat.PeriodicTaskForm):
    """Tell a box that its person touched from one that a bell, or a one-off run, has changed meanwhile."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Let the page carry what the box said when it was opened."""
        super().__init__(*args, **kwargs)
        if self.instance.pk and "enabled" in self.fields:
            self.fields["enabled"].show_hidden_initial = True

    def clean_enabled(self) -> bool:
        """Leave the box as it is by now where its person left it alone."""
        is_carried = bool(self.instance.pk) and self.add_initial_prefix("enabled") in self.data
        if is_carried and "enabled" not in self.changed_data:
            return bool(self.instance.enabled)
        return bool(self.cleaned_data["enabled"])


SCHEDULES = ("interval", "crontab", "solar", "clocked")

admin.site.unregister((PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule))


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(Operable, beat.PeriodicTaskAdmin):
    """django-celery-beat's page, on which a switch is a wish, and which runs tasks through the ledger."""

    form = PeriodicTaskForm
    actions = ("enable_tasks", "disable_tasks", "toggle_tasks", *Operable.actions)

    def entries_of(self, chosen: QuerySet) -> QuerySet[Entry]:
        """Return the entries of the chosen periodic tasks."""
        return Entry.objects.filter(task__in=chosen.values("pk"))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer other schedule rows and new ones, but not to change this one: others may share it."""
        if db_field.name == "interval":
            kwargs["queryset"] = IntervalSchedule.objects.filter(sessionschedule=None)
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in SCHEDULES and field is not None:
            field.widget.can_change_related = field.widget.can_view_related = field.widget.can_delete_related = False
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:
        """Fix the schedule of what runs once a session, whose window says when, and one that the environment pins."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        return (*fixed, *SCHEDULES) if obj is not None and _has_a_fixed_schedule(obj) else fixed

    def get_form(
        self, request: HttpRequest, obj: PeriodicTask | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Say beside a schedule that cannot be edited which variable pins it."""
        spec = _spec_of(obj) if obj is not None else None
        if spec is not None and "cadence" in spec.pinned:
            kwargs["help_texts"] = dict.fromkeys(SCHEDULES, pinned_by(spec, "cadence"))
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and take a switch for the wish that it is."""
        super().save_model(request, obj, form, change)
        if change and "enabled" in form.changed_data:
            entry = Entry.objects.select_related("control").filter(task=obj, retired_at__isnull=True).first()
            sentence = _hear(entry, obj.enabled, **asked_by(request)) if entry is not None else ""
            if sentence:
                self.message_user(request, f"{obj.name!r} {sentence}.")

    @admin.action(description="Enable selected tasks", permissions=["operate"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Resume what is paused, and tick the box of everything else that is a user's own."""
        paused = list(queryset.filter(thor_entry__control__paused=True).values_list("pk", flat=True))
        if paused:
            self.resume_entries(request, queryset.filter(pk__in=paused))
        own = _own(queryset.exclude(pk__in=paused))
        if own or not paused:
            super().enable_tasks(request, own)

    @admin.action(description="Disable selected tasks", permissions=["operate"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Pause the lines of jobs, also those that are outside their window now, and empty the box of all others."""
        jobs = self.entries_of(queryset).exclude(job="").select_related("task", "control").order_by("name")
        if jobs:
            self.tell(request, operate.pause_each(jobs, **asked_by(request), reason=SWITCHED_OFF))
        own = _own(queryset)
        if own or not jobs:
            super().disable_tasks(request, own)

    @admin.action(description="Toggle activity of selected tasks", permissions=["operate"])
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Resume what is paused or switched off, and disable the rest."""
        paused = Q(thor_entry__control__paused=True)
        off = list(queryset.filter(paused | Q(enabled=False, thor_entry__job="")).values_list("pk", flat=True))
        on = list(queryset.exclude(pk__in=off).values_list("pk", flat=True))
        for pks, act in ((off, self.enable_tasks), (on, self.disable_tasks)):
            if pks:
                act(request, PeriodicTask.objects.filter(pk__in=pks))


def _has_a_fixed_schedule(task: PeriodicTask) -> bool:
    spec = _spec_of(task)
    return spec is not None and (isinstance(spec.cadence, OncePerSession) or "cadence" in spec.pinned)


def _spec_of(task: PeriodicTask) -> JobSpec | None:
    entry = Entry.objects.filter(task=task).first()
    return specs().get(entry.job) if entry is not None else None


def pinned_by(spec: JobSpec, field: str) -> str:
    """Say what pins a field, and how to have it back."""
    return f"Set by {spec.pinned[field]}; it can be edited here once that is not set."


def _own(chosen: QuerySet) -> QuerySet:
    """Return those that no job owns."""
    jobs = Entry.objects.filter(task__isnull=False).exclude(job="").values("task")
    own: QuerySet = PeriodicTask.objects.filter(pk__in=list(chosen.values_list("pk", flat=True)))
    return own.exclude(pk__in=jobs)


def _hear(entry: Entry, enabled: bool, *, by: str, clock: Clock) -> str:
    """Take a person's switch for a wish; return what to tell."""
    at = clock.now()
    if enabled and is_paused(entry):
        resume_entry(entry, by=by, at=at)
        return "is resumed"
    if not enabled and entry.job:
        pause_entry(entry, by=by, reason=SWITCHED_OFF, at=at)
        return "is paused until it is ticked or resumed"
    if enabled and entry.job and not is_in_window(entry, at):
        return f"is outside its window ({entry.window}): its box is ticked again when that opens"
    return ""


class Shared(admin.ModelAdmin):
    """A schedule row, which several periodic tasks may share: saving it names those that it moves."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and say whom that moves."""
        super().save_model(request, obj, form, change)
        kept = restore_pinned(obj.periodictask_set.order_by("name")) if change and form.changed_data else {}
        for name, variables in list(kept.items())[:NAMED]:
            self.message_user(request, f"{name} keeps its schedule, which {variables} pins.", messages.WARNING)
        names = list(obj.periodictask_set.order_by("name").values_list("name", flat=True)) if change else []
        if names and form.changed_data:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            advice = " To move one alone, choose another schedule at that task." if len(names) > 1 else ""
            self.message_user(
                request, f"This schedule moves {', '.join(names[:NAMED])}{more}.{advice}", messages.WARNING
            )


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(Shared, beat.IntervalScheduleAdmin):
    """Intervals; the row that stands for sessions is shown and not changed."""

    list_display = ("__str__", "stands_for")
    list_select_related = ("sessionschedule",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse for the row that stands for sessions."""
        return not _is_of_sessions(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse for the row that stands for sessions."""
        return not _is_of_sessions(obj) and super().has_delete_permission(request, obj)

    @admin.display(description="stands for")
    def stands_for(self, interval: IntervalSchedule) -> str:
        """Say what is meant where it is no interval."""
        return str(interval.sessionschedule) if _is_of_sessions(interval) else ""


def _is_of_sessions(interval: IntervalSchedule | None) -> bool:
    return interval is not None and SessionSchedule.objects.filter(pk=interval.pk).exists()


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(Shared, beat.CrontabScheduleAdmin):
    """Crontabs."""


@admin.register(SolarSchedule)
class SolarScheduleAdmin(Shared, beat.SolarScheduleAdmin):
    """Solar events."""


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(Shared, beat.ClockedScheduleAdmin):
    """Clocked times."""
