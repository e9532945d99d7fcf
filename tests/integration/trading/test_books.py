"""The books are of one account: another one is refused until a person ends them, and then nothing of before counts."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command

from tests.integration.trading.finished import trade
from tests.integration.trading.memory_desk import CLOSE, MORNING, MemoryDesk, held, run_of
from tests.integration.trading.pinning import Pin, pin  # noqa: F401  (a fixture)
from thor.trading.allowances import lost_today
from thor.trading.books import begin_new_account, books_since
from thor.trading.brokers.choice import paper_broker
from thor.trading.brokers.port import Kind, OrderRequest, Side
from thor.trading.buying import Buyer, OtherAccount
from thor.trading.commitments import consecutive_losses
from thor.trading.daytrades import day_trades
from thor.trading.desk import desk as the_desk
from thor.trading.hours import session_for
from thor.trading.identity import configured_identity
from thor.trading.learning.examples import collect_examples, known_examples
from thor.trading.models import (
    Desk,
    Event,
    Intent,
    LearnedModel,
    Order,
    PaperAccount,
    PaperPosition,
    Position,
    Purpose,
    Reconciliation,
    State,
    Trade,
)
from thor.trading.protection import watch_degradation
from thor.trading.readiness import why_not_enter, why_not_exit
from thor.trading.records.equity import equity_curve
from thor.trading.services.reconciliation import reconcile_account
from thor.trading.settings import limits
from thor.trading.settling import settle_orders
from thor.trading.switch import BadSwitch

pytestmark = pytest.mark.django_db(transaction=True)

#: What the environment of the tests says, and an account of somebody's own.
PAPER = "paper, simulated prices"
OTHER = "alpaca paper PA3ABC"


@pytest.fixture
def desk() -> MemoryDesk:
    """Return a desk whose broker tells whose account it is."""
    found = MemoryDesk()
    found.broker.said["identity"] = PAPER
    return found


def reconcile(desk: MemoryDesk, run: int = 100) -> Reconciliation:
    reconcile_account(broker=desk.broker, run=run_of(run), at=desk.now)
    return Reconciliation.objects.get(run=run_of(run))


def end_books(desk: MemoryDesk, reason: str = "another broker") -> None:
    begin_new_account(reason=reason, by="ana", at=desk.now)


def test_the_first_reconciliation_says_whose_the_books_are(desk: MemoryDesk) -> None:
    assert reconcile(desk).status == "READY"

    assert (the_desk().account, the_desk().account_since) == (PAPER, MORNING)
    desk.wait(hours=1)
    assert reconcile(desk, 101).status == "READY"
    assert the_desk().account_since == MORNING


def test_books_that_are_older_than_their_account_are_all_of_it(desk: MemoryDesk) -> None:
    desk.buy()
    desk.wait(hours=1)

    reconcile(desk)

    assert the_desk().account_since == MORNING


def test_another_account_is_failed_and_nothing_of_it_is_taken_over_or_closed(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    reconcile(desk)
    another = MemoryDesk()
    another.broker.said["identity"] = OTHER
    another.broker.quote("QQQ", "50")
    another.broker.take(OrderRequest("hers", "QQQ", Side.BUY, Decimal(7), Kind.MARKET))
    another.wait(hours=1)

    row = reconcile(another, 101)

    assert (row.status, row.equity, row.positions_count) == ("FAILED", None, 1)
    assert row.errors == [
        f"the books are of the account '{PAPER}', and the broker tells of '{OTHER}': nothing was changed; "
        "go back to the old account, or end its books: manage.py trading new-account --reason '…'"
    ]
    order.refresh_from_db()
    assert (order.state, order.absences, Position.objects.count()) == (State.WORKING, 0, 0)
    assert "FAILED" in why_not_exit(another.now)
    desk.wait(hours=2)
    assert reconcile(desk, 102).status != "FAILED"


def test_positions_are_not_closed_at_an_account_that_does_not_have_them(desk: MemoryDesk) -> None:
    desk.buy()
    reconcile(desk)
    another = MemoryDesk()
    another.broker.said["identity"] = OTHER
    another.wait(hours=1)

    reconcile(another, 101)

    assert (held(), Trade.objects.count()) == (10, 0)


def test_what_another_process_has_said_meanwhile_counts(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = desk.broker.positions

    def positions() -> Any:
        Desk.objects.update_or_create(pk=1, defaults={"account": OTHER})
        return ask()

    monkeypatch.setattr(desk.broker, "positions", positions)
    desk.broker.take(OrderRequest("hand", "SPY", Side.BUY, Decimal(5), Kind.MARKET))
    desk.wait(minutes=5)

    assert (reconcile(desk).status, held()) == ("FAILED", 0)


def test_a_process_that_is_set_up_for_another_account_orders_nothing(desk: MemoryDesk) -> None:
    desk.broker.said["identity"] = OTHER
    assert reconcile(desk).status == "READY"

    said = (
        f"the books are of the account '{OTHER}', and this process is set up for '{PAPER}'; "
        "set it back, or end the old books: manage.py trading new-account --reason '…'"
    )
    assert (why_not_enter(desk.now), why_not_exit(desk.now)) == (said, said)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "paper, simulated prices"),
        ({"THOR_FEED": "push"}, "paper, real prices"),
        ({"THOR_FEED": "us_equities=simulated,crypto=push"}, "paper, simulated prices"),
        ({"THOR_BROKER": "alpaca", "APCA_API_KEY_ID": "a", "APCA_API_SECRET_KEY": "b"}, "alpaca paper "),
    ],
)
def test_a_configuration_says_what_its_account_is_called(pin: Pin, settings: dict[str, str], expected: str) -> None:  # noqa: F811
    pin(**settings)

    assert configured_identity() == expected


def test_the_embedded_broker_is_another_account_where_prices_are_real(pin: Pin, redis_client: object) -> None:  # noqa: F811
    broker = paper_broker(now=lambda: MORNING)
    assert broker.account().identity == PAPER

    pin(THOR_FEED="push")

    assert broker.account().identity == "paper, real prices"


def test_ended_books_hold_and_want_nothing_and_nothing_is_ordered_before_the_next_reconciliation(
    desk: MemoryDesk,
) -> None:
    desk.buy()
    desk.broker.quote("QQQ", "50", "0")
    sent = desk.buy(symbol="QQQ")
    planned = desk.plan(desk.want(Purpose.EXIT, exit_type="SWING_EXIT"))
    assert planned is not None
    wish = desk.want(symbol="IBM")
    desk.wait(minutes=5)
    reconcile(desk)
    LearnedModel.objects.create(name="old", trained_at=MORNING, content={}, fingerprint="0" * 64, is_active=True)
    Desk.objects.update(protected_because="drift", protected_at=MORNING)
    now = desk.wait(minutes=5)

    end_books(desk)

    found = the_desk()
    assert (found.account, found.account_since, found.protected_because) == ("", now, "")
    closed = Trade.objects.get()
    assert (held(), closed.exit_type, closed.exit_price, closed.net_pnl) == (0, "EXTERNAL_CLOSE", 100, 0)
    assert {one.state for one in Order.objects.filter(pk__in=[sent.pk, planned.pk])} == {State.DROPPED}
    assert Intent.objects.filter(state__in=["planned", "working"]).count() == 0
    wish.refresh_from_db()
    assert wish.outcome == "the books were begun anew: another broker"
    assert not LearnedModel.objects.filter(is_active=True).exists()
    event = Event.objects.order_by("number").last()
    assert event is not None
    assert (event.fields["change"], event.fields["before"], event.fields["by"]) == ("new_account", PAPER, "ana")
    said = "the books were begun anew, and the account has not been reconciled since"
    assert (why_not_enter(now), why_not_exit(now)) == (said, said)


def test_the_next_reconciliation_begins_the_books_of_the_new_account(desk: MemoryDesk) -> None:
    reconcile(desk)
    since = desk.wait(minutes=5)
    end_books(desk)
    another = MemoryDesk()
    another.broker.said["identity"] = OTHER
    another.clock.set(since + timedelta(minutes=1))

    assert reconcile(another, 101).status == "READY"

    assert (the_desk().account, the_desk().account_since) == (OTHER, since)


def test_the_embedded_broker_begins_with_its_capital_again(redis_client: object) -> None:
    broker = paper_broker(now=lambda: MORNING)
    broker.account()
    PaperAccount.objects.update(cash=5)
    PaperPosition.objects.create(symbol="SPY", quantity=3, cost=300)

    begin_new_account(reason="real prices from now on", by="ana", at=MORNING)

    assert (broker.account().cash, list(broker.positions())) == (100_000, [])


def test_losses_of_another_account_count_for_nothing(desk: MemoryDesk) -> None:
    for place in range(10):
        trade(f"S{place}", MORNING - timedelta(days=20, hours=place), "-5", {"a": 1.0})
    for at, equity in ((MORNING - timedelta(days=1), 100_000), (MORNING, 90_000)):
        Reconciliation.objects.create(run=uuid4(), at=at, status="READY", equity=equity)
    assert consecutive_losses(desk.now) == 10
    assert lost_today(desk.now) == Decimal("0.1")
    assert collect_examples(at=desk.now) == 10
    trade("LATE", MORNING - timedelta(days=10), "-5", {"a": 1.0})
    desk.wait(minutes=5)

    end_books(desk)

    now = desk.wait(hours=1)
    assert (consecutive_losses(now), lost_today(now)) == (0, None)
    assert (collect_examples(at=now), known_examples(at=now)) == (0, [])
    assert watch_degradation(run=uuid4(), at=now)["alerts"] == []


def test_the_curve_begins_with_the_books_unless_an_older_day_is_asked_for(desk: MemoryDesk) -> None:
    for days, equity in ((6, 50), (5, 60)):
        Reconciliation.objects.create(run=uuid4(), at=CLOSE - timedelta(days=days), status="READY", equity=equity)
    desk.clock.set(CLOSE - timedelta(days=4))
    end_books(desk)
    for days, equity in ((1, 100_000), (0, 101_000)):
        Reconciliation.objects.create(run=uuid4(), at=CLOSE - timedelta(days=days), status="READY", equity=equity)

    def worths(first: date | None) -> list[Decimal]:
        return [one.equity for one in equity_curve(first=first, last=None, capital=Decimal(1)).points]

    assert worths(None) == [100_000, 101_000]
    assert worths(CLOSE.date()) == [100_000, 101_000]
    assert worths((CLOSE - timedelta(days=2)).date()) == [100_000, 101_000]
    assert worths((CLOSE - timedelta(days=6)).date()) == [50, 60, 100_000, 101_000]


def test_the_curve_of_trades_begins_with_the_books_too(desk: MemoryDesk) -> None:
    trade("OLD", MORNING - timedelta(days=20), "-5")
    end_books(desk)
    made = trade("NEW", MORNING + timedelta(days=1), "5")

    points = equity_curve(first=None, last=None, capital=Decimal(1000)).points

    assert [one.equity for one in points] == [1000, 1000 + made.net_pnl]


def test_orders_of_the_books_are_not_looked_for_at_a_broker_of_another_kind(desk: MemoryDesk) -> None:
    order = desk.buy(limit="90")
    reconcile(desk)
    Desk.objects.update(account=OTHER)
    desk.wait(hours=1)

    told = settle_orders(broker=desk.broker, at=desk.now)

    order.refresh_from_db()
    assert (order.state, order.absences, told.asked) == (State.WORKING, 0, 0)
    assert OTHER in told.unreachable


def test_day_trades_of_the_old_account_do_not_count(desk: MemoryDesk) -> None:
    desk.buy()
    desk.wait(minutes=5)
    desk.sell()
    assert day_trades(replace(desk.broker.account(), day_trades=None), desk.now) == 1
    desk.wait(minutes=5)

    end_books(desk)

    assert day_trades(replace(desk.broker.account(), day_trades=None), desk.now) == 0


def test_what_ended_with_the_old_books_may_be_held_at_the_new_account(desk: MemoryDesk) -> None:
    desk.buy()
    reconcile(desk)
    desk.wait(hours=1)
    end_books(desk)

    desk.wait(hours=1)
    row = reconcile(desk, 101)

    assert (row.status, row.external) == ("READY", ["SPY"])


def test_books_that_a_fast_clock_has_begun_begin_again_now(desk: MemoryDesk) -> None:
    reconcile(desk)
    Desk.objects.update(account_since=MORNING + timedelta(days=3))

    now = desk.wait(hours=1)
    reconcile(desk, 101)

    assert the_desk().account_since == now


def test_books_that_a_clock_has_begun_which_is_a_little_ahead_stay(desk: MemoryDesk) -> None:
    reconcile(desk)
    ahead = MORNING + timedelta(hours=1, minutes=5)
    Desk.objects.update(account_since=ahead)

    desk.wait(hours=1)
    reconcile(desk, 101)

    assert the_desk().account_since == ahead


def test_nothing_is_bought_at_an_account_whose_books_these_are_not(desk: MemoryDesk) -> None:
    session = session_for(desk.now)
    assert session is not None
    reconcile(desk)
    desk.broker.said["identity"] = "paper, simulated prices of another"

    with pytest.raises(OtherAccount, match="another"):
        Buyer(desk.broker, [desk.want()], session, at=desk.now, rules=limits())


def test_the_command_ends_the_books_with_a_reason() -> None:
    Desk.objects.create(pk=1, account=PAPER, account_since=MORNING)
    out = StringIO()

    call_command("trading", "new-account", "--reason", "real prices", stdout=out)

    assert out.getvalue().splitlines() == [
        f"The books of the account '{PAPER}' have ended (positions closed: 0, orders: 0, intents: 0). "
        "Nothing was sold.",
        "Nothing is ordered before the next reconciliation: manage.py run_now reconciliation",
    ]
    assert (the_desk().account, books_since() is not None) == ("", True)


def test_the_command_refuses_without_a_reason_and_shows_whose_the_books_are() -> None:
    Desk.objects.create(pk=1, account=PAPER, account_since=MORNING)
    with pytest.raises(BadSwitch, match=r"say why: manage.py trading new-account"):
        call_command("trading", "new-account")

    out = StringIO()
    call_command("trading", stdout=out)

    assert f"Account:         paper_paper_swing_us, books of '{PAPER}' since 2026-03-03 10:00:00 EST" in out.getvalue()
