"""After the close it is decided what is to be sold: by age, target, averages and the strategy's own rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.trading.daily_days import sessions_before, split, write_days, write_minutes
from tests.integration.trading.swing_desk import CLOSE, DAY, OPEN, SwingDesk, a_run, dying, exits, said, sales
from thor.env import env
from thor.marketdata.models import DailyBar
from thor.trading import selling
from thor.trading.desk import hold
from thor.trading.exits import Wanted, want_exit
from thor.trading.models import Event, Happening, ImportedRun, Intent, Order, Position, Trade
from thor.trading.positions import converge_split
from thor.trading.services import swing_exits as service
from thor.trading.services.exit_intents import execute_exit_intents
from thor.trading.services.swing_exits import evaluate_swing_exits
from thor.trading.settings import limits

#: Ten minutes after the close, and the session of ten days before in which positions were bought.
EVENING = CLOSE + timedelta(minutes=10)
BOUGHT = datetime(2026, 2, 20, 20, 40, tzinfo=UTC)
YEAR = [session.date for session in sessions_before(DAY, 252)]


def decide(desk: SwingDesk, at: datetime = EVENING, run: int = 1, day: date | None = DAY) -> dict[str, Any]:
    desk.at(at)
    return evaluate_swing_exits(broker=desk.broker, at=at, run=a_run(run), session_date=day)


@pytest.fixture
def held(swing_desk: SwingDesk) -> SwingDesk:
    """Hold ten shares bought at 100; the days before end at 103.51, and the session is still to be written."""
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", "10", since=BOUGHT)
    return swing_desk


def closes_at(price: float, symbol: str = "SPY") -> None:
    """Let the session have ended at a price."""
    write_days(symbol, [DAY], close=price)


def test_a_gain_of_ten_percent_at_the_close_is_wished_to_be_sold_and_nothing_is_ordered(held: SwingDesk) -> None:
    closes_at(110.0)

    told = decide(held)

    wish = exits()[0]
    assert told == {"looked_at": 1, "exits": {"SPY": "target"}}
    assert (wish.state, wish.purpose, wish.exit_state, wish.exit_type) == (
        "planned", "exit", "EXIT_PLANNED", "SWING_EXIT",
    )  # fmt: skip
    assert (wish.session_date, wish.decided_at, wish.entry_date) == (DAY, EVENING, date(2026, 2, 20))
    assert (wish.holding_days, wish.confidence, wish.urgency) == (11, 4, "eod")
    assert wish.strategy_id == "momentum_breakout_v1"
    assert "10.00%" in wish.reason
    assert wish.features["close"] == 110.0
    assert held.broker.requests == []
    signal = Event.objects.get(kind=Happening.EXIT_SIGNAL)
    assert (signal.fields["rule"], signal.fields["exit_state"]) == ("target", "EXIT_PLANNED")


def test_a_gain_just_below_the_target_is_held(held: SwingDesk) -> None:
    closes_at(109.99)

    assert decide(held) == {"looked_at": 1}
    assert exits() == []


def test_the_minutes_of_the_session_count_where_its_day_is_not_written_yet(held: SwingDesk) -> None:
    write_minutes("SPY", OPEN, [110.5] * 390)

    assert decide(held)["exits"] == {"SPY": "target"}


@pytest.mark.parametrize(("bought", "rule"), [((2026, 2, 11), "max_hold"), ((2026, 2, 12), None)])
def test_what_was_held_for_twenty_days_goes_whatever_it_gained(
    swing_desk: SwingDesk, bought: tuple[int, int, int], rule: str | None
) -> None:
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", since=datetime(*bought, 20, 40, tzinfo=UTC))
    closes_at(103.0)

    told = decide(swing_desk)

    assert told.get("exits", {}).get("SPY") == rule
    assert [one.urgency for one in exits()] == (["next_open"] if rule else [])


def test_a_close_below_the_average_of_200_days_ends_it(held: SwingDesk) -> None:
    closes_at(98.0)

    assert decide(held)["exits"] == {"SPY": "below_sma_200"}


def test_the_best_and_the_worst_close_are_kept_also_on_the_day_of_entry(swing_desk: SwingDesk) -> None:
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", "10", since=CLOSE - timedelta(minutes=20))
    closes_at(97.5)
    decide(swing_desk)
    first = Position.objects.values_list("highest", "lowest").get()
    tomorrow = date(2026, 3, 4)
    write_days("SPY", [tomorrow], close=104.25)
    decide(swing_desk, EVENING + timedelta(days=1), run=2, day=tomorrow)

    assert first == (Decimal(100), Decimal("97.5"))
    assert Position.objects.values_list("highest", "lowest").get() == (Decimal("104.25"), Decimal("97.5"))


def test_on_the_day_of_entry_nothing_is_sold(swing_desk: SwingDesk) -> None:
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", "10", since=CLOSE - timedelta(minutes=20))
    closes_at(150.0)

    assert decide(swing_desk) == {"looked_at": 1}


def test_before_two_days_the_guard_holds_a_target_back_and_says_why(swing_desk: SwingDesk) -> None:
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", "10", since=datetime(2026, 3, 2, 20, 40, tzinfo=UTC))
    closes_at(112.0)

    told = decide(swing_desk)

    assert told == {"looked_at": 1, "held_back": {"SPY": "min_hold_not_met"}}
    assert exits() == []
    check = Event.objects.get(kind=Happening.RISK_CHECK)
    assert (check.fields["allowed"], check.fields["reason"]) == (False, "min_hold_not_met")


@pytest.mark.parametrize(("trades", "reason"), [(2, "pdt_limit_at_risk"), (3, "pdt_limit_reached")])
def test_a_small_margin_account_near_its_day_trades_holds_back_but_for_age(
    swing_desk: SwingDesk, trades: int, reason: str
) -> None:
    write_days("SPY", YEAR)
    write_days("QQQ", YEAR)
    swing_desk.holds("SPY", "10", since=BOUGHT)
    swing_desk.holds("QQQ", "10", since=datetime(2026, 2, 11, 20, 40, tzinfo=UTC))
    closes_at(112.0)
    closes_at(103.0, "QQQ")
    swing_desk.broker.said |= {"multiplier": Decimal(4), "equity": Decimal(24_999), "day_trades": trades}

    told = decide(swing_desk)

    assert told["held_back"] == {"SPY": reason}
    assert told["exits"] == {"QQQ": "max_hold"}


def test_without_figures_the_last_price_says_whether_the_target_is_reached_and_people_hear_of_it(
    swing_desk: SwingDesk,
) -> None:
    swing_desk.holds("SPY", "10", since=BOUGHT)
    swing_desk.at(CLOSE - timedelta(minutes=1))
    swing_desk.quote("SPY", 112)

    told = decide(swing_desk)

    assert told == {"looked_at": 1, "exits": {"SPY": "target"}, "without_figures": ["SPY"]}
    assert said("no_figures")[0].startswith("only its age and its target can be judged")
    assert Position.objects.get().highest == 112


def test_a_price_of_another_session_says_nothing(swing_desk: SwingDesk) -> None:
    swing_desk.holds("SPY", "10", since=BOUGHT)
    swing_desk.at(OPEN - timedelta(minutes=1))
    swing_desk.quote("SPY", 112)

    assert decide(swing_desk) == {"looked_at": 1, "without_figures": ["SPY"]}


def test_age_is_judged_without_figures(swing_desk: SwingDesk) -> None:
    swing_desk.holds("SPY", "10", since=datetime(2026, 2, 11, 20, 40, tzinfo=UTC))

    assert decide(swing_desk)["exits"] == {"SPY": "max_hold"}


def test_what_the_desk_did_not_open_is_left_alone_and_told_of(held: SwingDesk) -> None:
    Position.objects.update(source="BROKER_RECONCILIATION")
    closes_at(120.0)

    assert decide(held) == {"looked_at": 1}
    assert exits() == []
    assert said("swing_exit_external") == ["not the desk's own: its exit is left to whoever opened it"]


def test_a_newer_wish_takes_the_place_of_a_planned_one(held: SwingDesk) -> None:
    closes_at(110.0)
    decide(held)
    tomorrow = date(2026, 3, 4)
    write_days("SPY", [tomorrow], close=98.0)
    decide(held, EVENING + timedelta(days=1), run=2, day=tomorrow)

    wish = Intent.objects.get(purpose="exit")
    assert (wish.rule, wish.session_date, wish.run) == ("below_sma_200", tomorrow, a_run(2))


def test_a_second_attempt_decides_the_same_once(held: SwingDesk) -> None:
    closes_at(110.0)
    decide(held)
    decide(held)

    assert len(exits()) == 1
    assert Event.objects.filter(kind=Happening.EXIT_SIGNAL).count() == 1


def test_two_phases_over_a_weekend_decide_on_friday_and_sell_on_monday(swing_desk: SwingDesk) -> None:
    friday, monday = date(2026, 3, 6), datetime(2026, 3, 9, 13, 35, tzinfo=UTC)
    write_days("SPY", [session.date for session in sessions_before(friday, 252)])
    write_days("SPY", [friday], close=110.0)
    swing_desk.holds("SPY", "10", since=BOUGHT)
    decide(swing_desk, datetime(2026, 3, 6, 21, 10, tzinfo=UTC), day=friday)
    swing_desk.at(monday)
    swing_desk.price("SPY", 111)
    execute_exit_intents(broker=swing_desk.broker, at=monday, run=a_run(2))

    trade = Trade.objects.get()
    assert (trade.net_pnl, trade.session_date, trade.holding_days) == (110, date(2026, 3, 9), 17)


def test_after_a_half_day_it_is_decided_ten_minutes_after_its_early_close(swing_desk: SwingDesk) -> None:
    half_day = date(2026, 11, 27)
    write_days("SPY", [session.date for session in sessions_before(half_day, 252)])
    write_minutes("SPY", datetime(2026, 11, 27, 14, 30, tzinfo=UTC), [112.0] * 210)
    swing_desk.holds("SPY", "10", since=datetime(2026, 11, 18, 20, 40, tzinfo=UTC))

    told = decide(swing_desk, datetime(2026, 11, 27, 18, 10, tzinfo=UTC), day=half_day)

    assert told["exits"] == {"SPY": "target"}
    assert exits()[0].session_date == half_day


def test_in_one_phase_it_is_ordered_at_once_and_good_for_the_next_session(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "limits", lambda: replace(limits(), swing_exit_two_phase_enabled=False))
    held.broker.quote("SPY", "110", "0")
    closes_at(110.0)

    told = decide(held)

    order = Order.objects.get(side="sell")
    assert told["ordered"] == {"SPY": "sent"}
    assert (order.kind, order.state, order.good_until) == ("market", "working", CLOSE + timedelta(days=1))
    assert exits()[0].exit_state == "FORCE_EXIT"


@pytest.mark.parametrize("step", ["planned", "sending", "submitted"])
def test_in_one_phase_a_second_attempt_after_a_death_orders_once(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(service, "limits", lambda: replace(limits(), swing_exit_two_phase_enabled=False))
    held.broker.quote("SPY", "110", "0")
    closes_at(110.0)
    with dying(step, monkeypatch):
        decide(held)

    for minute in range(5):
        decide(held, EVENING + minute * timedelta(minutes=1))

    assert len({one.client_order_id for one in held.broker.requests}) == 1
    assert sales() == [("market", "working")]


def test_a_desk_that_only_watches_decides_and_orders_nothing(held: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "limits", lambda: replace(limits(), swing_exit_two_phase_enabled=False))
    monkeypatch.setattr(selling, "limits", lambda: replace(limits(), observation_only=True))
    closes_at(110.0)

    decide(held)

    assert held.broker.requests == []
    assert exits()[0].state == "planned"


def test_what_was_filled_since_it_was_last_asked_is_booked_before_it_is_judged(held: SwingDesk) -> None:
    position = Position.objects.get()
    with hold():
        want_exit(position, Wanted("target", "gained 12 %", "eod", YEAR[-1]), at=BOUGHT, run=a_run(9))
    held.at(OPEN + timedelta(minutes=5))
    held.price("SPY", 112, size="0")
    execute_exit_intents(broker=held.broker, at=OPEN + timedelta(minutes=5), run=a_run(2))
    held.broker.fill(held.broker.requests[-1].client_order_id, "10", "112")
    closes_at(110.0)

    assert decide(held, run=3) == {"looked_at": 0}
    assert Trade.objects.get().net_pnl == 120


def test_a_strategy_that_raises_is_told_of_and_age_still_counts(
    swing_desk: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thor.trading.strategies.momentum_breakout import MomentumBreakout

    def broken(*_: Any) -> str:
        raise ZeroDivisionError("no figures")

    monkeypatch.setattr(MomentumBreakout, "reason_to_exit", broken)
    write_days("SPY", YEAR)
    write_days("QQQ", YEAR)
    swing_desk.holds("SPY", since=BOUGHT)
    swing_desk.holds("QQQ", since=datetime(2026, 2, 11, 20, 40, tzinfo=UTC))
    closes_at(103.6)
    closes_at(103.6, "QQQ")

    told = decide(swing_desk)

    assert told["exits"] == {"QQQ": "max_hold"}
    assert said("strategy_failed") == ["momentum_breakout_v1: ZeroDivisionError('no figures')"]


def test_an_unreachable_broker_fails_the_run_so_that_it_is_tried_again(held: SwingDesk) -> None:
    closes_at(110.0)
    held.broker.cut()
    with pytest.raises(Exception, match="cut off"):
        decide(held)
    held.broker.mend()

    assert decide(held)["exits"] == {"SPY": "target"}


def test_what_the_scheduler_of_old_has_done_is_not_done_again(held: SwingDesk) -> None:
    ImportedRun.objects.create(key="swing_exit", at=EVENING)
    closes_at(110.0)

    assert decide(held, EVENING + timedelta(minutes=5)) == {"skipped": "the scheduler of old has done it"}


def test_a_run_by_hand_is_for_the_session_that_closed_last(held: SwingDesk) -> None:
    DailyBar.objects.filter(date=YEAR[-1]).update(close=110, high=111)
    at = OPEN + timedelta(hours=1)

    decide(held, at, day=None)

    assert exits()[0].session_date == YEAR[-1]


@pytest.mark.parametrize(("close", "rule"), [(27.4, None), (27.5, "target")])
def test_after_a_split_the_gain_is_one_in_new_shares(held: SwingDesk, close: float, rule: str | None) -> None:
    split("SPY", DAY, "4")
    closes_at(close)

    assert decide(held).get("exits", {}).get("SPY") == rule


@pytest.mark.parametrize("ratio", ["2", "0.1"])
@pytest.mark.parametrize(("close", "rule"), [(103.0, None), (110.0, "target")])
def test_an_evening_that_is_made_good_after_the_split_of_the_next_morning_is_judged_in_its_own_shares(
    held: SwingDesk, ratio: str, close: float, rule: str | None
) -> None:
    morning = datetime(2026, 3, 4, 13, 0, tzinfo=UTC)
    split("SPY", date(2026, 3, 4), ratio)
    closes_at(close)
    with hold():
        assert converge_split(Position.objects.get(), 10 * Decimal(ratio), at=morning)

    told = decide(held, morning)

    position = Position.objects.get()
    assert told.get("exits", {}).get("SPY") == rule
    assert position.entry_price == 100 / Decimal(ratio)
    assert (position.lowest, position.highest) == (100 / Decimal(ratio), Decimal(str(close)) / Decimal(ratio))


def test_the_close_after_a_split_that_is_not_booked_yet_is_kept_in_old_shares(held: SwingDesk) -> None:
    split("SPY", DAY, "4")
    closes_at(27.0)

    decide(held)

    assert Position.objects.values_list("lowest", "highest").get() == (100, 108)


def test_a_hole_in_its_days_does_not_keep_a_position_from_being_judged(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = env().model_copy(update={"feed": "us_equities=alpaca"})
    monkeypatch.setattr("thor.trading.real_venues.env", lambda: settings)
    DailyBar.objects.filter(date__in=YEAR[-16:-1]).delete()
    closes_at(98.0)

    assert decide(held) == {"looked_at": 1, "exits": {"SPY": "below_sma_200"}}


def test_a_future_that_is_called_like_what_is_held_has_no_close_of_it(swing_desk: SwingDesk) -> None:
    swing_desk.holds("CL", "10", since=BOUGHT)
    swing_desk.at(CLOSE - timedelta(minutes=1))
    swing_desk.quote("CL", 112)

    assert decide(swing_desk) == {"looked_at": 1, "without_figures": ["CL"]}


def test_an_evening_that_is_made_good_after_a_later_close_decides_nothing(held: SwingDesk) -> None:
    closes_at(99.0)
    DailyBar.objects.filter(date=YEAR[-4]).update(close=112, high=113)

    assert decide(held, day=YEAR[-4]) == {"skipped": "another session has closed since"}

    assert exits() == []
