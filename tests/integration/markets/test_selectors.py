"""What pages and schedulers ask about markets."""

import os
import subprocess
import sys
from datetime import date, datetime, timedelta

import pytest

from thor.markets import selectors
from thor.markets.models import Market
from thor.markets.registry import UnknownMarket
from thor.markets.sessions import sessions_of, sessions_of_calendar
from thor.markets.store import CalendarUnavailable
from thor.timing.phase import Phase

pytestmark = pytest.mark.django_db


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


FRIDAY_EVENING = utc("2026-11-27 18:30:00")


def test_open_now_is_asked_by_the_key_of_a_market():
    assert selectors.is_open("usa", utc("2026-11-27 17:59:59.999"))
    assert not selectors.is_open("usa", utc("2026-11-27 18:00:00"))
    assert selectors.phase("usa", utc("2026-11-27 18:00:00")) == Phase.post_close


def test_an_unknown_market_is_refused_with_the_keys_that_exist():
    with pytest.raises(UnknownMarket, match="'moon' is no market; there are japan, china"):
        selectors.is_open("moon", FRIDAY_EVENING)


def test_active_markets_are_those_that_trade_now():
    everything = [row.key for row in selectors.active_markets(FRIDAY_EVENING)]
    control = [row.key for row in selectors.active_markets(FRIDAY_EVENING, role="control")]

    assert everything == ["canada", "mexico", "us_equities", "crypto"]
    assert control == ["canada", "mexico"]


def test_on_a_sunday_morning_only_the_market_that_never_closes_is_active():
    sunday = utc("2026-11-22 10:00:00")

    assert selectors.has_active_markets(sunday)
    assert not selectors.has_active_markets(sunday, role="control")


def test_an_inactive_market_is_not_active_but_still_on_the_board():
    usa = Market.objects.get(key="usa")
    usa.active = False
    usa.save()
    open_hours = utc("2026-11-20 15:00:00")

    assert "usa" not in [row.key for row in selectors.active_markets(open_hours)]
    assert [(s.active, s.is_open) for s in selectors.status_board(open_hours) if s.key == "usa"] == [(False, True)]


def test_the_board_shows_what_comes_next_in_every_market():
    board = {status.key: status for status in selectors.status_board(utc("2026-11-20 02:00:00"))}

    assert len(board) == 12
    assert (board["japan"].next_event, board["japan"].next_event_at) == ("break", utc("2026-11-20 02:30:00"))
    assert (board["usa"].next_event, board["usa"].next_event_at) == ("open", utc("2026-11-20 14:30:00"))
    assert f"{board['japan'].local_time:%H:%M}" == "11:00"
    assert board["japan"].session_date == date(2026, 11, 20)
    assert board["crypto"].next_event is None
    assert board["crypto"].is_open


def test_the_board_knows_holidays_and_sessions_beyond_the_horizon():
    thanksgiving = {s.key: s for s in selectors.status_board(utc("2026-11-26 15:00:00"))}
    next_year = {s.key: s for s in selectors.status_board(utc("2027-03-03 02:00:00"))}

    assert thanksgiving["usa"].holiday
    assert thanksgiving["usa"].phase == Phase.holiday
    assert not thanksgiving["canada"].holiday
    assert next_year["china"].provisional
    assert next_year["china"].is_open
    assert not next_year["japan"].provisional


def test_a_market_added_by_an_operator_takes_part_at_once():
    Market.objects.create(key="hong_kong", name="Hong Kong", calendar="XHKG", zone="Asia/Hong_Kong")

    assert selectors.is_open("hong_kong", utc("2026-11-20 03:00:00"))
    assert selectors.phase("hong_kong", utc("2026-11-20 04:30:00")) == Phase.break_


def test_a_market_with_an_unreadable_calendar_counts_as_closed_and_harms_no_other():
    Market.objects.create(key="moon", name="Moon", calendar="XMOON", zone="UTC")

    board = {status.key: status for status in selectors.status_board(FRIDAY_EVENING)}

    assert (board["moon"].phase, board["moon"].is_open, board["moon"].known_until) == (Phase.closed, False, None)
    assert "canada" in [row.key for row in selectors.active_markets(FRIDAY_EVENING)]


def test_a_calendar_that_cannot_be_read_is_told_once_a_reason_and_again_when_it_can(monkeypatch, caplog):
    monkeypatch.setattr(selectors, "_unavailable", {})
    usa = Market.objects.get(key="usa")
    reasons = ["the disk is full"] * 3 + ["no such calendar"] * 3

    def refuse(key):
        raise CalendarUnavailable(reasons.pop(0))

    monkeypatch.setattr(selectors, "sessions_of", refuse)
    while reasons:
        selectors.market_status(usa, FRIDAY_EVENING)
    monkeypatch.setattr(selectors, "sessions_of", sessions_of)
    for _ in range(2):
        selectors.market_status(usa, FRIDAY_EVENING)

    assert [one.message for one in caplog.records] == [
        "thor.market.unavailable: usa: the disk is full",
        "thor.market.unavailable: usa: no such calendar",
        "thor.market.available: usa: its calendar can be read again",
    ]


def test_a_markets_table_stays_the_same_object_until_its_post_close_is_edited():
    before = sessions_of("usa")
    usa = Market.objects.get(key="usa")
    usa.weight = 1
    usa.save()
    unchanged = sessions_of("usa")
    usa.post_close = timedelta(hours=1)
    usa.save()

    assert unchanged is before
    assert sessions_of("usa").post_close == timedelta(hours=1)
    assert selectors.phase("usa", utc("2026-11-27 19:30:00")) == Phase.closed


def test_rows_that_were_read_serve_while_the_database_is_away(monkeypatch):
    from django.db import OperationalError

    from thor.markets import registry

    assert selectors.is_open("usa", utc("2026-11-20 15:00:00"))
    registry.forget()

    def away() -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(Market.objects, "all", away)

    assert selectors.is_open("usa", utc("2026-11-20 15:00:00"))


def test_rows_that_cannot_be_read_are_asked_for_again_after_a_while_and_told_of_once(monkeypatch, caplog):
    from django.db import InterfaceError

    from thor.markets import registry

    monkeypatch.setattr(registry, "_is_stale", False)
    before, asked = registry.reading(), []

    def away() -> None:
        asked.append(1)
        raise InterfaceError("the connection is closed")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "FRESH", 0.0)
        patch.setattr(Market.objects, "all", away)
        registry.forget()
        assert [registry.reading() for _ in range(4)] == [before] * 4
        assert len(asked) == 1
        registry.forget()
        assert registry.reading() is before
    registry.forget()

    assert registry.reading() is not before
    assert [one.message.partition(":")[0] for one in caplog.records] == [
        "thor.market.rows_stale",
        "thor.market.rows_read",
    ]


ASK = """
import sys
import django
django.setup()
from datetime import UTC, datetime
from thor.markets.box import install_markets
from thor.markets.selectors import is_open, phase, status_board
from django.core.management import call_command
call_command("migrate", verbosity=0)
at = datetime(2026, 11, 20, 15, tzinfo=UTC)
print(is_open("usa", at), phase("usa", at), len(status_board(at)))
print(sorted({"pandas", "exchange_calendars"} & set(sys.modules)))
"""


def test_a_process_that_asks_does_not_import_pandas(tmp_path):
    assert sessions_of_calendar("XNYS")
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/own.sqlite3"}

    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True open 12", "[]"]
