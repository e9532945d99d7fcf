"""What `manage.py check` says of trading, and what it asks only where it is told to."""

import sys

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from thor.testing.alpaca_rest import AlpacaRest
from thor.trading.brokers import choice
from thor.trading.brokers.alpaca import AlpacaBroker
from thor.trading.learning.active import forget
from thor.trading.models import LearnedModel

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_model_remembered() -> None:
    forget()


def store_unreadable_model() -> None:
    LearnedModel.objects.create(
        name="20260303_170000", trained_at="2026-03-03T17:00:00Z", fingerprint="x", content={}, is_active=True
    )


def test_a_strategy_that_cannot_be_built_stops_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "thor.trading.strategies.container", None)

    with pytest.raises(SystemCheckError, match=r"(?s)trading\.E003.*the strategies cannot be built"):
        call_command("check")


def test_nobody_is_asked_before_an_ordinary_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "broker", lambda: pytest.fail("nobody should ask"))
    store_unreadable_model()

    with CaptureQueriesContext(connection) as asked:
        call_command("check")

    assert [one["sql"] for one in asked.captured_queries if "trading_" in one["sql"]] == []


def test_before_a_deployment_everything_is_asked(
    rest: AlpacaRest, alpaca_broker: AlpacaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "broker", lambda: alpaca_broker)
    rest.said["account_blocked"] = True
    store_unreadable_model()

    with pytest.raises(SystemCheckError) as refused:
        call_command("check", deploy=True)

    assert "(trading.preflight.broker) broker: the account at alpaca is account_blocked" in str(refused.value)
    assert "(trading.preflight.model) model: model 20260303_170000 cannot be used" in str(refused.value)


def test_a_warning_of_preflight_is_one_of_the_deployment(
    alpaca_broker: AlpacaBroker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(choice, "broker", lambda: alpaca_broker)

    call_command("check", deploy=True)

    assert "(trading.preflight.model) model: there is no active model yet" in capsys.readouterr().err
