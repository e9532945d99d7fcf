"""Every variable of trading: its default, the ends of its range, and what is refused beyond them."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from thor.env import Env, read
from thor.env_trading import TradingEnv
from thor.env_variables import name_of
from thor.errors import BadConfiguration
from thor.trading.commitments import NEWEST

ROOT = Path(__file__).resolve().parents[3]

#: Name, default, lowest, highest, just below, just above; by the field's name.
NUMBERS = {
    "reconciliation_interval_minutes": (60, "1", "1440", "0", "1441"),
    "emergency_exit_interval_minutes": (20, "1", "210", "0", "211"),
    "order_poll_interval_minutes": (3, "1", "60", "0", "61"),
    "health_check_interval_minutes": (60, "1", "1440", "0", "1441"),
    "entry_window_minutes_before_close": (25, "1", "210", "0", "211"),
    "swing_exit_delay_minutes_after_close": (10, "1", "240", "0", "241"),
    "swing_exit_execution_window_start_min": (5, "0", "29", "-1", "210"),
    "swing_exit_execution_window_end_min": (30, "6", "210", "0", "211"),
    "start_capital": (Decimal(100_000), "0.01", "1000000000", "0", "1000000000.01"),
    "risk_per_trade": (Decimal("0.01"), "0.0001", "0.2", "0", "0.2001"),
    "max_risk_per_symbol": (Decimal("0.02"), "0.0001", "1", "0", "1.0001"),
    "max_portfolio_heat": (Decimal("0.08"), "0.0001", "1", "-0.08", "1.0001"),
    "max_trades_per_day": (4, "1", "1000", "0", "1001"),
    "max_consecutive_losses": (3, "1", "100", "0", "101"),
    "daily_loss_limit": (Decimal("0.02"), "0.0001", "1", "-0.02", "1.0001"),
    "max_allocation_per_symbol_pct": (Decimal(5), "0.01", "100", "0", "100.01"),
    "max_entries_per_symbol": (4, "1", "100", "0", "101"),
    "min_time_between_entries_minutes": (1440, "0", "43200", "-1", "43201"),
    "emergency_loss_limit": (Decimal("0.03"), "0.0001", "0.06", "0", "1.0001"),
    "emergency_entry_day_loss_limit": (Decimal("0.06"), "0.03", "1", "0", "1.0001"),
    "emergency_atr_multiple": (Decimal(4), "0.1", "100", "0", "100.1"),
    "top_n_candidates": (20, "1", "1000", "0", "1001"),
    "lookback_days": (252, "210", "5000", "209", "5001"),
    "min_history_days": (210, "210", "252", "209", "5001"),
}
FLAGS = {
    "run_startup_reconciliation": True,
    "run_health_check_on_boot": True,
    "swing_exit_two_phase_enabled": True,
    "enable_ml_sizing": True,
    "add_on_buy_enabled": True,
    "reconciliation_backfill_enabled": True,
    "reconciliation_mark_unknown_closed": True,
    "cash_only_trading": True,
    "observation_only": False,
}
#: Default, another value as it is written, what that means, what is refused.
WORDS = {
    "market_timezone": ("America/New_York", "Asia/Kolkata", "Asia/Kolkata", "Mars/Olympus"),
    "trading_market": ("usa", "London", "london", "New York"),
    "scope": ("", "paper/paper/swing/us", "paper/paper/swing/us", "paper_zerodha_swing_india"),
    "app_env": ("", "Paper", "paper", "production"),
    "mode": ("swing", "SWING", "swing", "daytrade"),
    "market": ("us", "US", "us", "india"),
    "base_dir": (None, "/srv/desk", Path("/srv/desk"), None),
    "confidence_multipliers": (
        tuple(map(Decimal, ("0.25", "0.50", "0.75", "1.00", "1.25"))),
        "0, 0.5, 1, 1, 2",
        tuple(map(Decimal, ("0", "0.5", "1", "1", "2"))),
        "1,1,1,1",
    ),
    "universe": ((), "spy, aapl BRK.B,SPY", ("SPY", "AAPL", "BRK.B"), "SPY,$$$"),
    "strategies": ((), "Trend_Pullback_v1, mean_reversion_v1", ("trend_pullback_v1", "mean_reversion_v1"), None),
}
BROKERS = {"broker", "allow_live", "alpaca_url", "alpaca_key_id", "alpaca_secret_key"}
FEEDS = {"alpaca_data_feed", "alpaca_stream_url", "alpaca_data_url"}


def name(field: str) -> str:
    return name_of(Env.model_fields[field])


def test_every_variable_of_trading_is_looked_at_here() -> None:
    assert set(TradingEnv.model_fields) - BROKERS - FEEDS == {*NUMBERS, *FLAGS, *WORDS}


def test_the_defaults_are_those_of_the_documents() -> None:
    found = read()

    defaults = {**{key: row[0] for key, row in {**NUMBERS, **WORDS}.items()}, **FLAGS}
    assert {key: getattr(found, key) for key in defaults} == defaults


def test_no_more_losses_in_a_row_may_be_allowed_than_are_counted() -> None:
    assert NUMBERS["max_consecutive_losses"][2] == str(NEWEST)


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("end", [1, 2])
def test_the_ends_of_a_range_are_taken(monkeypatch: pytest.MonkeyPatch, field: str, end: int) -> None:
    monkeypatch.setenv(name(field), NUMBERS[field][end])

    found = read()

    assert str(getattr(found, field)) == NUMBERS[field][end]


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("beyond", [3, 4])
def test_what_is_beyond_a_range_is_one_sentence_with_name_and_range(
    monkeypatch: pytest.MonkeyPatch, field: str, beyond: int
) -> None:
    monkeypatch.setenv(name(field), NUMBERS[field][beyond])

    with pytest.raises(BadConfiguration) as raised:
        read()

    sentence = str(raised.value)
    assert sentence.startswith(f"{name(field)}={NUMBERS[field][beyond]!r} cannot be used: ")
    assert "(allowed: " in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("written", ["soon", "nan", "inf", "1 000"])
def test_what_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, field: str, written: str) -> None:
    monkeypatch.setenv(name(field), written)

    with pytest.raises(BadConfiguration, match=rf"{name(field)}='{written}' cannot be used"):
        read()


@pytest.mark.parametrize("field", FLAGS)
@pytest.mark.parametrize(("written", "meant"), [("true", True), ("Yes", True), ("0", False), ("off", False)])
def test_flags_take_the_usual_words(monkeypatch: pytest.MonkeyPatch, field: str, written: str, meant: bool) -> None:
    monkeypatch.setenv(name(field), written)

    assert getattr(read(), field) is meant


@pytest.mark.parametrize("field", FLAGS)
def test_flags_take_no_other_word(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    monkeypatch.setenv(name(field), "perhaps")

    with pytest.raises(BadConfiguration, match=f"{name(field)}='perhaps' cannot be used"):
        read()


@pytest.mark.parametrize("field", WORDS)
def test_words_are_taken_as_they_are_meant(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    _, written, meant, _ = WORDS[field]
    monkeypatch.setenv(name(field), written)

    assert getattr(read(), field) == meant


@pytest.mark.parametrize("field", [field for field, row in WORDS.items() if row[3]])
def test_words_that_mean_nothing_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    monkeypatch.setenv(name(field), str(WORDS[field][3]))

    with pytest.raises(BadConfiguration, match=f"{name(field)}='.*' cannot be used"):
        read()


@pytest.mark.parametrize("zone", ["America", "../../etc/passwd", "/etc/localtime", "EST5EDT4"])
def test_what_is_no_zone_of_the_database_is_refused(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("MARKET_TIMEZONE", zone)

    with pytest.raises(BadConfiguration, match=r"MARKET_TIMEZONE=.* write a zone of the IANA database"):
        read()


@pytest.mark.parametrize("written", ["1,1,1,1", "1,1,1,1,1,1", "0,1,1,1,2.1", "-1,1,1,1,1", "1,0.5,1,1,1", "a,1,1,1,1"])
def test_multipliers_that_make_no_sense_are_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("CONFIDENCE_MULTIPLIERS", written)

    with pytest.raises(BadConfiguration, match=f"CONFIDENCE_MULTIPLIERS='{written}' cannot be used: write"):
        read()


@pytest.mark.parametrize(
    ("set_to", "sentence"),
    [
        (
            {"SWING_EXIT_EXECUTION_WINDOW_END_MIN": "5"},
            "SWING_EXIT_EXECUTION_WINDOW_END_MIN=5 has to be above SWING_EXIT_EXECUTION_WINDOW_START_MIN=5; "
            "write 6 to 210, or an earlier start",
        ),
        (
            {"MIN_HISTORY_DAYS": "300"},
            "MIN_HISTORY_DAYS=300 is above LOOKBACK_DAYS=252; write 252 or less, or raise the other",
        ),
        (
            {"EMERGENCY_LOSS_LIMIT": "0.05", "EMERGENCY_ENTRY_DAY_LOSS_LIMIT": "0.04"},
            "EMERGENCY_LOSS_LIMIT=0.05 is above EMERGENCY_ENTRY_DAY_LOSS_LIMIT=0.04; write 0.04 or less, or raise the "
            "other",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    monkeypatch: pytest.MonkeyPatch, set_to: dict[str, str], sentence: str
) -> None:
    for variable, value in set_to.items():
        monkeypatch.setenv(variable, value)

    with pytest.raises(BadConfiguration) as raised:
        read()

    assert str(raised.value) == sentence


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISK_PER_TRADE", "")

    assert read().risk_per_trade == Decimal("0.01")


def test_nonsense_stops_every_command_at_start(tmp_path: Path) -> None:
    nonsense = {"MAX_PORTFOLIO_HEAT": "-1", "THOR_VAR_DIR": str(tmp_path)}

    found = subprocess.run(
        [sys.executable, "manage.py", "trading"],
        cwd=ROOT,
        env={**os.environ, **nonsense},
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 2
    assert found.stderr == (
        "thor: MAX_PORTFOLIO_HEAT='-1' cannot be used: input should be greater than 0 (allowed: > 0, ≤ 1).\n"
    )
