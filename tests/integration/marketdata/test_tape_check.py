"""`manage.py tape_check`: recorded trades beside the hours of a market."""

import json
from io import StringIO
from pathlib import Path

import pyarrow
import pytest
from django.core.management import CommandError, call_command
from pyarrow import parquet

from tests.unit.marketdata.recorded import write_zip

pytestmark = pytest.mark.django_db

#: 15:14, 15:20, 15:21 (without volume) and 15:32 in Chicago, in ms of the UTC day; the halt of 2013 ended at 15:30.
BARS = "72840000,1,1,1,1,5\n73200000,1,1,1,1,5\n73260000,1,1,1,1,0\n73920000,1,1,1,1,5"


def run(*words: object) -> tuple[int, str]:
    out, status = StringIO(), 0
    try:
        call_command("tape_check", *map(str, words), stdout=out)
    except SystemExit as stop:
        status = stop.code
    return status, out.getvalue()


@pytest.fixture
def halted(tmp_path: Path) -> Path:
    return write_zip(tmp_path, "future/cme/minute/es/20131007_trade.zip", BARS)


def test_a_trade_in_the_halt_is_printed_and_the_status_is_one(halted):
    status, printed = run("--market", "globex", "--file", halted)

    assert status == 1
    assert "Mon 2013-10-07 15:20" in printed
    assert "break" in printed
    assert printed.splitlines()[-1] == "3 minutes with trades: 1 of them while globex is closed by the table."


def test_json_holds_the_same_and_the_silent_minutes_where_asked(halted):
    status, printed = run("--market", "globex", "--file", halted, "--json", "--silent")

    found = json.loads(printed)
    assert status == 1
    assert found["market"] == "globex"
    assert found["traded_while_closed"] == [
        {
            "start": "2013-10-07T20:20:00+00:00",
            "end": "2013-10-07T20:21:00+00:00",
            "minutes": 1,
            "table": "break",
        }
    ]
    assert found["silent_while_open"] == [
        {
            "start": "2013-10-07T20:30:00+00:00",
            "end": "2013-10-07T20:32:00+00:00",
            "minutes": 2,
            "table": "open",
        }
    ]


def test_several_files_that_agree_end_in_one_sentence(tmp_path):
    first = write_zip(tmp_path, "future/cme/minute/es/20131007_trade.zip", "72840000,1,1,1,1,5")
    second = write_zip(tmp_path, "future/cme/tick/es/20131008_trade.zip", "72840000,1,5,,,0\n72900001,1,0,,,0")

    status, printed = run("--market", "globex", "--file", first, second)

    assert (status, printed.strip()) == (0, "2 minutes with trades: all of them while globex is open by the table.")


def test_a_csv_is_read_by_the_mapping_beside_it(tmp_path):
    path = tmp_path / "prints.csv"
    path.write_text("when,last\n2015-12-24 12:59:59,1\n2015-12-24 13:00:00,1\n")
    path.with_name("prints.csv.toml").write_text(
        'venue = "us_equities"\nsymbol = "SPY"\nzone = "America/New_York"\n[columns]\nat = "when"\nprice = "last"\n'
    )

    assert run("--market", "usa", "--file", path)[0] == 1
    assert run("--market", "us_equities", "--file", path)[0] == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bars.txt", "neither .zip"),
        ("missing.zip", "is no file"),
        ("bars.zip", "is not laid out as"),
        ("equity/usa/minute/spy/20131007_trade.zip", "cannot be read"),
        ("equity/usa/minute/spy/20131007_quote.zip", "holds no trades"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, name, reason):
    path = tmp_path / name
    if name.endswith("_quote.zip"):
        write_zip(tmp_path, name, "34200000,1,1,1,1,5,1,1,1,1,5")
    elif name != "missing.zip":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    with pytest.raises(CommandError, match=reason) as refused:
        run("--market", "usa", "--file", path)

    assert refused.value.returncode == 1
    assert "THOR_REPLAY_FILES" not in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_an_unknown_market_is_refused(halted):
    with pytest.raises(CommandError, match="'narnia' is no market; there are japan"):
        run("--market", "narnia", "--file", halted)


@pytest.mark.recordings
def test_the_recorded_nikkei_rests_over_lunch(recordings):
    """Its last figures come at the bells of noon and of the close, and once more some minutes after each."""
    path = recordings / "lean/Data/index/ose/minute/n225/20210114_trade.zip"

    status, printed = run("--market", "japan", "--file", path, "--json", "--silent")

    found = json.loads(printed)
    stretches = [(one["start"][11:16], one["minutes"], one["table"]) for one in found["traded_while_closed"]]
    assert (status, found["minutes"]) == (1, 304)
    assert stretches == [("02:30", 2, "break"), ("06:00", 2, "closed")]
    assert found["silent_while_open"] == []


def test_a_parquet_file_is_read_by_the_mapping_beside_it(tmp_path):
    path = tmp_path / "prints.parquet"
    parquet.write_table(pyarrow.table({"when": ["2015-12-24 12:59:59"], "last": [1.0]}), path)
    path.with_name("prints.parquet.toml").write_text(
        'venue = "us_equities"\nsymbol = "SPY"\nzone = "America/New_York"\n[columns]\nat = "when"\nprice = "last"\n'
    )

    assert run("--market", "usa", "--file", path)[0] == 0


@pytest.mark.recordings
def test_twelve_recorded_days_of_es_agree_with_the_table(recordings):
    days = sorted((recordings / "lean/Data/future/cme/minute/es").glob("*_trade.zip"))

    assert run("--market", "globex", "--file", *days)[0] == 0
