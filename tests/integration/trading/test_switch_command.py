"""`manage.py trading`: how the desk stands, and the switch."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from thor.trading.models import Desk, Event, Intent, Order, Position, Reconciliation
from thor.trading.switch import BadSwitch

ROOT = Path(__file__).resolve().parents[3]
NOON = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


def say(*arguments: str) -> str:
    out = StringIO()
    call_command("trading", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("wanted", ["reducing", "halted", "active"])
def test_the_switch_is_turned_with_name_and_reason(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setenv("LOGNAME", "ana")

    assert say(wanted, "--reason", "earnings  tonight") == f"Trading is {wanted}: earnings tonight\n"

    desk = Desk.objects.get()
    assert (desk.switch, desk.reason, desk.changed_by) == (wanted, "earnings tonight", "ana")
    assert Event.objects.get().fields["by"] == "ana"


@pytest.mark.parametrize("reason", [[], ["--reason", "  "]])
def test_without_a_reason_nothing_is_turned(reason: list[str]) -> None:
    with pytest.raises(BadSwitch, match=r"say why: manage.py trading halted --reason '…'"):
        say("halted", *reason)

    assert not Desk.objects.exists()


def test_a_reason_without_a_word_is_refused_and_not_dropped() -> None:
    with pytest.raises(BadSwitch, match=r"a reason for what.*active, reducing, halted, unprotected"):
        say("--reason", "news")


def test_ending_a_protection_that_was_not_on_says_so() -> None:
    said = say("unprotected", "--reason", "looked")

    assert said == "Auto-protection was not on; losses are counted anew from here.\n"


def test_a_word_that_nobody_knows_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'paused'"):
        say("paused", "--reason", "lunch")


def test_an_untouched_desk_says_so() -> None:
    lines = say().splitlines()

    assert lines == [
        "Trading:         active, and nobody has turned the switch yet",
        "Account:         paper_paper_swing_us",
        "Reconciliation:  none yet",
        "Protection:      none",
        "Entries:         the account has not been reconciled yet",
        "Exits:           the account has not been reconciled yet",
        "Losses in a row: 0 of 3",
        "The day's loss:  not known yet of 2.00%",
        "Entries today:   0 of 4",
        "Open orders:     0",
        "Positions:       0",
    ]


def test_everything_that_stands_is_shown() -> None:
    say("halted", "--reason", "look first")
    Desk.objects.update(changed_at=NOON, changed_by="ana", protected_because="drift", protected_at=NOON)
    Reconciliation.objects.create(run=uuid4(), at=NOON, status="SAFE_MODE", warnings=["an order is 70 minutes old"])
    intent = Intent.objects.create(
        run=uuid4(),
        symbol="SPY",
        purpose="exit",
        session_date=date(2026, 3, 2),
        decided_at=NOON,
        updated_at=NOON,
    )
    Order.objects.create(
        client_order_id="a",
        intent=intent,
        run=intent.run,
        symbol="SPY",
        side="sell",
        kind="market",
        quantity=Decimal("2.5"),
        purpose="exit",
        state="working",
        planned_at=NOON,
        updated_at=NOON,
    )
    Position.objects.create(
        symbol="SPY",
        strategy_id="trend_pullback_v1",
        entry_date=date(2026, 2, 27),
        opened_at=NOON,
        bought=Decimal("2.5"),
        cost=Decimal(1000),
        entry_order_id="b",
        last_bought_at=NOON,
    )

    shown = say()

    assert "Trading:         halted since 2026-03-03 12:00:00 EST, by ana: look first" in shown
    assert "Reconciliation:  SAFE_MODE at 2026-03-03 12:00:00 EST: an order is 70 minutes old" in shown
    assert (
        "Protection:      entries are blocked since 2026-03-03 12:00:00 EST: drift; manage.py trading unprotected"
        in shown
    )
    assert "Entries:         trading is halted: look first" in shown
    assert "Exits:           trading is halted: look first" in shown
    assert "Open orders:     1\n    sell 2.5 SPY, working, exit, planned 2026-03-03 12:00:00 EST" in shown
    assert "Positions:       1\n    2.5 SPY at 400.0000, trend_pullback_v1, since 2026-02-27" in shown


@pytest.mark.parametrize("reason", ["\x1b[31mearnings\x07 to\x00night\u202e", "earnings\r\nto\u200bnight"])
def test_what_steers_a_terminal_is_left_out_of_a_reason(reason: str) -> None:
    said = say("halted", "--reason", reason)

    assert said.removesuffix("\n").isprintable()
    assert Desk.objects.get().reason.isprintable()
    assert Event.objects.get().fields["reason"].isprintable()


def test_a_reason_of_nothing_visible_is_none() -> None:
    with pytest.raises(BadSwitch, match="say why"):
        say("halted", "--reason", "\u200b\x07")

    assert not Desk.objects.exists()


def test_auto_protection_is_ended_with_a_reason() -> None:
    Desk.objects.create(pk=1, protected_because="drift", protected_at=NOON)

    assert say("unprotected", "--reason", "data was wrong") == "Auto-protection has ended.\n"

    assert Desk.objects.get().protected_because == ""


def test_a_process_without_a_reason_ends_with_a_sentence_and_two(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "manage.py", "trading", "halted"],
        cwd=ROOT,
        env={**os.environ, "THOR_VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (found.returncode, found.stderr) == (2, "thor: say why: manage.py trading halted --reason '…'\n")
