"""Measure market data from ticks to stored bars: `python -m benchmarks.market_data [--json FILE] [--page]`.

Folding is measured beside pandas and Polars on the same ticks. Needs the `bench` extra and PostgreSQL's programs; talks
to nothing but loopback; ends all that it started. Takes about a minute.
"""

import argparse
import importlib.util
import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import machine, servers
from benchmarks.lines import Cell, Cells, Line

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- market data: begin -->", "<!-- market data: end -->"
PACKAGES = ("numpy", "pandas", "polars")
SIGNS = {True: "met", False: "**missed**"}

LINES = {
    "day4": Line(
        "a day of four symbols folded, in memory", "≤ the better peer", lambda v: v["thor_ms"] <= v["peer_ms"]
    ),
    "day1": Line("a day of one symbol folded, in memory", ""),
    "live": Line("1,000 ticks of 100 symbols into open bars", "≤ 0.5 ms", lambda v: v["p50_ms"] <= 0.5),
    "stream": Line("stream → bars → database", "≥ 100,000 ticks/s", lambda v: v["ticks_per_s"] >= 100_000),
    "large": Line("one pass, 5,000 symbols, one tick each", "≤ 100 ms", lambda v: v["p50_ms"] <= 100),
    "closing": Line("  the same, closing 5,000 bars", "≤ 100 ms", lambda v: v["p50_ms"] <= 100),
    "flush": Line("10,000 closed bars into PostgreSQL", "≤ 1 s", lambda v: v["p50_ms"] <= 1000),
    "week52": Line("52 weeks of 5,000 symbols, one pass", "≤ 100 ms", lambda v: v["p50_ms"] <= 100),
    "busiest": Line("the busiest second of SPY", "none lost, ≤ 1 s", lambda v: v["lost"] == 0 and v["max_ms"] <= 1000),
}


def main() -> int:
    """Run all measurements; print the table, write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.market_data", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--page", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--only", nargs="+", choices=LINES, default=list(LINES), help="these lines")
    parser.add_argument("--repeats", type=int, default=15, help="repeats of what is timed alone; default 15")
    wanted = parser.parse_args()
    # A termination unwinds like Ctrl-C, so that every process that was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    with servers.running() as running:
        _set_up(running)
        report: dict[str, Any] = {"began_at": datetime.now(UTC).isoformat(timespec="seconds")}
        report["machine"] = machine.facts() | {name: version(name) for name in PACKAGES} | running.facts()
        report["quiet"] = machine.Quiet(a_time=30, in_all=30).wait()
        cells = _measured(wanted.only, wanted.repeats)
    report["seconds"] = round(time.monotonic() - began, 1)
    report["lines"] = {key: _line(key, cell) for key, cell in cells.items()}
    print(markdown(report))
    if wanted.json:
        Path(wanted.json).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    if wanted.page:
        _put_into_page(markdown(report))
    return 0


def markdown(report: dict[str, Any]) -> str:
    """Return the table of a run, and what it was measured on."""
    facts = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    busy = report["quiet"]["busy_cores"]
    rows = [["", "Thor", "beside it", "goal", ""], ["---", "---:", "---:", "---:", "---"]]
    rows += [
        [one["title"], one["text"], one["peers"], one["goal"], SIGNS[one["met"]] if one["goal"] else ""]
        for one in report["lines"].values()
    ]
    company = f"Others kept {busy:g} cores busy when it began: the figures are worse than on a quiet machine."
    parts = [
        f"Measured on {report['began_at'][:10]} in {report['seconds']:.0f} s: {facts}.",
        "\n".join(f"| {' | '.join(row)} |" for row in rows),
        company if busy > machine.QUIET_CORES else "Nothing else was busy on the machine when it began.",
    ]
    return "\n\n".join(parts)


def _set_up(running: servers.Servers) -> None:
    """Point Thor at the private servers, and make its tables; nothing of it is imported before."""
    os.environ |= {
        "DATABASE_URL": running.create_database("market_data"),
        "REDIS_URL": running.broker_url,
        "THOR_VAR_DIR": str(running.folder),
        "DJANGO_SETTINGS_MODULE": "thor.settings",
        "THOR_LOG_LEVEL": "error",
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _measured(wanted: list[str], repeats: int) -> Cells:
    from benchmarks import pipeline

    pipeline.prepare()
    acts: dict[tuple[str, ...], Callable[[], Any]] = {
        ("day4",): lambda: _folded(("SPY", "IBM", "BAC", "AIG"), repeats),
        ("day1",): lambda: _folded(("SPY",), repeats),
        ("live",): lambda: _live(max(repeats, 15) * 10),
        ("large", "closing"): lambda: pipeline.large_pass(41),
        ("flush",): lambda: pipeline.flush_ten_thousand(5),
        ("week52",): _week52,
        ("busiest",): lambda: pipeline.busiest(60),
        ("stream",): lambda: pipeline.end_to_end(3),
    }
    found: Cells = {}
    for keys, act in acts.items():
        if set(keys) & set(wanted):
            outcome = act()
            cells = outcome if isinstance(outcome, tuple) else (outcome,)
            found |= {key: cell for key, cell in zip(keys, cells, strict=True) if cell is not None}
            for key in keys:
                print(f"{key:10}{found[key].text if key in found else 'not there yet'}", file=sys.stderr, flush=True)
    return {key: found[key] for key in LINES if key in found}


def _folded(symbols: tuple[str, ...], repeats: int) -> Cell:
    from benchmarks import kernels
    from benchmarks.ticks import day

    ticks, kind = day(*symbols)
    took = kernels.compare(ticks, repeats)
    rates = {name: len(ticks) / ms / 1000 for name, ms in took.items()}
    peers = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items() if name != "Thor")
    values = {"thor_ms": took["Thor"], "peer_ms": min(ms for name, ms in took.items() if name != "Thor")}
    text = f"{rates['Thor']:.0f} million ticks/s"
    return Cell(
        f"{text} ({len(ticks):,} {kind})|{peers}", {**values, **{f"{name}_ms": ms for name, ms in took.items()}}
    )


def _live(repeats: int) -> Cell:
    """Fold a batch into a book in which every symbol has its open bar, and the session has its figures."""
    from benchmarks import livebatch

    took = livebatch.folded_ms(repeats)
    p50 = statistics.median(took)
    return Cell(f"{p50:.2f} ms (p99 {sorted(took)[int(len(took) * 0.99)]:.2f})", {"p50_ms": p50, "max_ms": max(took)})


def _week52() -> Cell | None:
    if importlib.util.find_spec("thor.marketdata.services.week52") is None:
        return None
    from benchmarks import weeks

    return weeks.one_pass(11)


def _line(key: str, cell: Cell) -> dict[str, Any]:
    text, _, peers = cell.text.partition("|")
    line = LINES[key]
    return {
        "title": line.title,
        "text": text,
        "peers": peers,
        "goal": line.goal,
        "met": line.is_met(cell.values),
        "values": cell.values,
    }


def _put_into_page(text: str) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
