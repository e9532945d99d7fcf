"""Recordings in LEAN's layout and in CSV are read right, or refused with a sentence that names what to change."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.unit.marketdata.recorded import write_zip
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest
from thor.marketdata.feeds.recording import recording
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.feeds.replay import ReplayFeed
from thor.marketdata.ticks import TickBatch

VENUES = ["us_equities", "globex", "crypto"]
TICK = "equity/usa/tick/spy/20131007_trade.zip"


def opened(*paths: Path | str, venues: tuple[str, ...] = ()) -> list[Feed]:
    return open_feeds("replay", FeedRequest(files=[str(path) for path in paths], venues=venues), venues=VENUES)


def everything(feed: Feed) -> TickBatch:
    return feed.read(0, 2**62)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000) * 1_000_000


def refusal(*paths: Path | str, venues: tuple[str, ...] = ()) -> str:
    with pytest.raises(FeedRefused) as caught:
        opened(*paths, venues=venues)
    return str(caught.value)


def test_equity_ticks_are_deci_cents_in_new_york_time(tmp_path: Path) -> None:
    path = write_zip(tmp_path, TICK, "34200250,1674100,300,P,2000,0\n34200250,1674100,300,P,2000,0\n")

    (feed,) = opened(path)

    ticks = everything(feed)
    assert feed.venue == "us_equities"
    assert ticks.symbols == ("SPY",)
    assert ticks.at.tolist() == [at("2013-10-07T13:30:00.250")] * 2
    assert ticks.price.tolist() == [167.41, 167.41]
    assert ticks.size.tolist() == [300.0, 300.0]


@pytest.mark.parametrize(
    ("day", "expected"),
    [("20080307", "2008-03-07T14:30"), ("20080310", "2008-03-10T13:30"), ("20081103", "2008-11-03T14:30")],
)
def test_local_times_follow_the_change_of_clocks(tmp_path: Path, day: str, expected: str) -> None:
    (feed,) = opened(write_zip(tmp_path, f"equity/usa/tick/shy/{day}_trade.zip", "34200000,820000,1,P,0,0\n"))

    assert everything(feed).at.tolist() == [at(expected)]


def test_the_sunday_on_which_clocks_change_has_two_offsets(tmp_path: Path) -> None:
    text = "3600000,1,1,P,0,0\n14400000,1,1,P,0,0\n"
    (feed,) = opened(write_zip(tmp_path, "equity/usa/tick/x/20080309_trade.zip", text))

    assert everything(feed).at.tolist() == [at("2008-03-09T06:00"), at("2008-03-09T08:00")]


def test_of_several_expiries_the_most_traded_stands_for_the_root(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path, "future/comex/tick/gc/20131007_trade.zip", "1,1.5,1,usa,,0\n", "1,2.5,1,usa,,0\n2,2.5,0,usa,,0\n"
    )

    (feed,) = opened(path)

    assert feed.venue == "globex"
    assert everything(feed).price.tolist() == [2.5, 2.5]


def test_quotes_without_a_side_leave_it_unknown(tmp_path: Path) -> None:
    text = "1000,0,0,1836300,100,Q,1,0\n2000,1800100,300,0,0,P,1,0\n"

    (feed,) = opened(write_zip(tmp_path, "equity/usa/tick/ibm/20131007_quote.zip", text))

    ticks = everything(feed)
    np.testing.assert_array_equal(ticks.bid, [np.nan, 180.01])
    np.testing.assert_array_equal(ticks.ask, [183.63, np.nan])
    assert np.isnan(ticks.price).all()


def test_quotes_carry_the_sizes_of_their_sides(tmp_path: Path) -> None:
    text = "1000,0,0,1836300,100,Q,1,0\n2000,1800100,300,0,0,P,1,0\n"

    (feed,) = opened(write_zip(tmp_path, "equity/usa/tick/ibm/20131007_quote.zip", text))

    ticks = everything(feed)
    np.testing.assert_array_equal(ticks.bid_size, [np.nan, 300.0])
    np.testing.assert_array_equal(ticks.ask_size, [100.0, np.nan])


def test_a_quote_bar_carries_its_sizes_at_the_close(tmp_path: Path) -> None:
    text = "75660000,1,1,1,1,7,1682.25,1682.5,1682,1682.25,39\n75720000,,,,,0,1682.25,1682.5,1682,1682.25,40\n"

    (feed,) = opened(write_zip(tmp_path, "future/cme/minute/es/20131006_quote.zip", text))

    ticks = everything(feed)
    np.testing.assert_array_equal(ticks.bid_size, [np.nan] * 3 + [7.0] + [np.nan] * 4)
    np.testing.assert_array_equal(ticks.ask_size, [np.nan] * 3 + [39.0] + [np.nan] * 3 + [40.0])


def test_quote_bars_may_have_empty_cells(tmp_path: Path) -> None:
    text = "75660000,,,,,0,1682.25,1682.5,1682,1682.25,39\n"

    (feed,) = opened(write_zip(tmp_path, "future/cme/minute/es/20131006_quote.zip", text))

    ticks = everything(feed)
    assert ticks.ask.tolist() == [1682.25, 1682.5, 1682.0, 1682.25]
    assert np.isnan(ticks.bid).all()


def test_several_files_are_merged_by_time_whatever_their_order(tmp_path: Path) -> None:
    spy = write_zip(tmp_path, TICK, "1000,10000,1,P,0,0\n3000,30000,1,P,0,0\n")
    ibm = write_zip(tmp_path, "equity/usa/tick/ibm/20131007_trade.zip", "2000,20000,1,P,0,0\n3000,40000,1,P,0,0\n")

    for order in ((spy, ibm), (ibm, spy)):
        ticks = everything(opened(*order)[0])
        assert ticks.price.tolist() == [1.0, 2.0, 4.0, 3.0]
        assert [ticks.symbols[code] for code in ticks.code] == ["SPY", "IBM", "IBM", "SPY"]
    assert everything(opened(tmp_path / "equity/usa/tick/*/*.zip")[0]).price.tolist() == [1.0, 2.0, 4.0, 3.0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1000,abc,1,P,0,0\n", "could not convert"),
        ("1000,,1,P,0,0\n", "a price is missing"),
        ("-1,1,1\n", "a time"),
        ("5\n", "index"),
    ],
)
def test_a_corrupt_recording_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    message = refusal(write_zip(tmp_path, TICK, text))

    assert reason in message
    assert "20131007_trade.zip cannot be read" in message
    assert message.endswith("change THOR_REPLAY_FILES.")


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, TICK, "1000,10000,1,P,0,0\n" * 5000)
    path.write_bytes(path.read_bytes()[:-200])

    assert "cannot be read" in refusal(path)


def test_a_damaged_member_of_a_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, TICK, "".join(f"{n},{n * n},1,P,0,0\n" for n in range(5000)))
    raw = bytearray(path.read_bytes())
    raw[2000:2100] = bytes(100)
    path.write_bytes(bytes(raw))

    assert "cannot be read" in refusal(path)


def test_an_empty_zip_is_refused(tmp_path: Path) -> None:
    assert "it is empty" in refusal(write_zip(tmp_path, TICK))


def test_a_missing_file_and_no_files_at_all_are_refused(tmp_path: Path) -> None:
    assert "does not exist; change THOR_REPLAY_FILES" in refusal(tmp_path / "gone.zip")
    assert "set THOR_REPLAY_FILES" in refusal()


def test_a_file_in_an_unknown_place_or_form_is_refused(tmp_path: Path) -> None:
    assert "is not laid out as" in refusal(write_zip(tmp_path, "equity/usa/daily/spy.zip", "1\n"))
    assert "is not laid out as" in refusal(write_zip(tmp_path, "equity/mars/tick/spy/20131007_trade.zip", "1\n"))
    (tmp_path / "ticks.txt").write_text("1")
    assert "neither .zip (LEAN) nor .csv" in refusal(tmp_path / "ticks.txt")


def test_the_same_trades_twice_are_refused(tmp_path: Path) -> None:
    ticks = write_zip(tmp_path, TICK, "34200000,1674100,300,P,2000,0\n")
    minutes = write_zip(tmp_path, "equity/usa/minute/spy/20131007_trade.zip", "34200000,1,1,1,1,300\n")

    assert "both hold trades of SPY for the same time" in refusal(ticks, minutes)


def test_a_venue_without_files_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, TICK, "34200000,1674100,300,P,2000,0\n")

    assert "no replay file holds anything of globex" in refusal(path, venues=("globex",))


MAPPING = """
venue = "globex"
symbol = "/es"
zone = "America/Chicago"
[columns]
at = "Time"
price = "Last"
size = "Qty"
"""


def test_a_csv_is_read_by_its_mapping(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("Time,Last,Qty,Other\n2013-10-07 08:30:00.5,1676.25,3,x\n2013-10-07T13:30:01+00:00,1676.5,,x\n")
    (tmp_path / "ticks.csv.toml").write_text(MAPPING)

    (feed,) = opened(path)

    ticks = everything(feed)
    assert (feed.venue, ticks.symbols) == ("globex", ("ES",))
    assert ticks.at.tolist() == [at("2013-10-07T13:30:00.500"), at("2013-10-07T13:30:01")]
    np.testing.assert_array_equal(ticks.size, [3.0, np.nan])


def test_a_csv_of_bars_of_several_symbols_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("t,s,o,h,l,c,v\n1381152600000,spy,1,4,0.5,2,100\n1381152600000,ibm,5,6,4,5,50\n")
    (tmp_path / "bars.csv.toml").write_text(
        'venue = "us_equities"\ntime = "milliseconds"\nperiod = 60\n[columns]\nat = "t"\nsymbol = "s"\n'
        'open = "o"\nhigh = "h"\nlow = "l"\nclose = "c"\nsize = "v"\n'
    )

    ticks = everything(opened(path)[0])

    spy = ticks.code == ticks.symbols.index("SPY")
    assert ticks.price[spy].tolist() == [1.0, 4.0, 0.5, 2.0]
    assert ticks.size[spy].tolist() == [0.0, 0.0, 0.0, 100.0]


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        (None, "needs a mapping of its columns in ticks.csv.toml"),
        ("venue = ", "needs a mapping"),
        (MAPPING.replace('at = "Time"', ""), "it needs venue, symbol"),
        (MAPPING.replace("price", "prize"), "unknown: prize"),
        (MAPPING.replace('price = "Last"', ""), "maps no prices"),
        (MAPPING.replace("Last", "Lost"), "has no column 'Lost'"),
        (MAPPING.replace("Chicago", "Atlantis"), "Atlantis"),
        (MAPPING.replace("globex", "mars"), "there is no venue 'mars'"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(tmp_path: Path, mapping: str | None, reason: str) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("Time,Last,Qty\n2013-10-07 08:30:00,1676.25,3\n")
    if mapping:
        (tmp_path / "ticks.csv.toml").write_text(mapping)

    assert reason in refusal(path)


def test_a_feed_of_other_files_is_another_feed() -> None:
    def feed(name: str) -> ReplayFeed:
        return ReplayFeed("crypto", [recording(name, "crypto", "A", "trade", np.array([1]))])

    assert feed("a").identity == feed("a").identity != feed("b").identity


@pytest.mark.recordings
def test_recorded_quotes_have_sizes_wherever_they_have_a_side(recordings: Path) -> None:
    (feed,) = opened(recordings / "lean/Data/equity/usa/tick/ibm/20131007_quote.zip")

    ticks = everything(feed)

    np.testing.assert_array_equal(np.isnan(ticks.bid), np.isnan(ticks.bid_size))
    np.testing.assert_array_equal(np.isnan(ticks.ask), np.isnan(ticks.ask_size))
    assert np.nanmin(ticks.bid_size) > 0


@pytest.mark.recordings
def test_the_nikkei_is_read_in_the_time_of_tokyo(recordings: Path) -> None:
    path = recordings / "lean/Data/index/ose/minute/n225/20210114_trade.zip"

    (feed,) = open_feeds("replay", FeedRequest(files=[str(path)]), venues=["osaka"])

    ticks = everything(feed)
    assert (feed.venue, ticks.symbols) == ("osaka", ("N225",))
    assert ticks.at[0] == at("2021-01-14T00:00")
    assert ticks.price[0] == 28444.48
