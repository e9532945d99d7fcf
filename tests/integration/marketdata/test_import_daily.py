"""Importing trading days and splits: once, twice, and not at all where something is wrong."""

from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
import redis
from django.core.management import CommandError, call_command

from tests.integration.marketdata.ledger import day, instrument
from thor.marketdata import daily_version
from thor.marketdata.models import DailyBar, Instrument, Split

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "symbol,date,open,high,low,close,volume\n"


def run(*arguments: object) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def refused(*arguments: object) -> str:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == 2
    return str(caught.value)


@pytest.fixture
def days(tmp_path: Path) -> Path:
    path = tmp_path / "days.csv"
    path.write_text(HEADER + "SPY,2013-10-07,1,3,1,2,9\nIBM,2013-10-07,10,30,10,20,90\n")
    return path


def test_importing_again_changes_nothing_and_an_amended_file_its_rows(store: redis.Redis, days: Path):
    assert run("import_daily", days) == "2 days read, 2 stored, 0 instruments added\n"
    assert run("import_daily", days) == "2 days read, 0 stored, 0 instruments added\n"

    days.write_text(days.read_text().replace("SPY,2013-10-07,1,3", "SPY,2013-10-07,1,4"))
    assert run("import_daily", days) == "2 days read, 1 stored, 0 instruments added\n"
    assert DailyBar.objects.get(instrument__symbol="SPY").high == 4


def test_an_import_takes_the_place_of_a_day_that_was_rolled_up(store: redis.Redis, days: Path):
    day("SPY", "2013-10-07", 5, origin="rolled")

    run("import_daily", days)

    found = DailyBar.objects.get(instrument__symbol="SPY")
    assert (found.origin, found.close) == ("imported", 2)


def test_a_bad_row_in_the_last_file_leaves_nothing_of_the_first(store: redis.Redis, days: Path, tmp_path: Path):
    bad = tmp_path / "bad.csv"
    bad.write_text(HEADER + "SPY,2013-10-08,1,3,1,2,9\nSPY,2013-10-09,1,oops,1,2,9\n")

    assert refused("import_daily", days, bad) == f"{bad}, line 3: high 'oops' is no number; correct the file."
    assert not DailyBar.objects.exists()


def test_an_unknown_symbol_is_refused_with_both_ways_out_and_added_on_request(store: redis.Redis, tmp_path: Path):
    path = tmp_path / "new.csv"
    path.write_text(HEADER + "ZZZ,2013-10-07,1,3,1,2,9\n")

    said = refused("import_daily", path)
    assert said == "there is no instrument ZZZ; add it in the admin, or check --symbol. Or run it again with --add."
    assert not Instrument.objects.filter(symbol="ZZZ").exists()

    assert run("import_daily", path, "--add") == "1 days read, 1 stored, 1 instruments added\n"
    assert instrument("ZZZ").venue == "us_equities"
    assert "none of globex" in refused("import_daily", path, "--add", "--venue", "moon")


def test_an_import_says_that_days_have_changed(store: redis.Redis, days: Path):
    before = daily_version.current()
    run("import_daily", days)
    after = daily_version.current()

    assert after != before
    Split.objects.create(instrument=instrument("SPY"), date="2013-10-07", ratio=2)
    assert daily_version.current() != after


def test_the_days_of_spy_are_those_of_the_recording(store: redis.Redis, lean: Path):
    assert (
        run("import_daily", lean / "equity/usa/daily/spy.zip") == "5849 days read, 5849 stored, 0 instruments added\n"
    )

    found = DailyBar.objects.get(instrument__symbol="SPY", date="2013-10-07")
    assert found.volume == 81_489_219
    assert found.close == Decimal("167.42")


def test_every_recorded_file_of_days_and_splits_can_be_imported(store: redis.Redis, lean: Path):
    folder = lean / "equity/usa"

    run("import_daily", *sorted(folder.glob("daily/*.zip")), "--add")
    run("import_splits", *sorted(folder.glob("factor_files/*.csv")))

    splits = Split.objects.order_by("date")
    assert [(row.date, row.ratio) for row in splits.filter(instrument__symbol="AAPL")] == [
        (date(2000, 6, 21), 2),
        (date(2005, 2, 28), 2),
        (date(2014, 6, 9), 7),
        (date(2020, 8, 31), 4),
    ]
    assert [(row.date, row.ratio) for row in splits.filter(instrument__symbol="AIG")][-1] == (
        date(2009, 7, 1),
        Decimal("0.05"),
    )
