"""For which account the desk works: what the scope follows from, and which scopes and accounts do not agree."""

from pathlib import Path

import pytest

from thor.env import read
from thor.errors import BadConfiguration

ROOT = Path(__file__).resolve().parents[3]
KEYS = {"APCA_API_KEY_ID": "PKTEST", "APCA_API_SECRET_KEY": "secret"}
LIVE = {"APCA_API_BASE_URL": "https://api.alpaca.markets", "THOR_BROKER": "alpaca", "THOR_ALLOW_LIVE": "1", **KEYS}


@pytest.mark.parametrize(
    ("set_to", "scope"),
    [
        ({}, "paper_paper_swing_us"),
        ({"THOR_BROKER": "alpaca", **KEYS}, "paper_alpaca_swing_us"),
        ({"THOR_BROKER": "alpaca", "THOR_SCOPE": "Paper/Alpaca/Swing/US", **KEYS}, "paper_alpaca_swing_us"),
        (LIVE, "live_alpaca_swing_us"),
        ({**LIVE, "APP_ENV": "live"}, "live_alpaca_swing_us"),
        ({**LIVE, "THOR_SCOPE": "live_alpaca_swing_us"}, "live_alpaca_swing_us"),
        # Another program's words do not count where the scope is named.
        (
            {"THOR_SCOPE": "paper_paper_swing_us", "APP_ENV": "production", "MODE": "dark", "MARKET": "forex"},
            "paper_paper_swing_us",
        ),
    ],
)
def test_the_scope_follows_from_the_variables(
    monkeypatch: pytest.MonkeyPatch, set_to: dict[str, str], scope: str
) -> None:
    for variable, value in set_to.items():
        monkeypatch.setenv(variable, value)

    assert read().scope_name == scope


@pytest.mark.parametrize(
    ("set_to", "sentence"),
    [
        ({"APP_ENV": "live"}, "APP_ENV=live and THOR_BROKER=paper are no scope; write one of paper_paper_swing_us"),
        ({"APP_ENV": "live", "THOR_BROKER": "alpaca", **KEYS}, "APP_ENV=live means real money, but APCA_API_BASE_URL"),
        (
            {"THOR_SCOPE": "live_alpaca_swing_us", "THOR_BROKER": "alpaca", "THOR_ALLOW_LIVE": "1", **KEYS},
            "THOR_SCOPE=live_alpaca_swing_us means real money, but APCA_API_BASE_URL is no live address",
        ),
        ({**LIVE, "APP_ENV": "paper"}, "APP_ENV=paper means no money, but APCA_API_BASE_URL is a live address"),
        (
            {**LIVE, "THOR_SCOPE": "paper_alpaca_swing_us"},
            "THOR_SCOPE=paper_alpaca_swing_us means no money, but APCA_API_BASE_URL is a live address",
        ),
        ({"THOR_SCOPE": "paper_alpaca_swing_us"}, "THOR_SCOPE=paper_alpaca_swing_us needs THOR_BROKER=alpaca"),
        (
            {"MODE": "production"},
            "MODE='production' cannot be used: write swing; where it is meant for another program",
        ),
    ],
)
def test_a_scope_and_an_account_that_do_not_agree_are_refused(
    monkeypatch: pytest.MonkeyPatch, set_to: dict[str, str], sentence: str
) -> None:
    for variable, value in set_to.items():
        monkeypatch.setenv(variable, value)

    with pytest.raises(BadConfiguration) as raised:
        read()

    assert str(raised.value).startswith(sentence)


def test_a_replay_never_orders_at_a_real_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"THOR_CLOCK": "replay", "THOR_REPLAY_START": "2013-10-07T13:30:00+00:00", "THOR_BROKER": "alpaca"}
    for variable, value in {**settings, **KEYS}.items():
        monkeypatch.setenv(variable, value)

    with pytest.raises(BadConfiguration, match=r"THOR_CLOCK=replay would order at Alpaca .* set THOR_BROKER=paper"):
        read()

    monkeypatch.setenv("APCA_API_BASE_URL", "http://127.0.0.1:8081")
    assert read().broker == "alpaca"


def test_a_relative_folder_is_one_of_the_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BASE_DIR", "desk")

    assert read().base_dir == ROOT / "desk"


def test_a_folder_of_nobody_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_DIR", "~nobody-is-called-so/desk")

    with pytest.raises(BadConfiguration, match=r"BASE_DIR.* begins with a user that this machine does not have"):
        read()
