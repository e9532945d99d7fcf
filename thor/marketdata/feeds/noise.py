"""Random paths that can be entered anywhere: the value at an instant follows from the seed and the instant alone.

A simulation that walked step by step would have to start at the beginning of time to know where it is now. Here a path
is a sum of octaves: in each, random values stand on a lattice (one a second, one every four seconds, … one every half
year) and are joined by straight lines, with amplitudes that grow with the root of the step. That is close to a random
walk at every scale (Voss, "Random fractal forgeries", 1985), and costs the same for any instant.
"""

import numpy as np
from numpy.typing import NDArray

from thor.marketdata.ticks import Floats, Ints

SECOND = 1_000_000_000
DAY_SECONDS = 86_400
#: Steps of the lattices in seconds: 1 s to 194 days.
STEPS = tuple(4**power for power in range(13))

Words = NDArray[np.uint64]


def uniform(seed: int, stream: int, cells: Ints) -> Floats:
    """Return a random number in [0, 1) for each cell, fixed by seed, stream and cell (the splitmix64 mixer)."""
    start = np.uint64((seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) % 2**64)
    with np.errstate(over="ignore"):
        word: Words = cells.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + start
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((word ^ (word >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53


def walk(seed: int, at: Ints) -> Floats:
    """Return a path at instants (ns) whose change over a day has a standard deviation near 1."""
    total = np.zeros(len(at))
    for octave, step in enumerate(STEPS):
        cell, inside = np.divmod(at, step * SECOND)
        share = inside / (step * SECOND)
        left = uniform(seed, octave, cell)
        right = uniform(seed, octave, cell + 1)
        total += (step / DAY_SECONDS) ** 0.5 * 2.0 * (left + (right - left) * share - 0.5)
    return total


def jumps(seed: int, at: Ints, *, every: int = 7200, chance: float = 0.15, fade: int = 1800) -> Floats:
    """Return the sum of rare jumps that fade away, in standard deviations of a day (about 0.2 to 0.6 each).

    One may begin in each cell of `every` seconds, with the given chance; it fades with a time constant of `fade`
    seconds and is forgotten after two cells.
    """
    total = np.zeros(len(at))
    now = at // (every * SECOND)
    for back in range(3):
        cell = now - back
        begins = (cell + uniform(seed, 101, cell)) * every
        since = at / SECOND - begins
        size = (0.2 + 0.4 * uniform(seed, 102, cell)) * np.sign(uniform(seed, 103, cell) - 0.5)
        live = (uniform(seed, 104, cell) < chance) & (since >= 0) & (since < 2 * every)
        total += np.where(live, size * np.exp(-np.where(live, since, 0.0) / fade), 0.0)
    return total
