"""One pass of intraday over a real Valkey."""

import json
from datetime import datetime, timedelta

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import Script
from thor.marketdata import folding, keys, selectors, stream
from thor.marketdata.bars import MINUTE
from thor.marketdata.foldbook import AMEND_FOR
from thor.marketdata.models import FeedIncident
from thor.marketdata.services import intraday

pytestmark = pytest.mark.django_db(transaction=True)

VENUE = "us_equities"
T0 = ns("2026-03-02T14:30")


def at(offset: int) -> datetime:
    return utc("2026-03-02T14:30") + timedelta(microseconds=offset / 1000)


def queued(store: redis.Redis) -> list[dict[str, object]]:
    return [json.loads(item) for item in store.lrange(keys.closed_bars(VENUE), 0, -1)]


def test_a_pass_without_a_feed_does_nothing(store: redis.Redis) -> None:
    assert intraday.step_once(market=VENUE, at=at(0)) == {"ticks": 0, "closed": 0}


def test_a_pass_folds_what_is_there_and_says_so(store: redis.Redis) -> None:
    script = Script(store)
    script.send(T0 + 30 * 10**9, ("SPY", T0 + 1, 600.0, 100.0), ("SPY", T0 + 2, 601.0, 50.0))
    script.send(T0 + MINUTE)

    assert intraday.step_once(market=VENUE, at=at(MINUTE)) == {
        "ticks": 2,
        "closed": 1,
        "watermark": "2026-03-02T14:31:00+00:00",
    }
    assert [(bar["symbol"], bar["close"], bar["volume"]) for bar in queued(store)] == [("SPY", "601.0", "150")]
    assert intraday.step_once(market=VENUE, at=at(MINUTE)) == {
        "ticks": 0,
        "closed": 0,
        "watermark": "2026-03-02T14:31:00+00:00",
    }


def test_a_silent_feed_lets_its_minute_close_sixty_seconds_after_its_end(store: redis.Redis) -> None:
    Script(store).send(T0 + 50 * 10**9, ("SPY", T0 + 1, 600.0, 100.0))
    intraday.step_once(market=VENUE, at=at(0))

    assert intraday.step_once(market=VENUE, at=at(2 * MINUTE - 1000))["closed"] == 0
    assert intraday.step_once(market=VENUE, at=at(2 * MINUTE))["closed"] == 1
    assert intraday.step_once(market=VENUE, at=at(3 * MINUTE))["closed"] == 0


def test_a_feed_that_wakes_up_amends_what_was_closed_without_it(store: redis.Redis) -> None:
    script = Script(store)
    script.send(T0 + 50 * 10**9, ("SPY", T0 + 1, 600.0, 100.0))
    for offset in (0, 2 * MINUTE):
        intraday.step_once(market=VENUE, at=at(offset))

    script.send(T0 + 2 * MINUTE, ("SPY", T0 + 55 * 10**9, 605.0, 1.0))
    intraday.step_once(market=VENUE, at=at(2 * MINUTE))

    assert [(bar["close"], bar["ticks"]) for bar in queued(store)] == [("600.0", 1), ("605.0", 2)]


def test_an_unreadable_entry_does_not_stop_the_ones_behind_it(
    store: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    script = Script(store)
    store.xadd(keys.stream(VENUE), {"h": b"nonsense"})
    script.send(T0 + MINUTE, ("SPY", T0 + 1, 600.0, 100.0))

    assert intraday.step_once(market=VENUE, at=at(0))["ticks"] == 1
    assert "thor.feed.unreadable" in caplog.text


def test_an_unreadable_entry_at_the_end_is_passed_for_good(store: redis.Redis) -> None:
    store.xadd(keys.stream(VENUE), {"h": b"nonsense"})
    intraday.step_once(market=VENUE, at=at(0))

    assert intraday.step_once(market=VENUE, at=at(0)) == {"ticks": 0, "closed": 0}
    Script(store).send(T0 + MINUTE, ("SPY", T0 + 1, 600.0, 100.0))
    assert intraday.step_once(market=VENUE, at=at(0))["ticks"] == 1


def test_lost_and_late_ticks_are_told(store: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    script = Script(store)
    script.send(T0 + AMEND_FOR + 2 * MINUTE, ("SPY", T0 + 1, 600.0, 100.0))
    intraday.step_once(market=VENUE, at=at(0))
    script.send(T0 + AMEND_FOR + 2 * MINUTE, ("SPY", T0 + 1, 600.0, 100.0))
    store.xtrim(keys.stream(VENUE), maxlen=0, approximate=False)
    script.send(T0 + AMEND_FOR + 2 * MINUTE, ("SPY", T0 + 2, 600.0, 100.0))

    told = intraday.step_once(market=VENUE, at=at(0))

    assert (told["ticks"], told["late"], told["lost"]) == (0, 1, 1)
    assert "thor.feed.gap" in caplog.text
    assert "thor.feed.too_late" in caplog.text
    found = (
        FeedIncident.objects.filter(venue=VENUE, ended_at=None).order_by("kind").values_list("kind", "count", "last_at")
    )
    reached = utc("2026-03-02T14:47")
    assert list(found) == [("late", 1, reached), ("lost", 1, reached)]


def test_a_long_backlog_is_left_to_the_next_pass(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "ROUNDS", 2)
    monkeypatch.setattr(folding, "BATCHES", 2)
    script = Script(store)
    for number in range(5):
        script.send(T0 + number + 1, ("SPY", T0 + number, 600.0, 1.0))

    first, second = (intraday.step_once(market=VENUE, at=at(0)) for _ in range(2))

    assert (first["ticks"], first["behind"]) == (4, True)
    assert (second["ticks"], "behind" in second) == (1, False)


def test_folded_batches_leave_the_stream_after_hours_of_data_time(store: redis.Redis) -> None:
    script = Script(store)
    script.send(T0, ("SPY", T0 - 1, 600.0, 1.0))
    intraday.step_once(market=VENUE, at=at(0))
    script.send(T0 + stream.KEEP_NS - 10**6, ("SPY", T0 + 1, 600.0, 1.0))
    intraday.step_once(market=VENUE, at=at(0))
    assert store.xlen(keys.stream(VENUE)) == 2

    script.send(T0 + stream.KEEP_NS + 10**6, ("SPY", T0 + 2, 600.0, 1.0))
    assert store.xlen(keys.stream(VENUE)) == 3
    intraday.step_once(market=VENUE, at=at(0))
    assert store.xlen(keys.stream(VENUE)) == 2


def test_only_the_holder_of_the_lease_at_the_known_position_can_publish(store: redis.Redis) -> None:
    script = Script(store)
    script.send(T0, ("SPY", T0 - 1, 600.0, 1.0))
    known = script.position

    script.send(T0 + 1)
    script.position = known
    with pytest.raises(stream.NotTheFeeder):
        script.send(T0 + 1)
    store.set(keys.feed_lease(VENUE), "another")
    script.position = stream.position(store, VENUE)
    with pytest.raises(stream.NotTheFeeder):
        script.send(T0 + 2)

    assert store.xlen(keys.stream(VENUE)) == 2


@pytest.mark.django_db
def test_the_state_of_a_feed_can_be_asked(store: redis.Redis) -> None:
    script = Script(store)
    script.send(T0, ("SPY", T0 - 1, 600.0, 1.0), source="SIMULATED")

    (status,) = selectors.feed_status()

    assert (status.venue, status.source, status.watermark) == (VENUE, "SIMULATED", at(0))
    assert (status.published, status.waiting, status.ticked) == (1, 1, None)
    assert timedelta(0) <= status.age < timedelta(seconds=30)
    intraday.step_once(market=VENUE, at=at(0))
    assert selectors.feed_status()[0].waiting == 0
