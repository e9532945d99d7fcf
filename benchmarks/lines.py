"""The lines of the table: what each is called, what Thor must reach, and what came out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table, and the goal that Thor's figures are held against."""

    title: str
    goal: str
    is_met: Callable[[Values], bool] = lambda values: True


@dataclass(frozen=True, slots=True)
class Cell:
    """What came out for one scheduler: the text of the table, and all figures (each with its unit in its name)."""

    text: str
    values: dict[str, float | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return asdict(self)


#: Figures of one scheduler, by the key of their line.
Cells = dict[str, Cell]

LINES: dict[str, Line] = {
    "share_1000": Line("1,000 entries, 1 s: share of owed fires sent", "100 %", lambda v: v["share"] == 1),
    "lateness_1000": Line(
        "  lateness p50 / p99, all at one instant",
        "≤ 60 / ≤ 120 ms",
        lambda v: v["p50_ms"] <= 60 and v["p99_ms"] <= 120,
    ),
    "lateness_1000_spread": Line(
        "  lateness p50 / p99, spread over the second", "p50 ≤ 10 ms", lambda v: v["p50_ms"] <= 10
    ),
    "early_1000": Line("  fires sent early", "0", lambda v: v["early"] == 0),
    "share_10000": Line("10,000 entries, 10 s: share of owed fires sent", "100 %", lambda v: v["share"] == 1),
    "burst_10000": Line(
        "10,000 entries due at one instant: all published after",
        "≤ 1.5 s",
        lambda v: v["share"] == 1 and v["seconds"] <= 1.5,
    ),
    "cpu_1000": Line("CPU a fire: 1,000 entries, 1 s", "≤ 0.25 ms", lambda v: v["ms"] <= 0.25),
    "cpu_10000": Line("CPU a fire: 10,000 entries, 10 s", "≤ 0.25 ms", lambda v: v["ms"] <= 0.25),
    "cpu_100000": Line(
        "CPU a fire: 100,000 entries, 100 s (beside 1,000)",
        "≤ 0.25 ms, + ≤ 20 %",
        lambda v: v["ms"] <= 0.25 and (v.get("beside_1000") or 0) <= 1.2,
    ),
    "lost_100": Line("100 entries, 1 s: fires lost to drift", "0 %", lambda v: v["lost"] == 0),
    "period_100": Line("  error of the period, p99", "≤ 10 ms", lambda v: v["p99_ms"] <= 10),
    "edit": Line("edit to first dispatch, p50 / p99", "p99 ≤ 500 ms", lambda v: v["p99_ms"] <= 500),
    "two_beats": Line("two beats, one 1 s entry, 10 s: fires", "10", lambda v: v["fires"] == 10),
    "killed": Line(
        "leader killed -9: gap between fires of a 1 s entry",
        "≤ 3 s max",
        lambda v: v["max_s"] <= 3 and not v.get("started_twice") and not v.get("without_row"),
    ),
    "terminated": Line(
        "leader terminated 50 ms before a fire: delay of that fire",
        "≤ 0.25 s, none missed",
        lambda v: v["max_s"] <= 0.25 and not v.get("missed"),
    ),
    "restarted": Line("beat killed just after a fire, restarted: second starts", "0", lambda v: v["twice"] == 0),
    "start_100000": Line("100,000 entries: start to first dispatch", "≤ 5 s", lambda v: v["again_s"] <= 5),
    "memory_100000": Line("  resident memory at that time", "≤ 250 MiB", lambda v: v["mib"] <= 250),
}


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed: one of them, never something in between."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered)) - 1))]


def median(values: list[float]) -> float:
    """Return the middle value."""
    return percentile(values, 0.5)
