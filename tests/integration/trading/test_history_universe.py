"""What is called like a share and is none is told of, and nobody trades it at prices of something else."""

import pytest

from thor.env import env
from thor.trading.universe import elsewhere

pytestmark = pytest.mark.django_db


def test_instruments_of_other_venues_are_told_in_the_order_of_the_symbols() -> None:
    found = elsewhere(["NONE", "SPY", "CL", "BTCUSD", "IBM"])

    assert found == {
        "CL": "what is called so here trades on globex, and the desk trades shares of us_equities",
        "BTCUSD": "what is called so here trades on crypto, and the desk trades shares of us_equities",
    }


def test_of_a_market_whose_venue_nobody_knows_every_instrument_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = env().model_copy(update={"trading_market": "japan"})
    monkeypatch.setattr("thor.trading.universe.env", lambda: settings)

    assert elsewhere(["SPY", "CL"]) == {}
