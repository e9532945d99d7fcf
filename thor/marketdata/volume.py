"""Turn the cumulative volume of a feed into what was traded, once, at the entrance (pure).

A feed that only tells the volume of the day so far gives `size` as NaN. The traded size is the increase over the last
known value of that symbol; a smaller value is a reset (a new day), and all of it was traded since; with nothing known
before, nothing is attributed. A snapshot that is older than one already seen adds nothing: its volume is in the newer.
"""

from dataclasses import replace

import numpy as np

from thor.marketdata.ticks import Ints, TickBatch

#: The last cumulative volume of a symbol: (exchange time in ns, volume).
Baseline = dict[str, tuple[int, float]]


def with_deltas(batch: TickBatch, baseline: Baseline) -> TickBatch:
    """Return the batch with every size known, and bring `baseline` up to date in place."""
    wanted = np.flatnonzero(~np.isnan(batch.cumulative))
    size = batch.size
    if len(wanted):
        size = size.copy()
        for code in np.unique(batch.code[wanted]):
            places = wanted[batch.code[wanted] == code]
            _fill(batch, batch.symbols[code], places, size, baseline)
    known = np.isfinite(size)
    if not known.all():
        size = np.where(known, size, 0.0)
    return batch if size is batch.size else replace(batch, size=size)


def _fill(batch: TickBatch, symbol: str, places: Ints, size: np.ndarray, baseline: Baseline) -> None:
    """Set the missing sizes of one symbol at `places`, which are in the order of arrival."""
    known = baseline.get(symbol)
    at, total = batch.at[places], batch.cumulative[places]
    newest = np.maximum.accumulate(np.concatenate(([known[0] if known else at[0]], at)))
    fresh = at >= newest[:-1]
    kept, total = places[fresh], total[fresh]
    if not len(kept):
        size[places[np.isnan(size[places])]] = 0.0
        return
    before = np.concatenate(([known[1] if known else total[0]], total[:-1]))
    delta = np.where(total >= before, total - before, total)
    filled = np.zeros(len(places))
    filled[fresh] = delta
    unknown = np.isnan(size[places])
    size[places[unknown]] = filled[unknown]
    baseline[symbol] = (int(batch.at[kept[-1]]), float(total[-1]))
