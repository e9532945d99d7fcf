"""What comes of asking the broker's clock: tries, rows, alarms."""

import logging
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.housekeeping.ask_market_clocks import ask_market_clocks
from tests.integration.trading.alpaca_server import Alpaca, says, status
from thor.markets import broker_clock
from thor.markets import broker_clock_asking as asking
from thor.markets.broker_clock_asking import ask_clocks
from thor.markets.models import ClockReading, Market
from thor.markets.registry import forget
from thor.markets.standing import Standing, State, standing
from thor.markets.standing_readings import forget_readings
from thor.timing import ManualClock

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def ours() -> ManualClock:
    """Return our own clock: ten in the morning in New York, on a Tuesday with usual hours."""
    return ManualClock(datetime(2026, 11, 24, 15, 0, tzinfo=UTC))


@pytest.fixture
def tuesday(alpaca: Alpaca, ours: ManualClock) -> Alpaca:
    """Let Alpaca tell the same Tuesday."""
    alpaca.calendar = {"2026-11-24": ("09:30", "16:00"), "2026-11-27": ("09:30", "13:00")}
    tells(alpaca, ours)
    return alpaca


def tells(alpaca: Alpaca, ours: ManualClock, *, is_open: bool = True) -> None:
    opens, closes = ("25", "24") if is_open else ("25", "25")
    alpaca.tells(
        ours.now().isoformat(),
        is_open=is_open,
        next_open=f"2026-11-{opens}T09:30:00-05:00",
        next_close=f"2026-11-{closes}T16:00:00-05:00",
    )


def ask(ours: ManualClock, pauses: list[float] | None = None) -> Standing:
    return ask_clocks(clock=ours, pause=(pauses if pauses is not None else []).append)["usa"]


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(event)]


def test_an_answer_is_a_row_that_every_process_reads(tuesday: Alpaca, usa: Market, ours: ManualClock) -> None:
    assert ask(ours) == Standing(State.OPEN, True, "broker")

    row = ClockReading.objects.get(market=usa)
    assert (row.asked_at, row.answered_at, row.failures, row.is_open) == (ours.now(), ours.now(), 0, True)
    assert row.opens_at == datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
    assert row.closes_at == datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
    forget_readings()
    assert standing("usa", ours.now()) == Standing(State.OPEN, True, "broker")


def test_two_tries_may_fail_with_a_pause_that_doubles(tuesday: Alpaca, usa: Market, ours: ManualClock) -> None:
    tuesday.faults = [status(500), says("{")]
    pauses: list[float] = []

    assert ask(ours, pauses).state is State.OPEN

    assert pauses == [1.0, 2.0]
    assert ClockReading.objects.get().failures == 0


def test_after_three_tries_it_is_one_failure_and_the_last_answer_stands(
    tuesday: Alpaca, usa: Market, ours: ManualClock
) -> None:
    ask(ours)
    tuesday.asked.clear()
    tuesday.faults = [status(429)] * 3
    ours.advance(MINUTE)

    found = ask(ours)

    assert (found.state, found.source) == (State.OPEN, "broker, cached")
    assert "429" in found.reason
    assert [path for path, _ in tuesday.asked] == ["/v2/clock"] * 3
    row = ClockReading.objects.get()
    assert (row.failures, row.asked_at, row.answered_at) == (1, ours.now(), ours.now() - MINUTE)


def test_the_sixth_failure_in_a_row_is_unknown_and_the_alarm_is_raised_once(
    tuesday: Alpaca, usa: Market, ours: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    ask(ours)
    states = []
    with caplog.at_level(logging.INFO):
        for _ in range(8):
            tuesday.faults = [status(500)] * 3
            ours.advance(MINUTE)
            states.append(ask(ours).state)
        tells(tuesday, ours)
        assert ask(ours) == Standing(State.OPEN, True, "broker")

    assert states == [State.OPEN] * 5 + [State.UNKNOWN] * 3
    assert len(lines(caplog, "thor.market.clock_failed")) == 1
    assert (
        len(lines(caplog, "thor.market.clock_lost: usa: 6 failures")) == len(lines(caplog, "thor.market.clock_l")) == 1
    )
    assert lines(caplog, "thor.market.clock_back") == [
        "thor.market.clock_back: usa: the broker's clock answers again after 8 failures"
    ]


def test_the_recovery_of_the_clock_is_one_line_for_however_many_markets_go_by_it(
    tuesday: Alpaca, usa: Market, ours: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    Market.objects.filter(key="pre_usa").update(clock_source=Market.ClockSource.BROKER, active=True)
    forget()
    ask(ours)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            tuesday.faults = [status(500)] * 3
            ours.advance(MINUTE)
            ask(ours)
        tells(tuesday, ours)
        ask(ours)
        ask(ours)

    assert ClockReading.objects.count() == 2
    assert lines(caplog, "Market clock") == ["Market clock recovered after 2 failures"]


def test_a_clock_that_has_never_answered_is_lost_at_once(
    tuesday: Alpaca, usa: Market, ours: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    tuesday.faults = [status(401)] * 6

    first, second = ask(ours), ask(ours)

    assert first.state is second.state is State.UNKNOWN
    assert len(lines(caplog, "thor.market.clock_lost")) == 1


def test_a_disagreement_is_closed_and_said_once(
    tuesday: Alpaca, usa: Market, ours: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        ours.advance(MINUTE)
        tells(tuesday, ours, is_open=False)
        found = ask(ours)

    assert found == Standing(State.CLOSED, True, "broker", "the broker says closed, the calendar open", True)
    assert len(lines(caplog, "thor.market.clock_disagrees: usa")) == 1

    ours.advance(MINUTE)
    tells(tuesday, ours)
    assert ask(ours) == Standing(State.OPEN, True, "broker")
    ours.advance(MINUTE)
    tells(tuesday, ours, is_open=False)
    ask(ours)
    assert len(lines(caplog, "thor.market.clock_disagrees: usa")) == 2


def test_a_half_day_that_the_calendar_does_not_know_is_a_disagreement(
    tuesday: Alpaca, usa: Market, ours: ManualClock
) -> None:
    tuesday.calendar["2026-11-24"] = ("09:30", "13:00")
    tuesday.clock["next_close"] = "2026-11-24T13:00:00-05:00"

    found = ask(ours)

    assert (found.state, found.disagrees) == (State.CLOSED, True)
    assert found.reason == "on 2026-11-24 the broker has 09:30 to 13:00, the calendar 09:30 to 16:00"


def test_the_half_day_after_thanksgiving_is_the_same_for_both(tuesday: Alpaca, usa: Market, ours: ManualClock) -> None:
    ours.set(datetime(2026, 11, 27, 17, 59, tzinfo=UTC))
    tuesday.tells(
        ours.now().isoformat(),
        is_open=True,
        next_open="2026-11-30T09:30:00-05:00",
        next_close="2026-11-27T13:00:00-05:00",
    )

    assert ask(ours) == Standing(State.OPEN, True, "broker")
    assert standing("usa", ours.advance(MINUTE)) == Standing(State.CLOSED, False, "broker")


def test_a_broker_whose_time_is_not_ours_is_no_answer(tuesday: Alpaca, usa: Market, ours: ManualClock) -> None:
    ours.advance(2 * MINUTE)

    found = ask(ours)

    assert found.state is State.UNKNOWN
    assert "correct this machine's clock" in found.reason


def test_where_no_market_goes_by_a_broker_nothing_is_asked_and_nothing_is_read(
    alpaca: Alpaca, connected: object
) -> None:
    ask_market_clocks(None)  # the markets' rows are remembered from now on

    with CaptureQueriesContext(connection) as captured:
        assert ask_market_clocks(None) == "no active market goes by a broker's clock; nothing was asked"

    assert (len(captured), alpaca.asked) == (0, [])


def test_the_job_asks_by_the_clock_of_its_process(
    tuesday: Alpaca, usa: Market, ours: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "process_clock", lambda: ours)

    assert ask_market_clocks(None) == {"usa": "open"}


def test_a_market_that_is_not_active_is_not_asked_for(tuesday: Alpaca, usa: Market, ours: ManualClock) -> None:
    usa.active = False
    usa.save()

    assert ask_clocks(clock=ours) == {}


def test_the_admin_refuses_a_broker_where_no_clock_is_connected(db: None) -> None:
    row = Market.objects.get(key="usa")
    row.clock_source = Market.ClockSource.BROKER

    with pytest.raises(ValidationError) as raised:
        row.full_clean()

    assert raised.value.message_dict["clock_source"][0].startswith(
        "No broker's clock is connected; set the broker's keys"
    )


def test_the_admin_refuses_a_market_whose_hours_the_broker_does_not_tell(connected: object) -> None:
    row = Market.objects.get(key="japan")
    row.clock_source = Market.ClockSource.BROKER

    with pytest.raises(ValidationError, match="tells the hours of XNAS, XNYS and not of XTKS"):
        row.full_clean()


def test_a_market_that_says_broker_without_one_is_unknown(tuesday: Alpaca, usa: Market, ours: ManualClock) -> None:
    ask(ours)
    broker_clock.connect(None)

    found = standing("usa", ours.now())

    assert (found.state, found.calendar_open) == (State.UNKNOWN, True)
    assert found.reason.startswith("no broker's clock is connected")
    assert ask(ours).state is State.UNKNOWN


def test_a_standing_costs_a_query_in_half_a_second_and_none_for_a_calendar(
    tuesday: Alpaca, usa: Market, ours: ManualClock
) -> None:
    ask(ours)
    standing("usa", ours.now())

    with CaptureQueriesContext(connection) as captured:
        for _ in range(100):
            standing("usa", ours.now())
            standing("japan", ours.now())
    assert len(captured) <= 1

    forget_readings()
    with CaptureQueriesContext(connection) as captured:
        standing("japan", ours.now())
    assert len(captured) == 0


def test_the_command_asks_and_prints_both_witnesses(
    tuesday: Alpaca, usa: Market, ours: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.markets.management.commands.market_clock.process_clock", lambda: ours)
    out = StringIO()

    call_command("market_clock", stdout=out)

    assert "Wed 25 Nov 09:30" in out.getvalue()
    assert "09:30 to 16:00" in out.getvalue()


def test_the_command_ends_with_an_error_where_the_clock_is_unknown(
    tuesday: Alpaca, usa: Market, ours: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.markets.management.commands.market_clock.process_clock", lambda: ours)
    monkeypatch.setattr(asking, "PAUSES", (0.0, 0.0))
    tuesday.faults = [status(500)] * 3

    with pytest.raises(CommandError, match="usa: the broker's clock has not answered yet: Alpaca answered 500"):
        call_command("market_clock", "--json", stdout=StringIO())
