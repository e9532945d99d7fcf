"""Where trades are entered, and where their targets and stops lie."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.marketdata.models import Capture, Signal, Target
from thor.marketdata.targets import Entry, Levels, entry_of, levels_of

D = Decimal
QUOTES, TRADES = Capture.Basis.QUOTES, Capture.Basis.TRADES


def target(mode: str, high: str, low: str | None = None) -> Target:
    return Target(mode=mode, high=D(high), low=D(low or high))


@pytest.mark.parametrize(
    ("entry", "config", "decimals", "levels"),
    [
        ("4500", target("points", "25"), 2, ("4525.00", "4475.00")),
        ("24.125", target("points", "0.5"), 3, ("24.625", "23.625")),
        ("43500", target("points", "200"), 0, ("43700", "43300")),
        ("16000", target("percent", "0.5"), 2, ("16080.00", "15920.00")),
        ("100", target("points", "3", "1"), 2, ("103.00", "99.00")),
        ("111.515625", target("percent", "0.5"), 5, ("112.07320", "110.95805")),
        ("1.005", target("percent", "0.5"), 2, ("1.01", "1.00")),
    ],
)
def test_targets_lie_around_the_entry(entry: str, config: Target, decimals: int, levels: tuple[str, str]) -> None:
    found = levels_of(D(entry), config, decimals)

    assert found is not None
    assert (str(found.high), str(found.low)) == levels


def test_without_an_entry_or_offsets_there_are_no_targets() -> None:
    usual = target("points", "25")

    assert levels_of(None, usual, 2) is None
    assert levels_of(D(4500), None, 2) is None
    assert levels_of(D(4500), target("disabled", "25"), 2) is None
    assert levels_of(D(4500), Target(mode="points", high=D(25), low=None), 2) is None


def test_a_level_that_is_rounded_onto_the_entry_is_none() -> None:
    assert levels_of(D(100), target("points", "0.004"), 2) is None
    assert levels_of(D("100.4"), target("points", "0.05"), 0) is None
    assert levels_of(D("100.25"), target("points", "1"), 0) == Levels(D(101), D(99))


@pytest.mark.parametrize(
    ("signal", "entry"),
    [
        (Signal.STRONG_BUY, Entry(D("10.1"), QUOTES)),
        (Signal.BUY, Entry(D("10.1"), QUOTES)),
        (Signal.HOLD, None),
        (Signal.SELL, Entry(D("9.9"), QUOTES)),
        (Signal.STRONG_SELL, Entry(D("9.9"), QUOTES)),
        (None, None),
    ],
)
def test_buys_are_entered_at_the_ask_and_sells_at_the_bid(signal: Signal | None, entry: Entry | None) -> None:
    assert entry_of(signal, last=D(10), bid=D("9.9"), ask=D("10.1")) == entry


def test_without_a_whole_quote_the_last_price_counts() -> None:
    assert entry_of(Signal.BUY, last=D(10), bid=None, ask=None) == Entry(D(10), TRADES)
    assert entry_of(Signal.SELL, last=D(10), bid=D("9.9"), ask=None) == Entry(D(10), TRADES)
    assert entry_of(Signal.SELL, last=None, bid=None, ask=None) is None


@given(
    st.decimals("0.01", 50_000, places=4),
    st.sampled_from(["points", "percent"]),
    st.decimals("0.0001", 90, places=4),
    st.integers(0, 5),
)
def test_levels_never_touch_their_entry(entry: Decimal, mode: str, offset: Decimal, decimals: int) -> None:
    found = levels_of(entry, target(mode, str(offset)), decimals)

    wide = entry * offset / 100 if mode == "percent" else offset
    step = D(1).scaleb(-decimals)
    assert (found is None) or (found.low < entry < found.high)
    assert found is not None or wide <= step
    assert found is None or max(found.high - entry - wide, entry - wide - found.low) <= step / 2
