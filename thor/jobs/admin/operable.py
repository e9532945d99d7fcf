"""What the lists of entries, runs and periodic tasks have in common: the operator's actions."""

from datetime import UTC, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from thor.jobs import lines, operate
from thor.jobs.models import Entry
from thor.leadership.clock import process_clock

#: More entries at once are a mistake of the mouse.
MOST = 1000
#: A message names so many.
NAMED = 10


class Operable(admin.ModelAdmin):
    """Give a list the operator's actions on the entries of its rows."""

    actions: Any = ("run_entries", "pause_entries", "resume_entries", "backfill_entries")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may do to entries what a change of periodic tasks could do as well."""
        return request.user.has_perm("django_celery_beat.change_periodictask")

    def entries_of(self, chosen: QuerySet) -> QuerySet[Entry]:
        """Return the entries that the chosen rows are about."""
        return Entry.objects.filter(pk__in=chosen.values("pk"))

    @admin.action(description="Run selected now", permissions=["operate"])
    def run_entries(self, request: HttpRequest, chosen: QuerySet) -> None:
        """Ask for one run of each."""
        self.tell(request, operate.run_each(self._entries(chosen), **asked_by(request)))

    @admin.action(description="Resume selected", permissions=["operate"])
    def resume_entries(self, request: HttpRequest, chosen: QuerySet) -> None:
        """Let them fire again."""
        self.tell(request, operate.resume_each(self._entries(chosen), **asked_by(request)))

    @admin.action(description="Pause selected …", permissions=["operate"])
    def pause_entries(self, request: HttpRequest, chosen: QuerySet) -> HttpResponse | None:
        """Ask why, then let nothing of them fire."""
        form = operate.PauseForm(request.POST if "apply" in request.POST else None)
        if form.is_valid():
            self.tell(request, operate.pause_each(self._entries(chosen), **asked_by(request), **form.cleaned_data))
            return None
        sentence = "Nothing of these fires until it is resumed:"
        return self._ask(request, chosen, form, "Pause", sentence)

    @admin.action(description="Back-fill a range of selected …", permissions=["operate"])
    def backfill_entries(self, request: HttpRequest, chosen: QuerySet) -> HttpResponse | None:
        """Ask for which stretch, then for the runs in it that did not happen."""
        is_asked = "apply" in request.POST
        form = operate.BackfillForm(request.POST if is_asked else None, initial=self.stretch_of(chosen))
        if form.is_valid():
            answers = operate.backfill_each(self._entries(chosen), **asked_by(request), **form.cleaned_data)
            if any(answer.ok for answer in answers):
                self.tell(request, answers)
                return None
            for answer in answers[:NAMED]:
                form.add_error(None, f"{answer.entry.name}: {answer.sentence}")
        sentence = "What did not happen in this stretch runs now, as far as the ledger remembers and has decided:"
        return self._ask(request, chosen, form, "Back-fill", sentence)

    def stretch_of(self, chosen: QuerySet) -> dict[str, Any]:
        """Return the stretch to begin with: the last hour."""
        end = process_clock().now().astimezone(UTC).replace(microsecond=0)
        return {"start": end - timedelta(hours=1), "end": end}

    def _entries(self, chosen: QuerySet) -> list[Entry]:
        lines.identify(process_clock().now())  # a task that no leader has looked at yet gets its identity now
        return list(self.entries_of(chosen).select_related("task", "control").order_by("name")[:MOST])

    def _ask(
        self, request: HttpRequest, chosen: QuerySet, form: forms.Form, title: str, sentence: str
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            **{"title": title, "sentence": sentence, "form": form, "opts": self.opts},
            **{"entries": self._entries(chosen), "action": request.POST["action"], "checkbox": ACTION_CHECKBOX_NAME},
            **{"chosen": request.POST.getlist(ACTION_CHECKBOX_NAME), "across": request.POST.get("select_across", "0")},
        }
        return TemplateResponse(request, "admin/jobs/ask.html", context)

    def tell(self, request: HttpRequest, answers: list[operate.Answer]) -> None:
        """Write the log of the admin, and show the first answers; a refusal is shown before what was done."""
        for answer in answers:
            if answer.ok:
                self.log_change(request, answer.entry.task or answer.entry, answer.sentence)
        shown = sorted(answers, key=lambda answer: answer.ok)
        for answer in shown[:NAMED]:
            level = messages.SUCCESS if answer.ok else messages.ERROR
            self.message_user(request, f"{answer.entry.name!r}: {answer.sentence}", level)
        if len(shown) > NAMED:
            rest = shown[NAMED:]
            refused = sum(not answer.ok for answer in rest)
            self.message_user(request, f"and {len(rest)} more, {refused} of them refused.")


def asked_by(request: HttpRequest) -> dict[str, Any]:
    """Return who asks, and the clock by which it is done."""
    return {"by": request.user.get_username(), "clock": process_clock()}
