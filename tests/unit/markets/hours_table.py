"""Write the disagreements with the market hours database as a table for docs/market-hours.md.

python -m tests.unit.markets.hours_table            prints it
python -m tests.unit.markets.hours_table --write    writes it into the page
"""

import sys
from collections.abc import Iterable
from datetime import date
from itertools import groupby
from pathlib import Path

from tests.unit.markets.hours_database import PAIRS, Disagreement, Spans, disagreements
from tests.unit.markets.hours_verdicts import verdict_on

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "market-hours.md"
BEGIN, END = "<!-- disagreements: python -m tests.unit.markets.hours_table --write -->", "<!-- end -->"
#: As many dates of one row are written out; more are a range and a number.
WRITTEN_OUT = 60
UNJUDGED = ("nobody knows", "not looked at yet")


def table(found: Iterable[Disagreement]) -> str:
    """Return one row for all days of a market on which both say the same thing and one judgement holds."""
    rows: dict[tuple[str, ...], list[date]] = {}
    for one in found:
        verdict = verdict_on(one)
        right, why = (verdict.right, verdict.why) if verdict else UNJUDGED
        rows.setdefault((one.market, _clock(one.database), _clock(one.thor), right, why), []).append(one.day)
    lines = ["| market | dates | database | Thor | right | why |", "|---|---|---|---|---|---|"]
    for (market, *cells), days in rows.items():
        lines.append(f"| {market} | {_dates(days)} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", _agreed({one[0] for one in rows})])


def in_page(text: str) -> str:
    """Return what stands between the two marks of the page."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def _agreed(differ: set[str]) -> str:
    same = [pair.market for pair in PAIRS if pair.market not in differ]
    return f"No disagreement: {', '.join(same)}."


def _clock(spans: Spans) -> str:
    clocks = (f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}" for start, end in spans)
    return ", ".join(clocks) or "closed"


def _dates(days: list[date]) -> str:
    if len(days) > WRITTEN_OUT:
        return f"{days[0]} to {days[-1]}, {len(days)} days"
    years = groupby(days, key=lambda day: day.year)
    return "; ".join(f"{year}: {', '.join(f'{day:%m-%d}' for day in group)}" for year, group in years)


if __name__ == "__main__":
    made = table(disagreements(ROOT.parent / "shared" / "data"))
    if sys.argv[1:] == ["--write"]:
        page = PAGE.read_text()
        head, tail = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(f"{head}{BEGIN}\n\n{made}\n\n{END}{tail}")
    else:
        sys.stdout.write(f"{made}\n")
