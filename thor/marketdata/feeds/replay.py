"""The replay feed: recordings are published at their own data time, in step with the clock of the process.

With the replay clock that is at real time, at sixty times it, or faster; with the system clock, whose now lies years
after the recording, it is as fast as it can be read. Everything is read and checked before anything is published.
"""

import glob
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from thor.marketdata.feeds.delimited import read_csv
from thor.marketdata.feeds.lean import read_zip
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest
from thor.marketdata.feeds.recording import COLUMNS, Recording
from thor.marketdata.ticks import TickBatch, make

SOURCE = "REPLAY"


class ReplayFeed:
    """Give the ticks of recordings of one venue, merged by exchange time; ties keep the order of the files."""

    source = SOURCE

    def __init__(self, venue: str, recordings: Sequence[Recording]) -> None:
        """Merge recordings, which all belong to `venue`."""
        self.venue = venue
        self._ticks = _merged(recordings)
        names = "\n".join(sorted(recording.path for recording in recordings))
        self.identity = f"{SOURCE}:{hashlib.sha256(names.encode()).hexdigest()[:12]}"
        self.ends_at: int | None = int(self._ticks.at[-1]) if len(self._ticks) else 0

    def read(self, since: int, until: int) -> TickBatch:
        """Return the recorded ticks of [since, until); the watermark is `until`: a recording is complete."""
        start, stop = np.searchsorted(self._ticks.at, [since, until])
        return self._ticks.slice(int(start), max(int(start), int(stop)), watermark=max(since, until))


def open_feeds(request: FeedRequest) -> list[Feed]:
    """Read every file of the request and return a feed a venue; raise `FeedRefused` where one cannot be used."""
    recordings = [found for path in _paths(request.files) for found in _read(path, request.aliases)]
    _refuse_twice(recordings)
    present = list(dict.fromkeys(recording.venue for recording in recordings))
    for venue in request.venues:
        if venue not in present:
            raise FeedRefused(
                f"no replay file holds anything of {venue} (only of {', '.join(present)}); change THOR_REPLAY_FILES."
            )
    return [
        ReplayFeed(venue, [recording for recording in recordings if recording.venue == venue])
        for venue in request.venues or present
    ]


def _paths(patterns: Iterable[str]) -> list[Path]:
    """Return the files of paths and globs in a fixed order, each once."""
    found: set[Path] = set()
    wanted = [pattern.strip() for pattern in patterns if pattern.strip()]
    if not wanted:
        raise FeedRefused("the replay feed has no files; set THOR_REPLAY_FILES to paths or globs, comma-separated.")
    for pattern in wanted:
        matches = glob.glob(str(Path(pattern).expanduser()), recursive=True)  # noqa: PTH207 - absolute globs
        if not matches:
            raise FeedRefused(f"the replay file {pattern} does not exist; change THOR_REPLAY_FILES.")
        found.update(Path(match).resolve() for match in matches)
    return sorted(found)


def _read(path: Path, aliases: dict[str, str]) -> list[Recording]:
    if path.suffix == ".zip":
        return [read_zip(path, aliases)]
    if path.suffix == ".csv":
        return read_csv(path, aliases)
    if path.suffix == ".parquet":
        from thor.marketdata.feeds.parquet import read_parquet  # here, since pyarrow is slow to import

        return read_parquet(path, aliases)
    raise FeedRefused(f"the replay file {path} is neither .zip (LEAN) nor .csv or .parquet; change THOR_REPLAY_FILES.")


def _refuse_twice(recordings: Sequence[Recording]) -> None:
    """Refuse trades (or quotes) of one symbol whose times overlap: the same trades, say as ticks and as minutes."""
    seen: dict[tuple[str, str], list[tuple[int, int, str]]] = {}
    for recording in recordings:
        if not len(recording.at):
            continue
        start, end = int(recording.at.min()), int(recording.at.max())
        spans = seen.setdefault((recording.symbol, recording.what), [])
        for other_start, other_end, other in spans:
            if start <= other_end and other_start <= end:
                raise FeedRefused(
                    f"{Path(other).name} of {Path(other).parent} and {recording.path} both hold {recording.what}s of "
                    f"{recording.symbol} for the same time; keep one of them in THOR_REPLAY_FILES."
                )
        spans.append((start, end, recording.path))


def _merged(recordings: Sequence[Recording]) -> TickBatch:
    symbols = tuple(dict.fromkeys(recording.symbol for recording in recordings))
    at = np.concatenate([recording.at for recording in recordings])
    code = np.concatenate([np.full(len(r.at), symbols.index(r.symbol), np.int64) for r in recordings])
    order = np.argsort(at, kind="stable")
    columns = {name: np.concatenate([getattr(recording, name) for recording in recordings])[order] for name in COLUMNS}
    return make(symbols, code=code[order], at=at[order], watermark=0, source=SOURCE, **columns)
