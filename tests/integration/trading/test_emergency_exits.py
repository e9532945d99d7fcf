"""What has lost too much is sold at once, also while trading is halted; what cannot be judged is told of."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.trading.daily_days import sessions_before, split, write_days
from tests.integration.trading.swing_desk import DAY, OPEN, SwingDesk, a_run, dying, exits, orders, said, sales
from thor.trading import emergencies
from thor.trading.brokers.port import BrokerUnreachable, Kind
from thor.trading.desk import hold
from thor.trading.exits import EXITS, Wanted, want_exit
from thor.trading.models import Event, Happening, Intent, Order, Position, Purpose, Reconciliation, Trade
from thor.trading.ordering import plan_order, send_order
from thor.trading.positions import open_position
from thor.trading.services.emergency_exits import exit_emergencies
from thor.trading.services.exit_intents import execute_exit_intents
from thor.trading.switch import set_switch

BOUGHT = datetime(2026, 2, 20, 20, 40, tzinfo=UTC)
NOON = OPEN + timedelta(hours=2, minutes=30)
LATER = timedelta(minutes=20)
YEAR = [session.date for session in sessions_before(DAY, 252)]


def look(desk: SwingDesk, at: datetime = NOON, run: int = 1) -> dict[str, Any]:
    desk.at(at)
    return exit_emergencies(broker=desk.broker, at=at, run=a_run(run))


@pytest.fixture
def held(swing_desk: SwingDesk) -> SwingDesk:
    """Hold a thousand shares bought at 100 by an account of 100,000, whose average true range is 2."""
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", "1000", since=BOUGHT)
    swing_desk.at(NOON)
    return swing_desk


@pytest.fixture
def small(swing_desk: SwingDesk) -> SwingDesk:
    """Hold ten shares bought at 100: no fall of theirs is a loss that matters, but one by ranges is."""
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", "10", since=BOUGHT)
    swing_desk.at(NOON)
    return swing_desk


def buys(desk: SwingDesk, symbol: str) -> Order:
    """Buy ten more at the market price: an order that nobody fills."""
    desk.broker._cash += 5000
    desk.broker.quote(symbol, "100", "0")
    with hold():
        intent = Intent.objects.create(
            run=a_run(50), symbol=symbol, purpose=Purpose.ADD_ON.value, session_date=DAY, decided_at=NOON,
            updated_at=NOON,
        )  # fmt: skip
        order = plan_order(intent, quantity=Decimal(10), kind=Kind.MARKET, at=NOON, run=a_run(50), good_until=None)
    assert order is not None
    return send_order(order, broker=desk.broker, at=NOON)


def test_a_loss_of_three_percent_of_the_broker_s_equity_is_sold_at_the_market_price(held: SwingDesk) -> None:
    # 1,000 shares 2.92 below their entry, of an equity of 97,080: 3.007 %.
    held.price("SPY", "97.08")

    told = look(held)

    wish, trade = exits()[0], Trade.objects.get()
    assert told == {"looked_at": 1, "emergencies": {"SPY": "sent"}}
    assert sales() == [("market", "filled")]
    assert (wish.purpose, wish.exit_state, wish.exit_type, wish.rule, wish.urgency) == (
        "emergency", "FORCE_EXIT", "EMERGENCY_EXIT", emergencies.LOSS, "immediate",
    )  # fmt: skip
    assert (trade.exit_type, trade.net_pnl) == ("EMERGENCY_EXIT", -2920)
    assert Event.objects.filter(kind=Happening.EXIT_SIGNAL, symbol="SPY").count() == 1
    assert said("emergency:")[0].startswith("it has lost 3.01% of equity")


def test_less_than_that_is_held(held: SwingDesk) -> None:
    # 2.91 below: 2,910 of 97,090 are 2.997 %.
    held.price("SPY", "97.09")

    assert look(held) == {"looked_at": 1}
    assert exits() == []


def test_a_fall_of_four_average_true_ranges_is_sold_by_the_range_of_the_last_close(small: SwingDesk) -> None:
    small.price("SPY", "92.01")
    before = look(small)
    small.at(NOON + LATER)
    small.price("SPY", "91.99")
    told = look(small, NOON + LATER, run=2)

    assert before == {"looked_at": 1}
    assert told["emergencies"] == {"SPY": "sent"}
    assert exits()[0].rule == emergencies.DROP


def test_on_the_day_of_entry_it_takes_six_percent(swing_desk: SwingDesk) -> None:
    write_days("SPY", YEAR)
    swing_desk.holds("SPY", "1000", since=OPEN + timedelta(minutes=1))
    swing_desk.at(NOON)
    # 5.66 of 94.34 a share are 5.9996 %; 5.67 of 94.33 are 6.01 %.
    swing_desk.price("SPY", "94.34")
    before = look(swing_desk)
    swing_desk.at(NOON + LATER)
    swing_desk.price("SPY", "94.33")

    assert before == {"looked_at": 1}
    assert look(swing_desk, NOON + LATER, run=2)["emergencies"] == {"SPY": "sent"}


def test_without_an_atr_people_hear_once_a_session_that_falls_cannot_be_judged(swing_desk: SwingDesk) -> None:
    swing_desk.holds("SPY", "10", since=BOUGHT)
    swing_desk.at(NOON)
    swing_desk.price("SPY", "50")

    told = look(swing_desk)
    look(swing_desk, NOON + timedelta(minutes=10), run=2)

    assert told["unjudged"]["SPY"].startswith("its fall cannot be judged without an ATR")
    assert len(said("emergency_no_atr")) == 1
    assert sales() == []


def test_a_stale_price_is_an_alert_and_no_silence(held: SwingDesk) -> None:
    held.price("SPY", "50")

    told = look(held, NOON + timedelta(minutes=16))

    assert told["unjudged"] == {"SPY": "no quote of the last 15 minutes: nobody knows whether it is an emergency"}
    assert len(said("emergency_no_price")) == 1
    assert sales() == []


@pytest.mark.parametrize("switch", ["reducing", "halted"])
def test_an_emergency_passes_whatever_the_switch_says(held: SwingDesk, switch: str) -> None:
    set_switch(switch, reason="looking into it", by="boss", at=NOON)
    held.price("SPY", "90")

    look(held)

    assert sales() == [("market", "filled")]


def test_it_takes_the_place_of_a_planned_exit_and_of_its_open_limit(held: SwingDesk) -> None:
    position = open_position("SPY")
    assert position is not None
    morning = OPEN + timedelta(minutes=5)
    held.at(morning)
    held.price("SPY", "112", size="0")
    with hold():
        want_exit(position, Wanted("target", "gained 12 %", "eod", date(2026, 3, 2)), at=BOUGHT, run=a_run(9))
    execute_exit_intents(broker=held.broker, at=morning, run=a_run(2))
    held.at(NOON)
    held.price("SPY", "90")

    look(held)

    assert sales() == [("limit", "cancelled"), ("market", "filled")]
    assert Intent.objects.filter(purpose__in=EXITS).count() == 1
    assert exits()[0].exit_type == "EMERGENCY_EXIT"


def test_an_open_purchase_of_the_symbol_is_cancelled_first(held: SwingDesk) -> None:
    buys(held, "SPY")
    held.quote("SPY", 90)
    held.broker.quote("SPY", "90", "0")

    look(held)

    assert [one[1:] for one in orders("SPY")][1:] == [("buy", "market", "cancelled"), ("sell", "market", "working")]


def test_while_the_cancellation_is_not_final_nothing_is_sold_and_the_next_run_goes_on(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = buys(held, "SPY")
    held.quote("SPY", 90)
    held.broker.quote("SPY", "90", "0")
    with monkeypatch.context() as patch:
        patch.setattr(held.broker, "cancel", lambda name: held.broker.take(held.broker.requests[0]))
        told = look(held)
    held.broker.cancel(bought.client_order_id)
    held.at(NOON + LATER)
    held.price("SPY", "99")  # it has recovered: what was decided is carried out all the same

    assert told["emergencies"] == {"SPY": "blocked"}
    assert "nothing else of it can be ordered" in said("exit_blocked")[0]
    assert look(held, NOON + LATER, run=2)["emergencies"] == {"SPY": "sent"}
    assert sales() == [("market", "filled")]


def test_an_order_of_which_nobody_knows_blocks_its_symbol_and_people_hear_of_it(held: SwingDesk) -> None:
    held.broker.lose_request()
    buys(held, "SPY")
    held.price("SPY", "90")

    told = look(held)

    assert told["emergencies"] == {"SPY": "blocked"}
    assert "its buy order is unknown" in said("exit_blocked")[0]
    assert sales() == []


def test_a_position_that_the_desk_did_not_open_is_told_of_and_not_sold(held: SwingDesk) -> None:
    Position.objects.update(source="BROKER_RECONCILIATION")
    held.price("SPY", "90")

    look(held)

    assert sales() == []
    assert said("emergency_external")[0].startswith("not the desk's own, so it is not sold: it has lost")


def test_an_emergency_that_was_refused_is_tried_again_by_the_next_run(held: SwingDesk) -> None:
    held.price("SPY", "90")
    held.broker.refuse("try later")
    look(held)
    held.at(NOON + LATER)
    held.price("SPY", "90")
    look(held, NOON + LATER, run=2)

    assert sales() == [("market", "rejected"), ("market", "filled")]
    assert len(exits()) == 1


@pytest.mark.parametrize("step", ["planned", "sending", "submitted", "cancelling", "cancelled"])
def test_a_second_attempt_after_a_death_sells_once(held: SwingDesk, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    buys(held, "SPY")
    held.quote("SPY", 90)
    held.broker.quote("SPY", "90", "0")
    with dying(step, monkeypatch):
        look(held)

    for number in range(5):
        at = NOON + number * timedelta(minutes=1)
        look(held, at, run=1)

    sold = [one for one in held.broker.every_order() if one.side == "sell"]
    assert len(sold) == 1
    assert sales() == [("market", "working")]


def test_an_unreachable_broker_fails_the_run(held: SwingDesk) -> None:
    held.price("SPY", "90")
    held.broker.cut()

    with pytest.raises(Exception, match="cut off"):
        look(held)


def test_outside_the_session_nothing_is_sold(held: SwingDesk) -> None:
    held.price("SPY", "90")

    assert look(held, OPEN + timedelta(hours=7)) == {"skipped": "the market is closed"}
    assert sales() == []


@pytest.mark.parametrize(("price", "rule"), [("25.5", None), ("24.20", emergencies.LOSS)])
def test_a_split_is_no_loss_and_what_was_paid_counts_in_new_shares(
    held: SwingDesk, price: str, rule: str | None
) -> None:
    split("SPY", DAY, "4")
    held.price("SPY", price)
    held.broker.said |= {"equity": Decimal(100_000)}

    look(held)

    # 1,000 at 100 are 4,000 at 25; at 24.20 they have lost 3,200.
    assert [one.rule for one in exits()] == ([rule] if rule else [])


def test_one_bad_print_sells_nothing_and_a_fall_that_the_bid_follows_does(held: SwingDesk) -> None:
    held.broker.quote("SPY", "100")
    held.quote("SPY", 1.0, bid=100, ask=100.1)
    before = look(held)
    held.at(NOON + LATER)
    held.broker.quote("SPY", "90")
    held.quote("SPY", 90.0, bid=89.9, ask=90.1)

    assert before == {"looked_at": 1}
    assert look(held, NOON + LATER, run=2)["emergencies"] == {"SPY": "sent"}


def test_a_fall_in_which_nobody_trades_is_seen_by_bid_and_ask(held: SwingDesk) -> None:
    held.broker.quote("SPY", "80")
    held.quote("SPY", 100.0, bid=80, ask=80.1, last_at=OPEN.isoformat())

    look(held)

    assert sales() == [("market", "filled")]


def test_an_old_trade_of_which_only_one_side_is_quoted_cannot_be_judged(held: SwingDesk) -> None:
    held.quote("SPY", 50.0, bid=80, last_at=OPEN.isoformat())

    assert look(held)["unjudged"] == {
        "SPY": "no trade of the last 15 minutes, and no bid and ask that lie within 10 % of each other: "
        "nobody knows whether it is an emergency"
    }


def silence(*_: Any) -> Any:
    raise BrokerUnreachable("no answer in time")


def test_an_account_that_is_silent_is_worth_what_the_last_reconciliation_said_and_people_hear_of_it(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reconciliation.objects.create(
        run=a_run(70), at=NOON - timedelta(hours=1), status="READY", positions_count=1, equity=Decimal(97_000)
    )
    monkeypatch.setattr(held.broker, "account", silence)
    held.price("SPY", "97.10")  # 2,900 are 2.99 % of 97,000
    before = look(held)
    held.at(NOON + LATER)
    held.price("SPY", "97.09")

    told = look(held, NOON + LATER, run=2)

    assert before == {"looked_at": 1}
    assert told["emergencies"] == {"SPY": "sent"}
    assert [one.rule for one in exits()] == [emergencies.LOSS]
    assert said("emergency_account") == [
        "the broker does not tell what the account is worth (no answer in time): losses are judged by the 97000.00 of "
        "2026-03-03 11:00:00 EST"
    ]


@pytest.mark.parametrize("known", ["nothing", "too old"])
def test_without_any_equity_that_counts_a_fall_by_ranges_is_sold_all_the_same(
    held: SwingDesk, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    if known == "too old":
        at = NOON - timedelta(days=1)
        Reconciliation.objects.create(run=a_run(70), at=at, status="READY", positions_count=1, equity=Decimal(100_000))
    monkeypatch.setattr(held.broker, "account", silence)
    held.price("SPY", "92.01")  # it has lost 8 % of what the account was worth, and not yet four ranges
    before = look(held)
    held.at(NOON + LATER)
    held.price("SPY", "91.99")

    told = look(held, NOON + LATER, run=2)

    reason = "the broker does not tell what the account is worth (no answer in time): its loss cannot be judged"
    assert before == {"looked_at": 1, "unjudged": {"SPY": reason}}
    assert told["emergencies"] == {"SPY": "sent"}
    assert [one.rule for one in exits()] == [emergencies.DROP]
    assert said("emergency_no_equity") == [reason]
