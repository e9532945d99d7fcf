"""What a job declares about itself."""

import difflib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from thor.errors import ThorError
from thor.jobs import middleware
from thor.jobs.middleware.doubt import OnDoubt
from thor.jobs.middleware.waits_for import can_be_asked
from thor.timing import All, Always, Cadence, Cron, During, Every, Latest, OncePerSession, Skip, Window
from thor.timing.entry import FIXED_TIME_GRACE

#: At a start of the system a driver runs it, whatever market it belongs to, or none.
SYSTEM_START = "system_start"
ALSO_AT = frozenset({"session_end", "break_start", SYSTEM_START})
#: What of a line the environment may pin.
PINNABLE = frozenset({"cadence", "window"})
LONGEST_TIME_LIMIT = timedelta(minutes=30)
SHORTEST_TIME_LIMIT = timedelta(seconds=30)


class BadJob(ThorError):
    """A job declares something that cannot be kept."""


class Overlap(StrEnum):
    """What happens to an occurrence that falls due while an earlier run of its entry is not over."""

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job: its name, its body, when and where it is due, and its policies.

    `markets` is "venues", "control", a tuple of market keys, or None for work that belongs to no market. Where the
    configuration decides about the tuple, which may be empty then, `where` says so to people. `jitter` spreads the
    entries of the job: each is later than its cadence by a share of it, always the same. `pinned` names the fields that
    the environment decides, each with its variable (`thor.env.pins`): no edit of them counts while it is set.
    """

    name: str
    body: Callable[..., Any]
    group: str
    cadence: Cadence
    window: Window = field(default_factory=Always)
    markets: str | tuple[str, ...] | None = None
    where: str = ""
    also_at: frozenset[str] = frozenset()
    catch_up: Skip | Latest | All = field(default_factory=Skip)
    deadline: timedelta | None = None
    jitter: timedelta = timedelta(0)
    overlap: Overlap = Overlap.SKIP
    queue: str = "default"
    repeatable: bool = False
    pinned: Mapping[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Return the first line of the module's or the body's docstring."""
        text = inspect.getdoc(sys.modules.get(self.body.__module__)) or inspect.getdoc(self.body) or ""
        return text.split("\n")[0]

    @property
    def time_limit(self) -> timedelta:
        """Return how long the body may take: as declared, else ten periods, between 30 s and 30 min."""
        declared = self.options.get("time_limit")
        if declared is not None:
            return declared  # type: ignore[no-any-return]
        period = self.cadence.period or LONGEST_TIME_LIMIT
        return min(max(10 * period, SHORTEST_TIME_LIMIT), LONGEST_TIME_LIMIT)


FIELDS = frozenset(name for name in JobSpec.__dataclass_fields__ if name not in {"name", "body", "group", "options"})


def make_spec(name: str, body: Callable[..., Any], group: str, declared: dict[str, Any]) -> JobSpec:
    """Return the spec of a declaration; raise `BadJob` with one sentence that names what to change."""
    _refuse_unknown_options(name, declared)
    values = {key: value for key, value in declared.items() if key in FIELDS}
    options = {key: value for key, value in declared.items() if key not in FIELDS}
    if "cadence" not in values:
        raise BadJob(f"job {name!r} declares no cadence; write, for example, cadence=Every(seconds=10).")
    values["also_at"] = frozenset(values.get("also_at", ()))
    values["pinned"] = _pinned(name, values.get("pinned", {}))
    values["overlap"] = _overlap(name, values.get("overlap", Overlap.SKIP))
    spec = JobSpec(name=name, body=body, group=group, options=options, **values)
    _refuse_what_cannot_be_kept(spec)
    return spec


def _overlap(name: str, value: str) -> Overlap:
    try:
        return Overlap(value)
    except ValueError:
        allowed = ", ".join(Overlap)
        raise BadJob(f"job {name!r}: overlap={value!r} is not one of {allowed}.") from None


def _pinned(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(one, str) and one for one in value.values()):
        raise BadJob(f"job {name!r}: pinned={value!r} is no mapping of fields to variables; write pinned=pins(…).")
    for unknown in value.keys() - PINNABLE:
        allowed = ", ".join(sorted(PINNABLE))
        raise BadJob(f"job {name!r}: {unknown!r} cannot be pinned; the fields are {allowed}.")
    return dict(value)


def _refuse_unknown_options(name: str, declared: dict[str, Any]) -> None:
    known = FIELDS | middleware.options()
    for key in declared:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(sorted(known))}."
            raise BadJob(f"job {name!r} has an unknown option {key!r}; {hint}")


def _refuse_what_cannot_be_kept(spec: JobSpec) -> None:
    if not isinstance(spec.cadence, (Every, Cron, OncePerSession)):
        raise BadJob(f"job {spec.name!r}: cadence must be Every, Cron or OncePerSession, not {spec.cadence!r}.")
    period = spec.cadence.period
    is_once = isinstance(spec.cadence, OncePerSession)
    needs_market = isinstance(spec.window, During) or is_once or spec.also_at - {SYSTEM_START}
    refusals = (
        (
            isinstance(spec.cadence, Every) and period is not None and period < timedelta(seconds=1),
            "a period under one second is refused; use one second or more",
        ),
        (
            not timedelta(0) <= spec.jitter < (period or FIXED_TIME_GRACE) or bool(spec.jitter and is_once),
            "jitter must be shorter than the period, under ten minutes for fixed times, and none once a session",
        ),
        (not spec.window.can_open(), f"the window {spec.window.text()} can never open; turn its edges round"),
        (bool(needs_market) and spec.markets is None, 'it depends on sessions, so name its markets, e.g. "venues"'),
        (bool(spec.also_at - ALSO_AT), f"also_at must be of {', '.join(sorted(ALSO_AT))}"),
        (
            isinstance(spec.catch_up, All) and spec.overlap is Overlap.SKIP,
            'catch_up=All with overlap="skip" would drop what it catches up; use overlap="queue_one"',
        ),
        (
            spec.options.get("on_doubt", OnDoubt.SKIP) not in list(OnDoubt),
            f"on_doubt must be one of {', '.join(OnDoubt)}",
        ),
        ("on_doubt" in spec.options and spec.markets is None, "on_doubt is for jobs of markets; leave it out"),
        (
            "waits_for" in spec.options and not can_be_asked(spec.options["waits_for"]),
            "waits_for must be a callable of one instant that returns why the body must wait, or nothing",
        ),
        (
            "tries_again" in spec.options and not (is_once and _is_a_wait(spec.options["tries_again"])),
            "tries_again is for what comes once a session: a timedelta of a second or more; leave it out",
        ),
        (not spec.queue.isidentifier(), f"queue {spec.queue!r} is no name of a queue"),
    )
    for wrong, sentence in refusals:
        if wrong:
            raise BadJob(f"job {spec.name!r}: {sentence}.")


def _is_a_wait(value: Any) -> bool:
    return isinstance(value, timedelta) and value >= timedelta(seconds=1)
