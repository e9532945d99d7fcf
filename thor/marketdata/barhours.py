"""Notice in which hours bars have been written, so that what was added up of the others need not be added up again.

Whoever stores bars gives their hours a new token once they are committed, and before the queue forgets them: a process
that is killed in between leaves the bars to the next one, which stores them again and gives the token. Whoever keeps
sums reads the tokens first and the bars then, so of two that cross each other the reader reads once too often:

    reader   token 1 .. bars                         token 2: again
    writer                  .. commit .. token 2

An hour without a token, because nothing was traded or Redis has lost it, is one of which nothing can be kept.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import redis

from thor.marketdata import keys

HOUR: Final = timedelta(hours=1)
#: For how long (real time) the tokens of a day are kept: as long as anybody follows it.
LASTING: Final = timedelta(days=3)

#: Hours by their begin, with their tokens.
Hours = dict[datetime, str]


def written(client: redis.Redis, starts: Iterable[int]) -> None:
    """Say that bars have been written, which start at these times (s since the epoch)."""
    hours = {start // 3600 * 3600 for start in starts}
    token = secrets.token_hex(8)
    pipe = client.pipeline(transaction=False)
    for hour in sorted(hours):
        key = keys.bar_hours(datetime.fromtimestamp(hour, UTC).date())
        pipe.hset(key, str(hour), token)
        pipe.expire(key, LASTING)
    pipe.execute()


def tokens(client: redis.Redis, start: datetime, end: datetime) -> Hours:
    """Return the whole hours within [start, end) that have a token."""
    days = {(start + timedelta(days=number)).date() for number in range((end.date() - start.date()).days + 1)}
    found = {}
    for day in sorted(days):
        for hour, token in cast("dict[bytes, bytes]", client.hgetall(keys.bar_hours(day))).items():
            found[datetime.fromtimestamp(int(hour), UTC)] = token.decode()
    return {hour: token for hour, token in sorted(found.items()) if start <= hour and hour + HOUR <= end}


def stretches(hours: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Return hours as stretches [start, end), those that follow each other in one."""
    found: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        if found and found[-1][1] == hour:
            found[-1] = (found[-1][0], hour + HOUR)
        else:
            found.append((hour, hour + HOUR))
    return found


def gaps(hours: Iterable[datetime], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return what is left of [start, end) without these hours, which all lie within it."""
    found = []
    for begun, ended in [*stretches(hours), (end, end)]:
        if start < begun:
            found.append((start, begun))
        start = ended
    return found
