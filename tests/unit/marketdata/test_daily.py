"""Files of trading days and splits: what is read, and the sentence for what cannot be."""

import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from thor.marketdata.daily import SplitRow, UnreadableDays, read_days, read_splits


def lean(folder: Path, text: str, place: str = "equity/usa/daily/spy.zip", entries: int = 1) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(entries):
            archive.writestr(f"{number}.csv", text)
    return path


def written(folder: Path, text: str) -> Path:
    path = folder / "days.csv"
    path.write_text(text)
    return path


def test_a_lean_zip_has_its_symbol_in_its_name_and_prices_in_ten_thousandths(tmp_path: Path):
    path = lean(tmp_path, "20131007 00:00,1684200,1690700,1675200,1675500,81489219\n")

    (row,) = read_days(path)

    assert (row.symbol, row.date) == ("SPY", date(2013, 10, 7))
    assert (row.open, row.high, row.low, row.close) == tuple(map(Decimal, ("168.42", "169.07", "167.52", "167.55")))
    assert row.volume == 81489219


def test_other_kinds_of_lean_have_plain_prices(tmp_path: Path):
    path = lean(tmp_path, "20131007 00:00,132.5,133,131,132,10.5\n", "crypto/coinbase/daily/btcusd.zip")

    (row,) = read_days(path)

    assert (row.symbol, row.open, row.volume) == ("BTCUSD", Decimal("132.5"), Decimal("10.5"))


def test_a_csv_has_its_columns_in_any_order_and_dates_in_two_spellings(tmp_path: Path):
    text = "\ufeffDate, close,SYMBOL,open,high,low,volume,note\n2013-10-07,2,/es,1,3,1,9,x\n20131008,2,ES,2,3,2,0,\n"

    rows = list(read_days(written(tmp_path, text)))

    assert [(row.symbol, row.date, row.close) for row in rows] == [
        ("ES", date(2013, 10, 7), 2),
        ("ES", date(2013, 10, 8), 2),
    ]


def test_a_csv_without_symbols_is_of_the_symbol_that_was_given(tmp_path: Path):
    path = written(tmp_path, "date,open,high,low,close,volume\n2013-10-07,1,3,1,2,9\n")

    assert next(read_days(path, "ibm")).symbol == "IBM"
    with pytest.raises(UnreadableDays, match="no column symbol; its header should be symbol,date"):
        list(read_days(path))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2013-10-07,1,x,1,2,9", "high 'x' is no number"),
        ("2013-10-07,1,nan,1,2,9", "high 'nan' is no number that can be kept"),
        ("2013-10-07,1,3,1,2", "it has 5 columns and the header 6"),
        ("7.10.2013,1,3,1,2,9", "'7.10.2013' is no date; write 2013-10-07"),
        ("2999-10-07,1,3,1,2,9", "2999-10-07 lies in the future"),
        ("2013-10-07,1,3,2,2,9", "the low not the lowest"),
        ("2013-10-07,4,3,1,2,9", "the high is not the highest"),
        ("2013-10-07,0,3,0,2,9", "a price is 0"),
        ("2013-10-07,1,3,1,2,-9", "the volume is below 0"),
        ("2013-10-06,1,3,1,2,9", "S 2013-10-06 is there already, in line 2"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_file_and_line(tmp_path: Path, line: str, reason: str):
    path = written(tmp_path, f"date,open,high,low,close,volume\n2013-10-06,1,3,1,2,9\n{line}\n")

    with pytest.raises(UnreadableDays) as caught:
        list(read_days(path, "S"))

    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(("entries", "text"), [(2, "20131007 00:00,1,1,1,1,1"), (0, ""), (1, "")])
def test_a_zip_without_the_one_file_of_rows_is_refused(tmp_path: Path, entries: int, text: str):
    with pytest.raises(UnreadableDays, match="holds"):
        list(read_days(lean(tmp_path, text, entries=entries)))


def test_a_file_that_is_no_zip_or_not_there_is_refused(tmp_path: Path):
    broken = tmp_path / "spy.zip"
    broken.write_text("nothing")

    for path in (broken, tmp_path / "gone.zip", tmp_path / "gone.csv"):
        with pytest.raises(UnreadableDays, match="cannot be read"):
            list(read_days(path))


def test_a_zip_of_splits_is_refused_with_what_is_read_instead(tmp_path: Path):
    path = lean(tmp_path, "20000620,0.86,0.00892857,101")

    with pytest.raises(UnreadableDays) as caught:
        list(read_splits(path))

    assert str(caught.value).startswith(f"{path} cannot be read (")
    assert str(caught.value).endswith(
        "); give a factor file in LEAN's layout, which is no zip, or a CSV with the header symbol,date,ratio."
    )


def test_a_factor_file_gives_a_split_where_the_factor_changes(tmp_path: Path):
    path = tmp_path / "aapl.csv"
    path.write_text(
        "19980102,0.86,0.00892857,1\n20000620,0.86,0.00892857,101\n20050225,0.86,0.01785710,88.97\n"
        "20140606,0.9,0.03571430,645.57\n20200828,0.99,0.25,499.23\n20501231,1,1,0\n"
    )

    assert list(read_splits(path)) == [
        SplitRow("AAPL", date(2000, 6, 20), Decimal(2), after=True),
        SplitRow("AAPL", date(2005, 2, 25), Decimal(2), after=True),
        SplitRow("AAPL", date(2014, 6, 6), Decimal(7), after=True),
        SplitRow("AAPL", date(2020, 8, 28), Decimal(4), after=True),
    ]


def test_a_reverse_split_and_an_odd_one_keep_their_ratios(tmp_path: Path):
    path = tmp_path / "x.csv"
    path.write_text("20090630,1,20,1\n20091231,1,1,1\n20100101,1,1.5,1\n20501231,1,1.537123,1\n")

    assert [row.ratio for row in read_splits(path)] == [
        Decimal("0.05"),
        Decimal("1.5"),
        Decimal("1.02474867"),
    ]


def test_a_csv_of_splits_names_the_first_session_in_new_shares(tmp_path: Path):
    rows = list(read_splits(written(tmp_path, "symbol,date,ratio\naapl,2014-06-09,7\naig,2009-07-01,0.05\n")))

    assert rows == [
        SplitRow("AAPL", date(2014, 6, 9), Decimal(7)),
        SplitRow("AIG", date(2009, 7, 1), Decimal("0.05")),
    ]


@pytest.mark.parametrize("ratio", ["0", "-2", "1", "x", "0.0000001"])
def test_what_is_no_ratio_is_refused(tmp_path: Path, ratio: str):
    with pytest.raises(UnreadableDays, match="line 2"):
        list(read_splits(written(tmp_path, f"symbol,date,ratio\naapl,2014-06-09,{ratio}\n")))
