"""The endpoint that answers a chart's question."""

from datetime import timedelta

import pytest
from django.test import Client

from tests.integration.dashboard.rows import TUESDAY, make_bars
from thor.marketdata.models import Instrument
from thor.markets.models import Market
from thor.timing import ManualClock


def venue() -> str:
    """Return how people call the market of SPY."""
    return Market.objects.get(key="us_equities").name


def test_the_last_minutes_before_now_are_drawn(trader: Client) -> None:
    make_bars("SPY", 30)
    make_bars("SPY", 5, until=TUESDAY + timedelta(minutes=5))

    answer = trader.get("/chart/SPY.json?minutes=20").json()

    candles = answer["figure"]["data"][0]
    assert answer["bars"] == 20
    assert candles["x"][0] == "2024-07-09 09:40:00"
    assert candles["x"][-1] == "2024-07-09 09:59:00"
    assert answer["sources"] == ["simulated"]
    assert answer["zone"] == "America/New_York"


def test_bounds_are_half_open(trader: Client) -> None:
    make_bars("SPY", 30)

    answer = trader.get("/chart/SPY.json", {"from": "2024-07-09T13:40:00Z", "to": "2024-07-09T13:45:00Z"}).json()

    assert answer["bars"] == 5


def test_a_plus_sign_that_became_a_space_is_understood(trader: Client) -> None:
    make_bars("SPY", 30)

    answer = trader.get("/chart/SPY.json?from=2024-07-09T13:40:00+00:00&to=2024-07-09T13:45:00+00:00")

    assert answer.json()["bars"] == 5


def test_the_average_begins_at_the_sessions_open_even_where_that_is_not_drawn(trader: Client) -> None:
    bars = make_bars("SPY", 300)

    drawn = trader.get("/chart/SPY.json?minutes=10").json()["figure"]["data"][1]["y"]

    value = sum(bar.vwap * bar.volume for bar in bars)
    assert drawn[-1] == pytest.approx(float(value / sum(bar.volume for bar in bars)), abs=1e-4)


def test_a_figure_that_the_browser_has_is_not_made_again(trader: Client) -> None:
    make_bars("SPY", 30)
    first = trader.get("/chart/SPY.json")

    again = trader.get("/chart/SPY.json", headers={"if-none-match": first["ETag"]})

    assert again.status_code == 304
    assert again.content == b""
    assert "no-cache" in again["Cache-Control"]


def test_a_bar_that_was_amended_makes_another_figure(trader: Client) -> None:
    bars = make_bars("SPY", 30)
    first = trader.get("/chart/SPY.json")
    bars[-1].ticks += 1
    bars[-1].save()

    assert trader.get("/chart/SPY.json", headers={"if-none-match": first["ETag"]}).status_code == 200


def test_an_answer_without_bars_has_no_mark_since_its_sentence_moves_with_time(trader: Client) -> None:
    assert "ETag" not in trader.get("/chart/SPY.json").headers


def test_without_bars_it_says_that_the_market_is_open(trader: Client) -> None:
    answer = trader.get("/chart/SPY.json").json()

    assert answer["figure"] is None
    assert answer["message"].startswith(f"No bars of SPY yet: its market {venue()} is open")


def test_without_bars_it_says_when_the_market_opens(trader: Client, clock: ManualClock) -> None:
    clock.advance(timedelta(days=4))

    message = trader.get("/chart/SPY.json").json()["message"]

    assert message == f"No bars of SPY yet: its market {venue()} opens at Mon 04:00 EDT."


def test_after_a_pause_the_last_bars_are_drawn_and_dated(trader: Client, clock: ManualClock) -> None:
    make_bars("SPY", 30)
    clock.advance(timedelta(days=4))

    answer = trader.get("/chart/SPY.json?minutes=60").json()

    assert answer["bars"] == 30
    assert answer["message"] == f"the last bar is of Tue 09:59 EDT: its market {venue()} opens at Mon 04:00 EDT."


def test_a_market_that_was_switched_off_is_named(trader: Client) -> None:
    market = Market.objects.get(key="us_equities")
    market.active = False
    market.save()

    assert trader.get("/chart/SPY.json").json()["message"].endswith("its market us_equities is not active.")


def test_given_bounds_without_bars_are_not_replaced_by_others(trader: Client) -> None:
    make_bars("SPY", 30)

    answer = trader.get("/chart/SPY.json", {"from": "2024-07-01T13:40:00Z", "to": "2024-07-01T13:45:00Z"}).json()

    assert answer["figure"] is None
    assert answer["message"] == "No bars of SPY between these two instants."


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("minutes=0", "whole number from 1 to 10080"),
        ("minutes=-5", "whole number"),
        ("minutes=ten", "whole number"),
        ("minutes=9999999999999999999999", "whole number"),
        ("minutes=", "whole number"),
        ("from=yesterday", "from='yesterday' cannot be read"),
        ("to=2024-07-09T13:40:00", "with its offset"),
        ("from=0001-01-01T00:00:00%2B23:00", "cannot be read"),
        ("to=0001-01-01T00:00:00Z", "is out of range"),
        ("to=9999-12-31T23:59:59Z", "is out of range"),
        ("from=2024-07-09T13:40:00Z&to=2024-07-09T13:40:00Z", "is not before"),
        ("from=2024-01-01T00:00:00Z&to=2024-07-09T13:40:00Z", "more than 7 days apart"),
    ],
)
def test_bad_bounds_get_one_sentence(trader: Client, query: str, sentence: str) -> None:
    answer = trader.get(f"/chart/SPY.json?{query}")

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert answer.json()["error"].endswith(".")


def test_an_unknown_symbol_is_not_found(trader: Client) -> None:
    answer = trader.get("/chart/NOSUCH.json")

    assert answer.status_code == 404
    assert answer.json() == {"error": "There is no symbol 'NOSUCH'."}


def test_a_symbol_may_hold_a_slash(trader: Client) -> None:
    Instrument.objects.create(symbol="ETH/USD", venue="crypto", kind="crypto")

    assert trader.get("/chart/ETH%2FUSD.json").json()["symbol"] == "ETH/USD"
