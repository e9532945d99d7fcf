"""Which fields of a declaration the environment pins: those whose variable is set, whatever its value."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from thor.env import Env, env, is_set, pins
from thor.errors import BadConfiguration


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    env.cache_clear()
    yield
    env.cache_clear()


def test_a_variable_that_is_not_set_pins_nothing() -> None:
    assert pins(cadence="SCHEDULER_TICK_SECONDS") == {}


def test_a_variable_that_is_set_to_its_default_pins_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER_TICK_SECONDS", "60")

    assert pins(cadence="SCHEDULER_TICK_SECONDS") == {"cadence": "SCHEDULER_TICK_SECONDS"}


def test_a_line_of_the_env_file_pins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SCHEDULER_TICK_SECONDS=30\n")
    monkeypatch.setitem(Env.model_config, "env_file", tmp_path / ".env")

    assert is_set("SCHEDULER_TICK_SECONDS")


def test_an_empty_variable_pins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER_TICK_SECONDS", "")

    assert not is_set("SCHEDULER_TICK_SECONDS")


def test_of_several_variables_those_that_are_set_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THOR_WEB_PORT", "9000")
    both = ("THOR_WEB_PORT", "THOR_FLOWER_PORT")

    assert pins(window=both) == {"window": "THOR_WEB_PORT"}

    monkeypatch.setenv("THOR_FLOWER_PORT", "9001")
    env.cache_clear()

    assert pins(window=both) == {"window": "THOR_WEB_PORT and THOR_FLOWER_PORT"}


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="SCHEDULER_TICKS is not a variable of Thor"):
        pins(cadence="SCHEDULER_TICKS")
