"""Recordings in Parquet are read by the mapping of a CSV, or refused with a sentence that names what to change."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from thor.marketdata.feeds.port import FeedRefused, FeedRequest
from thor.marketdata.feeds.registry import open_feeds
from thor.marketdata.ticks import TickBatch

MAPPING = """
venue = "us_equities"
symbol = "SPY"
[columns]
at = "when"
price = "last"
size = "qty"
bid = "bid"
bid_size = "bid_qty"
"""
NS = 1_381_152_600_123_456_789  # 2013-10-07 13:30:00.123456789 UTC


def write(folder: Path, columns: dict[str, Any], mapping: str = MAPPING) -> Path:
    path = folder / "ticks.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    path.with_name("ticks.parquet.toml").write_text(mapping)
    return path


def read(path: Path) -> TickBatch:
    (feed,) = open_feeds("replay", FeedRequest(files=[str(path)]), venues=["us_equities"])
    return feed.read(0, 2**62)


def columns(at: Any) -> dict[str, Any]:
    return {
        "when": at,
        "last": [167.4, None],
        "qty": [100, None],
        "bid": [None, 167.3],
        "bid_qty": [None, 5.0],
        "x": [1, 2],
    }


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        (pyarrow.array([NS, NS + 1], pyarrow.timestamp("ns", "UTC")), "UTC", [NS, NS + 1]),
        (pyarrow.array([NS, NS + 1], pyarrow.timestamp("ns", "America/New_York")), "UTC", [NS, NS + 1]),
        (pyarrow.array([NS, NS + 1], pyarrow.timestamp("ns")), "UTC", [NS, NS + 1]),
        # Without a zone of its own it is local time: New York was four hours behind.
        (
            pyarrow.array([NS, NS + 1], pyarrow.timestamp("ns")),
            "America/New_York",
            [NS + 4 * 3600 * 10**9 + n for n in (0, 1)],
        ),
        (
            pyarrow.array([NS // 1000, NS // 1000 + 1], pyarrow.timestamp("us", "UTC")),
            "UTC",
            [NS // 1000 * 1000, NS // 1000 * 1000 + 1000],
        ),
    ],
)
def test_timestamps_keep_their_nanoseconds(tmp_path: Path, at: Any, zone: str, expected: list[int]) -> None:
    batch = read(write(tmp_path, columns(at), f'zone = "{zone}"\n{MAPPING}'))

    assert batch.at.tolist() == expected
    np.testing.assert_array_equal(batch.price, [167.4, np.nan])
    np.testing.assert_array_equal(batch.size, [100.0, np.nan])
    np.testing.assert_array_equal(batch.bid, [np.nan, 167.3])
    np.testing.assert_array_equal(batch.bid_size, [np.nan, 5.0])


@pytest.mark.parametrize(
    ("at", "how"),
    [
        (["2013-10-07T13:30:00+00:00"] * 2, "iso"),
        ([1381152600.0] * 2, "seconds"),
        ([1381152600000] * 2, "milliseconds"),
        ([1381152600 * 10**9] * 2, "nanoseconds"),
    ],
)
def test_times_may_be_text_or_numbers_as_in_a_csv(tmp_path: Path, at: Any, how: str) -> None:
    batch = read(write(tmp_path, columns(at), f'time = "{how}"\n{MAPPING}'))

    assert batch.at.tolist() == [round(datetime(2013, 10, 7, 13, 30, tzinfo=UTC).timestamp()) * 10**9] * 2


def test_several_symbols_may_share_a_file(tmp_path: Path) -> None:
    mapping = MAPPING.replace('symbol = "SPY"\n', "") + 'symbol = "ticker"\n'
    batch = read(
        write(tmp_path, {**columns([NS, NS + 1]), "ticker": ["spy", "/ES"]}, f'time = "nanoseconds"\n{mapping}')
    )

    assert [batch.symbols[code] for code in batch.code] == ["SPY", "ES"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"last": None}, "it has no column 'last'"),
        ({"last": ["much", "more"]}, "could not convert"),
        ({"when": ["noon", "one"]}, "Invalid isoformat"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    made = {**columns(["2013-10-07"] * 2), **change}
    path = write(tmp_path, {name: values for name, values in made.items() if values is not None})

    with pytest.raises(FeedRefused, match=reason) as caught:
        read(path)

    assert "ticks.parquet.toml" in str(caught.value)


def test_what_is_no_parquet_and_what_has_no_mapping_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, columns([NS, NS]))
    path.write_bytes(b"PAR1 but nothing else")
    with pytest.raises(FeedRefused, match="cannot be read"):
        read(path)

    path.with_name("ticks.parquet.toml").unlink()
    with pytest.raises(FeedRefused, match=r"needs a mapping of its columns in ticks.parquet.toml"):
        read(path)
