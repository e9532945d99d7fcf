"""The bells of nine markets toggle the schedule: promptly, each its own lines, once, and never against a person's wish.

The figures are printed and not asserted, but for a bound that tells a toggle from one that never comes.
"""

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.bells import Bells, Edge, ringing, watch

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="the toggles are noted by a trigger of PostgreSQL"),
    pytest.mark.alone,
]

#: No toggle and no first body is as late as this, in seconds, on whatever machine.
HANGS = 30
#: Where a leader is killed: seconds from a bell.
AROUND = (-0.6, 0.0, 0.01, 0.05, 0.8)
#: Half past ten in New York, on a Tuesday.
MORNING = datetime(2026, 6, 2, 14, 30, tzinfo=UTC)

#: Let New York close in forty minutes; the answer is when it was entered, and the close.
OVERRIDE = """
from datetime import date, timedelta
from zoneinfo import ZoneInfo
from thor.leadership.clock import process_clock
from thor.markets.models import Market, Override
close = (process_clock().now() + timedelta(minutes=40)).replace(second=0, microsecond=0)
local = close.astimezone(ZoneInfo("America/New_York"))
usa = Market.objects.get(key="usa")
Override.objects.create(market=usa, date=date(2026, 6, 2), close=local.time(), reason="mourning")
answer = [process_clock().now().isoformat(), close.isoformat()]
"""


@pytest.fixture
def bells(request: pytest.FixtureRequest) -> Iterator[Bells]:
    with ringing(*request.param) as found:
        yield found


def sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


def coming(bells: Bells, after: float) -> list[Edge]:
    """Return the edges that are this many seconds away, and later."""
    return [edge for edge in bells.edges() if edge.at > time.time() + after]


def leader(bells: Bells) -> str:
    """Return the name of the living scheduler that gained the lease last; nothing before one has."""
    beats = [name for name in bells.house.processes if name.startswith("beat")]
    gained = {name: re.findall(r"thor\.lease\.gained term=(\d+) ", bells.house.log(name)) for name in beats}
    terms = {name: int(found[-1]) for name, found in gained.items() if found}
    return max(terms, key=lambda name: terms[name], default="")


def test_each_bell_toggles_the_lines_of_its_market_and_no_others() -> None:
    # Slow enough for a machine that stands still for five seconds: the shortest window of all lasts an hour. A day has
    # twenty-two bells.
    report = watch(24, speed=600)

    sys.stdout.write(f"\n{report.text()}\n")
    assert report.wrong == []
    assert len(report.toggled) == 24
    assert len(report.fired) > 9
    assert max(report.toggled + report.fired) < HANGS


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("bells", [(600,)], indirect=True)
def test_a_leader_killed_around_a_bell_changes_nothing(bells: Bells) -> None:
    bells.begin()
    first = coming(bells, 4.0)[0]
    sleep_until(first.at + 0.3)

    edge = first
    for number, offset in enumerate(AROUND, start=3):
        bells.house.wait_for(lambda: leader(bells), "a leader")
        bells.house.wait_for_contenders(2)
        edge = next(e for e in coming(bells, 3.0) if e.opens)
        sleep_until(edge.at + offset)
        bells.house.kill(leader(bells))
        bells.house.beat(f"beat{number}")
    bells.house.wait_for(lambda: any(t[0] == edge.market and t[2] > edge.at for t in bells.toggles()), "the last bell")
    time.sleep(8)

    rung = [e for e in bells.edges() if first.at + 0.1 < e.at <= edge.at + 0.1]
    bodies = Counter((market, nominal) for market, nominal, _ in bells.bodies())
    unhandled = "SELECT count(*) FROM markets_transition WHERE handled_at IS NULL"
    assert bells.settled(rung).wrong == []
    assert [found for found, times in bodies.items() if times > 1] == []
    bells.house.wait_for(lambda: bells.house.count(unhandled) == 0, "all signals to be sent", HANGS)


@pytest.mark.parametrize("bells", [(5000,)], indirect=True)
def test_a_paused_entry_stays_off_through_its_bells(bells: Bells) -> None:
    bells.begin(beats=1)
    paused = bells.house.python(
        "from thor.jobs.controls import pause_entry\n"
        "from thor.jobs.models import Entry\n"
        "from thor.leadership.clock import process_clock\n"
        "entry = Entry.objects.get(name='probe @ usa')\n"
        "pause_entry(entry, by='trader', reason='looking', at=process_clock().now())\n"
        "import time; answer = time.time()"
    )
    begun = time.time()

    edges = [edge for edge in coming(bells, 15.0) if edge.market in ("usa", "canada")]
    second = [edge for edge in edges if edge.market == "usa" and edge.opens][1]
    sleep_until(second.at + 2.0)

    # The last session of Toronto may be over before its first body, where the machine stands still.
    others = [edge for edge in edges if edge.market == "canada" and edge.at < second.at - 1.0]
    assert bells.settled(others, 10.0).wrong == []
    assert [t for t in bells.toggles() if t[0] == "usa" and t[1] and t[2] > begun] == []
    assert [body for body in bells.bodies() if body[0] == "usa" and body[2] > paused + 10.0] == []


@pytest.mark.parametrize("bells", [(200, MORNING)], indirect=True)
def test_an_override_entered_during_the_day_moves_its_close(bells: Bells) -> None:
    bells.begin()
    # Forty minutes are twelve seconds of the wall: the leader has to know of it by then.
    entered, said = map(datetime.fromisoformat, bells.house.python(OVERRIDE))
    assert said < MORNING.replace(hour=19, minute=30), "too slow a machine to tell"

    (close,) = [edge for edge in bells.edges(days=0) if edge.market == "usa" and not edge.opens]
    sleep_until(close.at + 3.0)

    report = bells.settled([close])
    assert report.wrong == []
    assert max(report.toggled) < HANGS
    ran = [datetime.fromisoformat(at) for market, at, _ in bells.bodies() if market == "usa"]
    assert [at for at in ran if at >= said] == []
    assert max(ran) >= said - timedelta(minutes=25)
    closed = "SELECT at FROM markets_transition t JOIN markets_market m ON m.id = t.market_id"
    (rung,) = bells.house.rows(f"{closed} WHERE m.key = 'usa' AND t.kind = 'closed' AND session_date = '2026-06-02'")
    assert rung[0].astimezone(UTC) == said
    assert entered < said
