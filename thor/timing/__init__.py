"""Know time, and nothing else: what is due, what was missed, when to look again.

The package is pure. It imports the standard library only, reads the wall clock in one module (`clock`) and
takes the time as an argument everywhere else, so a question asked twice has one answer, and a day can be
looked at before it happens.

The vocabulary, from the bottom up:

- a `Clock` tells business time and wall time, which differ in a replay;
- a `Session` is one trading day of one market; `Sessions` is whatever can list them; `phase_spans` names what
  the market is doing;
- a `Cadence` says how often (`Every`, `Cron`, `OncePerSession`, `Once`), a window says when it counts
  (`Always`, `During`, `Between`);
- an `Entry` joins them, with its catch-up policy (`Skip`, `Latest`, `All`) and its limits;
- `plan(entry, after=..., now=...)` decides the slots in (after, now]: an `Occurrence` for each that is due,
  one `Dropped` for each run of those that are not, and the time to ask again.

What holds, whatever is asked (the property tests say so too):

- every time is aware UTC, every stretch half-open [start, end);
- a decision covers (after, now]: never a slot before its time, and asked piece by piece no slot twice;
- a grid is arithmetic from the epoch, so it cannot drift, and a weekend of one-second slots is counted, not
  walked;
- outside its window an entry has no slots, and at the end of its window nothing of it may begin any more;
- due and dropped together are all slots: what is missed is said.

Edges worth knowing: a once-a-session entry whose window has a break is due on either side of it, but not in
it; a bell of `also_at` is a slot although the half-open window excludes it, unless the cadence has that slot
itself.
"""

from thor.timing.cadence import BadCadence, Cadence, Cron, Every, Once, OncePerSession
from thor.timing.catchup import All, CatchUp, Latest, Skip
from thor.timing.clock import Clock, ManualClock, ReplayClock, SteppedClock, SystemClock
from thor.timing.edges import BadWindow
from thor.timing.instants import EPOCH, micros
from thor.timing.jitter import jittered
from thor.timing.occurrence import Dropped, Occurrence, Reason, run_id
from thor.timing.phase import POST_CLOSE, PRE_CLOSE, PRE_OPEN, Phase, PhaseSpan, phase_spans
from thor.timing.plan import Entry, Plan, next_at, occurrences, plan
from thor.timing.session import Session, Sessions, Span
from thor.timing.window import Always, Between, During, Window, WindowSpan, parse_window

__all__ = [
    "EPOCH",
    "POST_CLOSE",
    "PRE_CLOSE",
    "PRE_OPEN",
    "All",
    "Always",
    "BadCadence",
    "BadWindow",
    "Between",
    "Cadence",
    "CatchUp",
    "Clock",
    "Cron",
    "Dropped",
    "During",
    "Entry",
    "Every",
    "Latest",
    "ManualClock",
    "Occurrence",
    "Once",
    "OncePerSession",
    "Phase",
    "PhaseSpan",
    "Plan",
    "Reason",
    "ReplayClock",
    "Session",
    "Sessions",
    "Skip",
    "Span",
    "SteppedClock",
    "SystemClock",
    "Window",
    "WindowSpan",
    "jittered",
    "micros",
    "next_at",
    "occurrences",
    "parse_window",
    "phase_spans",
    "plan",
    "run_id",
]
