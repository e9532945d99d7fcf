"""Captured trades are judged by every tick, whenever and however often that is done."""

import logging
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.marketdata.conftest import utc
from tests.integration.marketdata.opening import (
    CLOSE,
    DAY,
    OPEN,
    SECOND,
    T0,
    T1,
    around,
    before_the_open,
    outcomes,
    quotes,
    row,
    watch,
)
from tests.integration.marketdata.publishing import Script, batch_of
from thor.marketdata import keys
from thor.marketdata.models import Capture, Instrument, SessionCapture
from thor.marketdata.services.market_open_capture import capture_open
from thor.marketdata.services.market_open_grading import grade_open

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal


@pytest.fixture
def script(store: redis.Redis) -> Script:
    """Return a script in which SPY is bought at 103.1 (105.1, 101.1), IBM sold at 93.9 (91.9, 95.9), YM bought."""
    watch("SPY", "IBM", "YM", offset="2")
    Instrument.objects.filter(symbol="YM").update(decimals=2)
    found = Script(store)
    before_the_open(found, SPY=103.0, IBM=94.0, YM=110.0)
    capture_open(market="usa", at=OPEN, patience=timedelta(0))
    return found


def grade(seconds: float = 1) -> dict[str, Any]:
    return grade_open(market="usa", at=OPEN + timedelta(seconds=seconds), session_date=DAY)


def second(number: float) -> int:
    return T0 + round(number * SECOND)


def test_a_buy_that_reaches_its_target_has_worked(script: Script) -> None:
    script.append(quotes(second(60), around("SPY", second(5), 104.0), around("SPY", second(7.5), 105.25)))

    assert grade() == {"pending": 2, "decided": {"SPY": "WORKED"}}

    spy = row("SPY")
    assert (spy.outcome, spy.touched, spy.touched_price) == ("WORKED", "TARGET", D("105.15"))
    assert spy.touched_at == OPEN + timedelta(seconds=7.5)


def test_a_sell_is_judged_by_the_ask(script: Script) -> None:
    script.append(quotes(second(60), ("IBM", second(3), 91.9, 91.8, 92.0), ("IBM", second(4), 95.8, 95.7, 95.9)))

    assert grade()["decided"] == {"IBM": "DIDNT_WORK"}
    assert (row("IBM").touched, row("IBM").touched_price) == ("STOP", D("95.9"))


def test_the_total_goes_by_the_dow(script: Script) -> None:
    Capture.objects.filter(symbol="TOTAL").update(
        signal="SELL",
        entry=D("109.9"),
        target_high=D("111.9"),
        target_low=D("107.9"),
        judged_on="quotes",
        outcome="PENDING",
    )
    script.append(quotes(second(60), ("YM", second(3), 112.0, 111.8, 112.1)))

    assert grade()["decided"] == {"TOTAL": "DIDNT_WORK"}
    assert (row("TOTAL").touched, row("TOTAL").touched_price) == ("STOP", D("112.1"))
    assert row("YM").outcome == "PENDING"


def test_a_touch_between_two_passes_is_found(script: Script) -> None:
    grade()
    script.append(quotes(second(2), around("SPY", second(1.2), 106.0), around("SPY", second(1.3), 103.0)))
    script.append(quotes(second(3), around("SPY", second(2.5), 101.0)))

    assert grade(3)["decided"] == {"SPY": "WORKED"}


def test_ticks_that_are_not_promised_yet_wait(script: Script) -> None:
    script.append(quotes(second(4), around("SPY", second(6), 106.0)))
    assert "decided" not in grade()

    script.append(quotes(second(7), around("SPY", second(5), 101.0)))
    assert grade(2)["decided"] == {"SPY": "DIDNT_WORK"}


def test_what_is_decided_stays_decided(script: Script) -> None:
    script.append(quotes(second(60), around("SPY", second(5), 106.0)))
    grade()
    script.append(quotes(second(90), around("SPY", second(65), 90.0)))

    assert grade(90)["pending"] == 2
    assert outcomes()["SPY"] == "WORKED"


def test_the_close_ends_it(script: Script) -> None:
    script.append(quotes(T1 + 60 * SECOND, around("SPY", T1, 106.0), around("SPY", T1 + 1, 90.0)))

    assert grade() == {"pending": 3}
    assert SessionCapture.objects.get().graded_until == CLOSE


def test_what_nothing_could_touch_is_neutral(script: Script) -> None:
    Capture.objects.filter(symbol="SPY").update(target_low=None)
    Capture.objects.filter(symbol="IBM").update(signal="HOLD")
    Instrument.objects.filter(symbol="YM").update(symbol="MYM")
    Capture.objects.filter(symbol="TOTAL").update(
        signal="BUY", entry=1, target_high=2, target_low=D("0.5"), outcome="PENDING"
    )

    assert grade()["decided"] == {"SPY": "NEUTRAL", "IBM": "NEUTRAL", "TOTAL": "NEUTRAL"}
    assert set(Capture.objects.filter(outcome="NEUTRAL").values_list("symbol", flat=True)) == {"SPY", "IBM", "TOTAL"}


def test_how_far_it_was_judged_is_kept_with_the_outcomes(script: Script) -> None:
    script.append(quotes(second(60), around("SPY", second(5), 104.0)))
    grade()

    kept = SessionCapture.objects.get()
    assert kept.graded_until == OPEN + timedelta(seconds=60)
    assert kept.grading["us_equities"]["sequence"] == 7
    assert kept.grading["us_equities"]["run"] == "test"
    grade(2)
    assert SessionCapture.objects.get().grading == kept.grading


def test_ticks_that_were_trimmed_are_said(script: Script, store: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    script.append(quotes(second(60), around("SPY", second(5), 104.0)))
    grade()
    script.append(quotes(second(90), around("SPY", second(65), 106.0), around("SPY", second(66), 104.0)))
    script.append(quotes(second(99), around("SPY", second(95), 104.0)))
    gone = store.xrevrange(keys.stream("us_equities"), count=2)[1][0]
    store.xdel(keys.stream("us_equities"), gone)

    with caplog.at_level(logging.WARNING, "thor.marketdata"):
        assert grade(100) == {"pending": 3, "gaps": {"us_equities": 2}}

    (said,) = [record for record in caplog.records if getattr(record, "event", "") == "thor.grading.gap"]
    assert said.fields["ticks"] == 2
    assert grade(101) == {"pending": 3}


def test_a_stream_whose_beginning_is_gone_is_said_once(script: Script, store: redis.Redis) -> None:
    script.append(quotes(second(60), around("SPY", second(5), 104.0)))
    store.xtrim(keys.stream("us_equities"), maxlen=1, approximate=False)

    assert grade()["gaps"] == {"us_equities": 0}
    assert "gaps" not in grade(2)


def test_a_stream_that_was_lost_is_read_from_its_new_beginning(script: Script, store: redis.Redis) -> None:
    script.append(quotes(second(60), around("SPY", second(5), 104.0)))
    grade()
    store.flushall()
    again = Script(store)
    again.append(quotes(second(90), around("SPY", second(80), 106.0)))

    assert grade(90) == {"pending": 2, "decided": {"SPY": "WORKED"}, "gaps": {"us_equities": 0}}


def test_a_batch_that_cannot_be_read_does_not_stop_what_follows(script: Script, store: redis.Redis) -> None:
    store.xadd(keys.stream("us_equities"), {"nonsense": "1"})
    script.append(quotes(second(60), around("SPY", second(5), 106.0)))
    store.xadd(keys.stream("us_equities"), {"nonsense": "1"})

    assert grade()["decided"] == {"SPY": "WORKED"}


def test_a_promise_far_behind_the_ticks_does_not_stop_it(script: Script) -> None:
    for number in range(300):
        script.append(quotes(second(1), around("SPY", second(2 + number), 104.0)))
    assert grade() == {"pending": 3}

    script.append(quotes(second(400), around("SPY", second(350), 106.0)))
    assert grade()["decided"] == {"SPY": "WORKED"}


def test_another_pass_in_between_is_noticed(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    from thor.marketdata import grading

    script.append(quotes(second(60), around("SPY", second(5), 106.0)))
    look, inner = grading._look, []

    def interrupted(*args: Any) -> Any:
        found = look(*args)
        if not inner:
            inner.append(True)
            inner.append(grade())
            Capture.objects.filter(symbol="IBM").update(outcome="NEUTRAL")
        return found

    monkeypatch.setattr(grading, "_look", interrupted)

    assert grade() == {"pending": 1}
    assert inner[1]["decided"] == {"SPY": "WORKED"}


prices = st.integers(900, 1100).map(lambda tenth: tenth / 10)
moves = st.lists(st.tuples(st.sampled_from(["SPY", "IBM", "YM"]), st.floats(0, 50), prices), max_size=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves, st.lists(st.integers(0, 25), max_size=5), st.lists(st.integers(0, 25), max_size=5))
def test_neither_the_cuts_of_the_tape_nor_the_passes_matter(
    store: redis.Redis, tape: list[tuple[str, float, float]], cuts: list[int], passes: list[int]
) -> None:
    watch("SPY", "IBM", "YM", offset="2")
    ordered = [around(symbol, second(at), price) for symbol, at, price in sorted(tape, key=lambda move: move[1])]
    found = []
    for edges, looks in (([], []), (cuts, passes)):
        SessionCapture.objects.all().delete()
        store.flushall()
        fresh = Script(store)
        before_the_open(fresh, SPY=103.0, IBM=94.0, YM=110.0)
        capture_open(market="usa", at=OPEN, patience=timedelta(0))
        ends = sorted({edge for edge in edges if edge < len(ordered)} | {len(ordered)})
        for low, high in zip([0, *ends], ends, strict=False):
            promised = ordered[high][1] if high < len(ordered) else T1
            fresh.append(quotes(promised, *ordered[low:high]))
            for _ in range(looks.count(low)):
                grade()
        grade()
        columns = ("symbol", "outcome", "touched", "touched_at", "touched_price")
        found.append(list(Capture.objects.order_by("pk").values_list(*columns)))

    assert found[0] == found[1]
    assert len(found[0]) == 4


def test_trades_judge_where_there_are_no_quotes(store: redis.Redis) -> None:
    watch("SPY")
    script = Script(store)
    script.append(batch_of([("SPY", T0 - SECOND, 103.0, 5.0)], T0))
    capture_open(market="usa", at=OPEN, patience=timedelta(0))
    script.append(batch_of([("SPY", second(1), 104.9, 5.0), ("SPY", second(2), 105.0, 5.0)], second(10)))

    assert grade()["decided"] == {"SPY": "WORKED"}
    assert row("SPY").touched_at == OPEN + timedelta(seconds=2)


def test_without_a_session_there_is_nothing_to_grade(store: redis.Redis) -> None:
    sunday = datetime(2026, 3, 1, 15, tzinfo=OPEN.tzinfo)

    assert grade_open(market="usa", at=sunday, session_date=sunday.date()) == {"waiting": "open"}
    assert grade_open(market="usa", at=utc("2026-03-02T15:00")) == {"waiting": "capture"}
