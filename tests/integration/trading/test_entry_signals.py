"""Once a session, before its close: what is wanted is written down, judged by every gate, and ordered at most once."""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.trading.daily_days import sessions_before, write_days, write_minutes
from tests.integration.trading.swing_desk import CLOSE, DAY, ENTRY, OPEN, SwingDesk, a_run, dying, orders, said
from tests.integration.trading.trade_rows import make_trade
from thor.env import env
from thor.marketdata.models import DailyBar, Instrument
from thor.trading import entries
from thor.trading.brokers.port import BrokerUnreachable
from thor.trading.buying import send_unsent
from thor.trading.desk import hold
from thor.trading.entries import NothingToJudge
from thor.trading.exits import Wanted, want_exit
from thor.trading.models import Desk, Event, Happening, ImportedRun, Intent, Order, Position, Refusal
from thor.trading.services import entry_signals as service
from thor.trading.services.entry_signals import OrdersInDoubt, generate_entries
from thor.trading.services.order_polling import poll_orders
from thor.trading.services.swing_exits import evaluate_swing_exits
from thor.trading.settings import limits
from thor.trading.strategies.trend_pullback import TrendPullback
from thor.trading.switch import clear_protection, set_switch

YEAR = [session.date for session in sessions_before(DAY, 252)]
LAST_WEEK = datetime(2026, 2, 20, 20, 40, tzinfo=UTC)


def enter(desk: SwingDesk, at: datetime = ENTRY, run: int = 1, day: date | None = DAY) -> dict[str, Any]:
    desk.at(at)
    return generate_entries(broker=desk.broker, at=at, run=a_run(run), session_date=day)


def rises(desk: SwingDesk, symbol: str, *, volume: float = 10.0, at: datetime = ENTRY) -> None:
    """Let a symbol be in a calm uptrend on volume: the pullback strategy is as sure of it as can be."""
    Instrument.objects.get_or_create(symbol=symbol, defaults={"venue": "us_equities", "kind": "equity"})
    write_days(symbol, YEAR)
    write_minutes(symbol, OPEN, [103.0] * 365, volume=volume)
    desk.at(at)
    desk.price(symbol, "103")
    desk.feed_lives()
    desk.reconciled()


@pytest.fixture
def spy(swing_desk: SwingDesk) -> SwingDesk:
    """Let SPY be worth buying."""
    rises(swing_desk, "SPY")
    return swing_desk


def allow(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    monkeypatch.setattr(service, "limits", lambda: replace(limits(), **changed))


def gates() -> dict[str, str]:
    return dict(Refusal.objects.values_list("symbol", "gate"))


def test_the_whole_way_from_universe_to_order(spy: SwingDesk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "thor.trading"):
        told = enter(spy)

    wish, order = Intent.objects.get(), Order.objects.get()
    assert told == {"session": "2026-03-03", "wanted": 1, "sent": ["SPY"], "refused": {}}
    assert "Entry window reached. Running trade cycle once for today." in caplog.messages
    assert (wish.purpose, wish.strategy_id, wish.confidence, wish.urgency) == (
        "entry", "trend_pullback_v1", 5, "next_open",
    )  # fmt: skip
    assert wish.features["close"] == 103.0
    # One percent of 100,000, times 1.25 for a confidence of 5, at 103 a share.
    assert (order.kind, order.quantity, order.good_until) == ("market", Decimal("12.135922"), CLOSE)
    assert order.risk_amount == Decimal(1250)
    signals = Event.objects.filter(kind=Happening.SIGNAL).values_list("fields__strategy_id", "fields__passed_over")
    assert dict(signals) == {
        "volatility_squeeze_v1": "trend_pullback_v1 buys it",
        "momentum_breakout_v1": "trend_pullback_v1 buys it",
        "trend_pullback_v1": None,
    }
    after = Event.objects.filter(symbol="SPY").exclude(kind=Happening.SIGNAL).order_by("number")
    assert [one.kind for one in after] == ["risk_check", "order_submitted", "order_filled"]
    assert Position.objects.get().strategy_id == "trend_pullback_v1"


def test_a_symbol_with_a_hole_in_its_days_is_not_bought(spy: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = env().model_copy(update={"feed": "us_equities=alpaca"})
    monkeypatch.setattr("thor.trading.real_venues.env", lambda: settings)
    DailyBar.objects.filter(date__in=YEAR[-16:-1]).delete()

    with pytest.raises(NothingToJudge, match="SPY: 15 of its last 252 sessions are missing; fetch or import them"):
        enter(spy)


def test_a_symbol_is_bought_once_it_has_as_many_days_as_are_set(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    DailyBar.objects.filter(date__in=YEAR[:-229]).delete()
    allow(monkeypatch, min_history_days=231)
    with pytest.raises(NothingToJudge, match="SPY: 230 daily bars are too few; MIN_HISTORY_DAYS asks for 231"):
        enter(spy)

    allow(monkeypatch, min_history_days=230)

    assert enter(spy)["sent"] == ["SPY"]


def test_a_future_that_is_called_like_a_share_is_not_bought(spy: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    rises(spy, "CL")
    monkeypatch.setattr(entries, "universe", lambda: ("CL", "SPY"))

    assert enter(spy)["sent"] == ["SPY"]
    assert Event.objects.get(key__startswith="left_out").fields["symbols"] == {
        "CL": "what is called so here trades on globex, and the desk trades shares of us_equities"
    }


def test_without_a_fill_there_is_no_position(spy: SwingDesk) -> None:
    spy.broker.quote("SPY", "103", "0")

    enter(spy)

    assert orders() == [("SPY", "buy", "market", "working")]
    assert Position.objects.count() == 0


def test_symbols_of_the_same_confidence_come_by_name_and_each_knows_of_the_one_before(spy: SwingDesk) -> None:
    for symbol in ("QQQ", "IWM"):
        rises(spy, symbol)
    # Cash for two purchases of 1 % x 1.25 of equity: the third of them finds what the first two have left.
    spy.broker.said |= {"cash": Decimal(2600)}

    told = enter(spy)

    assert [one.symbol for one in spy.broker.requests] == ["IWM", "QQQ"]
    assert told["refused"] == {"buying_power": 1}
    assert gates() == {"SPY": "buying_power"}


def test_at_most_four_entries_a_session(spy: SwingDesk) -> None:
    for symbol in ("QQQ", "IWM", "AAPL", "MSFT"):
        rises(spy, symbol)

    told = enter(spy)

    assert [one.symbol for one in spy.broker.requests] == ["AAPL", "IWM", "MSFT", "QQQ"]
    assert told["refused"] == {"trades_today": 1}


def test_only_the_best_n_are_looked_at(spy: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    rises(spy, "QQQ")
    allow(monkeypatch, top_n_candidates=1)

    enter(spy)

    assert [one.symbol for one in Intent.objects.all()] == ["QQQ"]
    passed = Event.objects.get(symbol="SPY", kind=Happening.SIGNAL, fields__strategy_id="trend_pullback_v1")
    assert passed.fields["passed_over"] == "it is not among the best 1"


def test_a_refusal_has_its_gate_its_reason_and_its_event_and_the_wish_is_over(spy: SwingDesk) -> None:
    rises(spy, "QQQ")
    for day in (2, 3, 4):
        make_trade("IWM", "-10", ended=date(2026, 2, day))

    told = enter(spy)

    refusal = Refusal.objects.get(symbol="SPY")
    assert told["refused"] == {"consecutive_losses": 2}
    assert (refusal.gate, refusal.reason) == ("consecutive_losses", "3 losses in a row; the limit is 3")
    assert refusal.session_date == DAY
    check = Event.objects.get(kind=Happening.RISK_CHECK, symbol="SPY")
    assert (check.fields["allowed"], check.fields["gate"]) == (False, "consecutive_losses")
    assert set(Intent.objects.values_list("state", flat=True)) == {"cancelled"}


def test_losses_in_a_row_are_counted_anew_once_a_person_lets_entries_pass_again(spy: SwingDesk) -> None:
    for day in (2, 3, 4):
        make_trade("IWM", "-10", ended=date(2026, 2, day))
    clear_protection(reason="looked into it", by="boss", at=ENTRY - timedelta(hours=1))

    assert enter(spy)["sent"] == ["SPY"]


def test_a_silent_feed_refuses(spy: SwingDesk) -> None:
    # The quote is fresh enough to be a price, and the feed that made it has said nothing for two minutes.
    told = enter(spy, ENTRY + timedelta(minutes=2))

    assert told["refused"] == {"feed_silent": 1}


def test_after_a_day_that_lost_two_percent_nothing_is_bought(spy: SwingDesk) -> None:
    spy.broker.said |= {"equity": Decimal(98_000), "last_equity": Decimal(100_000)}

    assert enter(spy)["refused"] == {"daily_loss": 1}


@pytest.mark.parametrize("blocked", ["is_trading_blocked", "is_account_blocked"])
def test_a_blocked_account_buys_nothing(spy: SwingDesk, blocked: str) -> None:
    spy.broker.said |= {blocked: True}

    assert enter(spy)["refused"] == {"account_blocked": 1}
    assert spy.broker.requests == []


@pytest.mark.parametrize("switch", ["reducing", "halted"])
def test_the_switch_lets_no_entry_pass(spy: SwingDesk, switch: str) -> None:
    set_switch(switch, reason="calm down", by="boss", at=ENTRY)

    assert enter(spy)["refused"] == {"trading_switch": 1}
    assert orders() == []


def test_what_reconciliation_says_while_the_run_waits_counts(spy: SwingDesk) -> None:
    spy.reconciled("SAFE_MODE")

    assert enter(spy)["refused"] == {"safe_mode": 1}


def test_auto_protection_lets_no_entry_pass(spy: SwingDesk) -> None:
    Desk.objects.update_or_create(pk=1, defaults={"protected_because": "three sessions of alerts"})

    assert enter(spy)["refused"] == {"auto_protection": 1}


def test_the_model_s_risk_score_is_kept_and_asked(spy: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "risk_score", lambda features: 0.51)

    assert enter(spy)["refused"] == {"risk_score": 1}
    assert Intent.objects.get().risk_score == 0.51


def test_a_desk_that_only_watches_judges_and_orders_nothing(spy: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, observation_only=True)

    told = enter(spy)

    assert told["refused"] == {"observation_only": 1}
    assert spy.broker.requests == []
    assert Event.objects.get(kind=Happening.RISK_CHECK).fields["allowed"] is True


def test_a_symbol_whose_order_nobody_knows_about_is_not_bought(spy: SwingDesk) -> None:
    spy.broker.lose_request()
    with pytest.raises(OrdersInDoubt):
        enter(spy, day=DAY)
    tomorrow = date(2026, 3, 4)
    opens, at = OPEN + timedelta(days=1), ENTRY + timedelta(days=1)
    write_days("SPY", [DAY], close=103.0)
    write_minutes("SPY", opens, [103.0] * 365)
    spy.at(at)
    spy.price("SPY", "103")
    spy.feed_lives()
    spy.reconciled()
    Order.objects.update(good_until=CLOSE + timedelta(days=9))

    told = enter(spy, at, run=2, day=tomorrow)

    assert told["sent"] == []
    assert [one[3] for one in orders()] == ["unknown"]


def test_a_position_is_added_to_where_the_strategies_are_surest_and_it_has_gained(spy: SwingDesk) -> None:
    spy.holds("SPY", "5", paid="101", since=LAST_WEEK, strategy="trend_pullback_v1")

    told = enter(spy)

    wish, position = Intent.objects.get(purpose="add_on"), Position.objects.get()
    assert told["sent"] == ["SPY"]
    assert wish.confidence == 5
    assert position.entries == 2
    assert Event.objects.get(kind=Happening.RISK_CHECK).fields["decision"] == "SCALE_IN"


def test_what_costs_less_than_was_paid_is_not_added_to(spy: SwingDesk) -> None:
    spy.holds("SPY", "5", paid="104", since=LAST_WEEK)

    assert enter(spy)["refused"] == {"price_not_higher": 1}


def test_positions_are_not_added_to_where_that_is_off(spy: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    spy.holds("SPY", "5", paid="101", since=LAST_WEEK)
    allow(monkeypatch, add_on_buy_enabled=False)

    assert enter(spy)["wanted"] == 0


def test_what_is_to_be_sold_is_not_added_to(spy: SwingDesk) -> None:
    position = spy.holds("SPY", "5", paid="101", since=LAST_WEEK)
    with hold():
        want_exit(position, Wanted("max_hold", "held for 20 days", "next_open", YEAR[-1]), at=ENTRY, run=a_run(9))

    assert enter(spy)["wanted"] == 0


def test_a_position_that_is_not_the_desk_s_is_not_bought_more_of(spy: SwingDesk) -> None:
    spy.holds("SPY", "5", paid="101", since=LAST_WEEK)
    Position.objects.update(source="BROKER_RECONCILIATION")

    assert enter(spy)["wanted"] == 0


def test_what_somebody_else_holds_as_well_is_not_bought_more_of(spy: SwingDesk) -> None:
    spy.holds("SPY", "5", paid="101", since=LAST_WEEK)
    Position.objects.update(outside=3)

    assert enter(spy)["wanted"] == 0


def test_what_is_held_counts_as_heat(spy: SwingDesk) -> None:
    spy.at(ENTRY)
    spy.price("QQQ", "100")
    spy.holds("QQQ", "70", paid="100", since=LAST_WEEK)

    assert enter(spy)["refused"] == {"heat": 1}


def test_a_strategy_that_fails_does_not_stop_the_others(spy: SwingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> str:
        raise ZeroDivisionError("no figures")

    monkeypatch.setattr(TrendPullback, "reason_to_enter", broken)

    told = enter(spy)

    assert told["wanted"] == 1
    assert Intent.objects.get().strategy_id == "volatility_squeeze_v1"
    assert said("strategy_failed:trend_pullback_v1") == ["ZeroDivisionError: no figures"]


def test_who_could_not_judge_and_which_symbols_could_not_be_judged_is_said_once(spy: SwingDesk) -> None:
    enter(spy)

    assert len(said("degraded:event_driven_v1")) == 1
    left_out = Event.objects.get(key__startswith="left_out")
    assert left_out.fields["symbols"]["QQQ"]
    assert "SPY" not in left_out.fields["symbols"]


def test_where_nothing_can_be_judged_the_run_fails_so_that_it_is_tried_again(swing_desk: SwingDesk) -> None:
    with pytest.raises(NothingToJudge, match="no symbol of the universe has features; SPY: "):
        enter(swing_desk)

    rises(swing_desk, "SPY")
    assert enter(swing_desk)["sent"] == ["SPY"]


def test_an_unreachable_broker_fails_the_run_and_the_next_attempt_goes_on_with_what_was_decided(
    spy: SwingDesk,
) -> None:
    spy.broker.cut()
    with pytest.raises(BrokerUnreachable):
        enter(spy)
    decided = Intent.objects.get()
    spy.broker.mend()
    write_days("QQQ", YEAR)

    told = enter(spy)

    assert Intent.objects.get().pk == decided.pk
    assert told["sent"] == ["SPY"]


@pytest.mark.parametrize("step", ["planned", "sending", "submitted"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_second_attempt_after_a_death_orders_what_the_first_would_have_once(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch, step: str, count: int
) -> None:
    rises(spy, "QQQ")
    with dying(step, monkeypatch, count):
        enter(spy)

    for minute in range(6):
        spy.at(ENTRY + minute * timedelta(minutes=1))
        for symbol in ("SPY", "QQQ"):
            spy.quote(symbol, 103)
        spy.feed_lives()
        with suppress(OrdersInDoubt):  # which lets the run come again
            enter(spy, ENTRY + minute * timedelta(minutes=1))

    assert sorted({one.symbol for one in spy.broker.every_order()}) == ["QQQ", "SPY"]
    assert len(spy.broker.every_order()) == 2
    assert {one[3] for one in orders()} == {"filled"}
    assert {one.quantity for one in spy.broker.every_order()} == {Decimal("12.135922")}


def test_an_order_of_which_the_answer_was_lost_is_not_sent_again(spy: SwingDesk) -> None:
    spy.broker.lose_answer()
    with pytest.raises(OrdersInDoubt, match=r"SPY \(unknown\)"):
        enter(spy)

    enter(spy, ENTRY + timedelta(minutes=1))

    assert len(spy.broker.requests) == 1
    assert orders() == [("SPY", "buy", "market", "filled")]


def test_the_run_comes_again_until_an_order_that_never_arrived_is_sent_once_more(spy: SwingDesk) -> None:
    spy.broker.lose_request()
    for minute in (0, 1, 2):
        with pytest.raises(OrdersInDoubt):
            enter(spy, ENTRY + timedelta(minutes=minute))

    told = enter(spy, ENTRY + timedelta(minutes=3))

    assert told["sent"] == ["SPY"]
    assert orders() == [("SPY", "buy", "market", "filled")]
    assert len({one.client_order_id for one in spy.broker.requests}) == 1


@pytest.mark.parametrize(
    ("worth", "quantity"),
    [("102", "12.135922"), ("90", "12.116775")],
    ids=["what the spread costs", "a real loss"],
)
def test_a_second_attempt_sizes_by_the_equity_of_the_first_unless_that_has_really_changed(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch, worth: str, quantity: str
) -> None:
    rises(spy, "QQQ")
    with dying("submitted", monkeypatch):
        enter(spy)
    spy.broker.quote("QQQ", worth)

    enter(spy)

    assert [(one.symbol, one.quantity) for one in spy.broker.every_order()] == [
        ("QQQ", Decimal("12.135922")),
        ("SPY", Decimal(quantity)),
    ]


def test_a_second_run_of_the_same_session_decides_and_orders_nothing_more(spy: SwingDesk) -> None:
    enter(spy)
    rises(spy, "QQQ", at=ENTRY + timedelta(minutes=5))

    told = enter(spy, ENTRY + timedelta(minutes=5), run=2)

    assert told == {"session": "2026-03-03", "wanted": 1, "sent": [], "refused": {}}
    assert len(spy.broker.requests) == 1


def test_what_the_scheduler_of_old_has_done_is_not_done_again(spy: SwingDesk) -> None:
    ImportedRun.objects.create(key="entry", at=ENTRY)

    assert enter(spy, ENTRY + timedelta(minutes=1)) == {"skipped": "the scheduler of old has done it"}


@pytest.mark.parametrize("at", [CLOSE, CLOSE - timedelta(seconds=30), OPEN - timedelta(minutes=1)])
def test_outside_the_session_and_right_before_its_end_nothing_is_begun(spy: SwingDesk, at: datetime) -> None:
    assert enter(spy, at) == {"skipped": "the session is over, or has not begun"}
    assert Intent.objects.count() == 0


def test_a_run_that_comes_for_another_session_does_nothing(spy: SwingDesk) -> None:
    assert "skipped" in enter(spy, day=date(2026, 3, 2))


def test_an_order_that_would_leave_in_the_last_half_minute_is_dropped(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rises(spy, "QQQ")
    submit = spy.broker.submit

    def slow(request: Any) -> Any:
        outcome = submit(request)
        spy.at(CLOSE - timedelta(seconds=30))
        return outcome

    monkeypatch.setattr(spy.broker, "submit", slow)

    told = generate_entries(broker=spy.broker, at=ENTRY, run=a_run(), session_date=DAY, now=spy.clock.now)

    assert (told["sent"], told["refused"]) == (["QQQ"], {"dropped": 1})
    assert [one.symbol for one in spy.broker.requests] == ["QQQ"]
    assert gates() == {"SPY": "too_late"}
    assert Intent.objects.get(symbol="SPY").state == "cancelled"


def test_what_an_earlier_attempt_planned_is_not_sent_in_the_last_half_minute_either(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dying("planned", monkeypatch):
        enter(spy)
    spy.at(CLOSE)

    told = generate_entries(
        broker=spy.broker, at=ENTRY + timedelta(minutes=1), run=a_run(), session_date=DAY, now=spy.clock.now
    )

    assert (told["sent"], spy.broker.requests) == ([], [])
    assert gates() == {"SPY": "too_late"}


def test_what_is_to_be_sold_since_it_was_decided_to_add_to_it_is_not_bought(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = spy.holds("SPY", "5", paid="101", since=LAST_WEEK)
    spy.broker.cut()
    with pytest.raises(BrokerUnreachable):
        enter(spy)
    spy.broker.mend()
    with hold():
        want_exit(position, Wanted("stop", "fell", "immediate", DAY, is_emergency=True), at=ENTRY, run=a_run(9))

    assert enter(spy)["refused"] == {"to_be_sold": 1}
    assert Refusal.objects.get().reason == "SPY is to be sold: fell"
    assert spy.broker.requests == []


def test_a_purchase_whose_sending_fails_counts_for_those_after_it(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("QQQ", "IWM"):
        rises(spy, symbol)
    spy.broker.said |= {"cash": Decimal(2600)}
    submit = spy.broker.submit

    def broken(request: Any) -> Any:
        if request.symbol == "IWM":
            raise ValueError("what is this?")
        return submit(request)

    monkeypatch.setattr(spy.broker, "submit", broken)

    with pytest.raises(OrdersInDoubt, match="IWM"):
        enter(spy)

    assert gates() == {"SPY": "buying_power"}


def test_a_purchase_that_is_refused_does_not_count_for_those_after_it(spy: SwingDesk) -> None:
    for symbol in ("QQQ", "IWM"):
        rises(spy, symbol)
    spy.broker.said |= {"cash": Decimal(2600)}
    spy.broker.refuse("not today")

    assert enter(spy)["sent"] == ["QQQ", "SPY"]


def unordered(desk: SwingDesk) -> Intent:
    """Decide on a purchase that no attempt comes to order."""
    desk.broker.cut()
    with pytest.raises(BrokerUnreachable):
        enter(desk)
    desk.broker.mend()
    return Intent.objects.get()


@pytest.mark.parametrize("by", ["polling", "entries", "evening"])
def test_what_nobody_came_to_order_is_over_with_its_session(spy: SwingDesk, by: str) -> None:
    unordered(spy)
    at = spy.at(CLOSE + timedelta(minutes=10) if by == "evening" else OPEN + timedelta(days=1))

    if by == "polling":
        poll_orders(broker=spy.broker, at=at, run=a_run(2))
    elif by == "entries":
        with pytest.raises(NothingToJudge):
            generate_entries(broker=spy.broker, at=at, run=a_run(2))
    else:
        evaluate_swing_exits(broker=spy.broker, at=at, run=a_run(2), session_date=DAY)

    wish = Intent.objects.get()
    assert (wish.state, wish.outcome) == ("cancelled", "its session is over")
    assert said("entry_over") == ["not bought: its session is over"]


def test_what_is_still_to_be_ordered_in_its_session_is_not_ended_by_a_poll(spy: SwingDesk) -> None:
    unordered(spy)

    poll_orders(broker=spy.broker, at=ENTRY + timedelta(minutes=3), run=a_run(2))

    assert Intent.objects.get().state == "planned"


def test_what_never_arrived_and_may_not_be_sent_again_is_not_called_sent(spy: SwingDesk) -> None:
    spy.broker.lose_request()
    for minute in (0, 1, 2):
        with pytest.raises(OrdersInDoubt):
            enter(spy, ENTRY + timedelta(minutes=minute))
    poll_orders(broker=spy.broker, at=ENTRY + timedelta(minutes=3), run=a_run(2))
    set_switch("reducing", reason="calm down", by="boss", at=ENTRY)

    intents = list(Intent.objects.all())

    assert Order.objects.get().state == "absent"
    assert send_unsent(intents, broker=spy.broker, at=ENTRY + timedelta(minutes=4)) == []
