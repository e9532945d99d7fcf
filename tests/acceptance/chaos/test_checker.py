"""A checker that finds nothing proves nothing: each rule is shown a history that breaks it, and it alone."""

from dataclasses import replace
from uuid import UUID, uuid5

import pytest

from tests.acceptance.chaos import checker
from tests.acceptance.chaos.checker import Body, History, Line, Overload, Row, WorkerFault, check

ENTRY = UUID("0b0e1d1c-0000-4000-8000-000000000001")


def row(at: float, state: str = "succeeded", **values: object) -> Row:
    usual = Row(
        seq=round(at), uid=uuid5(ENTRY, str(at)), entry=ENTRY, name="line", state=state, reason="", nominal_at=at,
        last_at=None, due_at=at, decided_at=at + 0.01, started_at=at + 0.02, finished_at=at + 0.1, count=1, term=1,
        attempt=1, worker="worker-1", exclusive=True, repeatable=False,
    )  # fmt: skip
    return replace(usual, **values)


def body(of: Row, delay: float = 0.02, lasts: float = 0.05) -> Body:
    return Body(of.uid, of.nominal_at + delay, of.nominal_at + delay + lasts)


def history(*rows: Row, **values: object) -> History:
    """Return a history in which all is well, but for `values`."""
    usual = History(
        rows=rows,
        bodies=[body(one) for one in rows if one.state == "succeeded"],
        faults=[],
        lines=[Line(ENTRY, period=1, since=100)],
        reigns=[(1, "a"), (2, "b")],
        horizon=103,
    )
    return replace(usual, **values)


GOOD = (row(101), row(102), row(103))


def test_nothing_is_found_where_all_is_well() -> None:
    assert check(history(*GOOD)) == []


def test_a_run_of_dropped_slots_is_one_row() -> None:
    dropped = row(102, "missed", reason="superseded", last_at=103.0, count=2)

    assert check(history(row(101), dropped)) == []


def test_a_repeatable_run_may_start_as_often_as_it_was_claimed() -> None:
    again = row(102, attempt=2, repeatable=True)

    assert check(history(GOOD[0], again, GOOD[2], bodies=[*map(body, GOOD), body(again, 0.2)])) == []


def test_a_loss_is_explained_by_what_hurt_the_worker_between_claim_and_end() -> None:
    lost = row(102, "lost", reason="worker fell silent", finished_at=115.0)
    hurt = WorkerFault("worker-1", 102.5, 102.5)

    assert check(history(GOOD[0], lost, GOOD[2], faults=[hurt])) == []


def test_what_is_missed_during_an_overload_and_soon_after_it_is_no_finding() -> None:
    missed = row(101, "missed", reason="deadline")

    assert check(history(missed, row(102), row(103), overloads=[Overload(80, 86.5)])) == []


WRONG = {
    "a second start": (checker.started_once, history(*GOOD, bodies=[*map(body, GOOD), body(GOOD[1], 0.5)])),
    "a start without a row": (
        checker.started_once,
        history(GOOD[0], GOOD[1], horizon=102, bodies=list(map(body, GOOD))),
    ),
    "a start of what was missed": (
        checker.started_once,
        history(GOOD[0], row(102, "missed", reason="deadline"), GOOD[2], bodies=list(map(body, GOOD))),
    ),
    "an end that never was": (checker.log_agrees, history(*GOOD, bodies=[body(GOOD[0]), body(GOOD[1])])),
    "a second claim": (checker.log_agrees, history(GOOD[0], row(102, attempt=2), GOOD[2])),
    "an early start": (checker.none_early, history(*GOOD, bodies=[body(GOOD[0], -0.1), *map(body, GOOD[1:])])),
    "an early decision": (checker.none_early, history(GOOD[0], row(102, decided_at=101.9), GOOD[2])),
    "a loss of a sound worker": (
        checker.lost_with_cause,
        history(GOOD[0], row(102, "lost", reason="gone"), GOOD[2], faults=[WorkerFault("worker-2", 102.05, 102.05)]),
    ),
    "a loss before the claim": (
        checker.lost_with_cause,
        history(GOOD[0], row(102, "lost", reason="gone"), GOOD[2], faults=[WorkerFault("worker-1", 102, 102.01)]),
    ),
    "a run without end": (checker.ended_once, history(GOOD[0], row(102, "started"), GOOD[2])),
    "an end without a reason": (checker.ended_once, history(GOOD[0], row(102, "missed"), GOOD[2])),
    "a slot in no row": (checker.every_slot_accounted_for, history(GOOD[0], GOOD[2])),
    "a slot in two rows": (
        checker.every_slot_accounted_for,
        history(row(101, "missed", reason="superseded", last_at=102.0, count=2), GOOD[1], GOOD[2]),
    ),
    "a wrong count": (
        checker.every_slot_accounted_for,
        history(GOOD[0], row(102, "missed", reason="superseded", last_at=103.0, count=3)),
    ),
    "a deposed leader's decision": (checker.terms_rise, history(GOOD[0], row(102, term=2), GOOD[2])),
    "two leaders in a term": (checker.one_writer_a_term, history(*GOOD, reigns=[(1, "a"), (1, "b")])),
    "two at once": (checker.no_overlap, history(*GOOD, bodies=[body(GOOD[0], lasts=1.5), *map(body, GOOD[1:])])),
    "no recovery": (checker.came_back, history(*GOOD, has_recovered=False)),
    "misses long after an overload": (
        checker.back_to_normal,
        history(GOOD[0], row(102, "missed", reason="deadline"), GOOD[2], overloads=[Overload(70, 86)]),
    ),
    "late starts long after an overload": (
        checker.back_to_normal,
        history(*GOOD, bodies=[body(one, 1.5) for one in GOOD], overloads=[Overload(70, 86)]),
    ),
    "a crash": (checker.nobody_crashed, history(*GOOD, crashes=["beat-1 ended"])),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_found_by_its_rule_and_no_other(case: str) -> None:
    rule, wrong = WRONG[case]

    assert len(list(rule(wrong))) == 1
    assert check(wrong) == list(rule(wrong))
