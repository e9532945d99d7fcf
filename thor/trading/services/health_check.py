"""Look after everything that trading stands on, and say it in one line. Nothing is changed.

What cannot be asked is `unknown` in the line and named under `failures` in the result, with a warning; the others are
told all the same.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from thor.connections import broker_client
from thor.env import env
from thor.leadership.selectors import leader_status
from thor.marketdata.selectors import feed_status
from thor.marketdata.silence import silent_for
from thor.markets.standing import standing
from thor.trading import wordings
from thor.trading.brokers.port import Account, Broker, BrokerPosition
from thor.trading.settling import pending_orders

log = logging.getLogger("thor.trading")

QUEUE: Final = "trading"
#: Celery keeps a queue as one list a priority: the first has the queue's name, the others this and a number after it.
PRIORITIES: Final = ("", *(f"\x06\x16{number}" for number in (3, 6, 9)))


def check_health(*, broker: Broker | None = None, at: datetime) -> dict[str, Any]:
    """Return how account, positions, orders, feeds, clock, leader and queue are at `at`; money as text in cents."""
    asked, failures = broker or _chosen(), {}  # type: Broker, dict[str, str]
    account = _tried("account", asked.account, failures)
    held = _tried("positions", asked.positions, failures)
    pending = _tried("pending_orders", lambda: len(pending_orders()), failures)
    count = None if held is None else len(held)
    line = wordings.health_checked(
        equity=account.equity if account else None,
        buying_power=account.buying_power if account else None,
        open_positions=count,
        pending_orders=pending,
    )
    found = {
        **_money(account),
        "open_positions": count,
        "positions": None if held is None else _told(held),
        "pending_orders": pending,
        "feed_ages": _tried("feed_ages", lambda: _ages(at), failures),
        "silent_feeds": _tried("feeds", lambda: _silent(at), failures),
        "clock": _tried("clock", lambda: _clock(at), failures),
        "leader": _tried("leader", _leader, failures),
        "queue": _tried("queue", _depth, failures),
        "failures": failures,
    }
    log.info(line)
    return found


def _tried(what: str, question: Callable[[], Any], failures: dict[str, str]) -> Any:
    """Return the answer; nothing where the question fails, which is told and stops nothing."""
    try:
        return question()
    except Exception as error:  # each of those who are asked fails in its own way, and none of it may end the check
        failures[what] = f"{type(error).__name__}: {error}"[:200]
        log.warning("thor.trading.health_check: %s: %s", what, failures[what])
        return None


def _money(account: Account | None) -> dict[str, str | None]:
    if account is None:
        return {"equity": None, "buying_power": None}
    return {"equity": f"{account.equity:.2f}", "buying_power": f"{account.buying_power:.2f}"}


def _told(held: Sequence[BrokerPosition]) -> list[dict[str, Any]]:
    return [_position(one) for one in held]


def _position(one: BrokerPosition) -> dict[str, Any]:
    """Return a position; the profit is that since it was bought, its percentage of what was paid."""
    gain = None if one.price is None else (one.price - one.average_entry_price) * one.quantity
    paid = one.average_entry_price * abs(one.quantity)
    return {
        "symbol": one.symbol,
        "quantity": f"{one.quantity.normalize():f}",
        "average_entry_price": f"{one.average_entry_price:.2f}",
        "price": None if one.price is None else f"{one.price:.2f}",
        "profit": None if gain is None else f"{gain:.2f}",
        "profit_percent": None if gain is None or not paid else f"{gain / paid * 100:.2f}",
    }


def _silent(at: datetime) -> dict[str, int]:
    """Return for how many seconds each venue with a feed has been silent; nothing is 0."""
    return {venue: int(since.total_seconds()) for venue, since in silent_for(at).items()}


def _ages(at: datetime) -> dict[str, int]:
    """Return how many seconds old the newest tick of each venue is, whether that is open or not."""
    ticked = {one.venue: one.ticked for one in feed_status()}
    return {venue: max(0, int((at - newest).total_seconds())) for venue, newest in ticked.items() if newest}


def _clock(at: datetime) -> dict[str, str]:
    found = standing(env().trading_market, at)
    told = {"state": found.state.value, "source": found.source}
    return {**told, "reason": found.reason} if found.reason else told


def _leader() -> dict[str, Any]:
    found = leader_status()
    return {"holder": found.holder, "term": found.term, "leads": found.is_held, "problem": found.problem}


def _depth() -> int | None:
    """Return how many messages wait in the queue of trading; nothing where the broker of messages is no Redis."""
    client = broker_client()
    return None if client is None else sum(int(client.llen(f"{QUEUE}{priority}")) for priority in PRIORITIES)


def _chosen() -> Broker:
    from thor.trading.brokers.choice import broker

    return broker()
