"""Killed anywhere and run again, or run twice at once: captures, grades and closes are the same rows."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import redis
from django.db import connection
from django.forms import model_to_dict

from tests.integration.marketdata.conftest import utc
from tests.integration.marketdata.interruption import Interruption, Killed, die, interrupted
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
    watch,
)
from tests.integration.marketdata.publishing import Script
from thor.marketdata.models import Backtest, Bar, Capture, SessionCapture, TwentyFourHour, VwapSample
from thor.marketdata.services.market_close_capture import capture_close
from thor.marketdata.services.market_open_capture import capture_open
from thor.marketdata.services.market_open_grading import grade_open
from thor.marketdata.services.preopen_backtest import store_track_records
from thor.markets import registry

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timedelta(0)
KEPT = (SessionCapture, Capture, Backtest)


def second(number: float) -> int:
    return T0 + round(number * SECOND)


def clean(store: redis.Redis) -> Script:
    """Start the day anew, a minute before the open."""
    store.flushall()
    for model in (Capture, SessionCapture, Backtest, Bar, VwapSample, TwentyFourHour):
        model.objects.all().delete()
    script = Script(store)
    before_the_open(script, SPY=103.0, IBM=94.0)
    return script


def scenario(script: Script) -> list[tuple[Callable[[], object], Callable[[], object]]]:
    """Return what is published and the run that follows, from the minute before the open to the close."""
    usa: dict[str, Any] = {"market": "usa", "session_date": DAY}
    nothing = partial(int)
    return [
        (nothing, partial(store_track_records, at=OPEN - timedelta(minutes=1), **usa)),
        (nothing, partial(capture_open, at=OPEN, patience=NOW, **usa)),
        (
            partial(script.append, quotes(second(2), around("SPY", second(1), 104.0), around("IBM", second(3), 90.0))),
            partial(grade_open, at=OPEN, **usa),
        ),
        (
            partial(script.append, quotes(second(9), around("SPY", second(8), 101.0))),
            partial(grade_open, at=OPEN, **usa),
        ),
        (partial(script.append, quotes(T1)), partial(capture_close, at=CLOSE, patience=NOW, **usa)),
    ]


def rows() -> list[list[dict[str, Any]]]:
    """Return everything that is kept, but for keys that count on."""
    return [
        [model_to_dict(one, exclude=["id", "session", "grading"]) for one in model.objects.order_by("pk")]
        for model in KEPT
    ]


def carried_out(store: redis.Redis, monkeypatch: pytest.MonkeyPatch, interruption: Interruption) -> list[Any]:
    """Carry the day out; a run that is killed is repeated."""
    for publish, run in scenario(clean(store)):
        publish()
        with interrupted(monkeypatch, interruption):
            try:
                run()
                continue
            except Killed:
                pass
        run()
    return rows()


def test_a_run_that_is_killed_anywhere_and_repeated_leaves_the_same_rows(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch("SPY", "IBM")
    counting = Interruption(None, die)
    expected = carried_out(store, monkeypatch, counting)
    assert outcomes() == {"SPY": "DIDNT_WORK", "IBM": "WORKED", "TOTAL": "NEUTRAL"}
    assert [len(part) for part in expected] == [1, 3, 3]
    assert counting.calls > 100

    for number in range(0, counting.calls, 3):
        bomb = Interruption(number, die)
        assert carried_out(store, monkeypatch, bomb) == expected, f"killed before call {number}"


def test_the_same_run_in_the_middle_of_a_run_changes_nothing(
    store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch("SPY", "IBM")
    counting = Interruption(None, die)
    expected = carried_out(store, monkeypatch, counting)

    def another() -> None:
        if connection.in_atomic_block or registry._lock.locked():
            return  # a second process would wait for the first one's lock, and has a registry of its own
        usa: dict[str, Any] = {"market": "usa", "session_date": DAY}
        if SessionCapture.objects.exists():
            grade_open(at=OPEN, **usa)
        elif Backtest.objects.exists():
            capture_open(at=OPEN, patience=NOW, **usa)

    for number in range(1, counting.calls, 5):
        assert carried_out(store, monkeypatch, Interruption(number, another)) == expected, f"at call {number}"


def at_once(*runs: Callable[[], Any]) -> list[Any]:
    """Carry out runs in threads that start together; return what each said, or raise what one raised."""
    together, found = threading.Barrier(len(runs)), [None] * len(runs)

    def one(place: int, run: Callable[[], Any]) -> None:
        try:
            together.wait(timeout=30)
            found[place] = run()
        except Exception as error:
            found[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for said in found:
        if isinstance(said, Exception):
            raise said
    return found


def test_of_captures_at_once_one_writes(store: redis.Redis) -> None:
    watch("SPY", "IBM")
    clean(store)
    capture = partial(capture_open, market="usa", at=OPEN, session_date=DAY, patience=NOW)

    told = at_once(*[capture] * 4)

    assert sorted(("rows" in said, "already" in said) for said in told) == [(False, True)] * 3 + [(True, False)]
    assert sorted(Capture.objects.values_list("symbol", "number")) == [("IBM", 1), ("SPY", 1), ("TOTAL", 1)]


def test_sessions_that_are_captured_at_once_are_numbered_in_their_order(store: redis.Redis) -> None:
    watch("SPY")
    script = Script(store)
    opens = [utc(f"2026-03-0{day}T14:30") for day in (2, 3, 4)]
    for opened in opens:
        at = round(opened.timestamp()) * SECOND
        script.append(quotes(at, around("SPY", at - SECOND, 103.0)))

    at_once(
        *(
            partial(capture_open, market="usa", at=opened, session_date=opened.date(), patience=NOW)
            for opened in reversed(opens)
        )
    )

    found = Capture.objects.filter(symbol="SPY").order_by("session__session_date")
    assert list(found.values_list("number", flat=True)) == [1, 2, 3]


def test_gradings_at_once_decide_each_row_once(store: redis.Redis) -> None:
    watch("SPY", "IBM")
    script = clean(store)
    capture_open(market="usa", at=OPEN, session_date=DAY, patience=NOW)

    def grade() -> list[Any]:
        told = [grade_open(market="usa", at=OPEN, session_date=DAY) for _ in range(20)]
        return [said["decided"] for said in told if "decided" in said]

    def publish() -> list[Any]:
        for number in range(20):
            script.append(quotes(second(number + 1), around("SPY", second(number), 103.0 + number / 5)))
        return []

    decided = [said for run in at_once(grade, publish, grade) for said in run]
    decided += [grade_open(market="usa", at=OPEN, session_date=DAY).get("decided")]

    assert [said for said in decided if said] == [{"SPY": "WORKED"}]
    spy = Capture.objects.get(symbol="SPY")
    assert (spy.touched_at, outcomes()["IBM"]) == (OPEN + timedelta(seconds=11), "PENDING")
