"""Decide whether the next price of a symbol is a good one: the rules of `guard`, one price at a time (pure).

waiting     price within 50 %     price far off, like the ones that wait      far off, unlike them
none        good                  -                                           held back: 1 waits
1 or 2      good, none waits      held back, or, being the third: good        held back: those alike wait
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Ratios to the last good price outside which a price is suspicious: 50 % off, or a split of two to one.
HIGHEST: Final = 1.5
LOWEST: Final = 0.5 * 1.03
#: Prices in a row, each within `ALIKE` of the others, that confirm a new level.
CONFIRM: Final = 3
ALIKE: Final = 1.10

#: Nanoseconds (ten days) after which a last good price says nothing any more.
STALE: Final = 10 * 86_400 * 10**9

_WHOLE_SPLITS: Final = (2, 3, 4, 5, 7, 10, 20)
_NEAR: Final = 0.03


@dataclass(frozen=True, slots=True)
class KnownSplit:
    """A split that is entered: `ratio` new shares an old one, first traded in [starts, ends) (ns, one session)."""

    starts: int
    ends: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Level:
    """What is known of a symbol: its last good price and that price's time (ns), and the prices that wait."""

    price: float | None = None
    at: int = 0
    waiting: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a price is good, what is known after it, and what it was compared with where it was suspicious."""

    good: bool
    level: Level
    against: float | None = None


def judge(level: Level, price: float, at: int, splits: Sequence[KnownSplit] = ()) -> Verdict:
    """Judge the next price of a symbol, in order."""
    base = in_new_shares(level, at, splits)
    if base is None or not suspicious(price / base) or _entered(price / base, at, splits):
        return Verdict(True, Level(price, at))
    waiting = (*_alike(level.waiting, price), price)
    if len(waiting) >= CONFIRM:
        return Verdict(True, Level(price, at), base)
    return Verdict(False, Level(level.price, level.at, waiting), base)


def suspicious(ratio: float) -> bool:
    """Say whether a ratio to the last good price needs confirmation."""
    return ratio > HIGHEST or ratio < LOWEST


def in_new_shares(level: Level, at: int, splits: Sequence[KnownSplit]) -> float | None:
    """Return the last good price as it counts at `at`, divided by the splits since, or None where nothing counts."""
    if level.price is None or at - level.at > STALE:
        return None
    price = level.price
    for split in splits:
        if level.at < split.starts <= at:
            price /= split.ratio
    return price


def like_a_split(ratio: float) -> str | None:
    """Return the split (7:1) that explains a ratio to the last good price within 3 %, or None."""
    for whole in _WHOLE_SPLITS:
        if abs(ratio * whole - 1) <= _NEAR:
            return f"{whole}:1"
        if abs(ratio / whole - 1) <= _NEAR:
            return f"1:{whole}"
    return None


def _entered(ratio: float, at: int, splits: Sequence[KnownSplit]) -> bool:
    return any(split.starts <= at < split.ends and abs(ratio * split.ratio - 1) <= _NEAR for split in splits)


def _alike(waiting: Sequence[float], price: float) -> tuple[float, ...]:
    """Return the last of the prices that wait, as many as are alike with each other and with this one."""
    for start in range(len(waiting)):
        alike = (*waiting[start:], price)
        if max(alike) <= ALIKE * min(alike):
            return tuple(waiting[start:])
    return ()
