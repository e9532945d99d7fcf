"""How many of the owed fires are sent, how late, at what cost: the measurements while nothing goes wrong."""

import itertools
import math
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import psycopg

from benchmarks.lines import Cell, Cells, median, percentile
from benchmarks.processes import ROOT, Beat, ending
from benchmarks.reader import Fire, Reader
from benchmarks.subjects import Entries, Subject, Thor


@dataclass(frozen=True, slots=True)
class Size:
    """How long a run may take: the seconds of a window and of waiting, how often a failure is provoked."""

    window: float = 15
    long_window: float = 20
    patience: float = 30
    large: int = 100_000
    edits: int = 20
    kills: int = 10
    stops: int = 5
    restarts: int = 3


#: What is quoted. The peers get shorter runs: most of their figures are the same after ten seconds as after a minute.
FULL = Size()
FULL_PEERS = Size(window=10, long_window=10, edits=5, kills=3, stops=3, restarts=2)
#: To see that everything works.
QUICK = Size(window=5, long_window=10, patience=8, large=20_000, edits=6, kills=2, stops=2, restarts=1)
QUICK_PEERS = Size(window=4, long_window=10, patience=8, large=20_000, edits=2, kills=1, stops=1, restarts=1)


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen in a stretch of time: fires, how many were owed, CPU of beat and of its database connections."""

    fires: list[Fire]
    owed: float
    seconds: float
    cpu: float
    database_cpu: float
    arrived: int

    @property
    def share(self) -> float:
        """Return the share of what was owed that was sent, 1 at most."""
        return min(1.0, len(self.fires) / self.owed)

    def cpu_cell(self) -> Cell:
        """Return the CPU that a fire cost."""
        if not self.arrived:
            return Cell(f"no fire in {self.seconds:.0f} s", {"ms": None, "fires": 0})
        ms, database = self.cpu * 1000 / self.arrived, self.database_cpu * 1000 / self.arrived
        values = {"ms": ms, "database_ms": database, "fires": self.arrived, "busy": self.cpu / self.seconds}
        return Cell(f"{ms:.2f} ms", values)

    def share_cell(self) -> Cell:
        """Return the share that was sent."""
        values = {"share": self.share, "sent": len(self.fires), "owed": self.owed, "window_s": self.seconds}
        return Cell(f"{self.share * 100:.4g} % ({len(self.fires) / self.seconds:,.0f}/s)", values)


@contextmanager
def scheduled(subject: Subject, entries: Entries) -> Iterator[tuple[Reader, Beat]]:
    """Fill a fresh schedule and start one beat on it; give the reader and the beat."""
    with subject.fresh():
        subject.fill(entries)
        with subject.reader() as reader, ending([subject.beat()]) as beats:
            yield reader, beats[0]


def watch(subject: Subject, entries: Entries, reader: Reader, beat: Beat, seconds: float) -> Window:
    """Look at `seconds` of steady running. What tells when it was due counts by that, else by its arrival."""
    reader.wait_for(1, 40)
    time.sleep(1.5)
    begin = math.floor(time.time()) + 1.5
    time.sleep(begin - time.time())
    before, cpu, database = reader.number, beat.cpu(), _database_cpu(subject)
    time.sleep(begin + seconds - time.time())
    arrived, cpu, database = reader.number - before, beat.cpu() - cpu, _database_cpu(subject) - database
    time.sleep(1.5)
    fires = [fire for fire in reader.fires() if begin <= (fire.nominal or fire.at) < begin + seconds]
    return Window(fires, entries.rate * seconds, seconds, cpu, database, arrived)


def steady(subject: Subject, entries: Entries, seconds: float) -> Window:
    """Run a schedule and look at it for `seconds`."""
    with scheduled(subject, entries) as (reader, beat):
        return watch(subject, entries, reader, beat, seconds)


def thousand(subject: Subject, size: Size) -> Cells:
    """Measure 1,000 entries of one second, all due at the same instant."""
    window = steady(subject, Entries(1000), size.window)
    cells = {"share_1000": window.share_cell(), "cpu_1000": window.cpu_cell()}
    if isinstance(subject, Thor):
        cells |= {"lateness_1000": _lateness(window), "early_1000": _early(window)}
    return cells


def thousand_spread(subject: Subject, size: Size) -> Cells:
    """Measure 1,000 entries of one second, each due at a millisecond of its own."""
    window = steady(subject, Entries(1000, phases=1000, apart=0.001), size.window)
    cell = _lateness(window)
    more = {"early": _early(window).values["early"], "share": window.share, "cpu_ms": window.cpu_cell().values["ms"]}
    return {"lateness_1000_spread": Cell(cell.text, {**cell.values, **more})}


def ten_thousand(subject: Subject, size: Size) -> Cells:
    """Measure 10,000 entries of ten seconds, all due at the same instant, as rows without a start time are."""
    window = steady(subject, Entries(10_000, period=10), size.long_window)
    cells = {"share_10000": window.share_cell()}
    # Peers are behind all the time, so phases make no difference; for Thor they are measured by themselves.
    return cells if isinstance(subject, Thor) else {**cells, "cpu_10000": window.cpu_cell()}


def ten_thousand_rate(subject: Subject, size: Size) -> Cells:
    """Measure the CPU of 10,000 entries of ten seconds, a thousand due each second."""
    window = steady(subject, Entries(10_000, period=10, phases=10, apart=1.0), size.window)
    return {"cpu_10000": window.cpu_cell()}


def burst(subject: Subject, size: Size) -> Cells:
    """Measure how long 10,000 entries take that are due at one instant, with nothing due before."""
    number, due = 10_000, float(math.floor(time.time()) + 16)
    with scheduled(subject, Entries(number, period=3600, first_at=due)) as (reader, beat):
        beat.settle(15)
        is_late = time.time() > due
        time.sleep(max(0.0, due - time.time()))
        reader.wait_for(number, size.patience)
        sent, seconds = reader.number, reader.last_at - due
    values = {"share": sent / number, "seconds": seconds, "sent": sent, "was_ready": float(not is_late)}
    text = f"{seconds:.2f} s" if sent >= number else f"{sent:,} in {size.patience:g} s"
    return {"burst_10000": Cell(text, values)}


def large(subject: Subject, size: Size) -> Cells:
    """Start with a large schedule, twice; watch it at a thousand fires a second, over a re-reading of the schedule."""
    entries = Entries(size.large, period=size.large / 1000, phases=size.large // 1000, apart=1.0)
    with subject.fresh():
        subject.fill(entries)
        with subject.reader() as reader:
            first = _start(subject, reader, size)
            if first is None:
                nothing = Cell(f"nothing sent in {size.patience:g} s", {"first_s": None, "again_s": None})
                return {"start_100000": nothing}
            with ending([subject.beat()]) as beats:
                again, mib = _first_fire(reader, beats[0], size)
                window = watch(subject, entries, reader, beats[0], size.long_window)
                later, peak = beats[0].rss(), beats[0].peak_rss()
    start = {"first_s": first, "again_s": again, "entries": entries.number}
    memory = {"mib": mib, "later_mib": later, "peak_mib": peak, "entries": entries.number}
    text = f"{again:.1f} s (first start {first:.1f} s)" if again is not None else f"first start {first:.1f} s"
    return {
        "start_100000": Cell(text, start),
        "memory_100000": Cell(f"{mib:.0f} MiB ({later:.0f} after {reader.number:,} fires)", memory),
        "cpu_100000": window.cpu_cell(),
    }


def hundred(subject: Subject, size: Size) -> Cells:
    """Measure what drift loses of 100 entries of one second, and how regular their fires are."""
    window = steady(subject, Entries(100), size.window)
    errors = [abs(gap - 1) * 1000 for gap in gaps(window.fires)]
    lost = 1 - window.share
    p50, p99 = median(errors), percentile(errors, 0.99)
    return {
        "lost_100": Cell(f"{lost * 100:.3g} %", {"lost": lost, "sent": len(window.fires), "owed": window.owed}),
        "period_100": Cell(f"{p99:.1f} ms", {"p50_ms": p50, "p99_ms": p99, "max_ms": max(errors)}),
    }


def edits(subject: Subject, size: Size) -> Cells:
    """Switch entries on, one after the other, and wait for the first dispatch of each.

    They have a period of 50 ms, so that the wait for their next slot, which the figure includes, is short.
    """
    off = Entries(size.edits, period=0.05, enabled=False)
    with scheduled(subject, off) as (reader, beat), _editor(subject) as edit:
        beat.settle(15)
        took = [ms for entry in range(size.edits) if (ms := _edit(reader, edit, entry)) is not None]
    if not took:
        return {"edit": Cell("no effect in 15 s", {"edits": size.edits})}
    p50, p99 = median(took), percentile(took, 0.99)
    values = {"p50_ms": p50, "p99_ms": p99, "edits": size.edits, "in_time": len(took)}
    return {"edit": Cell(f"{p50:,.0f} / {p99:,.0f} ms", values)}


def gaps(fires: list[Fire]) -> list[float]:
    """Return the seconds between the fires of each entry."""
    arrivals: dict[int, list[float]] = defaultdict(list)
    for fire in fires:
        arrivals[fire.entry].append(fire.at)
    return [later - at for times in arrivals.values() for at, later in itertools.pairwise(times)] or [0.0]


def _lateness(window: Window) -> Cell:
    late = [fire.lateness_ms for fire in window.fires]
    p50, p99 = median(late), percentile(late, 0.99)
    return Cell(f"{p50:.0f} / {p99:.0f} ms", {"p50_ms": p50, "p99_ms": p99, "max_ms": max(late)})


def _early(window: Window) -> Cell:
    early = sum(fire.lateness_ms < 0 for fire in window.fires)
    return Cell(str(early), {"early": early})


def _start(subject: Subject, reader: Reader, size: Size) -> float | None:
    """Start for the first time; return the seconds to the first dispatch, once the start is over."""
    with ending([subject.beat()]) as beats:
        seconds, _ = _first_fire(reader, beats[0], size)
        time.sleep(4)
        beats[0].end(signal.SIGTERM)
    return seconds


def _first_fire(reader: Reader, beat: Beat, size: Size) -> tuple[float | None, float]:
    before = reader.number
    if not reader.wait_for(before + 1, size.patience):
        return None, beat.rss()
    return reader.fires()[before].at - beat.started_at, beat.rss()


def _edit(reader: Reader, edit: Callable[[str], float], entry: int) -> float | None:
    """Switch an entry on and off again; return the milliseconds to its first dispatch."""
    time.sleep(random.uniform(0.3, 1.3))
    committed_at = edit(f"on entry {entry}")
    reader.wait(lambda: _first(reader, entry) is not None, 15)
    edit(f"off entry {entry}")
    fire = _first(reader, entry)
    return None if fire is None else (fire.at - committed_at) * 1000


def _first(reader: Reader, entry: int) -> Fire | None:
    return next((fire for fire in reader.fires() if fire.entry == entry), None)


@contextmanager
def _editor(subject: Subject) -> Iterator[Callable[[str], float]]:
    process = subprocess.Popen(
        subject.editor(),
        cwd=ROOT,
        env=subject.environment(PGAPPNAME="editor"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def edit(line: str) -> float:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    try:
        process.stdout.readline()
        yield edit
    finally:
        process.kill()
        process.wait(timeout=10)


def _database_cpu(subject: Subject) -> float:
    """Return the CPU seconds of the connections that beat has to its database."""
    if not subject.database_url:
        return 0.0
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'beat' AND datname = current_database()"
    with psycopg.connect(subject.database_url, autocommit=True) as connection:
        pids = [pid for (pid,) in connection.execute(query).fetchall()]
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids if psutil.pid_exists(pid))
