"""Fold the ticks of a venue into one-minute bars."""

from datetime import datetime
from typing import Any


def step_once(*, market: str, at: datetime) -> dict[str, Any]:
    """Fold every tick that the venue's feed has published; return what was done.

    The keys are: ticks (folded), closed (bars handed to the queue, amended ones included), late and lost (ticks that
    could not count, left out where zero), watermark (data time up to which everything is in), behind (true where a
    backlog is left).
    """
    # Here, not above: the kernels bring NumPy, which a process that only knows of the job does not need.
    from thor.marketdata import folding

    return folding.fold_once(market=market, at=at)
