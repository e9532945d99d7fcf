"""`manage.py plan`: what it prints, how it counts, and what it refuses; on a schedule without a running scheduler."""

import json
import subprocess
import sys
import time as wall
from datetime import UTC, date, datetime, time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from thor.env import env
from thor.jobs.controls import find_entry, pause_entry
from thor.jobs.forecast import BadQuestion, Forecast, forecast
from thor.jobs.models import Entry
from thor.jobs.sync import sync_jobs
from thor.markets import registry
from thor.markets.models import Market, Override

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HALF_DAY = date(2026, 11, 27)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def schedule(db: None) -> None:
    """Given the entries of the box, and no scheduler."""
    sync_jobs(at=NOW)


def asked(day: date = HALF_DAY, **narrowed: Any) -> Forecast:
    return forecast(day, at=NOW, **narrowed)


def run(*words: str) -> str:
    out = StringIO()
    call_command("plan", *words, stdout=out)
    return out.getvalue()


def counts(found: Forecast) -> dict[str, int]:
    """Return how many occurrences each entry has."""
    total: dict[str, int] = {}
    for one in found.series:
        total[one.entry] = total.get(one.entry, 0) + one.count
    return total


def why(found: Forecast) -> dict[str, str]:
    return {one.entry: one.why for one in found.silent}


def own(name: str, **values: Any) -> PeriodicTask:
    """Make a periodic task of somebody's own, as the admin does."""
    if "interval" not in values and "crontab" not in values:
        values["interval"], _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    return PeriodicTask.objects.create(name=name, task="own.task", **values)


def test_a_half_day_shortens_what_every_entry_does(schedule: None) -> None:
    found = counts(asked())

    assert found["intraday @ us_equities"] == 13 * 3600  # 04:00 to 17:00 in New York
    assert found["vwap_minute @ us_equities"] == 13 * 60
    assert found["intraday @ globex"] == (18 * 60 + 15) * 60  # from midnight to 12:15 in Chicago
    assert found["intraday @ crypto"] == 86_400


def test_the_printed_plan_shows_sessions_and_occurrences_in_order(schedule: None) -> None:
    printed = run("--date", "2026-11-27")

    lines = printed.splitlines()
    assert "Friday 2026-11-27, UTC: " in lines[0]
    assert any("usa" in line and "13:00" in line and "early close, usually 16:00" in line for line in lines)
    opens, ticks, closes = (
        next(place for place, line in enumerate(lines) if words in line)
        for words in ("New York opens", "intraday @ us_equities", "New York closes")
    )
    assert ticks < opens < closes  # extended hours begin first
    assert "46,800" in lines[ticks]
    assert "04:00 to 16:59:59 EST" in lines[ticks]


def test_json_holds_everything_and_counts_it(schedule: None) -> None:
    found = json.loads(run("--date", "2026-11-27", "--market", "us_equities", "--json"))

    assert (found["date"], found["zone"]) == ("2026-11-27", "America/New_York")
    assert (found["start"], found["end"]) == ("2026-11-27T05:00:00+00:00", "2026-11-28T05:00:00+00:00")
    # Thirteen hours of slots of 1, 2, 30 and 60 seconds, two bells at their end, and a flush each minute of the day.
    expected = 13 * (3600 + 1800 + 120 + 60) + 2 + 24 * 60
    assert found["count"] == sum(one["count"] for one in found["series"]) == expected
    ticks = next(one for one in found["series"] if one["entry"] == "intraday @ us_equities")
    assert (ticks["first_at"], ticks["last_at"]) == ("2026-11-27T09:00:00+00:00", "2026-11-27T21:59:59+00:00")
    assert (ticks["count"], ticks["period"], ticks["session_date"]) == (46_800, 1.0, "2026-11-27")
    (market,) = found["markets"]
    assert market["sessions"][0]["remarks"] == ["early close, usually 20:00"]
    assert [bell["what"] for bell in market["bells"]] == ["pre_open", "opens", "pre_close", "closes"]


def test_today_is_the_date_of_the_market_by_the_process_clock(schedule: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Evening:
        def now(self) -> datetime:
            return datetime(2026, 11, 26, 22, tzinfo=UTC)

    monkeypatch.setattr("thor.jobs.management.commands.plan.process_clock", Evening)

    dates = [
        json.loads(run(*words, "--json"))["date"] for words in ((), ("--market", "japan"), ("--zone", "Asia/Tokyo"))
    ]

    assert dates == ["2026-11-26", "2026-11-27", "2026-11-27"]


def test_the_sunday_on_which_american_clocks_change_says_so(schedule: None) -> None:
    found = asked(date(2027, 3, 14), market="globex")

    assert (found.end - found.start).total_seconds() == 23 * 3600
    assert found.notes[0] == "The clocks change on this date in America/Chicago."
    assert counts(found)["intraday @ globex"] == 7 * 3600
    assert counts(found)["closed_bars_flush @ globex"] == 23 * 60


def test_the_hour_that_comes_twice_in_autumn_is_printed_with_the_name_of_the_zone(schedule: None) -> None:
    own("twice", crontab=CrontabSchedule.objects.create(minute="30", hour="6,7"))

    autumn = run("--date", "2027-11-07", "--zone", "America/Chicago", "--job", "twice")
    ordinary = run("--date", "2027-11-08", "--zone", "America/Chicago", "--job", "twice")

    assert [line.split()[1:3] for line in autumn.splitlines() if "twice" in line] == [
        ["01:30", "CDT"],
        ["01:30", "CST"],
    ]
    assert "CST" not in ordinary


def test_both_ends_of_a_night_name_their_day(schedule: None) -> None:
    spring = run("--date", "2027-03-14", "--job", "closed_bars_flush @ globex")
    globex = run("--date", "2027-03-14", "--market", "globex")

    assert "Sat 18:00 CST to Sun 18:59 CDT" in spring
    assert "Sun 22:00 to Mon 21:00" in globex


def test_an_override_moves_the_windows_of_its_date_and_says_why(schedule: None) -> None:
    usa = Market.objects.get(key="usa")
    Override.objects.create(market=usa, date=date(2026, 12, 9), close=time(12), reason="day of mourning")
    Override.objects.create(market=usa, date=date(2026, 12, 10), closed=True, reason="a second one")
    registry.forget()

    early, shut = asked(date(2026, 12, 9)), asked(date(2026, 12, 10))

    markets = {market.key: market for market in early.markets}
    assert markets["usa"].sessions[0].override == "day of mourning"
    assert markets["usa"].sessions[0].remarks == ("early close, usually 16:00",)
    assert counts(asked(date(2026, 12, 9), market="us_equities"))["vwap_minute @ us_equities"] == 12 * 60
    markets = {market.key: market for market in shut.markets}
    assert (markets["usa"].remark, markets["usa"].override) == ("closed", "a second one")
    assert "override: a second one" in run("--date", "2026-12-10", "--market", "usa")


def test_entries_that_fire_nothing_say_why(schedule: None, monkeypatch: pytest.MonkeyPatch) -> None:
    pause_entry(find_entry("intraday @ crypto"), by="anna", reason="feed under repair", at=NOW)
    PeriodicTask.objects.filter(name="intraday @ globex").update(enabled=False)
    own("switched off", enabled=False)
    CrontabSchedule.objects.create(minute="61")
    own("unreadable", crontab=CrontabSchedule.objects.get(minute="61"))
    monkeypatch.setattr(env(), "jobs", "intraday,purge_runs,closed_bars_flush")

    found = why(asked(date(2026, 11, 28)))  # a Saturday

    assert found["intraday @ crypto"] == "paused by anna: feed under repair"
    assert found["intraday @ globex"] == "switched off"
    assert found["switched off"] == "switched off"
    assert found["unreadable"].startswith("cannot be read: '61' is no minute")
    assert found["vwap_minute @ crypto"] == "not in THOR_JOBS"
    assert found["intraday @ us_equities"] == "nothing on this date"
    assert not found.keys() & counts(asked(date(2026, 11, 28))).keys()


def test_the_gate_switches_no_entry_out_of_the_plan(schedule: None) -> None:
    # Outside its window the gate writes enabled=False; that is no wish of a person.
    PeriodicTask.objects.filter(name="intraday @ us_equities").update(enabled=False)
    Entry.objects.filter(name="intraday @ us_equities").update(gated=False)

    assert counts(asked())["intraday @ us_equities"] == 46_800


def test_a_periodic_task_of_ones_own_is_told_before_any_scheduler_has_seen_it(schedule: None) -> None:
    zone = "America/New_York"
    nightly = CrontabSchedule.objects.create(minute="30", hour="2", timezone=zone)
    own("own hourly")
    own("own nightly", crontab=nightly)

    autumn = asked(date(2027, 11, 7))

    assert counts(autumn)["own hourly"] == 24
    (found,) = [one for one in autumn.series if one.entry == "own nightly"]
    assert found.first_at == datetime(2027, 11, 7, 7, 30, tzinfo=UTC)
    assert Entry.objects.filter(name__startswith="own").count() == 0


def test_what_people_write_in_brackets_is_printed_as_it_is(schedule: None) -> None:
    own("[bold]report[/red]")
    pause_entry(find_entry("intraday @ crypto"), by="anna", reason="[/] see note", at=NOW)

    printed = run("--date", "2026-11-27")

    assert "[bold]report[/red]" in printed
    assert "paused by anna: [/] see note" in printed


def test_one_job_shows_its_entries_and_their_markets(schedule: None) -> None:
    found = asked(job="vwap_minute")

    assert {one.job for one in found.series} == {"vwap_minute"}
    assert {market.key for market in found.markets} == {"globex", "us_equities", "crypto"}
    assert counts(asked(job="vwap_minute @ crypto")) == {"vwap_minute @ crypto": 1440}


def test_a_date_before_the_entries_were_made_is_told_as_if_they_had_been_there(schedule: None) -> None:
    found = asked(date(2024, 7, 3))

    assert counts(found)["intraday @ us_equities"] == 13 * 3600
    assert any("as if they had been there" in note for note in found.notes)


def test_nothing_is_written(schedule: None) -> None:
    own("own hourly")

    with CaptureQueriesContext(
        connection,
    ) as asked_for:
        asked()

    assert {query["sql"].lstrip().split()[0] for query in asked_for.captured_queries} <= {"SELECT", "DECLARE"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--date", "tomorrow"), "'tomorrow' is no date; write year, month and day, for example 2026-11-27."),
        (("--date", "2026-02-30"), "'2026-02-30' is no date"),
        (("--date", "1815-06-18"), "1815-06-18 is a date that no calendar covers; ask for one from 1990 to 2100."),
        (("--market", "moon"), "'moon' is no market; there are japan, china"),
        (
            ("--job", "nosuch"),
            "'nosuch' is no job and no entry; there are ",
        ),
        (("--zone", "Mars/Olympus"), "'Mars/Olympus' is no time zone"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(schedule: None, words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError) as refused:
        run(*words)

    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)
    assert refused.value.returncode == 1


@pytest.mark.parametrize("day", [date(1990, 1, 1), date(2100, 12, 31)])
def test_the_first_and_the_last_date_can_be_asked_for(schedule: None, day: date) -> None:
    assert counts(asked(day))["purge_runs"] == 144


def test_a_date_out_of_reach_is_refused(schedule: None) -> None:
    with pytest.raises(BadQuestion, match="no calendar covers"):
        asked(date(2101, 1, 1))


def test_any_date_of_five_years_is_quick(schedule: None) -> None:
    days = [date(year, month, day) for year in range(2024, 2029) for month in (1, 3, 6, 11, 12) for day in (1, 14, 27)]
    asked(date(2026, 6, 1))  # reads the calendars

    took = []
    for day in days:
        began = wall.process_time()
        asked(day)
        took.append(wall.process_time() - began)

    assert max(took) < 1.5, "a date should take tens of milliseconds"


def test_before_migrate_the_command_says_what_to_do(tmp_path: Path) -> None:
    environment = {"THOR_VAR_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "DATABASE_URL": ""}
    command = [sys.executable, "manage.py", "plan"]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    assert done.returncode == 1
    assert "was manage.py migrate run?" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
