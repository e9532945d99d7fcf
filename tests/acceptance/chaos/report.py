"""Say what one run of chaos showed, with figures that can be quoted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from uuid import UUID

from tests.acceptance.chaos.checker import (
    History,
    Row,
    ended_once,
    every_slot_accounted_for,
    lost_with_cause,
    none_early,
    started_once,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run showed; `raged` is how many seconds faults came, `left_out` names those that could not.

    `again` are the arguments of the run; `folder` is where its logs are.
    """

    seed: int
    findings: list[str]
    history: History
    faults: Counter[str]
    armed: Counter[str]
    raged: float
    left_out: Sequence[str]
    again: str
    folder: Path

    @property
    def occurrences(self) -> int:
        """Return how many occurrences the ledger speaks of, those dropped in a row included, the crowd's not."""
        return sum(row.count for row in self.history.rows if not _is_of_crowd(row))

    def report(self) -> str:
        """Tell people what happened."""
        crowd = sum(row.count for row in self.history.rows if _is_of_crowd(row))
        lines = [
            f"seed {self.seed}: {self.occurrences} occurrences in {self.raged:.0f} s, "
            f"{self.occurrences / self.raged:.0f} a second, and {crowd} of the crowd; {len(self.history.rows)} rows",
            self._bodies(),
            self._wrongs(),
            f"{len({term for term, _ in self.history.reigns})} reigns, {len(self.history.overloads)} overloads, "
            f"worst gap between starts of a 1 s entry {_worst_gap(self.history):.1f} s",
            f"{sum(self.faults.values())} faults: " + _listed(self.faults),
            f"{sum(self.armed.values())} processes armed to end or freeze at a step: " + _listed(self.armed),
            "states: " + _listed(_states(self.history)),
            *([f"left out: {', '.join(self.left_out)}"] if self.left_out else []),
        ]
        if self.findings:
            lines += [f"FOUND {len(self.findings)}:", *(f"  {finding}" for finding in self.findings[:40])]
            lines += [f"Run it again: python -m tests.acceptance.chaos.run {self.again}", f"Logs: {self.folder}"]
        return "\n".join(lines)

    def _bodies(self) -> str:
        rows = {row.uid: row for row in self.history.rows}
        late = sorted(body.start - rows[body.uid].due_at for body in self.history.bodies if body.uid in rows)
        cuts = quantiles(late, n=100) if len(late) > 1 else [0.0] * 99
        succeeded = sum(row.state == "succeeded" for row in self.history.rows)
        return (
            f"{len(self.history.bodies)} bodies started, {succeeded} runs succeeded; "
            f"started after its time: p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"
        )

    def _wrongs(self) -> str:
        rules = {
            "second starts": started_once, "early": none_early, "unexplained losses": lost_with_cause,
            "without an end": ended_once, "entries with gaps": every_slot_accounted_for,
        }  # fmt: skip
        return ", ".join(f"{name} {len(list(rule(self.history)))}" for name, rule in rules.items())


def _states(history: History) -> Counter[str]:
    """Count occurrences by how they ended; the crowd of the overloads apart, since it is meant to be missed."""
    found = Counter[str]()
    for row in history.rows:
        state = f"{row.state}: {row.reason}" if row.state in ("missed", "skipped") else row.state
        found[f"{state} (crowd)" if _is_of_crowd(row) else state] += row.count
    return found


def _is_of_crowd(row: Row) -> bool:
    return row.name.startswith("crowd_")


def _listed(numbers: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.most_common())


def _worst_gap(history: History) -> float:
    """Return the longest time between the starts of two successive bodies of an entry that is due each second."""
    fast = {line.entry for line in history.lines if line.period == 1}
    entries = {row.uid: row.entry for row in history.rows if row.entry in fast and not row.exclusive}
    starts: dict[UUID, list[float]] = {}
    for body in history.bodies:
        if body.uid in entries:
            starts.setdefault(entries[body.uid], []).append(body.start)
    gaps = [after - before for times in starts.values() for before, after in pairwise(sorted(times))]
    return max(gaps, default=0.0)
