"""What comes once a session is tried again where a symbol failed, and repeats nothing that was done for the others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.trading.daily_days import sessions_before, write_days, write_minutes
from tests.integration.trading.swing_desk import CLOSE, DAY, ENTRY, OPEN, SwingDesk, a_run, exits, said
from thor.marketdata.models import Instrument
from thor.trading.boundary import NothingWorked, SomeFailed
from thor.trading.brokers.port import BrokerUnreachable, Kind
from thor.trading.buying import Buyer
from thor.trading.desk import hold
from thor.trading.models import Event, Happening, Intent, Order, Position, Refusal
from thor.trading.ordering import plan_order, send_order
from thor.trading.services import swing_exits
from thor.trading.services.entry_signals import NotInTime, generate_entries
from thor.trading.services.reconciliation import reconcile_account
from thor.trading.services.swing_exits import evaluate_swing_exits
from thor.trading.settings import limits

EVENING = CLOSE + timedelta(minutes=10)
BOUGHT = datetime(2026, 2, 20, 20, 40, tzinfo=UTC)
YEAR = [session.date for session in sessions_before(DAY, 252)]


def decide(desk: SwingDesk, at: datetime = EVENING) -> dict[str, Any]:
    return evaluate_swing_exits(broker=desk.broker, at=desk.at(at), run=a_run(), session_date=DAY)


def enter(desk: SwingDesk, at: datetime = ENTRY) -> dict[str, Any]:
    return generate_entries(broker=desk.broker, at=desk.at(at), run=a_run(), session_date=DAY)


def rises(desk: SwingDesk, symbol: str) -> None:
    """Let a symbol be in a calm uptrend on volume: the pullback strategy is as sure of it as can be."""
    Instrument.objects.get_or_create(symbol=symbol, defaults={"venue": "us_equities", "kind": "equity"})
    write_days(symbol, YEAR)
    write_minutes(symbol, OPEN, [103.0] * 365, volume=10.0)
    desk.at(ENTRY)
    desk.price(symbol, "103")
    desk.feed_lives()
    desk.reconciled()


@pytest.fixture
def spy(swing_desk: SwingDesk) -> SwingDesk:
    """Let SPY be worth buying."""
    rises(swing_desk, "SPY")
    return swing_desk


def broken_for(desk: SwingDesk, monkeypatch: pytest.MonkeyPatch, symbol: str, times: int = 1) -> list[str]:
    """Let the decision on a symbol fail for so many times; return the symbols that are decided on, as they come."""
    decided: list[str] = []
    decide_on = swing_exits._Evening._decide

    def broken(self: Any, position: Position) -> Any:
        decided.append(position.symbol)
        if position.symbol == symbol and decided.count(symbol) <= times:
            raise LookupError("what is this?")
        return decide_on(self, position)

    monkeypatch.setattr(swing_exits._Evening, "_decide", broken)
    return decided


@pytest.fixture
def three(swing_desk: SwingDesk) -> SwingDesk:
    """Hold three positions that have reached their targets."""
    for symbol in ("AAPL", "QQQ", "SPY"):
        write_days(symbol, YEAR)
        swing_desk.holds(symbol, "10", since=BOUGHT)
        write_days(symbol, [DAY], close=110.0)
    return swing_desk


def test_a_symbol_that_failed_fails_the_run_once_the_others_are_decided_and_alone_is_decided_by_the_next_attempt(
    three: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = broken_for(three, monkeypatch, "QQQ")

    with pytest.raises(SomeFailed, match=r"^QQQ: LookupError: what is this\?; the others are done$"):
        decide(three)
    first = {one.symbol: (one.pk, one.decided_at) for one in exits()}
    told = decide(three, EVENING + timedelta(minutes=5))

    assert sorted(first) == ["AAPL", "SPY"]
    assert decided == ["AAPL", "QQQ", "SPY", "QQQ"]
    assert told == {"looked_at": 3, "exits": {"AAPL": "target", "QQQ": "target", "SPY": "target"}}
    assert {one.symbol: (one.pk, one.decided_at) for one in exits() if one.symbol != "QQQ"} == first
    assert len(exits()) == 3
    assert Event.objects.filter(kind=Happening.EXIT_SIGNAL).count() == 3


def test_a_symbol_that_fails_for_ever_is_told_of_once_and_repeats_nothing_of_the_others(
    three: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swing_exits, "limits", lambda: replace(limits(), swing_exit_two_phase_enabled=False))
    broken_for(three, monkeypatch, "QQQ", times=99)
    for symbol in ("AAPL", "QQQ", "SPY"):
        three.broker.quote(symbol, "110", "0")
    three.broker._fills = [one for one in three.broker._fills if one.symbol != "AAPL"]

    for minute in (0, 5, 10):
        with pytest.raises(SomeFailed, match="QQQ"):
            decide(three, EVENING + timedelta(minutes=minute))

    # One was dropped, since the broker does not hold it any more, and one was ordered: neither is begun anew.
    assert [(one.symbol, one.state) for one in exits()] == [("AAPL", "cancelled"), ("SPY", "working")]
    assert len(three.broker.requests) == 1
    assert len(said("exit_dropped")) == 1
    assert said("error:") == ["LookupError: what is this?"]


def working_entry(desk: SwingDesk) -> Order:
    """Order a purchase in the last minutes of a session that nobody fills."""
    at = desk.at(CLOSE - timedelta(minutes=5))
    desk.broker.quote("SPY", "100", "0")
    with hold():
        intent = Intent.objects.create(
            run=a_run(7), symbol="SPY", purpose="entry", session_date=DAY, decided_at=at, updated_at=at
        )
        order = plan_order(intent, quantity=Decimal(10), kind=Kind.MARKET, at=at, run=a_run(7), good_until=CLOSE)
    assert order is not None
    return send_order(order, broker=desk.broker, at=at)


@pytest.mark.parametrize("by", ["evening", "reconciliation"])
def test_an_entry_that_works_on_after_its_session_is_cancelled_before_the_next_open(
    swing_desk: SwingDesk, by: str
) -> None:
    order = working_entry(swing_desk)
    reconcile_account(broker=swing_desk.broker, run=a_run(2), at=swing_desk.at(CLOSE - timedelta(seconds=1)))
    before = Order.objects.get(pk=order.pk).state

    if by == "evening":
        decide(swing_desk)
    else:
        reconcile_account(broker=swing_desk.broker, run=a_run(3), at=swing_desk.at(EVENING))

    assert (before, Order.objects.get(pk=order.pk).state) == ("working", "cancelled")
    assert [one.standing for one in swing_desk.broker.every_order()] == ["cancelled"]


def test_a_symbol_that_failed_is_taken_up_again_while_the_window_lasts_and_nothing_else_is(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("QQQ", "AAPL"):
        rises(spy, symbol)
    tried: list[str] = []
    buy = Buyer.buy

    def broken(self: Buyer, intent: Intent) -> str:
        tried.append(intent.symbol)
        if intent.symbol == "QQQ" and tried.count("QQQ") == 1:
            raise LookupError("what is this?")
        return buy(self, intent)

    monkeypatch.setattr(Buyer, "buy", broken)

    with pytest.raises(SomeFailed, match=r"^QQQ: LookupError: what is this\?; the others are done$"):
        enter(spy)
    between = dict(Intent.objects.values_list("symbol", "state"))
    spy.at(ENTRY + timedelta(seconds=45))
    spy.feed_lives()
    told = enter(spy, ENTRY + timedelta(seconds=45))

    assert between == {"AAPL": "done", "QQQ": "planned", "SPY": "done"}
    assert told["sent"] == ["QQQ"]
    assert tried == ["AAPL", "QQQ", "SPY", "QQQ"]
    assert sorted(one.symbol for one in spy.broker.requests) == ["AAPL", "QQQ", "SPY"]
    assert said("error:") == ["LookupError: what is this?"]


def test_a_symbol_that_fails_for_ever_is_told_of_once_and_orders_nothing_twice(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rises(spy, "QQQ")
    buy = Buyer.buy

    def broken(self: Buyer, intent: Intent) -> str:
        if intent.symbol == "QQQ":
            raise LookupError("what is this?")
        return buy(self, intent)

    monkeypatch.setattr(Buyer, "buy", broken)

    with pytest.raises(SomeFailed):
        enter(spy)
    for _ in range(2):
        with pytest.raises(NothingWorked, match="QQQ"):
            enter(spy, ENTRY + timedelta(seconds=45))

    assert [one.symbol for one in spy.broker.requests] == ["SPY"]
    assert said("error:") == ["LookupError: what is this?"]


def test_a_cycle_that_failed_until_the_last_half_minute_is_no_success(
    spy: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Buyer, intent: Intent) -> str:
        raise BrokerUnreachable("it is away")

    monkeypatch.setattr(Buyer, "buy", broken)
    with pytest.raises(NothingWorked):
        enter(spy)

    with pytest.raises(NotInTime, match="SPY"):
        enter(spy, CLOSE - timedelta(seconds=20))
    assert enter(spy, CLOSE) == {"skipped": "the session is over, or has not begun"}


def test_a_price_that_is_a_guess_is_not_called_a_silent_feed(spy: SwingDesk) -> None:
    spy.broker.cut()
    with pytest.raises(BrokerUnreachable):
        enter(spy)
    spy.broker.mend()
    spy.quote("SPY", 103, bid=80, ask=120, last_at=OPEN.isoformat())

    assert enter(spy)["refused"] == {"no_price": 1}
    assert Refusal.objects.get().reason == (
        "SPY has no price: no trade of the last 15 minutes, and no bid and ask that lie within 10 % of each other"
    )
    assert spy.broker.requests == []
