"""The desk looks at 43 symbols, unless it is told others."""

from types import SimpleNamespace

import pytest

from thor.trading import universe as module
from thor.trading.universe import DEFAULT, universe


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Let THOR_UNIVERSE be what the test is parametrised with."""
    monkeypatch.setattr(module, "env", lambda: SimpleNamespace(universe=request.param))
    return tuple(request.param)


def test_the_default_universe_has_43_symbols_each_once_and_the_three_indices() -> None:
    assert len(DEFAULT) == len(set(DEFAULT)) == 43
    assert {"SPY", "QQQ", "IWM"} <= set(DEFAULT)


@pytest.mark.parametrize("named", [()], indirect=True)
def test_without_names_it_is_the_default(named: tuple[str, ...]) -> None:
    assert universe() == DEFAULT


@pytest.mark.parametrize("named", [("SPY", "IBM", "SPY"), ("spy", " ibm")], indirect=True)
def test_names_are_spelt_as_instruments_are_and_counted_once(named: tuple[str, ...]) -> None:
    assert universe() == ("SPY", "IBM")
