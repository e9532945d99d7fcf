"""An adapter that soon gives up what is not answered on purpose, and one that gives up nothing by accident."""

from collections.abc import Callable

from thor.testing.alpaca_rest import AlpacaRest
from thor.trading.brokers.alpaca import AlpacaBroker

#: Seconds that are enough for any answer on a busy machine.
PATIENT = 60.0
#: Seconds after which a test gives up what it has kept from being answered.
HASTY = 0.4


def hasty(server: AlpacaRest, sleep: Callable[[float], None], timeout: float = HASTY) -> AlpacaBroker:
    """Return an adapter with little patience.

    Each of its requests has a connection of its own, so that the server's `settle` knows when all of them are done.
    """
    found = AlpacaBroker(server.url, server.key, server.secret, is_live=False, timeout=timeout, sleep=sleep)
    found._rest._client._session.headers["Connection"] = "close"
    return found


def patient(server: AlpacaRest, sleep: Callable[[float], None]) -> AlpacaBroker:
    """Return an adapter that a pause of the machine does not keep from its answer."""
    return AlpacaBroker(server.url, server.key, server.secret, is_live=False, timeout=PATIENT, sleep=sleep)
