"""Say which instant a page is made at: read once a request, then passed to everything that the page asks."""

from dataclasses import dataclass
from datetime import datetime

from thor.leadership.clock import process_clock


@dataclass(frozen=True, slots=True)
class Now:
    """Hold one instant of a page: business time, wall time, and business seconds a second of the wall."""

    at: datetime
    wall: datetime
    speed: float = 1.0
    replay: bool = False

    @property
    def epoch_ms(self) -> int:
        """Return business time in milliseconds since 1970, for the countdowns in the browser."""
        return int(self.at.timestamp() * 1000)


def read_now() -> Now:
    """Read this process's clock; a clock with a speed is a replay."""
    clock = process_clock()
    speed = getattr(clock, "speed", None)
    return Now(at=clock.now(), wall=clock.wall(), speed=speed or 1.0, replay=speed is not None)
