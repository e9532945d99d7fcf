"""Symbols without an instrument or without days are told, and nobody stumbles over them."""

from datetime import date

import pytest

from tests.integration.trading.daily_days import write_days
from thor.marketdata.models import Instrument
from thor.trading.universe import missing

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 3)


def test_what_is_missing_is_told_in_the_order_of_the_symbols() -> None:
    write_days("SPY", [date(2026, 3, 2)])
    write_days("QQQ", [DAY])
    write_days("AIG", [date(2026, 3, 2)])
    Instrument.objects.filter(symbol="AIG").update(active=False)

    found = missing(["NONE", "SPY", "QQQ", "AIG", "IBM"], before=DAY)

    assert found == {
        "NONE": "no active instrument is called so",
        "QQQ": "it has no day before 2026-03-03; import its days",
        "AIG": "no active instrument is called so",
        "IBM": "it has no day before 2026-03-03; import its days",
    }
