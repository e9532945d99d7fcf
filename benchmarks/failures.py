"""What happens when schedulers are two, die, are stopped, or come back: the measurements in which things go wrong."""

import itertools
import math
import random
import signal
import time
import uuid

from benchmarks.lines import Cell, Cells, median
from benchmarks.measurements import Size
from benchmarks.processes import Beat, ending
from benchmarks.reader import Fire, Reader
from benchmarks.subjects import Entries, RedBeat, Subject, Thor

#: redbeat at its best: it cannot take over before its lock has expired.
TUNED = {"BENCH_LOOP_INTERVAL": "1", "BENCH_LOCK_TIMEOUT": "5"}
JUST_BEFORE = 0.05
PATIENCE = 20


class NothingSent(Exception):
    """A scheduler sent nothing although something was due."""


def two_beats(subject: Subject, size: Size) -> Cells:
    """Count the fires of one entry of one second, over ten seconds, with two beats."""
    with subject.fresh():
        subject.fill(Entries(1))
        with subject.reader() as reader, ending([]) as beats:
            _join(subject, beats, 2)
            _await(reader, 1)
            begin = math.floor(time.time()) + 1.5
            time.sleep(begin + 12 - time.time())
            fires = [fire for fire in reader.fires() if begin <= (fire.nominal or fire.at) < begin + 10]
    return {"two_beats": Cell(str(len(fires)), {"fires": len(fires)})}


def killed(subject: Subject, size: Size) -> Cells:
    """Kill the leader, again and again, at any moment of the second; measure the gap between fires."""
    with subject.fresh():
        subject.fill(Entries(1))
        with subject.reader() as reader, ending([]) as beats:
            _join(subject, beats, 2)
            _await(reader, 3)
            found = [_kill(subject, reader, beats) for _ in range(size.kills)]
            values = {"median_s": median(found), "max_s": max(found), "kills": size.kills}
            time.sleep(1)
            values |= _ledger(subject, reader)
    return {"killed": Cell(f"{values['median_s']:.1f} s, max {values['max_s']:.1f} s", values)}


def terminated(subject: Subject, size: Size) -> Cells:
    """Terminate the leader 50 ms before a fire; measure how late that fire is, and whether any is missing."""
    with subject.fresh():
        subject.fill(Entries(1))
        with subject.reader() as reader, ending([]) as beats:
            _join(subject, beats, 2)
            _await(reader, 3)
            late = [_terminate(subject, reader, beats) for _ in range(size.stops)]
            missed = _missing(reader.fires())
    values = {"median_s": median(late), "max_s": max(late), "stops": size.stops, "missed": missed}
    more = f", {missed} missed" if missed else ""
    return {"terminated": Cell(f"{values['median_s']:.2f} s, max {values['max_s']:.2f} s{more}", values)}


def restarted(subject: Subject, size: Size) -> Cells:
    """Kill the only beat just after a fire, start it again, and count what starts a second time."""
    twice = [_restart(subject) for _ in range(size.restarts)]
    number = sum(starts for starts, _ in twice)
    values = {"twice": number, "restarts": size.restarts, "messages_again": sum(again for _, again in twice)}
    return {"restarted": Cell(f"{number} of {size.restarts}", values)}


def _own(subject: Subject) -> dict[str, str]:
    return TUNED if isinstance(subject, RedBeat) else {}


def _join(subject: Subject, beats: list[Beat], number: int) -> None:
    """Start beats until `number` run, one after the other, and let each settle."""
    while sum(beat.is_running for beat in beats) < number:
        beats.append(subject.beat(**_own(subject)))
        beats[-1].settle()


def _await(reader: Reader, number: int) -> None:
    if not reader.wait_for(number, PATIENCE):
        raise NothingSent(f"{reader.number} messages after {PATIENCE} s, not {number}")


def _kill(subject: Subject, reader: Reader, beats: list[Beat]) -> float:
    """Kill the leader and return the longest gap between fires around that; a new standby is there afterwards."""
    time.sleep(random.uniform(1.0, 2.0))
    leader, before = subject.leader(beats), reader.number
    leader.end(signal.SIGKILL)
    _await(reader, before + 2)
    times = [fire.at for fire in reader.fires()[before - 1 :]]
    _join(subject, beats, 2)
    return max(later - at for at, later in itertools.pairwise(times))


def _terminate(subject: Subject, reader: Reader, beats: list[Beat]) -> float:
    """Terminate the leader just before a fire is due; return how much later than due that fire came."""
    leader = subject.leader(beats)
    last = reader.fires()[-1]
    due = (last.nominal or last.at) + math.ceil(time.time() + 0.5 - (last.nominal or last.at))
    time.sleep(max(0.0, due - JUST_BEFORE - time.time()))
    before = reader.number
    leader.process.send_signal(signal.SIGTERM)
    _await(reader, before + 1)
    late = reader.fires()[before].at - due
    leader.end(signal.SIGTERM)
    _join(subject, beats, 2)
    return max(0.0, late)


def _restart(subject: Subject) -> tuple[int, int]:
    """Return how many runs started a second time, and how many messages came a second time."""
    due = math.floor(time.time()) + 7.0
    with subject.fresh():
        subject.fill(Entries(1, period=3600, first_at=due))
        with subject.reader() as reader, ending([subject.beat(**_own(subject))]) as beats:
            _await(reader, 1)
            beats[0].end(signal.SIGKILL)
            beats.append(subject.beat(**_own(subject)))
            beats[-1].settle()
            time.sleep(8 if isinstance(subject, RedBeat) else 4)  # its lock must expire first
            again = reader.number - 1
            starts = len(reader.starts) - 1 if isinstance(subject, Thor) else again
    return starts, again


def _missing(fires: list[Fire]) -> int:
    """Return how many slots of the grid between the first and the last fire have none, where fires tell theirs."""
    slots = {round(fire.nominal) for fire in fires if fire.nominal is not None}
    return max(slots) - min(slots) + 1 - len(slots) if slots else 0


def _ledger(subject: Subject, reader: Reader) -> dict[str, float]:
    """Return what Thor's ledger has to say of the whole time: slots without a row, runs that started twice."""
    if not isinstance(subject, Thor):
        return {}
    slots = {uuid.UUID(fire.uid): fire.nominal for fire in reader.fires()}
    seconds = round(max(slots.values()) - min(slots.values())) + 1
    query = (
        "SELECT coalesce(sum(count), 0) FROM jobs_run WHERE nominal_at BETWEEN to_timestamp(%s) AND to_timestamp(%s)"
    )
    ((rows,),) = subject.ask(query, min(slots.values()) - 0.5, max(slots.values()) + 0.5)
    twice = len(reader.starts) - len(set(reader.starts))
    return {"without_row": seconds - int(rows), "started_twice": twice, "never_sent": seconds - len(slots)}
