"""Silence of feeds: seen by any reader, while the venue is open, and told as an incident with a begin and an end."""

import json
from datetime import datetime, timedelta

import pytest
import redis

from tests.integration.marketdata.conftest import ns, utc
from tests.integration.marketdata.publishing import Script, batch_of
from thor.env import env
from thor.marketdata import incidents, keys, silence, stream
from thor.marketdata.models import FeedIncident, Instrument
from thor.marketdata.services.feed_watch import watch_feeds
from thor.timing import micros

pytestmark = pytest.mark.django_db

VENUE = "us_equities"
#: Monday: New York opens at 13:30 UTC, and its extended hours run from 08:00 to 24:00.
NOON = utc("2013-10-07T16:00")


def published(store: redis.Redis, *, watermark: datetime, tick: datetime | None = None, venue: str = VENUE) -> None:
    """Publish one tick (or none) and a watermark, as a feed would."""
    script = Script(store, venue)
    script.position = stream.position(store, venue)
    ticks = [("SPY", micros(tick) * 1000, 100.0, 1.0)] if tick else []
    batch = batch_of(ticks, micros(watermark) * 1000).stamped(run="test", first=0)
    stream.publish(
        store,
        venue,
        batch,
        token="script",
        after=script.position,
        quotes={},
        ticked=micros(tick) * 1000 if tick else None,
    )


def after(seconds: float, at: datetime = NOON) -> datetime:
    return at + timedelta(seconds=seconds)


def reasons(at: datetime) -> list[tuple[str, str, datetime]]:
    return [(one.venue, one.symbol, one.since) for one in silence.silences(at)]


def test_a_feed_that_publishes_nothing_is_silent_after_thirty_seconds(store: redis.Redis) -> None:
    published(store, watermark=NOON, tick=NOON)

    assert reasons(after(30)) == []
    assert reasons(after(31)) == [(VENUE, "", NOON)]
    assert not silence.is_silent(VENUE, after(30))
    assert silence.is_silent(VENUE, after(31))
    assert silence.silent_for(after(40)) == {VENUE: timedelta(seconds=40)}


def test_a_feed_that_promises_and_gives_nothing_is_silent_too(store: redis.Redis) -> None:
    published(store, watermark=NOON, tick=NOON)
    published(store, watermark=after(31))

    assert reasons(after(32)) == [(VENUE, "", NOON)]
    assert "no tick from TEST" in silence.silences(after(32))[0].reason


def test_before_the_regular_open_a_venue_may_be_quiet_for_longer(store: redis.Redis) -> None:
    early = utc("2013-10-07T09:00")
    published(store, watermark=early, tick=early)
    published(store, watermark=after(290, early))
    assert reasons(after(290, early)) == []

    published(store, watermark=after(301, early))
    assert reasons(after(301, early)) == [(VENUE, "", early)]


def test_while_the_venue_is_closed_nothing_is_silent_and_an_open_gives_it_time(store: redis.Redis) -> None:
    saturday, monday = utc("2013-10-05T15:00"), utc("2013-10-07T08:00")
    published(store, watermark=saturday, tick=saturday)

    assert reasons(utc("2013-10-06T12:00")) == []
    assert reasons(after(29, monday)) == []
    assert reasons(after(31, monday)) == [(VENUE, "", monday)]


def test_midnight_does_not_interrupt_a_silence_of_a_market_that_never_closes(store: redis.Redis) -> None:
    late = utc("2013-10-07T23:59:50")
    published(store, watermark=late, tick=late, venue="crypto")

    assert reasons(after(31, late)) == [("crypto", "", late)]


def test_a_venue_that_no_feed_has_published_is_absent_and_refused(store: redis.Redis) -> None:
    assert reasons(NOON) == []
    assert silence.is_silent(VENUE, NOON)


def test_a_watched_symbol_without_a_tick_for_long_is_silent_alone(store: redis.Redis) -> None:
    Instrument.objects.filter(symbol="SPY").update(ribbon=True)
    published(store, watermark=NOON, tick=NOON)
    for symbol in ("SPY", "IBM"):
        quote = {"at": after(-601).isoformat(), "venue": VENUE}
        store.hset(keys.LATEST_QUOTES, symbol, json.dumps(quote))

    assert reasons(NOON) == [(VENUE, "SPY", after(-601))]
    assert silence.is_silent(VENUE, NOON, "SPY")
    assert not silence.is_silent(VENUE, NOON, "IBM")
    assert reasons(after(-2)) == []


def test_a_watched_symbol_that_never_had_a_tick_is_silent_too(store: redis.Redis) -> None:
    Instrument.objects.filter(symbol="SPY").update(ribbon=True)
    published(store, watermark=after(-601), tick=after(-601))
    published(store, watermark=NOON, tick=NOON)

    assert silence.is_silent(VENUE, after(-1), "SPY"), "nothing is known of it"
    assert reasons(after(-2)) == []
    assert reasons(NOON) == [(VENUE, "SPY", after(-601))]
    assert silence.is_silent(VENUE, NOON, "SPY")
    assert not silence.is_silent(VENUE, NOON)


def test_a_symbol_without_a_tick_is_given_its_time_from_the_regular_open(store: redis.Redis) -> None:
    Instrument.objects.filter(symbol="SPY").update(ribbon=True)
    opened = utc("2013-10-07T13:30")
    published(store, watermark=after(-3600, opened), tick=after(-3600, opened))
    for seconds in (600, 601):
        published(store, watermark=after(seconds, opened), tick=after(seconds, opened))

    assert reasons(after(600, opened)) == []
    assert reasons(after(601, opened)) == [(VENUE, "SPY", opened)]


def test_a_quote_of_another_venue_is_none_of_this_one(store: redis.Redis) -> None:
    published(store, watermark=NOON, tick=NOON)
    store.hset(keys.LATEST_QUOTES, "SPY", json.dumps({"at": NOON.isoformat(), "venue": "crypto"}))

    assert silence.is_silent(VENUE, NOON, "SPY")


def test_in_a_fast_replay_the_limit_is_one_of_the_wall(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env(), "clock", "replay")
    monkeypatch.setattr(env(), "replay_speed", 100.0)
    published(store, watermark=NOON, tick=NOON)

    assert reasons(after(2999)) == []
    assert reasons(after(3001)) == [(VENUE, "", NOON)]


def test_a_silence_is_one_incident_from_its_begin_to_its_end(store: redis.Redis) -> None:
    published(store, watermark=NOON, tick=NOON)
    for seconds in (31, 41, 51):
        assert watch_feeds(at=after(seconds)) == {"silent": 1, "told": True}
    row = FeedIncident.objects.get()
    assert (row.venue, row.kind, row.count, row.ended_at) == (VENUE, "silent", 1, None)
    assert row.detail.startswith("since 2013-10-07 16:00:00 UTC")

    published(store, watermark=after(55), tick=after(55))
    assert watch_feeds(at=after(61)) == {"silent": 0, "told": True}

    row.refresh_from_db()
    assert row.ended_at == after(61)


def test_a_silence_ends_when_the_venue_closes(store: redis.Redis) -> None:
    published(store, watermark=NOON, tick=NOON)
    watch_feeds(at=utc("2013-10-07T23:59:59"))
    watch_feeds(at=utc("2013-10-08T00:00:01"))

    assert FeedIncident.objects.get().ended_at == utc("2013-10-08T00:00:01")


def test_what_was_silent_elsewhere_is_left_to_whoever_feeds_it(store: redis.Redis) -> None:
    incidents.report("globex", FeedIncident.Kind.SILENT, at=NOON)
    incidents.flush()

    silence.note_silences(after(1), [VENUE])
    incidents.flush()

    assert FeedIncident.objects.get().ended_at is None
    assert ns("2013-10-07T16:00") == micros(NOON) * 1000
