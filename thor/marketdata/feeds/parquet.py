"""Read recordings from a Parquet file, by a mapping that lies beside it: `ticks.parquet` and `ticks.parquet.toml`.

The mapping is that of a CSV (see `delimited`). A column of timestamps needs no `time`: with a zone of its own it is an
instant, without one it is local time of the mapping's `zone`. Only the columns that are mapped are read.
"""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from thor.marketdata.feeds.delimited import local_ns, read_mapping, recordings
from thor.marketdata.feeds.port import FeedRefused
from thor.marketdata.feeds.recording import Recording


def read_parquet(path: Path, aliases: dict[str, str]) -> list[Recording]:
    """Return a recording a symbol; raise `FeedRefused` with the reason where the file or its mapping cannot be used."""
    import pyarrow

    mapping = read_mapping(path)
    try:
        table = _table(path, set(mapping["columns"].values()))
        return recordings(path, *_with_instants(table, mapping), aliases)
    except (OSError, ValueError, TypeError, pyarrow.ArrowException, ZoneInfoNotFoundError) as error:
        reason = str(error).split("\n")[0]
        raise FeedRefused(f"the replay file {path} cannot be read ({reason}); change it or {path.name}.toml.") from None


def _table(path: Path, wanted: set[str]) -> Any:
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    missing = sorted(wanted - set(file.schema_arrow.names))
    if missing:
        raise ValueError(f"it has no column {missing[0]!r}")
    return file.read(columns=sorted(wanted))


def _with_instants(table: Any, mapping: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the mapping and the rows, with timestamps as ns since the epoch."""
    import pyarrow

    name = mapping["columns"]["at"]
    place, kind = table.schema.get_field_index(name), table.schema.field(name).type
    if not pyarrow.types.is_timestamp(kind):
        return mapping, table.to_pylist()
    instants = table.column(name).cast(pyarrow.timestamp("ns", kind.tz)).cast(pyarrow.int64())
    if kind.tz is None:
        zone = ZoneInfo(mapping.get("zone", "UTC"))
        instants = pyarrow.array([local_ns(ns, zone) for ns in instants.to_pylist()], pyarrow.int64())
    return {**mapping, "time": "nanoseconds"}, table.set_column(place, name, instants).to_pylist()
