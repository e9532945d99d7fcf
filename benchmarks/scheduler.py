"""Measure Thor, django-celery-beat and redbeat side by side: `python -m benchmarks.scheduler`.

Needs the `bench` extra and PostgreSQL's programs; talks to nothing but loopback; ends all that it started.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from benchmarks import failures, machine, measurements, servers
from benchmarks.lines import LINES, Cell, Cells
from benchmarks.measurements import FULL, FULL_PEERS, QUICK, QUICK_PEERS, Size
from benchmarks.subjects import SUBJECTS, RedBeat, Subject, Thor

Measure = Callable[[Subject, Size], Cells]
ALL, THOR, LEADING = SUBJECTS, (Thor,), (Thor, RedBeat)
#: What `--quick` leaves out for the peers, unless it is asked for by name.
SLOW = frozenset({"large", "hundred", "edits", "killed", "terminated", "ten-thousand"})

MEASUREMENTS: dict[str, tuple[Measure, tuple[type[Subject], ...]]] = {
    "thousand": (measurements.thousand, ALL),
    "spread": (measurements.thousand_spread, THOR),
    "ten-thousand": (measurements.ten_thousand, ALL),
    "rate": (measurements.ten_thousand_rate, THOR),
    "burst": (measurements.burst, ALL),
    "large": (measurements.large, ALL),
    "hundred": (measurements.hundred, ALL),
    "edits": (measurements.edits, ALL),
    "two-beats": (failures.two_beats, ALL),
    "killed": (failures.killed, LEADING),
    "terminated": (failures.terminated, LEADING),
    "restarted": (failures.restarted, ALL),
}


def main() -> int:
    """Run what was asked for; print the table, write the JSON."""
    wanted = _arguments()
    # A termination unwinds like Ctrl-C, so that every process that was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console, began = Console(width=None if sys.stdout.isatty() else 150), time.monotonic()
    sizes = (QUICK, QUICK_PEERS) if wanted.quick else (FULL, FULL_PEERS)
    report: dict[str, Any] = {"began_at": datetime.now(UTC).isoformat(timespec="seconds"), "quick": wanted.quick}
    found: dict[str, Cells] = {}
    try:
        with servers.running() as running:
            report |= {
                "machine": machine.facts(),
                "servers": running.facts(),
                "sizes": [_fields(size) for size in sizes],
            }
            subjects = [kind(running) for kind in SUBJECTS if kind.key in wanted.of]
            for subject in subjects:
                subject.prepare()
            conditions = report.setdefault("conditions", {})
            _measure(_programme(subjects, wanted.only, wanted.quick), sizes, found, conditions, console)
    except KeyboardInterrupt:
        console.print("interrupted: what follows is what was measured until then")
    report |= {"lines": _lines(found), "seconds": round(time.monotonic() - began, 1)}
    _print(report, found, console)
    if wanted.json:
        Path(wanted.json).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scheduler", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, help="these measurements")
    keys = [kind.key for kind in SUBJECTS]
    parser.add_argument("--of", nargs="+", choices=keys, default=keys, help="these schedulers")
    parser.add_argument("--quick", action="store_true", help="short and small: to see that it works, not to quote")
    return parser.parse_args()


def _measure(
    programme: Iterable[tuple[str, Subject]],
    sizes: tuple[Size, Size],
    found: dict[str, Cells],
    conditions: dict[str, Any],
    console: Console,
) -> None:
    """Measure one after the other; note what is found, and under which conditions."""
    quiet = machine.Quiet(a_time=3, in_all=10) if sizes[0] is QUICK else machine.Quiet(a_time=60, in_all=60)
    for name, subject in programme:
        state: dict[str, Any] = {**quiet.wait()}
        began = time.monotonic()
        try:
            cells = MEASUREMENTS[name][0](subject, sizes[0 if isinstance(subject, Thor) else 1])
        except Exception as error:  # one measurement that breaks must not cost the others
            state["failed"] = f"{error!r}\n{subject.last_words()}"
            cells = {}
        found.setdefault(subject.key, {}).update(cells)
        conditions[f"{name}/{subject.key}"] = {**state, "seconds": round(time.monotonic() - began, 1)}
        texts = "; ".join(cell.text for cell in cells.values()) or state["failed"]
        console.print(f"{subject.title:20}{name:14}{texts}", highlight=False, markup=False)
    _compare_cpu(found.get(Thor.key, {}))


def _programme(subjects: list[Subject], only: list[str] | None, is_quick: bool) -> Iterator[tuple[str, Subject]]:
    """Yield what is measured of whom, in order."""
    for name in only or MEASUREMENTS:
        for subject in subjects:
            is_left_out = is_quick and not only and name in SLOW and not isinstance(subject, Thor)
            if isinstance(subject, MEASUREMENTS[name][1]) and not is_left_out:
                yield name, subject


def _compare_cpu(cells: Cells) -> None:
    """Say how the CPU of a fire grows with the number of entries."""
    one, most = cells.get("cpu_1000"), cells.get("cpu_100000")
    if one and most and one.values["ms"] and most.values["ms"]:
        ratio = most.values["ms"] / one.values["ms"]
        text = f"{most.text} ({(ratio - 1) * 100:+.0f} %)"
        cells["cpu_100000"] = Cell(text, {**most.values, "beside_1000": ratio})


def _lines(found: dict[str, Cells]) -> dict[str, Any]:
    """Return the figures by line, with Thor's verdict."""
    return {
        key: {
            "title": line.title.strip(),
            "goal": line.goal,
            "met": _verdict(key, found),
            **{subject: cells[key].as_json() for subject, cells in found.items() if key in cells},
        }
        for key, line in LINES.items()
        if any(key in cells for cells in found.values())
    }


def _verdict(key: str, found: dict[str, Cells]) -> bool | None:
    cell = found.get(Thor.key, {}).get(key)
    if cell is None:
        return None
    try:
        return LINES[key].is_met(cell.values)
    except (KeyError, TypeError):  # a figure that could not be taken
        return False


def _print(report: dict[str, Any], found: dict[str, Cells], console: Console) -> None:
    subjects = [kind for kind in SUBJECTS if kind.key in found]
    caption = f"{report['seconds']:.0f} s in all"
    if report["quick"]:
        caption += "; quick: short windows, and 20,000 entries where 100,000 are named"
    table = Table(title="Schedulers for Celery, side by side", caption=caption)
    for heading in ("", *(kind.title for kind in subjects), "Thor's goal", ""):
        table.add_column(heading, justify="left" if not heading else "right")
    signs = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}
    for key, line in report["lines"].items():
        cells = [found[kind.key][key].text if key in found[kind.key] else "–" for kind in subjects]
        table.add_row(LINES[key].title, *cells, line["goal"], signs[line["met"]])
    console.print(table)
    facts = {**report.get("machine", {}), **report.get("servers", {})}
    console.print(" · ".join(f"{name} {value}" for name, value in facts.items()), highlight=False)
    for kind in subjects:
        console.print(f"{kind.title}: {kind.options}", highlight=False)


def _fields(size: Size) -> dict[str, float]:
    return {name: getattr(size, name) for name in Size.__slots__}


if __name__ == "__main__":
    sys.exit(main())
