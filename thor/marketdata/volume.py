"""Turn the cumulative volume of a feed into what was traded, once, at the entrance (pure).

A feed that only tells the volume of the day so far gives `size` as NaN. The traded size is the increase over the last
known value of that symbol; with nothing known before, nothing is attributed. A snapshot that is older than one already
seen adds nothing: its volume is in the newer. A smaller value is one of two things (decision 7):

    1,000,000 -> 999,900    a correction: nothing was traded, and what comes is measured on the smaller value
    1,000,000 -> 300        a reset, the counter has begun again: all of it was traded since

It is a correction where more than half is left, in the midst of a session: a new session's first value, or one of its
first minutes, may be of any size.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from thor.marketdata.ticks import Floats, Ints, TickBatch

#: The last cumulative volume of a symbol: (exchange time in ns, volume).
Baseline = dict[str, tuple[int, float]]

#: When the session at an instant opened (both ns), or None outside sessions.
SessionOf = Callable[[int], int | None]

#: For how long (ns) after an open a value may still be of the session before.
SETTLING: Final = 5 * 60 * 10**9


def in_no_session(at: int) -> int | None:
    """Know of no session: every smaller value is a reset."""
    return None


def with_deltas(batch: TickBatch, baseline: Baseline, session_of: SessionOf = in_no_session) -> TickBatch:
    """Return the batch with every size known, and bring `baseline` up to date in place."""
    wanted = np.flatnonzero(~np.isnan(batch.cumulative))
    size = batch.size
    if len(wanted):
        size = size.copy()
        for code in np.unique(batch.code[wanted]):
            places = wanted[batch.code[wanted] == code]
            _fill(batch, batch.symbols[code], places, size, baseline, session_of)
    known = np.isfinite(size)
    if not known.all():
        size = np.where(known, size, 0.0)
    return batch if size is batch.size else replace(batch, size=size)


def _fill(batch: TickBatch, symbol: str, places: Ints, size: Floats, baseline: Baseline, session_of: SessionOf) -> None:
    """Set the missing sizes of one symbol at `places`, which are in the order of arrival."""
    known = baseline.get(symbol)
    at, total = batch.at[places], batch.cumulative[places]
    newest = np.maximum.accumulate(np.concatenate(([known[0] if known else at[0]], at)))
    fresh = at >= newest[:-1]
    kept, at, total = places[fresh], at[fresh], total[fresh]
    if not len(kept):
        size[places[np.isnan(size[places])]] = 0.0
        return
    before_at, before = known or (int(at[0]), float(total[0]))
    filled = np.zeros(len(places))
    filled[fresh] = _deltas(np.concatenate(([before_at], at)), np.concatenate(([before], total)), session_of)
    unknown = np.isnan(size[places])
    size[places[unknown]] = filled[unknown]
    baseline[symbol] = (int(at[-1]), float(total[-1]))


def _deltas(at: Ints, total: Floats, session_of: SessionOf) -> Floats:
    """Return what was traded between each value and the next; one less than there are values."""
    delta: Floats = np.diff(total)
    for place in np.flatnonzero(delta < 0).tolist():
        before, after = int(at[place]), int(at[place + 1])
        is_corrected = 2 * total[place + 1] > total[place] and _in_the_midst(before, after, session_of)
        delta[place] = 0.0 if is_corrected else total[place + 1]
    return delta


def _in_the_midst(before: int, after: int, session_of: SessionOf) -> bool:
    """Say whether both instants are of one session, and its counter has begun by the first of them."""
    opened = session_of(before)
    return opened is not None and opened == session_of(after) and before >= opened + SETTLING
