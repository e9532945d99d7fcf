"""Say in which part of a session an entry is enabled.

A window turns sessions into spans, half-open. It knows no clock: half days, lunch breaks and changes of the
clocks move it because they move the bells. Outside its window an entry has no occurrences at all.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

from thor.timing.edges import LONGEST, LONGEST_SESSION, BadWindow, Edge, parse_edge
from thor.timing.instants import EARLIEST, LATEST, MICROSECOND, earlier, later
from thor.timing.phase import POST_CLOSE, Phase, phase_spans
from thor.timing.session import Session, Sessions

_IN_SESSION = (Phase.pre_open, Phase.open, Phase.break_, Phase.pre_close, Phase.post_close)
_CALL = re.compile(r"(always|during|between)\s*\(\s*(.*?)\s*\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """Mark a stretch [start, end) in which a window is open, and the session it belongs to."""

    start: datetime
    end: datetime
    session_date: date | None


class Window(Protocol):
    """Turn sessions into the spans in which an entry is enabled."""

    def spans(self, sessions: Sessions | None, start: datetime, end: datetime) -> list[WindowSpan]:
        """List the spans that touch [start, end]: whole, in order, disjoint, none empty."""

    def can_open(self) -> bool:
        """Say whether some session could open it: what never can is refused, not waited for."""

    def text(self) -> str:
        """Say it for people, so that `parse_window` reads it back."""


@dataclass(frozen=True, slots=True)
class Always:
    """Be enabled at all times, market or no market."""

    def spans(self, sessions: Sessions | None, start: datetime, end: datetime) -> list[WindowSpan]:
        """Return all of time as one span that belongs to no session."""
        return [WindowSpan(EARLIEST, LATEST, None)]

    def can_open(self) -> bool:
        """Return True."""
        return True

    def text(self) -> str:
        """Say `always`."""
        return "always"


@dataclass(frozen=True, slots=True, init=False)
class During:
    """Be enabled in some phases of each session.

    `During("open")` covers open and pre_close, in which trading goes on, but not breaks. How long post_close
    lasts is asked of the sessions (`post_close`, four hours where they do not say).
    """

    phases: tuple[Phase, ...]

    def __init__(self, *phases: str) -> None:
        named = {_phase(phase) for phase in phases}
        if not named:
            raise BadWindow(f"During() needs at least one phase of {_listed(_IN_SESSION)}.")
        if Phase.open in named:
            named.discard(Phase.pre_close)
        object.__setattr__(self, "phases", tuple(phase for phase in _IN_SESSION if phase in named))

    def spans(self, sessions: Sessions | None, start: datetime, end: datetime) -> list[WindowSpan]:
        """List its spans; phases of one session that touch are one span."""
        if sessions is None:
            return []
        wanted = {*self.phases, Phase.pre_close} if Phase.open in self.phases else {*self.phases}
        limit: timedelta = getattr(sessions, "post_close", POST_CLOSE)
        # A span is whole only if all phases that it is joined from are asked for.
        first, last = earlier(start, LONGEST_SESSION), later(end, LONGEST_SESSION)
        asked = phase_spans(sessions, first, last, post_close=limit)
        joined = _join(WindowSpan(s.start, s.end, s.session_date) for s in asked if s.phase in wanted)
        return [span for span in joined if span.end > start and span.start <= end]

    def can_open(self) -> bool:
        """Return True: a session without the phase is a matter of the day."""
        return True

    def text(self) -> str:
        """Say `during pre_open, open`."""
        return f"during {_listed(self.phases)}"


@dataclass(frozen=True, slots=True, init=False)
class Between:
    """Be enabled between two edges of each session, such as "open+5m" and "open+30m".

    A break in between does not count. Where the spans of two sessions would overlap, the later session takes
    over.
    """

    start: Edge
    end: Edge

    def __init__(self, start: str | Edge, end: str | Edge) -> None:
        object.__setattr__(self, "start", parse_edge(start) if isinstance(start, str) else start)
        object.__setattr__(self, "end", parse_edge(end) if isinstance(end, str) else end)

    def spans(self, sessions: Sessions | None, start: datetime, end: datetime) -> list[WindowSpan]:
        """List its spans; a session too short for it, or whose next open is unknown, has none."""
        if sessions is None:
            return []
        reach = max(abs(self.start.offset), abs(self.end.offset)) + MICROSECOND
        listed = _and_one_more(sessions, sessions.around(earlier(start, reach), later(end, reach)))
        found: list[WindowSpan] = []
        for session, following in zip(listed, [*listed[1:], None], strict=True):
            opens, closes = self.start.at(session, following), self.end.at(session, following)
            if opens is not None and closes is not None and opens < closes:
                found.append(WindowSpan(opens, closes, session.date))
        return [span for span in _part(found) if span.end > start and span.start <= end]

    def can_open(self) -> bool:
        """Say whether any session of an hour to a week, a month at most before the next, could open it."""
        return LONGEST[self.start.bell, self.end.bell] + self.end.offset > self.start.offset

    def text(self) -> str:
        """Say `between open+5m and open+30m`."""
        return f"between {self.start.text()} and {self.end.text()}"


def parse_window(text: str) -> Window:
    """Read a window as people write it: `always`, `during open`, `between open+5m and open+30m`.

    The form of the code, `Between("open+5m", "open+30m")`, is read as well. Raises BadWindow.
    """
    words = " ".join(text.replace('"', "").replace("'", "").split())
    called = _CALL.fullmatch(words)
    kind, _, rest = called[0].partition("(") if called else words.partition(" ")
    rest = called[2] if called else rest
    match kind.strip().lower():
        case "always" if not rest:
            return Always()
        case "during":
            return During(*(part.strip() for part in rest.split(",")))
        case "between":
            edges = re.split(r",|\sand\s", rest, flags=re.IGNORECASE)
            if len(edges) == 2:
                return Between(*edges)
    raise BadWindow(
        f"{text!r} is no window: write always, during and phases ({_listed(_IN_SESSION)}), or between and two"
        f" edges (such as between open+5m and open+30m, between close+10m and next open)."
    )


def _phase(name: str) -> Phase:
    try:
        phase = Phase(name.strip().lower())
    except ValueError:
        phase = Phase.closed
    if phase not in _IN_SESSION:
        raise BadWindow(f"{name!r} is no phase that a window can name: write one of {_listed(_IN_SESSION)}.")
    return phase


def _listed(phases: Iterable[Phase]) -> str:
    return ", ".join(phase.value for phase in phases)


def _and_one_more(sessions: Sessions, listed: Sequence[Session]) -> list[Session]:
    """Add the session after the last: the window of the last may need its open, and may cut the one before."""
    if not listed:
        return []
    last = listed[-1]
    beyond = sessions.around(last.open, later(last.close, MICROSECOND))
    return [*listed, *(session for session in beyond if session.open > last.open)]


def _join(spans: Iterable[WindowSpan]) -> list[WindowSpan]:
    """Make one span of those of one session that touch."""
    joined: list[WindowSpan] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last.end == span.start and last.session_date == span.session_date:
            joined[-1] = replace(last, end=span.end)
        else:
            joined.append(span)
    return joined


def _part(spans: list[WindowSpan]) -> list[WindowSpan]:
    """Cut each span where the next one begins."""
    starts = [*(span.start for span in spans[1:]), LATEST]
    cut = [replace(span, end=min(span.end, start)) for span, start in zip(spans, starts, strict=False)]
    return [span for span in cut if span.start < span.end]
