"""The lines of the log that people look for."""

from decimal import Decimal

import pytest

from thor.trading import wordings


def test_the_six_lines_are_those_of_the_documentation() -> None:
    lines = [
        wordings.reconciled(status="READY", positions=2, orders=1),
        wordings.health_checked(
            equity=Decimal(24500), buying_power=Decimal("20000.0000"), open_positions=2, pending_orders=1
        ),
        wordings.entry_window_reached(),
        wordings.exit_intents_executed(3),
        wordings.offline_ml_begun(),
        wordings.clock_recovered(2),
    ]

    assert lines == [
        "Reconciliation status=ok safe_mode=false positions=2 orders=1",
        "Health check | equity=$24500.00 buying_power=$20000.00 open_positions=2 pending_orders=1",
        "Entry window reached. Running trade cycle once for today.",
        "Executed 3 pending exit intents",
        "Offline ML training cycle...",
        "Market clock recovered after 2 failures",
    ]


@pytest.mark.parametrize("status", ["SAFE_MODE", "EXIT_ONLY", "FAILED"])
def test_whatever_is_not_ready_is_itself_and_safe_mode(status: str) -> None:
    line = wordings.reconciled(status=status, positions=0, orders=0)

    assert line == f"Reconciliation status={status.lower()} safe_mode=true positions=0 orders=0"


def test_what_the_broker_did_not_say_is_unknown_and_not_nothing() -> None:
    assert wordings.reconciled(status="FAILED", positions=None, orders=None).endswith(
        "positions=unknown orders=unknown"
    )
    assert (
        wordings.health_checked(equity=None, buying_power=None, open_positions=None, pending_orders=0)
        == "Health check | equity=unknown buying_power=unknown open_positions=unknown pending_orders=0"
    )


def test_one_keeps_the_words_of_many_so_that_one_pattern_finds_it() -> None:
    assert wordings.exit_intents_executed(1) == "Executed 1 pending exit intents"
    assert wordings.clock_recovered(1) == "Market clock recovered after 1 failures"
