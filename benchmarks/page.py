"""Write the results of a run into the handbook: `python -m benchmarks.page RUN.json` renews a part of benchmarks.md."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import QUIET_CORES
from benchmarks.processes import ROOT
from benchmarks.subjects import SUBJECTS

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
SIGNS = {True: "met", False: "**missed**", None: ""}


def main(path: str) -> None:
    """Put the run at `path` between the marks of the page."""
    report = json.loads(Path(path).read_text())
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{results(report)}\n\n{END}{after}")


def results(report: dict[str, Any]) -> str:
    """Return the table of a run, and what it was measured on, in Markdown."""
    subjects = [kind for kind in SUBJECTS if any(kind.key in line for line in report["lines"].values())]
    titles = [kind.title for kind in subjects]
    rows = [["", *titles, "Thor's goal", ""], ["---", *["---:"] * len(titles), "---:", "---"]]
    for line in report["lines"].values():
        cells = [line[kind.key]["text"] if kind.key in line else "–" for kind in subjects]
        rows.append([line["title"], *cells, line["goal"], SIGNS[line["met"]]])
    facts = ", ".join(f"{name} {value}" for name, value in {**report["machine"], **report["servers"]}.items())
    kind = "a quick run, not to be quoted" if report["quick"] else "a full run"
    parts = [
        f"Measured on {report['began_at'][:10]}, {kind} of {report['seconds'] / 60:.0f} minutes: {facts}.",
        "\n".join(f"| {' | '.join(row)} |" for row in rows),
        "\n".join(f"- {kind.title}: {kind.options}." for kind in subjects),
        _noise(report["conditions"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _noise(conditions: dict[str, Any]) -> str:
    """Say which measurements had company: their timings are worse than they would be alone."""
    noisy = [f"{name} ({one['busy_cores']:g})" for name, one in conditions.items() if one["busy_cores"] > QUIET_CORES]
    if not noisy:
        return "Nothing else was busy on the machine when these began."
    return (
        "Others kept cores busy when these began (how many), so their timings, the peers' as well, are worse than on a "
        f"quiet machine: {', '.join(noisy)}."
    )


if __name__ == "__main__":
    main(sys.argv[1])
