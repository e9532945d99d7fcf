"""Read the schedule as it stands, without writing to it: which lines fire, and which do not, with the reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from thor.jobs import lines
from thor.jobs.lines import Line
from thor.jobs.models import Entry
from thor.jobs.registry import owned, specs
from thor.jobs.schedule import Row, row_of, seen_at
from thor.jobs.spec import BadJob
from thor.jobs.sync import entry_name, markets_of
from thor.markets.registry import markets


@dataclass(frozen=True, slots=True)
class Silent:
    """Name an entry that has no occurrence on the date, and say why."""

    entry: str
    job: str
    market: str
    why: str


class Standing(NamedTuple):
    """One line of the schedule as it stands; where it fires nothing on any date, `why` says the reason."""

    line: Line
    why: str

    @property
    def names(self) -> set[str]:
        """Return the names under which a person may ask for it: its own, its job's, its task's."""
        return {self.line.name, self.line.job, self.line.task} - {""}

    def silent(self, why: str = "") -> Silent:
        """Return it as an entry without occurrences."""
        return Silent(self.line.name, self.line.job, self.line.market, self.why or why)

    def row(self, at: datetime) -> Row:
        """Return the line as the leader would take it at an instant; raise one of `UNREADABLE` where it cannot."""
        return row_of(seen_at(self.line, at))


class _Wish(NamedTuple):
    """What a person wants of an entry, and what the gate last wrote to its line."""

    gated: bool = True
    paused_by: str | None = None
    reason: str | None = None


class Declared(NamedTuple):
    """What the jobs of this installation call for: the active markets of each, and what is wrong with declarations.

    A job of which it cannot be told is not among them.
    """

    markets: dict[str, list[str]]
    mistakes: list[str]


def declared() -> Declared:
    """Return what the jobs of this installation call for, as `sync_jobs` would read it now."""
    found = Declared({}, [])
    alike: dict[Any, list[str]] = {}  # most jobs want the same markets: they are looked up once
    for name, spec in owned().items():
        try:
            if spec.markets not in alike:
                alike[spec.markets] = markets_of(spec)
            found.markets[name] = alike[spec.markets]
        except BadJob as error:
            found.mistakes.append(str(error))
    return found


def standings(at: datetime, jobs: Declared) -> list[Standing]:
    """Return every line of the schedule, those that nobody has identified yet among them, in order of name."""
    known = {pk: _Wish(*wish) for pk, *wish in Entry.objects.values_list("id", *_WISHED)}
    judge = _Judge(set(owned()), jobs, {row.key for row in markets() if row.active}, known)
    found = [Standing(line, judge.why_off(line)) for line in _all_lines(at)]
    return sorted(found, key=lambda standing: standing.line.name)


def without_lines(found: list[Standing], jobs: Declared) -> list[str]:
    """Return what has no line yet, since nobody has synchronised it: jobs, or entries where a job lacks some alone."""
    known = {(standing.line.job, standing.line.market) for standing in found}
    names: list[str] = []
    for job, wanted in jobs.markets.items():
        missing = [entry_name(specs()[job], market) for market in wanted if (job, market) not in known]
        names += [job] if missing and len(missing) == len(wanted) else missing
    return sorted(names)


_WISHED = ("gated", "control__paused_by", "control__reason")


def _all_lines(at: datetime) -> Iterator[Line]:
    yield from lines.read()
    yield from lines.strangers(at)


class _Judge:
    """Tell of each line whether it fires, as the leader would after its next look and the next `sync_jobs`."""

    def __init__(self, jobs: set[str], declared: Declared, active: set[str], wishes: dict[UUID, _Wish]) -> None:
        self._jobs, self._declared, self._active, self._wishes = jobs, declared.markets, active, wishes

    def why_off(self, line: Line) -> str:
        """Return what keeps a line from firing on any date, as things stand; nothing where it may fire."""
        if line.job and line.job not in self._jobs:
            return "not in THOR_JOBS" if line.job in specs() else "no job of that name is declared any more"
        if line.market and line.market not in self._active:
            return f"the market {line.market} is not active"
        if line.market not in self._declared.get(line.job, [line.market]):
            return "its job is not declared for this market any more" if line.market else "its job is of markets now"
        if line.retired_at is not None:
            return "retired; manage.py sync_jobs takes it up again if its job still wants it"
        return self._switched_off(line, self._wishes.get(line.entry, _Wish()))

    def _switched_off(self, line: Line, wish: _Wish) -> str:
        if line.paused:
            return f"paused by {wish.paused_by or 'somebody'}" + (f": {wish.reason}" if wish.reason else "")
        # The gate writes a job's column too; where it says otherwise than the gate last wrote, a person did.
        is_off = not line.enabled and (not line.job or wish.gated)
        return "switched off" if is_off else ""


def everybody(found: list[Standing]) -> list[str]:
    """Return every name that a person may ask for, declared jobs among them."""
    names: set[Any] = set(specs())
    return sorted(names.union(*(standing.names for standing in found)))
