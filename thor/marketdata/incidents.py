"""Report what goes wrong with a feed, so that a person sees it: one row for each trouble, however often it happens.

    report -> memory -> database (at most about one statement a second and kind) -> the live page, the admin, /metrics

Reporting never raises and never costs a caller more than a look into a dictionary once a flood has begun. Where the
database does not answer, what is counted stays in memory and goes with the next write. In the feed process a thread
writes (`written_behind`): a database that hangs must not hold up prices. Elsewhere the caller's own thread does, unless
it did so ten times within ten seconds already; then the next call writes what was kept.

    state of a trouble      left by
    not open                report: a row begins
    open                    end; or, but for SILENT and DISCONNECTED, 15 min of data time without another report (sweep)

A text that no database holds (NUL, half a surrogate) is cleaned before, and an incident that the database refuses for
another reason is dropped and said: it must not keep the others from their rows.

What a process that is killed has counted and not written, a second of it, is lost; the trouble itself has its row.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connections

from thor.marketdata import incident_rows
from thor.marketdata.events import emit, warn
from thor.marketdata.incident_rows import Episode

#: Real seconds between two writes of the thread, and for which a database that refused is left alone elsewhere.
PAUSE: Final = 1.0
#: Writes that a caller's own thread may do at once before it is held to one a second.
BURST: Final = 10
#: Real seconds for which one kind of trouble of one venue is not logged again.
LOG_AGAIN: Final = 60.0
#: Real seconds for which the last write of a process that ends is waited for.
LAST_WRITE: Final = 3.0

_LONGEST_DETAIL: Final = 300
_Key = tuple[str, str, str]


class _Memory:
    """What this process has counted and not written, and when it last wrote."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.writing = threading.Lock()
        self.waiting: dict[_Key, Episode] = {}
        self.allowance = float(BURST)
        self.allowed_at = time.monotonic()
        self.away = False
        self.behind = False
        self.logged: dict[tuple[str, str], float] = {}

    def may_write(self) -> bool:
        """Take one write from what is allowed, if anything is."""
        now = time.monotonic()
        self.allowance = min(float(BURST), self.allowance + (now - self.allowed_at) / PAUSE)
        self.allowed_at = now
        if self.allowance < 1 or self.behind:
            return False
        self.allowance -= 1
        return True


_memory = _Memory()


def report(
    venue: str, kind: str, symbol: str = "", *, source: str = "", at: datetime, count: int = 1, detail: str = ""
) -> None:
    """Add `count` to the open incident of this venue, symbol and kind, or begin one; `at` is data time.

    With a count of nothing the detail of an open incident changes, and none begins.
    """
    counted = min(max(count, 0), incident_rows.MOST_COUNTED)
    _keep(Episode(_text(venue, 32), _text(symbol, 32), str(kind), _text(source, 16), at, at, counted, _text(detail)))


def end(venue: str, kind: str, symbol: str = "", *, at: datetime) -> None:
    """Say that this trouble is over; where none is open nothing happens."""
    _keep(Episode(_text(venue, 32), _text(symbol, 32), str(kind), "", at, at, 0, "", ended_at=at))


def sweep(venue: str, at: datetime) -> int:
    """End what has not happened within 15 minutes of data time before `at`; return how many incidents."""
    try:
        return incident_rows.end_quiet(venue, at)
    except (DatabaseError, InterfaceError) as error:
        _lost(error)
        return 0


def flush() -> bool:
    """Write what is kept in memory; return whether nothing is left."""
    with _memory.writing:
        with _memory.lock:
            taken, _memory.waiting = _memory.waiting, {}
        if not taken:
            return True
        try:
            _write(list(taken.values()))
        except (DatabaseError, InterfaceError) as error:
            _put_back(taken)
            _lost(error)
            return False
        except Exception as error:  # reporting never raises, and what cannot be written stays so
            warn("thor.feed.incidents_dropped", reason=f"{type(error).__name__}: {error}", count=len(taken))
            return True
        if _memory.away:
            emit("thor.feed.incidents_back", written=len(taken))
        _memory.away = False
        return True


@contextlib.contextmanager
def written_behind(chore: Callable[[], None] | None = None) -> Iterator[None]:
    """Have a thread write once a second what is reported, until the block is left.

    `chore` is done each time before: whatever else needs the database and must not hold up prices.
    """
    stop = threading.Event()
    writer = threading.Thread(target=_write_until, args=(stop, chore), name="incidents", daemon=True)
    _memory.behind = True
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join(LAST_WRITE)
        _memory.behind = False


def forget() -> None:
    """Forget what was counted and not written: for tests."""
    _memory.__init__()  # type: ignore[misc]


def _keep(episode: Episode) -> None:
    key = (episode.venue, episode.symbol, episode.kind)
    with _memory.lock:
        held = _memory.waiting.get(key)
        if held is None:
            _memory.waiting[key] = episode
        else:
            held.add(episode)
        write = _memory.may_write()
    if episode.count:
        _log(episode)
    if write:
        flush()


def _write(episodes: list[Episode]) -> None:
    """Write episodes; where the database refuses what one of them holds, all but that one."""
    try:
        incident_rows.write(episodes)
    except (DataError, IntegrityError, ValueError):
        for episode in episodes:
            _write_alone(episode)


def _write_alone(episode: Episode) -> None:
    try:
        incident_rows.write([episode])
    except (DataError, IntegrityError, ValueError) as error:
        name = f"{episode.kind} {episode.venue} {episode.symbol}".encode("ascii", "backslashreplace").decode()
        warn("thor.feed.incident_dropped", incident=name, reason=f"{type(error).__name__}: {str(error).strip()[:200]}")


def _text(value: object, longest: int = _LONGEST_DETAIL) -> str:
    """Return a text as every database can hold it, and no longer than its column."""
    clean = str(value).replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return clean[:longest]


def _put_back(taken: dict[_Key, Episode]) -> None:
    """Keep what could not be written, before what has come meanwhile."""
    with _memory.lock:
        newer, _memory.waiting = _memory.waiting, taken
        for key, episode in newer.items():
            if key in taken:
                taken[key].add(episode)
            else:
                taken[key] = episode


def _lost(error: Exception) -> None:
    if not _memory.away:
        warn("thor.feed.incidents_kept", reason=str(error).strip(), next="kept in memory until the database answers")
    _memory.away = True
    _memory.allowance = 0.0
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _log(episode: Episode) -> None:
    now, what = time.monotonic(), (episode.venue, episode.kind)
    if now - _memory.logged.get(what, -LOG_AGAIN) < LOG_AGAIN:
        return
    _memory.logged[what] = now
    warn(
        "thor.feed.incident",
        kind=episode.kind,
        venue=episode.venue,
        symbol=episode.symbol,
        at=episode.last_at.isoformat(),
        detail=episode.detail,
    )


def _write_until(stop: threading.Event, chore: Callable[[], None] | None) -> None:
    told = ""
    while not stop.wait(PAUSE):
        try:
            try:
                if chore is not None:
                    chore()
            finally:
                flush()
            told = ""
        except (DatabaseError, InterfaceError) as error:
            _lost(error)
        except Exception as error:  # the thread has to live on: nothing else would write what is reported
            if type(error).__name__ != told:
                warn("thor.feed.upkeep_failed", reason=f"{type(error).__name__}: {error}", next="again each second")
            told = type(error).__name__
    flush()
    connections.close_all()
