"""What was decided after the close is carried out in a window after the open: each wish once, and to the end."""

import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from tests.integration.trading.daily_days import split
from tests.integration.trading.swing_desk import MINUTE, OPEN, SwingDesk, a_run, dying, exits, said, sales
from thor.trading import exit_window, selling
from thor.trading.boundary import NothingWorked
from thor.trading.brokers.port import BrokerPosition, BrokerUnreachable, Kind, Standing
from thor.trading.desk import hold
from thor.trading.exits import UNFILLED, Wanted, want_exit
from thor.trading.models import Event, Intent, Order, Trade
from thor.trading.positions import open_position
from thor.trading.selling import Seller, holdings, limit_price
from thor.trading.services.exit_intents import execute_exit_intents
from thor.trading.services.order_polling import poll_orders
from thor.trading.settings import limits
from thor.trading.switch import set_switch

BOUGHT = datetime(2026, 2, 20, 20, 40, tzinfo=UTC)
EVENING = datetime(2026, 3, 2, 21, 10, tzinfo=UTC)
FIRST = OPEN + timedelta(minutes=5)
CANCEL = OPEN + timedelta(minutes=28)
LAST = OPEN + timedelta(minutes=29)


def wish(desk: SwingDesk, symbol: str = "SPY", *, day: date = date(2026, 3, 2), is_forced: bool = False) -> Intent:
    """Decide on an evening to sell what is held."""
    position = open_position(symbol)
    assert position is not None
    with hold():
        wanted = Wanted("target", "gained 12 %", "eod", day, is_forced=is_forced)
        return want_exit(position, wanted, at=EVENING, run=a_run(99))


def execute(desk: SwingDesk, at: datetime, run: int = 1) -> dict[str, object]:
    desk.at(at)
    return execute_exit_intents(broker=desk.broker, at=at, run=a_run(run))


@pytest.fixture
def held(swing_desk: SwingDesk) -> SwingDesk:
    """Hold ten shares that are to be sold, and quote them at 112, where nobody buys yet."""
    swing_desk.holds("SPY", "10", since=BOUGHT)
    wish(swing_desk)
    swing_desk.at(FIRST)
    swing_desk.price("SPY", 112, size="0")
    return swing_desk


def test_a_planned_exit_is_a_limit_at_the_price_of_now_for_all_that_is_held(
    held: SwingDesk, caplog: pytest.LogCaptureFixture
) -> None:
    held.quote("SPY", 112, bid=111.989, ask=112.01)

    with caplog.at_level(logging.INFO, "thor.trading"):
        told = execute(held, FIRST)

    order = Order.objects.get(side="sell")
    assert (order.kind, order.quantity, order.limit_price) == ("limit", 10, Decimal("111.98"))
    assert order.good_until == datetime(2026, 3, 3, 21, tzinfo=UTC)
    assert told == {"session": "2026-03-03", "executed": 1}
    assert "Executed 1 pending exit intents" in caplog.messages


def test_after_a_split_everything_is_sold_before_anybody_has_reconciled(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    split("SPY", date(2026, 3, 3), "2")
    doubled = BrokerPosition("SPY", Decimal(20), Decimal(50), Decimal(56))
    monkeypatch.setattr(held.broker, "positions", lambda: [doubled])
    held.price("SPY", 56, size="0")

    execute(held, FIRST)

    position = open_position("SPY")
    assert position is not None
    assert (position.quantity, position.cost) == (20, 1000)
    assert [one.quantity for one in held.broker.requests if one.side == "sell"] == [20]


def test_a_bid_far_below_the_last_price_is_not_sold_to(held: SwingDesk) -> None:
    held.quote("SPY", 112, bid=100, ask=113)

    execute(held, FIRST)

    assert Order.objects.get(side="sell").limit_price == 112


def test_nothing_is_booked_before_it_is_filled_and_everything_then(held: SwingDesk) -> None:
    execute(held, FIRST)
    before = Trade.objects.count(), open_position("SPY")
    held.price("SPY", 112)
    execute(held, FIRST + MINUTE, run=2)

    trade = Trade.objects.get()
    assert before[0] == 0
    assert before[1] is not None
    assert (trade.exit_type, trade.net_pnl, trade.exit_reason) == ("SWING_EXIT", 120, "gained 12 %")
    assert (exits()[0].state, sales()) == ("done", [("limit", "filled")])


def test_every_minute_of_the_window_sends_one_order_in_all(held: SwingDesk) -> None:
    for minute in range(5, 28):
        held.at(OPEN + minute * MINUTE)
        held.quote("SPY", 112)
        execute(held, OPEN + minute * MINUTE, run=minute)

    assert len(held.broker.requests) == 1
    assert sales() == [("limit", "working")]


def test_two_minutes_before_the_end_the_limit_is_cancelled_and_the_rest_goes_at_the_market_price(
    held: SwingDesk,
) -> None:
    held.price("SPY", 112, size="4")
    execute(held, FIRST)
    held.at(CANCEL)
    held.price("SPY", 111, size="0")
    execute(held, CANCEL - MINUTE, run=2)
    before = sales()
    held.price("SPY", 111)
    execute(held, CANCEL, run=3)
    execute(held, LAST, run=4)

    market = Order.objects.get(kind="market", side="sell")
    assert before == [("limit", "partial")]
    assert sales() == [("limit", "cancelled"), ("market", "filled")]
    assert market.quantity == 6
    assert Trade.objects.get().net_pnl == 4 * 12 + 6 * 11
    assert exits()[0].carried == 0


def test_a_cancellation_that_is_not_final_is_waited_for_and_nothing_else_is_sent(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(held, FIRST)
    monkeypatch.setattr(held.broker, "cancel", lambda name: held.broker.take(held.broker.requests[0]))

    first = execute(held, CANCEL, run=2)
    last = execute(held, LAST, run=3)

    assert first["others"] == {"SPY": "blocked"}
    assert last["others"] == {"SPY": "carried"}
    assert len(held.broker.requests) == 1
    assert exits()[0].carried == 1
    assert Event.objects.get(fields__alert=UNFILLED).symbol == "SPY"


def test_what_is_carried_over_is_sold_in_the_next_sessions_window(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(held, FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(held.broker, "cancel", lambda name: held.broker.take(held.broker.requests[0]))
        execute(held, LAST, run=2)
    held.broker.close_day()
    tomorrow = FIRST + timedelta(days=1)
    held.at(tomorrow)
    held.price("SPY", 110)

    execute(held, tomorrow, run=3)

    assert sales() == [("limit", "expired"), ("limit", "filled")]
    assert (exits()[0].state, exits()[0].carried) == ("done", 1)


def test_a_window_that_nobody_saw_is_carried_over_as_well_once(held: SwingDesk) -> None:
    tomorrow = FIRST + timedelta(days=1)
    held.at(tomorrow)
    held.price("SPY", 112, size="0")

    execute(held, tomorrow)
    execute(held, tomorrow + MINUTE, run=2)

    assert exits()[0].carried == 1
    assert len(said("unfilled")) == 1


def test_the_first_window_after_a_decision_is_none_that_was_missed(held: SwingDesk) -> None:
    execute(held, FIRST)

    assert exits()[0].carried == 0


def test_over_a_weekend_friday_s_decision_is_carried_out_on_monday(swing_desk: SwingDesk) -> None:
    swing_desk.holds("SPY", since=BOUGHT)
    wish(swing_desk, day=date(2026, 3, 6))
    # New York changes its clocks on Sunday: the bell rings an hour earlier in UTC.
    monday = datetime(2026, 3, 9, 13, 35, tzinfo=UTC)
    swing_desk.at(monday)
    swing_desk.price("SPY", 112)

    told = execute(swing_desk, monday)

    assert told["executed"] == 1
    assert exits()[0].carried == 0


def test_a_half_day_has_the_whole_window(swing_desk: SwingDesk) -> None:
    swing_desk.holds("SPY", since=BOUGHT)
    wish(swing_desk, day=date(2026, 11, 25))
    half_day = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
    swing_desk.at(half_day + 5 * MINUTE)
    swing_desk.price("SPY", 112, size="0")
    execute(swing_desk, half_day + 5 * MINUTE)
    swing_desk.at(half_day + 28 * MINUTE)
    swing_desk.price("SPY", 112)

    assert Order.objects.get(side="sell").good_until == datetime(2026, 11, 27, 18, tzinfo=UTC)
    assert sales() == [("limit", "working")]
    execute(swing_desk, half_day + 28 * MINUTE, run=2)
    assert exits()[0].state == "done"


def test_a_refused_order_is_followed_by_another_one_of_the_next_minute(held: SwingDesk) -> None:
    held.broker.refuse("the symbol is halted")
    first = execute(held, FIRST)
    held.price("SPY", 112)
    execute(held, FIRST + MINUTE, run=2)

    assert first["others"] == {"SPY": "refused"}
    assert sales() == [("limit", "rejected"), ("limit", "filled")]


def test_what_is_forced_goes_at_the_market_price_at_once(swing_desk: SwingDesk) -> None:
    swing_desk.holds("SPY", since=BOUGHT)
    wish(swing_desk, is_forced=True)
    swing_desk.at(FIRST)
    swing_desk.price("SPY", 90)

    execute(swing_desk, FIRST)

    assert sales() == [("market", "filled")]


def test_without_a_fresh_price_no_limit_is_made_and_the_market_price_is_taken_at_the_end(held: SwingDesk) -> None:
    late = FIRST + timedelta(minutes=16)

    told = execute(held, late)
    held.broker.quote("SPY", "112")
    execute(held, CANCEL, run=2)

    assert told["others"] == {"SPY": "no price"}
    assert said("exit_no_price") == ["there is no fresh price of it, so no limit order can be made"]
    assert sales() == [("market", "filled")]


def test_a_position_that_the_broker_does_not_hold_any_more_is_not_sold(held: SwingDesk) -> None:
    held.broker._fills.clear()

    told = execute(held, FIRST)

    assert told["others"] == {"SPY": "gone"}
    assert held.broker.requests == []
    assert exits()[0].state == "cancelled"
    assert said("exit_dropped") == ["the broker does not hold it any more"]


def test_of_more_than_the_journal_holds_only_the_desk_s_own_is_sold(held: SwingDesk) -> None:
    fill = held.broker._fills[0]
    held.broker._fills.append(type(fill)("2", fill.order_id, "SPY", fill.side, Decimal(5), fill.price, fill.at))

    execute(held, FIRST)

    assert Order.objects.get(side="sell").quantity == 10
    assert said("exit_mismatch") == ["the broker holds 15 and the journal 10 of it"]


@pytest.mark.parametrize("step", ["planned", "sending", "submitted"])
def test_a_second_attempt_of_a_minute_that_was_killed_sends_the_order_once(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with dying(step, monkeypatch):
        execute(held, FIRST)

    for minute in range(5):
        execute(held, FIRST + minute * MINUTE, run=1 + minute)

    assert len({one.client_order_id for one in held.broker.requests}) == 1
    assert [kind for kind, _ in sales()] == ["limit"]
    assert len(held.broker.every_order()) == 1 + 1


def test_a_request_that_was_lost_is_sent_again_under_its_id_once_the_broker_surely_has_none(held: SwingDesk) -> None:
    held.broker.lose_request()
    for minute in range(6):
        execute(held, FIRST + minute * MINUTE, run=1 + minute)

    assert [one.client_order_id for one in held.broker.requests] == [held.broker.requests[0].client_order_id] * 2
    assert sales() == [("limit", "working")]


def test_an_answer_that_was_lost_is_asked_for_and_nothing_is_sent_again(held: SwingDesk) -> None:
    held.broker.lose_answer()
    execute(held, FIRST)
    unknown = sales()
    execute(held, FIRST + MINUTE, run=2)

    assert unknown == [("limit", "unknown")]
    assert sales() == [("limit", "working")]
    assert len(held.broker.requests) == 1


def test_a_broker_that_cannot_be_reached_fails_the_minute_and_the_next_one_goes_on(held: SwingDesk) -> None:
    held.broker.cut()
    with pytest.raises(Exception, match="cut off"):
        execute(held, FIRST)
    held.broker.mend()
    held.price("SPY", 112)

    execute(held, FIRST + MINUTE, run=2)

    assert sales() == [("limit", "filled")]


def test_while_trading_is_halted_exits_wait_and_people_hear_of_it_once(held: SwingDesk) -> None:
    set_switch("halted", reason="looking into it", by="boss", at=FIRST)
    for minute in range(3):
        execute(held, FIRST + minute * MINUTE, run=minute)

    assert held.broker.requests == []
    assert said("exit_refused") == ["it is not sold: trading is halted: looking into it"]
    assert exits()[0].state == "planned"


def test_while_trading_is_reducing_exits_pass(held: SwingDesk) -> None:
    set_switch("reducing", reason="calm down", by="boss", at=FIRST)

    assert execute(held, FIRST)["executed"] == 1


def test_a_desk_that_only_watches_sells_nothing(held: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selling, "limits", lambda: replace(limits(), observation_only=True))

    execute(held, FIRST)

    assert held.broker.requests == []


def test_the_trouble_of_one_symbol_is_not_that_of_the_others(held: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    held.holds("QQQ", since=BOUGHT)
    held.at(FIRST)
    held.price("QQQ", 112)
    wish(held, "QQQ")
    submit = held.broker.submit

    def broken(request: object) -> object:
        if getattr(request, "symbol", "") == "QQQ":
            raise ValueError("what is this?")
        return submit(request)  # type: ignore[arg-type]

    monkeypatch.setattr(held.broker, "submit", broken)

    told = execute(held, FIRST)

    assert told["failed"] == {"QQQ": "ValueError: what is this?"}
    assert told["executed"] == 1
    assert said("error:") == ["ValueError: what is this?"]


def test_after_the_close_nothing_is_done(held: SwingDesk) -> None:
    told = execute(held, OPEN + timedelta(hours=7))

    assert told == {"skipped": "the market is closed"}


def test_an_open_order_that_ends_unfilled_leaves_the_wish_as_it_was(held: SwingDesk) -> None:
    execute(held, FIRST)
    held.broker.end(held.broker.requests[0].client_order_id, Standing.REJECTED, "not today")
    held.price("SPY", 112)

    execute(held, FIRST + MINUTE, run=2)

    assert sales() == [("limit", "rejected"), ("limit", "filled")]


def test_what_a_half_day_s_window_did_not_sell_is_sold_after_the_weekend(
    swing_desk: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    swing_desk.holds("SPY", since=BOUGHT)
    wish(swing_desk, day=date(2026, 11, 25))
    friday, monday = datetime(2026, 11, 27, 14, 30, tzinfo=UTC), datetime(2026, 11, 30, 14, 35, tzinfo=UTC)
    swing_desk.at(friday + 5 * MINUTE)
    swing_desk.price("SPY", 112, size="0")
    execute(swing_desk, friday + 5 * MINUTE)
    with monkeypatch.context() as patch:
        patch.setattr(swing_desk.broker, "cancel", lambda name: swing_desk.broker.take(swing_desk.broker.requests[0]))
        execute(swing_desk, friday + 28 * MINUTE, run=2)
        execute(swing_desk, friday + 29 * MINUTE, run=3)
    swing_desk.broker.close_day()
    swing_desk.at(monday)
    swing_desk.price("SPY", 111)
    execute(swing_desk, monday, run=4)

    assert sales() == [("limit", "expired"), ("limit", "filled")]
    assert (exits()[0].carried, Trade.objects.get().session_date) == (1, date(2026, 11, 30))


def test_a_run_in_which_every_symbol_failed_is_a_failed_run(held: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: object) -> object:
        raise ValueError("what is this?")

    monkeypatch.setattr(held.broker, "submit", broken)

    with pytest.raises(NothingWorked, match="SPY: ValueError: what is this"):
        execute(held, FIRST)


def test_a_wish_that_has_become_an_emergency_meanwhile_goes_at_the_market_price(held: SwingDesk) -> None:
    stale, position = exits()[0], open_position("SPY")
    assert position is not None
    with hold():
        wanted = Wanted("emergency_loss", "lost 4 %", "immediate", date(2026, 3, 3), is_emergency=True)
        want_exit(position, wanted, at=FIRST, run=a_run(8))

    Seller(held.broker, holdings(held.broker), FIRST, a_run()).sell(stale, Kind.LIMIT)

    assert sales() == [("market", "working")]


@pytest.mark.parametrize(("last", "limit"), [(0.87654, "0.8765"), (1.999, "1.99"), (112.0, "112")])
def test_limits_are_in_cents_and_below_a_dollar_in_hundredths_of_them(held: SwingDesk, last: float, limit: str) -> None:
    held.quote("SPY", last)

    assert limit_price("SPY", FIRST) == Decimal(limit)


def test_without_any_quote_there_is_no_limit(held: SwingDesk) -> None:
    assert limit_price("QQQ", FIRST) is None


@pytest.mark.parametrize("forbidden_by", ["halted", "observation"])
def test_an_open_limit_stays_where_nothing_may_take_its_place(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch, forbidden_by: str
) -> None:
    execute(held, FIRST)
    if forbidden_by == "halted":
        set_switch("halted", reason="news", by="ana", at=FIRST)
    else:
        monkeypatch.setattr(selling, "limits", lambda: replace(limits(), observation_only=True))

    told = execute(held, CANCEL, run=2)

    assert told["others"] == {"SPY": "refused"}
    (order,) = Order.objects.filter(side="sell")
    assert (order.kind, order.state) == ("limit", "working")
    assert "its open order stays" in said("refused")[0]


def test_where_somebody_has_it_come_seldom_the_last_time_in_the_window_finishes(held: SwingDesk) -> None:
    execute(held, FIRST)
    last = OPEN + timedelta(minutes=25)
    held.at(last)
    held.quote("SPY", 111)

    execute_exit_intents(broker=held.broker, at=last, run=a_run(2), following=FIRST + timedelta(days=1))

    assert sorted(order.kind for order in Order.objects.filter(side="sell")) == ["limit", "market"]


def test_a_broker_that_is_silent_in_the_last_minute_does_not_hide_that_nothing_was_sold(held: SwingDesk) -> None:
    execute(held, FIRST)
    held.broker.cut()

    with pytest.raises(BrokerUnreachable):
        execute(held, CANCEL, run=2)
    before = exits()[0].carried
    with pytest.raises(BrokerUnreachable):
        execute(held, LAST, run=3)

    assert (before, exits()[0].carried) == (0, 1)
    assert Event.objects.get(fields__alert=UNFILLED).symbol == "SPY"


def test_what_is_forced_and_refused_each_minute_is_carried_over_as_well(swing_desk: SwingDesk) -> None:
    swing_desk.holds("SPY", since=BOUGHT)
    wish(swing_desk, is_forced=True)
    for minute in (28, 29):
        swing_desk.at(OPEN + minute * MINUTE)
        swing_desk.price("SPY", 90)
        swing_desk.broker.refuse("the symbol is halted")
        told = execute(swing_desk, OPEN + minute * MINUTE, run=minute)

    assert told["others"] == {"SPY": "carried"}
    assert exits()[0].carried == 1


def test_an_emergency_has_no_window_and_is_not_carried_over(held: SwingDesk) -> None:
    position = open_position("SPY")
    assert position is not None
    with hold():
        wanted = Wanted("emergency_loss", "lost 4 %", "immediate", date(2026, 3, 3), is_emergency=True)
        want_exit(position, wanted, at=FIRST, run=a_run(8))
    held.broker.refuse("the symbol is halted")

    execute(held, LAST)

    assert (exits()[0].carried, said("unfilled")) == (0, [])


def test_the_first_poll_after_a_window_that_nobody_saw_carries_over_once(held: SwingDesk) -> None:
    # At the window's end its last run may still be at work: only then is it certain that nobody saw it.
    for minute in (27, 30, 33, 36):
        poll_orders(broker=held.broker, at=held.at(OPEN + minute * MINUTE), run=a_run(minute))
        assert exits()[0].carried == (minute >= 33)

    assert len(said("unfilled")) == 1
    held.at(FIRST + timedelta(days=1))
    held.price("SPY", 112)
    execute(held, FIRST + timedelta(days=1), run=9)
    assert (exits()[0].state, exits()[0].carried) == ("done", 1)


def test_a_poll_does_not_carry_over_what_was_decided_after_the_window(held: SwingDesk) -> None:
    Intent.objects.filter(purpose="exit").update(decided_at=OPEN + 45 * MINUTE)

    assert poll_orders(broker=held.broker, at=held.at(OPEN + 48 * MINUTE), run=a_run()) == "no pending orders"
    assert exits()[0].carried == 0


@pytest.mark.parametrize("seconds", [0, 20])
def test_the_shortest_window_comes_to_the_market_price(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    short = SimpleNamespace(swing_exit_execution_window_start_min=5, swing_exit_execution_window_end_min=6)
    monkeypatch.setattr(exit_window, "env", lambda: short)
    at = held.at(FIRST + timedelta(seconds=seconds))

    told = execute_exit_intents(broker=held.broker, at=at, run=a_run(), following=FIRST + timedelta(days=1))

    assert told["executed"] == 1
    assert sales() == [("market", "working")]
    assert exits()[0].carried == 0
