"""The switch: three positions, a reason for each turn, and a line in the journal."""

import pytest

from tests.integration.trading.memory_desk import MORNING
from thor.trading.desk import desk
from thor.trading.models import Desk, Event, Purpose, Switch
from thor.trading.switch import BadSwitch, clear_protection, set_switch, why_not

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_desk_that_nobody_has_touched_is_active() -> None:
    assert desk().switch == Switch.ACTIVE
    assert [why_not(purpose, desk()) for purpose in Purpose] == ["", "", "", ""]


@pytest.mark.parametrize(
    ("word", "allowed"),
    [("active", set(Purpose)), ("reducing", {Purpose.EXIT, Purpose.EMERGENCY}), ("halted", {Purpose.EMERGENCY})],
)
def test_each_position_lets_pass_what_it_says(word: str, allowed: set[Purpose]) -> None:
    set_switch(word, reason="news", by="somebody", at=MORNING)

    assert {purpose for purpose in Purpose if not why_not(purpose, desk())} == allowed
    assert all(f"trading is {word}: news" == why_not(one, desk()) for one in set(Purpose) - allowed)


def test_every_turn_is_written_down() -> None:
    set_switch("halted", reason="  news \n of the day ", by="somebody", at=MORNING)
    set_switch("active", reason="all is well", by="another", at=MORNING)
    set_switch("active", reason="once more", by="another", at=MORNING)

    assert [event.fields for event in Event.objects.all()] == [
        {"before": "active", "now": "halted", "reason": "news of the day", "by": "somebody"},
        {"before": "halted", "now": "active", "reason": "all is well", "by": "another"},
        {"before": "active", "now": "active", "reason": "once more", "by": "another"},
    ]
    assert (desk().reason, desk().changed_by, desk().changed_at) == ("once more", "another", MORNING)


@pytest.mark.parametrize(("word", "reason"), [("off", "news"), ("halted", " "), ("halted", "x" * 201)])
def test_a_turn_without_a_reason_or_to_nowhere_is_refused(word: str, reason: str) -> None:
    with pytest.raises(BadSwitch):
        set_switch(word, reason=reason, by="somebody", at=MORNING)

    assert Event.objects.count() == 0
    assert desk().switch == Switch.ACTIVE


def test_protection_is_cleared_with_a_reason() -> None:
    Desk.objects.create(protected_because="three losses", protected_at=MORNING)

    with pytest.raises(BadSwitch):
        clear_protection(reason="", by="somebody", at=MORNING)
    clear_protection(reason="looked at", by="somebody", at=MORNING)

    assert desk().protected_because == ""
    assert Event.objects.get().fields["before"] == "three losses"
