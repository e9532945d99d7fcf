"""Fetching the days that the desk judges by: which are stored, once, and what is said where they cannot be had."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command

from tests.integration.trading.bars_server import ACTIONS, BARS, KEYS, BarsServer, serving, split_of
from tests.integration.trading.pinning import Pin, pin  # noqa: F401  (a fixture)
from thor.leadership.clock import live_by
from thor.marketdata import daily_version
from thor.marketdata.models import DailyBar, Instrument, Split
from thor.testing.alpaca_faults import Fault, as_it_should, broken, says, silent, status, trickling
from thor.timing import ManualClock
from thor.trading import alpaca_days, fetching
from thor.trading.features import YEAR_BARS
from thor.trading.universe import DEFAULT

pytestmark = pytest.mark.django_db(transaction=True)

#: Wednesday noon in New York. Monday the 16th of February was a holiday.
NOON = datetime(2026, 2, 18, 17, 0, tzinfo=UTC)
#: The sessions of eight days before it.
DATES = [date(2026, 2, day) for day in (10, 11, 12, 13, 17)]
DAYS = ("--days", "8")


@pytest.fixture
def server(pin: Pin, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[BarsServer]:  # noqa: F811
    """Serve days and splits to an installation that has the keys and real prices; nothing waits long."""
    monkeypatch.setattr(alpaca_days, "WAITS_FOR_ROOM", (0.0, 0.0))
    monkeypatch.setattr(alpaca_days, "WAITS_IN_TROUBLE", (0.0,))
    with serving() as found:
        pin(
            THOR_ALPACA_DATA_URL=found.url,
            APCA_API_KEY_ID=KEYS[0],
            APCA_API_SECRET_KEY=KEYS[1],
            THOR_UNIVERSE="SPY,AMD",
        )
        yield found


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is not answered be given up soon; what is answered takes less, however busy the machine."""
    monkeypatch.setitem(alpaca_days.AlpacaDays.__init__.__kwdefaults__, "timeout", 3.0)


def run(*arguments: str, at: datetime = NOON) -> str:
    out = StringIO()
    with live_by(ManualClock(at)):
        call_command("fetch_daily", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def dates(symbol: str) -> list[date]:
    return list(DailyBar.objects.filter(instrument__symbol=symbol).order_by("date").values_list("date", flat=True))


def test_the_universe_gets_its_completed_sessions_and_its_instruments(server: BarsServer) -> None:
    assert run(*DAYS) == "2 symbols, 10 days stored, 0 known before, 1 instruments added\n"

    assert dates("SPY") == dates("AMD") == DATES
    row = DailyBar.objects.get(instrument__symbol="AMD", date=DATES[0])
    assert (row.open, row.high, row.low, row.close) == tuple(map(Decimal, ("100.5", "102", "99.995", "101.1")))
    assert (row.volume, row.origin) == (1234, "imported")
    amd = Instrument.objects.get(symbol="AMD")
    assert (amd.venue, amd.kind, amd.active) == ("us_equities", "equity", True)


def test_raw_prices_of_the_configured_exchanges_are_asked_for(server: BarsServer) -> None:
    run(*DAYS)

    query = dict(server.asked)[BARS]
    assert query == {
        "symbols": "SPY,AMD",
        "timeframe": "1Day",
        "start": "2026-02-10T00:00:00Z",
        "end": "2026-02-18T01:00:00Z",
        "adjustment": "raw",
        "feed": "iex",
        "limit": "10000",
    }


def test_four_hundred_days_are_enough_for_a_year_of_features(server: BarsServer) -> None:
    run()

    assert len(dates("SPY")) >= YEAR_BARS


@pytest.mark.parametrize(("minute", "count"), [(19, 5), (20, 6)], ids=["just over", "settled"])
def test_a_session_counts_once_it_has_settled(server: BarsServer, minute: int, count: int) -> None:
    run(*DAYS, at=datetime(2026, 2, 19, 1, minute, tzinfo=UTC))

    assert len(dates("SPY")) == count


def test_fetching_again_changes_nothing(server: BarsServer) -> None:
    server.forward = [split_of("SPY", DATES[2], 1, 4)]
    assert run(*DAYS) == "2 symbols, 10 days stored, 0 known before, 1 splits stored, 1 instruments added\n"

    assert run(*DAYS) == "2 symbols, 0 days stored, 10 known before\n"


def test_days_that_were_simulated_or_rolled_up_are_replaced(server: BarsServer) -> None:
    spy = Instrument.objects.get(symbol="SPY")
    for day, origin in ((DATES[0], "simulated"), (DATES[1], "rolled")):
        DailyBar.objects.create(instrument=spy, date=day, open=1, high=1, low=1, close=1, volume=1, origin=origin)

    run(*DAYS)

    assert set(spy.days.values_list("close", "origin")) == {(Decimal("101.1"), "imported")}


def test_what_was_computed_of_days_is_told_to_be_old(server: BarsServer) -> None:
    before = daily_version.current()

    run(*DAYS)

    assert daily_version.current() != before


def test_answers_are_read_page_by_page(server: BarsServer) -> None:
    server.page = 3

    run(*DAYS)

    assert server.count(BARS) == 4
    assert dates("SPY") == dates("AMD") == DATES


def test_splits_come_with_the_days_and_weeks_ahead_of_their_date(server: BarsServer) -> None:
    server.forward = [split_of("SPY", day, 2, 3) for day in (date(2026, 2, 9), DATES[2], date(2026, 4, 2))]
    server.reverse = [split_of("AMD", NOON.date(), 10, 1), split_of("AMD", date(2026, 4, 1), 2, 1)]

    run(*DAYS)

    query = dict(server.asked)[ACTIONS]
    assert (query["start"], query["end"]) == ("2026-02-10", "2026-04-01")
    found = list(Split.objects.order_by("date").values_list("instrument__symbol", "date", "ratio"))
    assert found == [
        ("SPY", DATES[2], Decimal("1.5")),
        ("AMD", NOON.date(), Decimal("0.1")),
        ("AMD", date(2026, 4, 1), Decimal("0.5")),
    ]


def test_splits_that_cannot_be_had_keep_raw_days_out_unless_they_are_not_wanted(server: BarsServer) -> None:
    server.fail(status(403, "not in your plan"), path=ACTIONS)

    said = refused(*DAYS)

    assert "not in your plan" in said
    assert "--without-splits" in said
    assert DailyBar.objects.count() == 0
    assert run(*DAYS, "--without-splits").startswith("2 symbols, 10 days stored")


def test_two_splits_of_one_day_are_refused(server: BarsServer) -> None:
    server.forward = [split_of("SPY", DATES[2], 1, 2), split_of("SPY", DATES[2], 1, 4)]

    assert f"two splits of SPY on {DATES[2]}" in refused(*DAYS)
    assert DailyBar.objects.count() == 0


def test_a_symbol_of_the_universe_that_alpaca_does_not_know_is_left_out(server: BarsServer, pin: Pin) -> None:  # noqa: F811
    pin(THOR_UNIVERSE="SPY,NOPE,ES")

    said = run(*DAYS)

    assert said == (
        "3 symbols, 5 days stored, 0 known before, 2 left out: NOPE (Alpaca has no days of it), "
        "ES (it trades on globex, and Alpaca's days are those of us_equities)\n"
    )
    assert not Instrument.objects.filter(symbol="NOPE").exists()


def test_a_named_symbol_that_alpaca_does_not_know_ends_with_status_one(server: BarsServer) -> None:
    assert refused("spy,nope", *DAYS, "--add").endswith("1 left out: NOPE (Alpaca has no days of it)")

    assert dates("SPY") == DATES


def test_a_named_symbol_outside_the_universe_is_added_on_demand_only(server: BarsServer, pin: Pin) -> None:  # noqa: F811
    pin(THOR_UNIVERSE="SPY")

    assert refused("AMD", *DAYS).endswith("AMD (no instrument; run it again with --add)")
    assert server.asked == []
    assert "1 instruments added" in run("AMD", *DAYS, "--add")


def test_a_universe_that_the_free_plan_cannot_stream_is_refused_unless_it_is_meant(
    server: BarsServer,
    pin: Pin,  # noqa: F811
) -> None:
    pin(THOR_UNIVERSE="", THOR_FEED="alpaca")
    server.symbols = set(DEFAULT)

    assert refused().startswith("43 shares would be active, and Alpaca's free plan streams 30")
    assert DailyBar.objects.count() == 0
    assert run(*DAYS, "--add") == "43 symbols, 215 days stored, 0 known before, 37 instruments added\n"


def test_a_universe_is_no_trouble_where_its_prices_come_from_elsewhere(server: BarsServer, pin: Pin) -> None:  # noqa: F811
    pin(THOR_UNIVERSE="", THOR_FEED="us_equities=push,crypto=alpaca")
    server.symbols = set(DEFAULT)

    assert "37 instruments added" in run(*DAYS)


@pytest.mark.parametrize(
    ("bar", "reason"),
    [
        ({"h": 99.0}, "is not its highest price"),
        ({"l": 0}, "has a price of 0"),
        ({"v": -1}, "a volume below 0"),
        ({"c": None}, "a bar that is not understood"),
        ({"o": float("nan")}, "a bar that is not understood"),
        ({"t": "noon"}, "a bar that is not understood"),
    ],
)
def test_a_symbol_with_a_wrong_bar_is_left_out_whole(server: BarsServer, bar: dict[str, object], reason: str) -> None:
    server.says["AMD", f"{DATES[3]}"] = bar

    assert reason in run(*DAYS)

    assert dates("AMD") == []
    assert dates("SPY") == DATES


def test_a_day_that_is_told_twice_leaves_its_symbol_out(server: BarsServer) -> None:
    server.twice = {"AMD"}

    assert "1 left out: AMD (Alpaca tells a day twice)" in run(*DAYS)


FAULTS = {
    "429": status(429),
    "500": status(500),
    "504": status(504),
    "silent": silent(4.0),
    "broken": broken,
    "no JSON": says("<html>"),
}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_passing_trouble_is_waited_out(server: BarsServer, fault: Fault) -> None:
    server.fail(fault)

    assert run(*DAYS).startswith("2 symbols, 10 days stored")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("fault", "asked", "said"),
    [
        (status(429), 3, "Alpaca cannot answer now: trouble (429); try again later."),
        (status(500), 2, "Alpaca cannot answer now: trouble (500); try again later."),
        (status(400, "invalid symbol: A/B"), 1, "Alpaca refuses the question: invalid symbol: A/B (400); check"),
        (status(401, "no"), 1, "Alpaca refuses: no (401); check APCA_API_KEY_ID, APCA_API_SECRET_KEY and"),
        (trickling(5.0), 2, "Alpaca did not answer within 3 s; check THOR_ALPACA_DATA_URL and the network"),
        (says("<html>"), 2, "Alpaca's answer is no JSON"),
        (says("[]"), 1, "Alpaca's answer is not understood"),
        (says('{"bars": [1]}'), 1, "Alpaca's answer is not understood"),
        (says('{"bars": {"SPY": 1}}'), 1, "Alpaca's answer is not understood"),
        (says(""), 1, "Alpaca's answer is not understood"),
    ],
    ids=["429", "500", "400", "401", "slow", "html", "list", "bars list", "bars number", "empty"],
)
def test_a_trouble_that_stays_is_one_sentence_and_nothing_is_stored(
    server: BarsServer, fault: Fault, asked: int, said: str
) -> None:
    server.page = 4
    server.fail(as_it_should, *[fault] * 5)

    assert refused(*DAYS).startswith(said)

    assert server.count(BARS) == 1 + asked
    assert DailyBar.objects.count() == 0
    assert not Instrument.objects.filter(symbol="AMD").exists()


def test_an_answer_without_an_end_is_given_up(server: BarsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alpaca_days, "PAGES", 3)
    server.fail(*[says('{"bars": {}, "next_page_token": "same"}')] * 9)

    assert refused(*DAYS) == "Alpaca's answer does not end; try again later."


def test_symbols_before_the_trouble_are_stored_whole(server: BarsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SYMBOLS", 1)
    server.fail(as_it_should, status(400))

    assert refused(*DAYS).endswith("The symbols before AMD are done; run it again for the others.")

    assert dates("SPY") == DATES
    assert dates("AMD") == []


def test_wrong_keys_are_one_sentence(server: BarsServer, pin: Pin) -> None:  # noqa: F811
    pin(APCA_API_SECRET_KEY="other")

    assert refused(*DAYS).startswith("Alpaca refuses: forbidden. (403); check APCA_API_KEY_ID")


def test_missing_keys_are_one_sentence(server: BarsServer, pin: Pin) -> None:  # noqa: F811
    pin(APCA_API_KEY_ID="", APCA_API_SECRET_KEY="")

    assert refused() == "Alpaca's days need keys; set APCA_API_KEY_ID and APCA_API_SECRET_KEY."


def test_an_address_where_nobody_listens_is_one_sentence(server: BarsServer, pin: Pin) -> None:  # noqa: F811
    pin(THOR_ALPACA_DATA_URL="http://127.0.0.1:9")

    assert refused(*DAYS).startswith("Alpaca cannot be reached: ConnectionError; check THOR_ALPACA_DATA_URL")


@pytest.mark.parametrize(("days", "said"), [("0", "not between 1 and 4000"), ("4001", "not between"), ("1", "is over")])
def test_a_stretch_that_has_no_session_is_refused(server: BarsServer, days: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("--days", days, at=datetime(2026, 2, 15, 17, 0, tzinfo=UTC))
