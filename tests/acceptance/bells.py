"""Let the bells of the nine control markets ring in a replay, and measure what they do to the schedule.

`python -m tests.postgres python -m tests.acceptance.bells --bells 200` prints the figures of a long row of bells. The
replay runs on the wall thousands of times as fast; what is measured is the wall: from the instant of a bell to the
commit that toggles a line, noted by a trigger of PostgreSQL, and to the begin of the first body.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.acceptance.house import House, built

#: A Monday without a holiday anywhere, before Tokyo opens; the second week has none either.
START = datetime(2026, 6, 1, 0, tzinfo=UTC) - timedelta(hours=1)
SPEED = 4000
#: Bells of the wall that are nearer than this count as one: a turn rings them together.
TOGETHER = 0.01
#: What has not followed a bell by then, in seconds of the wall, does not follow it.
LATEST = 30.0
TASK = """
import json, os, time
from thor.jobs import job
from thor.timing import Between, During, Every

def note(occurrence):
    line = json.dumps([occurrence.market, occurrence.nominal_at.isoformat(), time.time()])
    log = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(log, (line + "\\n").encode())
    os.close(log)


@job(cadence=Every(minutes=1), window=During("open"), markets="control", queue="market_data")
def probe(occurrence, **_):
    note(occurrence)
"""
#: A deferred trigger runs at the commit: nobody sees a toggle before it.
AUDIT = """
CREATE TABLE toggle (name text, enabled boolean, at timestamptz);
CREATE FUNCTION note_toggle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO toggle VALUES (NEW.name, NEW.enabled, clock_timestamp());
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER toggled AFTER UPDATE ON django_celery_beat_periodictask DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.enabled IS DISTINCT FROM NEW.enabled) EXECUTE FUNCTION note_toggle();
"""
#: (instant on the wall, market, whether it opens) of every instant at which trading begins or stops.
BELLS = """
from datetime import date, timedelta
from thor.leadership.clock import process_clock
from thor.markets.selectors import active_tables
clock, answer = process_clock(), []
first = clock.start.date()
for row, table in active_tables(role="control"):
    for session in table.between(first, first + timedelta(days={days})):
        for span in session.trading_spans():
            answer += [(clock.wall_of(span.start).timestamp(), row.key, True)]
            answer += [(clock.wall_of(span.end).timestamp(), row.key, False)]
answer.sort()
"""


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One instant on the wall (seconds since the epoch) at which a market begins to trade, or stops."""

    at: float
    market: str
    opens: bool


@dataclass(slots=True)
class Report:
    """What followed the bells: seconds until each was shown and until the first body, and what should not be."""

    toggled: list[float] = field(default_factory=list)
    fired: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Say it in three lines."""
        return "\n".join(
            (
                f"bells toggled: {_figures(self.toggled)}",
                f"first body:    {_figures(self.fired)}",
                f"wrong: {len(self.wrong)} {self.wrong[:5]}",
            )
        )


class Bells:
    """A house in which only a probe runs on the control markets, each minute that they trade."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.log = house, folder / "bodies"
        (folder / "bell_probe.py").write_text(TASK.format(path=str(self.log)))
        house.variables |= {"PYTHONPATH": str(folder), "THOR_IMPORTS": "bell_probe", "THOR_JOBS": "probe"}
        house.prepare()
        house.execute(AUDIT)

    def begin(self, *, beats: int = 2) -> None:
        """Start a worker and the schedulers; all edges are known when one of them leads."""
        self.house.worker()
        for number in range(1, beats + 1):
            self.house.beat(f"beat{number}")
        self.house.wait_for(
            lambda: self.house.count("SELECT count(*) FROM jobs_run WHERE state = 'succeeded'"), "a run"
        )

    def edges(self, days: int = 30) -> list[Edge]:
        """Return every edge of so many days, in order."""
        return [Edge(*found) for found in self.house.python(BELLS.format(days=days))]

    def toggles(self) -> list[tuple[str, bool, float]]:
        """Return what was toggled: market, whether on, when it was committed."""
        rows = self.house.rows("SELECT name, enabled, extract(epoch FROM at) FROM toggle ORDER BY at")
        return [(name.removeprefix("probe @ "), enabled, float(at)) for name, enabled, at in rows]

    def bodies(self) -> list[tuple[str, str, float]]:
        """Return what ran: market, nominal instant, when its body began."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [tuple(json.loads(line)) for line in lines]

    def report(self, edges: list[Edge]) -> Report:
        """Compare what was toggled and what ran with these edges, which lie one after another."""
        report = Report()
        first, last = edges[0].at - TOGETHER, edges[-1].at + TOGETHER
        toggles = [found for found in self.toggles() if first <= found[2]]
        for edge in edges:
            self._match(edge, toggles, report)
        known = {(edge.market, edge.opens) for edge in edges}
        left = [found for found in toggles if found[2] <= last and found[:2] in known]
        report.wrong += [f"{market} {'on' if on else 'off'} at {at:.3f} for no reason" for market, on, at in left]
        self._bodies(edges, report)
        return report

    def settled(self, edges: list[Edge], seconds: float = LATEST) -> Report:
        """Return the report once nothing is missing, or so many seconds from now: a machine may stand still."""
        deadline = time.time() + seconds
        while (report := self.report(edges)).wrong and time.time() < deadline:
            time.sleep(0.5)
        return report

    def _match(self, edge: Edge, toggles: list[tuple[str, bool, float]], report: Report) -> None:
        found = next((t for t in toggles if t[:2] == (edge.market, edge.opens) and t[2] >= edge.at), None)
        if found is None:
            report.wrong.append(f"{edge} was not shown")
            return
        toggles.remove(found)
        report.toggled.append(found[2] - edge.at)

    def _bodies(self, edges: list[Edge], report: Report) -> None:
        by_market: dict[str, list[float]] = {}
        for market, _, at in self.bodies():
            by_market.setdefault(market, []).append(at)
        for edge in (edge for edge in edges if edge.opens):
            times = sorted(by_market.get(edge.market, []))
            place = bisect_right(times, edge.at)
            if place == len(times):
                report.wrong.append(f"nothing ran after {edge}")
            else:
                report.fired.append(times[place] - edge.at)


@contextmanager
def ringing(speed: float = SPEED, start: datetime = START) -> Iterator[Bells]:
    """Build the house of the bells, and tear it down again."""
    variables = {
        "THOR_CLOCK": "replay",
        "THOR_REPLAY_START": start.isoformat(),
        "THOR_REPLAY_SPEED": str(speed),
    }
    # The house ends first: its workers write into the folder until then.
    with tempfile.TemporaryDirectory(prefix="thor-bells-") as folder, built(**variables) as house:
        yield Bells(house, Path(folder))


def watch(number: int, speed: float = SPEED) -> Report:
    """Let so many bells ring, with a second scheduler standing by, and report."""
    with ringing(speed) as bells:
        bells.begin()
        begun = time.time() + 2.0
        ahead = [edge for edge in bells.edges() if edge.at > begun][:number]
        while time.time() < ahead[-1].at + 2.0:
            time.sleep(0.2)
        return bells.settled(ahead)


def _figures(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(1000 * value for value in seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return f"{len(ordered)}, median {statistics.median(ordered):.0f}, p99 {p99:.0f}, most {ordered[-1]:.0f} ms"


def main() -> int:
    """Print the figures of a row of bells."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bells", type=int, default=200)
    parser.add_argument("--speed", type=float, default=SPEED)
    options = parser.parse_args()
    report = watch(options.bells, options.speed)
    sys.stdout.write(report.text() + "\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
