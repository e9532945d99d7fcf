"""Flower's defaults, and what it refuses."""

import os

import pytest

from thor.env import env
from thor.flower import FlowerIsOpen, set_flower_defaults

COMMAND = ["-A", "thor", "flower"]


@pytest.fixture
def variables(configured: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set every variable once, so that what the code under test sets is undone."""
    for name in [name for name in os.environ if name.startswith("FLOWER_")]:
        configured.delenv(name)
    for name in (
        "ADDRESS",
        "PORT",
        "PERSISTENT",
        "DB",
        "STATE_SAVE_INTERVAL",
        "MAX_TASKS",
        "INSPECT_TIMEOUT",
        "READ_ONLY",
    ):
        configured.setenv(f"FLOWER_{name}", "")
        configured.delenv(f"FLOWER_{name}")
    return configured


def use(variables: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        variables.setenv(name, value)
    env.cache_clear()


def test_it_listens_on_loopback_keeps_its_state_and_only_shows(variables: pytest.MonkeyPatch) -> None:
    set_flower_defaults(COMMAND)

    found = {name: os.environ[f"FLOWER_{name}"] for name in ("ADDRESS", "PORT", "PERSISTENT", "DB", "READ_ONLY")}
    assert found == {
        "ADDRESS": "127.0.0.1",
        "PORT": "5555",
        "PERSISTENT": "true",
        "DB": str(env().var_dir / "flower"),
        "READ_ONLY": "true",
    }


def test_other_commands_are_left_alone(variables: pytest.MonkeyPatch) -> None:
    set_flower_defaults(["-A", "thor", "worker"])

    assert "FLOWER_ADDRESS" not in os.environ


def test_what_was_set_stays(variables: pytest.MonkeyPatch) -> None:
    use(variables, FLOWER_PORT="6666", FLOWER_MAX_TASKS="7")

    set_flower_defaults(COMMAND)

    assert (os.environ["FLOWER_PORT"], os.environ["FLOWER_MAX_TASKS"]) == ("6666", "7")


@pytest.mark.parametrize("arguments", [["--address=0.0.0.0"], ["--address="], ["--address=::"], ["--address=10.0.0.1"]])
def test_an_open_one_off_loopback_is_refused(variables: pytest.MonkeyPatch, arguments: list[str]) -> None:
    with pytest.raises(FlowerIsOpen, match=r"set FLOWER_BASIC_AUTH=user:password"):
        set_flower_defaults([*COMMAND, *arguments])


@pytest.mark.parametrize(
    ("variable", "value"), [("THOR_HOST", "0.0.0.0"), ("FLOWER_ADDRESS", "0.0.0.0"), ("FLOWER_ADDRESS", "")]
)
def test_an_open_one_by_variable_is_refused_too(variables: pytest.MonkeyPatch, variable: str, value: str) -> None:
    use(variables, **{variable: value})

    with pytest.raises(FlowerIsOpen):
        set_flower_defaults(COMMAND)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_authentication(variables: pytest.MonkeyPatch, address: str) -> None:
    set_flower_defaults([*COMMAND, f"--address={address}"])

    assert os.environ["FLOWER_READ_ONLY"] == "true"


def test_with_authentication_it_may_be_reached_and_used(variables: pytest.MonkeyPatch) -> None:
    use(variables, THOR_HOST="0.0.0.0", FLOWER_BASIC_AUTH="me:secret")

    set_flower_defaults(COMMAND)

    assert (os.environ["FLOWER_ADDRESS"], os.environ["FLOWER_READ_ONLY"]) == ("0.0.0.0", "false")


def test_authentication_may_stand_on_the_command_line(variables: pytest.MonkeyPatch) -> None:
    set_flower_defaults([*COMMAND, "--basic-auth=me:secret", "--address=0.0.0.0"])

    assert os.environ["FLOWER_READ_ONLY"] == "false"
