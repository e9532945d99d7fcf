"""The disagreements with the market hours database are those that docs/market-hours.md lists, and no others."""

from datetime import date
from pathlib import Path

import pytest

from tests.unit.markets.hours_database import Disagreement, Entry, disagreements
from tests.unit.markets.hours_table import PAGE, in_page, table
from tests.unit.markets.hours_verdicts import VERDICTS, verdict_on

#: The library is read in this process here, and speaks of pandas to come.
pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex")

WEEK = {
    "exchangeTimeZone": "America/New_York",
    "monday": [
        {"start": "00:00:00", "end": "09:30:00", "state": "premarket"},
        {"start": "09:30:00", "end": "17:00:00", "state": "market"},
        {"start": "18:00:00", "end": "1.00:00:00", "state": "postmarket"},
    ],
}
ALL = ("premarket", "market", "postmarket")
MONDAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def found(recordings: Path) -> list[Disagreement]:
    return list(disagreements(recordings))


@pytest.mark.recordings
def test_the_page_lists_exactly_what_differs(found):
    assert in_page(PAGE.read_text()) == table(found), "python -m tests.unit.markets.hours_table --write"


@pytest.mark.recordings
def test_somebody_has_judged_every_disagreement_and_no_judgement_is_stale(found):
    verdicts = {id(verdict_on(one)) for one in found}

    assert [one for one in found if verdict_on(one) is None] == []
    assert verdicts == {id(verdict) for verdict in VERDICTS}


def entry(**more: object) -> Entry:
    return Entry({"Future-x-ES": WEEK | more, "Future-x-[*]": {"holidays": ["11/30/2026"]}}, "Future-x-ES")


def test_the_states_asked_for_are_joined():
    assert entry().spans(MONDAY, ALL) == ((0, 1020), (1080, 1440))
    assert entry().spans(MONDAY, ("market",)) == ((570, 1020),)


def test_a_holiday_of_the_whole_market_closes_the_symbol():
    assert entry().spans(date(2026, 11, 30), ALL) == ()
    assert entry().last_date == date(2026, 11, 30)


def test_an_early_close_ends_the_day_unless_a_late_open_follows():
    early = {"earlyCloses": {"11/23/2026": "13:15:00"}}

    assert entry(**early).spans(MONDAY, ALL) == ((0, 795),)
    both = entry(**early, lateOpens={"11/23/2026": "18:00:00"})
    assert both.spans(MONDAY, ALL) == ((0, 795), (1080, 1440))


def test_a_late_open_alone_begins_the_day():
    assert entry(lateOpens={"11/23/2026": "18:00:00"}).spans(MONDAY, ALL) == ((1080, 1440),)


def test_a_bank_holiday_closes_nothing():
    assert entry(bankHolidays=["11/23/2026"]).spans(MONDAY, ALL) == ((0, 1020), (1080, 1440))
