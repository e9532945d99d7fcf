"""Three drivers, one plan: beat, run_heartbeat and the legacy stack decide the same occurrences of a day.

So does the page of the plan, which asks `timing.plan()` by itself. Known differences: run_heartbeat and the stack leave
everybody's own rows to beat; run_heartbeat ticks once a minute while nothing trades, and writes down what it passes
over: as superseded, or as missed where it is older than its deadline by then.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.acceptance.parity import (
    OWN,
    WARM_UP,
    Occurrences,
    decided_by,
    foretold,
    of_beat,
    of_heartbeat,
    of_jobs,
    of_others,
    of_stack,
    prepare,
)
from thor.drivers.mode import Mode
from thor.drivers.pace import Exact
from thor.drivers.reign import Reign
from thor.jobs.forecast import Forecast, forecast
from thor.jobs.registry import owned
from thor.leadership.seat import HEARTBEAT
from thor.marketdata.models import Instrument
from thor.timing import micros

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("redis_client"),
    pytest.mark.once,
]

NORMAL, HALF_DAY = date(2026, 11, 20), date(2026, 11, 27)
#: A Sunday on which the clocks of New York and Chicago change; Globex opens in its evening.
SPRING = date(2027, 3, 14)


def day(on: date) -> tuple[datetime, datetime]:
    start = datetime(on.year, on.month, on.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def assert_same(found: Occurrences, expected: Occurrences) -> None:
    """Compare entry by entry, so that a difference names one and not half a million instants."""
    assert found.keys() == expected.keys()
    for key, instants in expected.items():
        if found[key] != instants:
            missing, surplus = set(instants) - set(found[key]), set(found[key]) - set(instants)
            pytest.fail(f"{key}: {len(missing)} missing, {len(surplus)} surplus, first {min(missing | surplus)}")


def assert_every_job_is_there(found: Forecast, decided: Occurrences) -> None:
    """A job that is registered has occurrences on the date, or the plan says why not."""
    silent = {one.job for one in found.silent}
    with_lines = {key[0].partition(" @ ")[0] for key in decided}
    without_markets = {name for name, spec in owned().items() if spec.markets == ()}
    assert set(owned()) <= with_lines | silent | without_markets


@pytest.mark.parametrize("on", [NORMAL, HALF_DAY, SPRING], ids=str)
def test_all_drivers_decide_what_the_plan_foretells(on: date) -> None:
    start, end = day(on)
    prepare(start - WARM_UP)
    found = forecast(on, at=start - WARM_UP)
    expected = foretold(found)

    by_beat = decided_by(of_beat, start, end)
    by_heartbeat = decided_by(of_heartbeat, start, end)
    by_stack = decided_by(of_stack, start, end, mode=Mode.LEGACY)
    beside_stack = decided_by(of_beat, start, end, mode=Mode.LEGACY)

    assert_every_job_is_there(found, expected)
    assert of_others(expected).keys() >= {(OWN[0], "", None, "")}
    assert_same(by_beat.within(start, end), expected)
    assert_same(by_heartbeat.within(start, end), of_jobs(expected))
    assert_same(by_stack.within(start, end), of_jobs(expected))
    assert_same(beside_stack.within(start, end), of_others(expected))
    for decided in (by_beat, by_heartbeat, by_stack, beside_stack):
        assert decided.lost(start, end) == []
        assert decided.handed_over == decided.count


def test_what_a_slow_tick_passes_over_is_written_down() -> None:
    # Without the coin nothing trades on a Sunday until Globex opens.
    start, end = day(SPRING)
    Instrument.objects.filter(venue="crypto").update(active=False)
    prepare(start - WARM_UP)

    by_beat = decided_by(of_beat, start, end)
    by_heartbeat = decided_by(of_heartbeat, start, end)

    every, ticked = of_jobs(by_beat.within(start, end)), by_heartbeat.within(start, end)
    passed_over = by_heartbeat.lost(start, end)
    assert {reason for *_, reason in passed_over} == {"superseded", "deadline"}
    assert every != ticked
    assert_same(_with(ticked, passed_over, every), every)
    # A session that opens is fast from its first second on.
    opens = micros(datetime(2027, 3, 14, 22, tzinfo=UTC))
    assert {key: [at for at in found if at >= opens] for key, found in ticked.items()} == {
        key: [at for at in found if at >= opens] for key, found in every.items()
    }


def _with(ticked: Occurrences, passed_over: list[tuple[str, datetime, datetime, int, str]], every: Occurrences):
    """Return the occurrences that ran, and those that rows of superseded ones stand for."""
    found = {key: set(instants) for key, instants in ticked.items()}
    for name, first, last, count, _ in passed_over:
        bounds = micros(first), micros(last)
        mine = ((key, at) for key in every if key[0] == name for at in every[key])
        meant = [(key, at) for key, at in mine if bounds[0] <= at <= bounds[1]]
        assert len(meant) == count, (name, first, last)
        for key, at in meant:
            assert at not in found.setdefault(key, set())
            found[key].add(at)
    return {key: sorted(instants) for key, instants in found.items()}


class Absent(Exact):
    """A pace that is away for three seconds."""

    away = (datetime(2026, 11, 20, 14, 31, tzinfo=UTC), datetime(2026, 11, 20, 14, 31, 3, tzinfo=UTC))

    def is_time(self, now: datetime) -> bool:
        return not self.away[0] <= now < self.away[1]

    def turn_at(self, due: datetime | None) -> datetime | None:
        return self.away[1] if due is not None and self.away[0] <= due < self.away[1] else due


def lose_ticks(reign: Reign) -> None:
    reign._pace = Absent()


def lose_a_part(reign: Reign) -> None:
    reign._seat = HEARTBEAT


@pytest.mark.parametrize("mutation", [lose_ticks, lose_a_part])
def test_the_comparison_notices_a_driver_that_decides_otherwise(mutation) -> None:
    start = datetime(2026, 11, 20, 14, 25, tzinfo=UTC)
    end = start + timedelta(minutes=10)
    prepare(start - WARM_UP)

    whole = decided_by(of_beat, start, end)
    broken = decided_by(of_beat, start, end, change=mutation)

    assert whole.within(start, end) == decided_by(of_beat, start, end).within(start, end)
    assert broken.within(start, end) != whole.within(start, end)
