"""What is checked before trading: what each check says where something is wrong, and what stops a start."""

import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from tests.integration.trading.given_up import PATIENT
from tests.integration.trading.pinning import Pin, pin  # noqa: F401  (a fixture)
from thor.errors import BadConfiguration
from thor.markets.models import Market
from thor.markets.registry import forget as forget_markets
from thor.operations.preflight import check_account
from thor.testing.alpaca_faults import silent, status
from thor.testing.alpaca_rest import AlpacaRest
from thor.trading import preflight
from thor.trading.brokers import choice
from thor.trading.brokers.alpaca import AlpacaBroker
from thor.trading.learning.active import forget
from thor.trading.models import LearnedModel, Setting
from thor.trading.preflight import Check, Level, check_broker, run_checks

ROOT = Path(__file__).resolve().parents[3]
NAMES = ["settings", "scope", "storage", "broker", "clock", "universe", "strategies", "model", "pipeline"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_model_remembered() -> None:
    forget()


def found(name: str, checks: list[Check]) -> Check:
    return next(one for one in checks if one.name == name)


def test_a_new_installation_has_one_warning_and_no_failure(alpaca_broker: AlpacaBroker) -> None:
    checks = run_checks(lambda: alpaca_broker)

    assert [one.name for one in checks] == NAMES
    assert [one.name for one in checks if not one.ok] == ["model"]
    assert [one for one in checks if one.is_failure] == []
    assert found("model", checks).sentence == "there is no active model yet; the rules decide alone."


def test_the_folders_are_made(pin: Pin, tmp_path: Path) -> None:  # noqa: F811
    pin(BASE_DIR=str(tmp_path / "desk"))

    assert preflight.check_storage().ok

    assert (tmp_path / "desk" / "logs" / "us" / "paper").is_dir()
    assert (tmp_path / "desk" / "state").is_dir()
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_a_folder_that_cannot_be_is_a_failure_that_names_the_variable(
    pin: Pin,  # noqa: F811
    tmp_path: Path,
) -> None:
    (tmp_path / "desk").write_text("a file")
    pin(BASE_DIR=str(tmp_path / "desk"))

    check = preflight.check_storage()

    assert check.is_failure
    assert check.sentence.startswith(f"the folder {tmp_path / 'desk' / 'logs' / 'us' / 'paper'} cannot be written (")
    assert check.sentence.endswith("make it writable or set BASE_DIR.")
    with pytest.raises(SystemCheckError, match=r"trading\.E001"):
        call_command("check")


def test_the_system_check_of_the_folders_writes_nothing(pin: Pin, tmp_path: Path) -> None:  # noqa: F811
    pin(BASE_DIR=str(tmp_path / "desk"))

    call_command("check")

    assert list(tmp_path.iterdir()) == []


def test_a_strategy_that_nobody_knows_stops_every_process(pin: Pin, tmp_path: Path) -> None:  # noqa: F811
    pin(THOR_STRATEGIES="astrology_v1")

    check = preflight.check_strategies()
    done = run("check", place={**os.environ, "THOR_VAR_DIR": str(tmp_path)})

    assert check.is_failure
    assert done.returncode == 2
    assert done.stderr == f"thor: {check.sentence}\n"
    assert "there is no strategy astrology_v1; there are trend_pullback_v1, " in check.sentence


def test_the_strategies_that_are_enabled_are_named(pin: Pin) -> None:  # noqa: F811
    pin(THOR_STRATEGIES="event_driven_v1,mean_reversion_v1")

    assert preflight.check_strategies().sentence == "mean_reversion_v1, event_driven_v1"


def test_a_symbol_of_another_venue_is_a_warning_that_names_the_venue(pin: Pin) -> None:  # noqa: F811
    pin(THOR_UNIVERSE="SPY,CL")

    check = preflight.check_universe()

    assert (check.ok, check.level) == (False, Level.WARNING)
    assert check.sentence == (
        "not everything is traded (CL: what is called so here trades on globex, and the desk trades shares of "
        "us_equities); take it out of THOR_UNIVERSE."
    )
    pin(THOR_UNIVERSE="SPY,IBM")
    assert preflight.check_universe().sentence == "2 symbols"


def test_a_row_that_cannot_be_used_is_a_warning() -> None:
    Setting.objects.create(name="RISK_PER_TRADE", value="7")

    check = preflight.check_settings()

    assert (check.ok, check.level) == (False, Level.WARNING)
    assert check.sentence.startswith("RISK_PER_TRADE='7' cannot be used")


def test_limits_that_shut_each_other_out_are_a_warning() -> None:
    Setting.objects.create(name="RISK_PER_TRADE", value="0.03")

    check = preflight.check_settings()

    assert (check.ok, check.level) == (False, Level.WARNING)
    assert check.sentence.startswith("RISK_PER_TRADE=0.03 is above MAX_RISK_PER_SYMBOL=0.02")


def test_a_market_that_does_not_exist_is_a_failure(pin: Pin) -> None:  # noqa: F811
    pin(THOR_TRADING_MARKET="atlantis")

    check = preflight.check_settings()

    assert check.is_failure
    assert check.sentence.startswith("THOR_TRADING_MARKET='atlantis' cannot be used")


def test_a_market_that_never_closes_is_a_failure_and_stops_commands(pin: Pin) -> None:  # noqa: F811
    pin(THOR_TRADING_MARKET="crypto")

    check = preflight.check_settings()

    assert check.is_failure
    assert check.sentence.startswith("THOR_TRADING_MARKET='crypto' cannot be used: it never closes")
    with pytest.raises(SystemCheckError, match=r"trading\.E002"):
        call_command("check")


def test_a_market_that_closes_is_none(pin: Pin) -> None:  # noqa: F811
    pin(THOR_TRADING_MARKET="japan")

    assert preflight.check_settings().ok
    call_command("check")


def test_a_real_brokers_market_that_goes_by_its_calendar_is_a_warning(pin: Pin) -> None:  # noqa: F811
    pin(THOR_BROKER="alpaca", APCA_API_KEY_ID="PKTEST", APCA_API_SECRET_KEY="secret")

    before = preflight.check_clock()
    Market.objects.filter(key="usa").update(clock_source="broker")
    forget_markets()

    assert (before.ok, before.level) == (False, Level.WARNING)
    assert "set the clock source of market usa to the broker in the admin" in before.sentence
    assert preflight.check_clock().ok


def test_the_embedded_brokers_market_goes_by_its_calendar_without_a_word() -> None:
    assert preflight.check_clock().ok


@pytest.mark.parametrize("flag", ["trading_blocked", "account_blocked"])
def test_a_blocked_account_is_a_failure(rest: AlpacaRest, alpaca_broker: AlpacaBroker, flag: str) -> None:
    rest.said[flag] = True

    check = check_broker(alpaca_broker, unreachable=Level.WARNING)

    assert check.is_failure
    assert check.sentence == f"the account at alpaca is {flag}; settle that with the broker before trading."


def test_keys_that_are_refused_are_a_failure_whatever_silence_is(rest: AlpacaRest) -> None:
    broker = AlpacaBroker(rest.url, "PKOTHER", "wrong", is_live=False, timeout=PATIENT)

    check = check_broker(broker, unreachable=Level.WARNING)

    assert check.is_failure
    assert "correct APCA_API_KEY_ID and APCA_API_SECRET_KEY" in check.sentence


@pytest.mark.parametrize("fault", [status(503), silent(1.0)])
@pytest.mark.parametrize("level", list(Level))
def test_silence_is_what_the_asker_makes_of_it(
    rest: AlpacaRest, hasty_broker: AlpacaBroker, fault: Callable[..., None], level: Level
) -> None:
    rest.fail(fault, path="/v2/account")

    check = check_broker(hasty_broker, unreachable=level)

    assert (check.ok, check.is_failure) == (False, level is Level.ERROR)
    assert check.sentence.startswith("alpaca did not answer (127.0.0.1:")


def test_a_model_that_cannot_be_read_is_a_failure() -> None:
    store_model({"type": "logistic_regression", "features": ["atr"], "coefficients": []})

    check = preflight.check_model()

    assert check.is_failure
    assert "20260303_170000 cannot be used" in check.sentence


def test_a_model_that_can_be_read_is_named() -> None:
    numbers = {"coefficients": [1.0], "mean": [0.0], "scale": [1.0], "intercept": 0.0}
    store_model({"type": "logistic_regression", "features": ["atr"], **numbers})

    assert preflight.check_model() == Check("model", True, Level.ERROR, "20260303_170000 can be read")


def store_model(content: dict[str, object]) -> None:
    LearnedModel.objects.create(
        name="20260303_170000",
        trained_at="2026-03-03T17:00:00Z",
        fingerprint="x",
        content=content,
        is_active=True,
    )


def test_a_module_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "thor.trading.indicators", None)

    check = preflight.check_pipeline()

    assert check.is_failure
    assert check.sentence.startswith("thor.trading.indicators cannot be loaded (ModuleNotFoundError")


def test_a_check_that_raises_does_not_keep_the_others_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> choice.Broker:
        raise ZeroDivisionError("division by zero")

    checks = run_checks(broken)

    assert [one.name for one in checks] == NAMES
    assert found("broker", checks).sentence == "it could not be checked (ZeroDivisionError: division by zero)."


class TestStart:
    """What `up` and `run_heartbeat` ask for before anything runs."""

    @pytest.fixture
    def _at_alpaca(self, pin: Pin, rest: AlpacaRest, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
        pin(
            THOR_BROKER="alpaca",
            APCA_API_BASE_URL=rest.url,
            APCA_API_KEY_ID=rest.key,
            APCA_API_SECRET_KEY=rest.secret,
        )
        broker = AlpacaBroker(rest.url, rest.key, rest.secret, is_live=False, timeout=PATIENT)
        monkeypatch.setattr(choice, "broker", lambda: broker)

    @pytest.mark.usefixtures("_at_alpaca")
    def test_a_blocked_account_is_refused(self, rest: AlpacaRest) -> None:
        rest.said["trading_blocked"] = True

        with pytest.raises(BadConfiguration, match="the account at alpaca is trading_blocked"):
            check_account()

    @pytest.mark.usefixtures("_at_alpaca")
    def test_silence_is_only_told_of(self, rest: AlpacaRest, caplog: pytest.LogCaptureFixture) -> None:
        rest.fail(status(503), path="/v2/account")

        check_account()

        assert "alpaca did not answer" in caplog.text

    def test_the_embedded_account_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(choice, "broker", lambda: pytest.fail("nobody should ask"))

        check_account()


class TestCommand:
    """The command as somebody runs it."""

    @pytest.mark.django_db(transaction=True)  # the database is left and entered again
    def test_warnings_alone_end_well(self, alpaca_broker: AlpacaBroker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(choice, "broker", lambda: alpaca_broker)
        out = StringIO()

        call_command("preflight", stdout=out)  # which would raise SystemExit

        rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in out.getvalue().splitlines() if "│" in line]
        assert [row for row in rows if row[0]] == [
            ["folder", "ok"],
            ["database", "ok"],
            *([name, "warning" if name == "model" else "ok"] for name in NAMES),
        ]

    def test_a_failure_ends_the_process_with_one_and_a_table(self, tmp_path: Path) -> None:
        place = {**os.environ, "THOR_VAR_DIR": str(tmp_path), "DATABASE_URL": ""}

        done = run("preflight", place=place)

        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == "thor: 4 of 11 checks failed: settings, broker, universe, model."
        assert "run python manage.py migrate" in done.stdout

    @pytest.mark.parametrize("command", ["run_heartbeat", "run_supervisor"])
    def test_a_blocked_account_stops_a_scheduler_with_a_sentence(
        self, tmp_path: Path, rest: AlpacaRest, command: str
    ) -> None:
        rest.said["account_blocked"] = True
        place = {**os.environ, "THOR_VAR_DIR": str(tmp_path), "DATABASE_URL": ""}
        if command == "run_supervisor":
            place["THOR_SCHEDULER_MODE"] = "legacy"
        keys = {"APCA_API_KEY_ID": rest.key, "APCA_API_SECRET_KEY": rest.secret}

        done = run(command, place={**place, **keys, "THOR_BROKER": "alpaca", "APCA_API_BASE_URL": rest.url})

        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == (
            "thor: the account at alpaca is account_blocked; settle that with the broker before trading."
        )


def run(*arguments: str, place: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=place, capture_output=True, text=True, check=False)
