"""A thousand ways in which orders, answers and processes get lost, and what is true after each of them."""

import itertools
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.trading.fault_machine import START, SYMBOLS, Deaths, Machine, Meddled, install, told_of
from tests.integration.trading.given_up import hasty, patient
from tests.integration.trading.pinning import Pin, pin  # noqa: F401  (a fixture)
from thor.testing.alpaca_faults import broken, late, silent, status, taken
from thor.testing.alpaca_rest import AlpacaRest
from thor.testing.late_broker import LateBroker
from thor.timing import ManualClock
from thor.trading.brokers.alpaca import AlpacaBroker
from thor.trading.brokers.port import Side, Standing
from thor.trading.models import Order

#: At the broker in memory and at Alpaca's server: on SQLite all of them; elsewhere, where a statement takes its time,
#: enough to see that it is the same. `SCHEDULES=1000` plays as many of both anywhere.
SCHEDULES, SERVED = (250, 50) if os.environ.get("DATABASE_URL", "").startswith("postgres") else (1000, 1000)
SCHEDULES, SERVED = (int(os.environ.get("SCHEDULES", usual)) for usual in (SCHEDULES, SERVED))
#: Seconds that all of them may take.
SECONDS = 600 + 3 * SERVED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(SECONDS)]

#: Seconds that the server of Alpaca's gets to answer, but when the desk heals: so few that silence costs little, and
#: that a busy machine adds a silence of its own now and then.
PATIENCE = 0.15
SYMBOL = st.sampled_from(SYMBOLS)
WHICH = st.integers(0, 7)
#: Most orders have a fault: a request or an answer is lost, late or refused, or the process dies.
LOST = st.sampled_from(["lose_answer", "lose_request", "delay_request", "delay_request", "refuse", "", "", ""])
STEP = st.sampled_from(["", "", "", "planned", "sending", "submitted"])
LIMIT = st.sampled_from(["99", "101", ""])
ATTEMPTS = st.integers(1, 2)
ENDS = [Standing.EXPIRED, Standing.CANCELLED, Standing.REJECTED]
SIZES = [None, "0", "0.5", "3"]


def happening(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *arguments)


ENTER = happening("enter", SYMBOL, st.integers(1, 9), LIMIT, LOST, STEP, ATTEMPTS)
LEAVE = happening("leave", SYMBOL, LIMIT, LOST, STEP, ATTEMPTS)
RECONCILE = happening("reconcile", st.sampled_from(["", "", "asked", "looked", "converged"]))
SETTLE = happening("settle", st.integers(0, 2))
WAIT = happening("wait", st.sampled_from([40, 130, 1200, 7200]))
FILL = happening("fill", WHICH, st.sampled_from(["0.3", "0.5", "1"]))
OTHERS = st.one_of(
    happening("break_with", st.sampled_from(["cut", "mend", "arrive"])),
    happening("quote", SYMBOL, st.sampled_from(["98", "100", "102"]), st.sampled_from(SIZES)),
    happening("end", WHICH, st.sampled_from(ENDS)),
    happening("cancel", WHICH, st.sampled_from(["", "delay_cancel"]), st.sampled_from(["", "cancelling", "cancelled"])),
    happening("again", WHICH),
    happening("poll"),
    happening("switch", st.sampled_from(["active", "reducing", "halted"])),
    happening("trade_elsewhere", SYMBOL, st.sampled_from(list(Side)), st.integers(1, 5)),
    happening("next_day"),
)
PLAIN = st.one_of(ENTER, LEAVE, RECONCILE, SETTLE, WAIT, FILL, OTHERS, OTHERS, OTHERS)
MEANWHILE = happening("meanwhile", st.integers(0, 4), PLAIN)
ASKING = st.tuples(MEANWHILE, st.one_of(RECONCILE, SETTLE, ENTER, LEAVE))
#: What happens together: something, or something in the middle of a question.
HAPPENINGS = st.one_of(st.tuples(PLAIN), st.tuples(PLAIN), ASKING)
#: Something is held from the start, so that there is something to sell.
BEGIN = st.tuples(st.just(("enter", "SPY", 6, "", "", "", 1)), ENTER, WAIT)


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    return install(monkeypatch)


@settings(
    max_examples=SCHEDULES, deadline=None, derandomize=True, database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(begin=BEGIN, schedule=st.lists(HAPPENINGS, min_size=5, max_size=9), is_late=st.booleans())
def test_a_broken_schedule_orders_nothing_twice_and_loses_nothing(
    deaths: Deaths, begin: tuple[Any, ...], schedule: list[tuple[Any, ...]], is_late: bool
) -> None:
    clock = ManualClock(START)
    book = LateBroker(clock.now)
    machine = Machine(deaths, clock, book, book)

    happenings = [*begin, *itertools.chain(*schedule)]

    machine.play(happenings, is_late=is_late)

    told_of(machine.check, happenings)


#: A gateway's answers, and silence; `taken` does what is asked before it fails.
REST_FAULTS = {
    "429": status(429),
    "500": status(500),
    "504": status(504),
    "broken": broken,
    "silent": silent(2 * PATIENCE),
    "504 after acceptance": taken(status(504)),
    "broken after acceptance": taken(broken),
    "time-out after acceptance": taken(silent(2 * PATIENCE)),
    "late": late(2 * PATIENCE),
}


class RestMachine(Machine):
    """The same desk at Alpaca's adapter, with a server that answers over the network, or does not."""

    def __init__(self, deaths: Deaths, clock: ManualClock, server: AlpacaRest, broker: AlpacaBroker) -> None:
        super().__init__(deaths, clock, server.book, broker)
        self.server = server

    def break_with(self, fault: str) -> None:
        """Let the next order, or question, run into a fault of the server."""
        if fault in REST_FAULTS:
            self.server.fail(REST_FAULTS[fault], path="/v2/orders")

    def heal(self, *, is_late: bool = False) -> None:
        """Let the server answer, once everything has come that was sent to it and given up."""
        self.server.mend()
        self.server.settle()
        self.broker = Meddled(patient(self.server, lambda _: None))
        super().heal()


REST_LOST = st.sampled_from(["", *REST_FAULTS])
REST_HAPPENINGS = st.one_of(
    happening("enter", SYMBOL, st.integers(1, 9), LIMIT, REST_LOST, STEP, ATTEMPTS),
    happening("leave", SYMBOL, LIMIT, REST_LOST, STEP, ATTEMPTS),
    happening("break_with", REST_LOST),
    happening("cancel", WHICH, REST_LOST, st.sampled_from(["", "cancelling", "cancelled"])),
    happening("quote", SYMBOL, st.sampled_from(["98", "100", "102"]), st.sampled_from(SIZES)),
    RECONCILE, SETTLE, WAIT, FILL,
)  # fmt: skip


@settings(
    max_examples=SERVED, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(schedule=st.lists(REST_HAPPENINGS, min_size=5, max_size=9))
def test_a_faulty_server_of_alpaca_is_ordered_from_once_and_booked_whole(
    deaths: Deaths,
    rest_clock: ManualClock,
    waits: list[float],
    pin: Pin,  # noqa: F811  (the fixture)
    schedule: list[tuple[Any, ...]],
) -> None:
    pin(THOR_BROKER="alpaca", APCA_API_KEY_ID="key", APCA_API_SECRET_KEY="secret")
    with AlpacaRest(rest_clock.now) as server:
        machine = RestMachine(deaths, rest_clock, server, hasty(server, waits.append, PATIENCE))

        machine.play(schedule)

    told_of(machine.check, schedule)
    posts = [one for one in server.asked if one.method == "POST" and one.fault is not REST_FAULTS["429"]]
    posted = [one.content["client_order_id"] for one in posts]
    again = Order.objects.filter(client_order_id__in=posted, absences=0)
    assert all(posted.count(order.client_order_id) == 1 for order in again)
