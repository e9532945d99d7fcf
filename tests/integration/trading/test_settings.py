"""Limits: by the environment, else by the admin, else by default; and what happens to rows that make no sense."""

import logging
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError

from tests.integration.trading.pinning import Pin, pin  # noqa: F401  (a fixture)
from thor.env_trading import TradingEnv
from thor.trading import settings
from thor.trading.brokers.choice import paper_broker
from thor.trading.models import Setting
from thor.trading.settings import BadSetting, Limits, Source, check_setting, declared, limits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    settings._tell_once.cache_clear()


def set_row(name: str, value: str) -> None:
    Setting.objects.update_or_create(name=name, defaults={"value": value})


def source_of(name: str) -> Source:
    return next(one.source for one in declared() if one.name == name)


def test_the_box_and_the_environment_have_the_same_defaults() -> None:
    mine = Limits()

    for field in fields(Limits):
        if field.name not in ("unread", "confidence_multipliers"):
            assert getattr(mine, field.name) == TradingEnv.model_fields[field.name].default, field.name
    assert list(mine.confidence_multipliers.items()) == [
        (1, Decimal("0.25")),
        (2, Decimal("0.50")),
        (3, Decimal("0.75")),
        (4, Decimal("1.00")),
        (5, Decimal("1.25")),
    ]


def test_without_anything_set_the_defaults_count_and_cost_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        found = limits()

    assert found == Limits()
    assert (found.max_allocation_per_symbol, found.min_time_between_entries) == (Decimal("0.05"), timedelta(days=1))


def test_what_the_admin_says_counts_from_the_next_question_on() -> None:
    assert limits().risk_per_trade == Decimal("0.01")

    set_row("RISK_PER_TRADE", "0.005")

    assert limits().risk_per_trade == Decimal("0.005")
    assert source_of("RISK_PER_TRADE") is Source.ADMIN


def test_the_environment_comes_before_the_admin(pin: Pin) -> None:  # noqa: F811
    set_row("RISK_PER_TRADE", "0.005")
    pin(RISK_PER_TRADE="0.002")

    assert limits().risk_per_trade == Decimal("0.002")
    assert source_of("RISK_PER_TRADE") is Source.ENVIRONMENT


def test_a_variable_set_to_its_default_pins_it(pin: Pin) -> None:  # noqa: F811
    set_row("RISK_PER_TRADE", "0.005")
    pin(RISK_PER_TRADE="0.01")

    assert limits().risk_per_trade == Decimal("0.01")
    assert source_of("RISK_PER_TRADE") is Source.ENVIRONMENT


def test_without_its_row_the_default_is_back() -> None:
    set_row("MAX_TRADES_PER_DAY", "9")
    assert limits().max_trades_per_day == 9

    Setting.objects.all().delete()

    assert limits().max_trades_per_day == 4
    assert source_of("MAX_TRADES_PER_DAY") is Source.DEFAULT


@pytest.mark.parametrize(
    ("name", "written", "field", "meant"),
    [
        ("CASH_ONLY_TRADING", "no", "cash_only_trading", False),
        ("STRATEGIES", "x", "strategies", ()),  # a name that no setting has
        ("THOR_STRATEGIES", "mean_reversion_v1", "strategies", ("mean_reversion_v1",)),
        (
            "CONFIDENCE_MULTIPLIERS",
            "0,0,0,1,1",
            "confidence_multipliers",
            {1: Decimal(0), 2: Decimal(0), 3: Decimal(0), 4: Decimal(1), 5: Decimal(1)},
        ),
    ],
)
def test_rows_are_read_as_variables_are(name: str, written: str, field: str, meant: Any) -> None:
    set_row(name, written)

    assert getattr(limits(), field) == meant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RISK_PER_TRADE", "-0.01"),
        ("RISK_PER_TRADE", "much"),
        ("MAX_TRADES_PER_DAY", "0"),
        ("OBSERVATION_ONLY", "perhaps"),
        ("CONFIDENCE_MULTIPLIERS", "1"),
        ("THOR_STRATEGIES", "astrology_v1"),
        ("RISK_PER_TRADE", ""),
    ],
)
def test_a_row_that_cannot_be_used_is_as_good_as_none_and_told_of_once(
    caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    set_row(name, value)

    with caplog.at_level(logging.WARNING, "thor.trading"):
        found = [limits(), limits()]

    assert found == [Limits(), Limits()]
    assert [f"{name}={value!r} cannot be used" in line for line in caplog.messages] == [True]
    assert next(one for one in declared() if one.name == name).wrong.startswith(f"{name}={value!r} cannot be used")


def test_rows_that_contradict_the_environment_give_way(pin: Pin) -> None:  # noqa: F811
    set_row("MIN_HISTORY_DAYS", "250")
    assert limits().min_history_days == 250

    pin(LOOKBACK_DAYS="220")

    assert (limits().min_history_days, limits().lookback_days) == (210, 220)


def test_a_value_is_checked_together_with_the_others() -> None:
    check_setting("MIN_HISTORY_DAYS", "252")

    with pytest.raises(BadSetting, match="MIN_HISTORY_DAYS=253 is above LOOKBACK_DAYS=252"):
        check_setting("MIN_HISTORY_DAYS", "253")
    with pytest.raises(BadSetting, match=r"RISK_PER_TRADE='1' cannot be used: .*\(allowed: > 0, ≤ 0.2\)"):
        check_setting("RISK_PER_TRADE", "1")


def test_where_the_settings_cannot_be_read_nothing_is_bought(
    monkeypatch: pytest.MonkeyPatch,
    pin: Pin,  # noqa: F811
) -> None:
    def away() -> dict[str, str]:
        raise OperationalError("the database is away")

    pin(EMERGENCY_LOSS_LIMIT="0.02")
    monkeypatch.setattr(settings, "_rows", away)

    found = limits()

    assert found.unread == "the settings cannot be read (OperationalError)"
    assert found.max_trades_per_day == 0
    assert (found.emergency_loss_limit, found.daily_loss_limit) == (Decimal("0.02"), Decimal("0.02"))


def test_the_list_names_every_setting_with_value_and_range() -> None:
    rows = {one.name: one for one in declared()}

    assert len(rows) == len(fields(Limits)) - 1
    risk = rows["RISK_PER_TRADE"]
    assert (risk.value, risk.default, risk.range, risk.source) == ("0.01", "0.01", "> 0, ≤ 0.2", Source.DEFAULT)
    assert all(one.description for one in rows.values())


@pytest.mark.django_db(transaction=True)
def test_a_new_paper_account_opens_with_the_start_capital_and_keeps_it() -> None:
    set_row("START_CAPITAL", "2500")
    broker = paper_broker(now=lambda: datetime(2026, 3, 3, 17, 0, tzinfo=UTC))
    assert (broker.account().cash, broker.account().last_equity) == (Decimal(2500), Decimal(2500))

    set_row("START_CAPITAL", "9999")

    assert broker.account().cash == Decimal(2500)
