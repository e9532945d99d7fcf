"""Carry out a run whose intents are there: plan, send, settle, reconcile. Started twice by `test_fault_processes`."""

import sys
from datetime import datetime
from uuid import UUID

import django

django.setup()

from thor.trading.brokers.alpaca import AlpacaBroker  # noqa: E402
from thor.trading.brokers.port import Kind  # noqa: E402
from thor.trading.desk import hold  # noqa: E402
from thor.trading.models import Intent  # noqa: E402
from thor.trading.ordering import plan_order, send_order  # noqa: E402
from thor.trading.services.reconciliation import reconcile_account  # noqa: E402
from thor.trading.settling import settle_orders  # noqa: E402


def main(url: str, key: str, secret: str, at: datetime, run: UUID) -> None:
    """Do everything that is wanted, as fast as it goes."""
    broker = AlpacaBroker(url, key, secret, is_live=False)
    for intent in Intent.objects.order_by("pk"):
        with hold():
            order = plan_order(intent, quantity=10, kind=Kind.MARKET, at=at, run=run, good_until=None)
        if order is not None:
            send_order(order, broker=broker, at=at)
    settle_orders(broker=broker, at=at)
    reconcile_account(broker=broker, run=run, at=at)


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    main(*sys.argv[1:4], datetime.fromisoformat(sys.argv[4]), UUID(sys.argv[5]))
