"""What an operator asks of entries on the admin's pages: run now, pause, resume, back-fill. One sentence for each.

A page works on several entries at once, so nothing here stops at the first that refuses: each gets an answer.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from thor.errors import ThorError
from thor.jobs.controls import NoSuchEntry, pause_entry, resume_entry
from thor.jobs.models import Entry
from thor.jobs.requests import backfill, run_now
from thor.jobs.schedule import UNREADABLE, is_paused
from thor.timing import Clock

_TO_THE_SECOND = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one entry: a sentence for the person and the log of the admin; `ok` where it was done."""

    entry: Entry
    sentence: str
    ok: bool = True


class PauseForm(forms.Form):
    """Ask why."""

    reason = forms.CharField(max_length=500, help_text="for whoever looks later", widget=forms.TextInput({"size": 60}))


class BackfillForm(forms.Form):
    """Ask for a stretch of the past, [start, end), in UTC."""

    start = forms.DateTimeField(widget=_TO_THE_SECOND, help_text="UTC; the first instant")
    end = forms.DateTimeField(widget=_TO_THE_SECOND, help_text="UTC; the end, exclusive")

    def clean(self) -> dict[str, Any]:
        """Refuse a stretch that runs backwards."""
        found: dict[str, Any] = self.cleaned_data
        start, end = found.get("start"), found.get("end")
        if start and end and start >= end:
            raise ValidationError("The end must come after the start.")
        return found


def run_each(entries: Iterable[Entry], *, by: str, clock: Clock) -> list[Answer]:
    """Ask for one run of each entry now, besides its schedule."""

    def ask(entry: Entry) -> str:
        return f"run {run_now(_name(entry), by=by, clock=clock)} is asked for; the leader publishes it"

    return [_answer(entry, ask) for entry in entries]


def pause_each(entries: Iterable[Entry], *, by: str, clock: Clock, reason: str) -> list[Answer]:
    """Let nothing of these entries fire until they are resumed."""

    def pause(entry: Entry) -> str:
        _name(entry)
        pause_entry(entry, by=by, reason=reason, at=clock.now())
        return f"paused: {reason}"

    return [_answer(entry, pause) for entry in entries]


def resume_each(entries: Iterable[Entry], *, by: str, clock: Clock) -> list[Answer]:
    """Let these entries fire again, from now on."""

    def resume(entry: Entry) -> str:
        if not is_paused(entry):
            return "was not paused"
        resume_entry(entry, by=by, at=clock.now())
        return "resumed"

    return [_answer(entry, resume) for entry in entries]


def backfill_each(entries: Iterable[Entry], *, by: str, clock: Clock, start: datetime, end: datetime) -> list[Answer]:
    """Ask for the runs of [start, end) that did not happen."""

    def ask(entry: Entry) -> str:
        done = backfill(_name(entry), start=start, end=end, by=by, clock=clock)
        counts = f"{done.made} asked for, {done.reopened} opened again, {done.left} left as they are"
        return f"{done.slots} slots from {start.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: {counts}"

    return [_answer(entry, ask) for entry in entries]


def _answer(entry: Entry, act: Callable[[Entry], str]) -> Answer:
    try:
        return Answer(entry, act(entry))
    except ThorError as error:
        return Answer(entry, str(error), ok=False)
    except UNREADABLE as error:
        return Answer(entry, f"its row cannot be read: {error}", ok=False)


def _name(entry: Entry) -> str:
    """Return the name by which the schedule knows the entry."""
    if entry.task is None or entry.retired_at is not None:
        raise NoSuchEntry("it is no longer on the schedule.")
    return str(entry.task.name)
