"""The tables that `manage.py markets` and `manage.py sessions` print."""

import json
from datetime import date, time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from thor.markets.models import Market, Override

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_markets_prints_a_line_a_market():
    printed = run("markets", "--at", "2026-11-27T18:30:00+00:00")

    assert "post_close" in printed
    assert "Mon 30 Nov 09:30" in printed
    assert sum("│" in line for line in printed.splitlines()) == 12


def test_markets_prints_json_with_every_field():
    board = json.loads(run("markets", "--at", "2026-11-27T13:30:00-05:00", "--json"))

    usa = next(status for status in board if status["key"] == "usa")
    assert (usa["phase"], usa["next_event"], usa["next_event_at"]) == (
        "post_close",
        "open",
        "2026-11-30 14:30:00+00:00",
    )


def test_an_instant_without_an_offset_is_refused():
    with pytest.raises(CommandError, match="has no offset"):
        run("markets", "--at", "2026-11-27T18:30:00")


def test_sessions_prints_half_days_and_breaks():
    usa = run("sessions", "usa", "--from", "2026-11-25", "--to", "2026-11-27")
    china = run("sessions", "china", "--from", "2026-12-31", "--to", "2027-01-04")

    assert "Fri 13:00" in usa
    assert "11:30 to 13:00" in china
    assert china.count("provisional") == 2


def test_overrides_are_marked_with_their_reason():
    usa = Market.objects.get(key="usa")
    Override.objects.create(market=usa, date=date(2026, 11, 24), close=time(13), reason="storm [of snow]")
    Override.objects.create(market=usa, date=date(2026, 11, 25), closed=True, reason="mourning")
    dates = ("--from", "2026-11-23", "--to", "2026-11-27")

    printed = run("sessions", "usa", *dates)
    board = run("markets", "--at", "2026-11-24T17:00:00+00:00")
    said = json.loads(run("sessions", "us_equities", *dates, "--json"))

    assert "override (admin): closes 13:00: storm [of snow]" in printed
    assert "Wed 2026-11-25" in printed
    assert "closed: mourning" in printed
    assert board.count("storm [of snow]") >= 1
    assert [(one["date"], one["override"]) for one in said] == [
        ("2026-11-23", ""),
        ("2026-11-24", "storm [of snow]"),
        ("2026-11-27", ""),
    ]


def test_sessions_of_an_unknown_market_are_refused_in_one_sentence():
    with pytest.raises(CommandError, match="'moon' is no market"):
        run("sessions", "moon")
