"""Remember which opens are to be captured, from before the capture begins until it is there.

A run of the capture is asked for once a session, and it may fail: a feed is behind, another pass is first, a server
does not answer. What it leaves behind is its wish, which the passes of grading carry out. Without a wish they capture
nothing, so that a capture that is paused or off stays so: a run that does not start wishes for nothing.

    Redis does not answer    the wish is in the database
    Redis has lost the note  the wish is in the database
    no database              the note in Redis stands for it
"""

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final

import redis

from thor.connections import redis_client
from thor.marketdata import keys
from thor.marketdata.models import AwaitedCapture

#: For how long the note in Redis is kept (real time).
REMEMBERED: Final = timedelta(days=3)


def expect(market: str, session_date: date, again_from: datetime) -> None:
    """Remember that an open is to be captured, by the passes of grading from `again_from` on."""
    with suppress(redis.RedisError):
        lasting = int(REMEMBERED.total_seconds())
        redis_client().set(keys.capture_waiting(market), session_date.isoformat(), ex=lasting)
    key = {"market": market, "session_date": session_date}
    AwaitedCapture.objects.update_or_create(**key, defaults={"again_from": again_from})


def is_due(market: str, session_date: date, at: datetime) -> bool:
    """Say whether the passes of grading are to capture an open."""
    wish = AwaitedCapture.objects.filter(market=market, session_date=session_date).first()
    if wish is not None:
        return at >= wish.again_from
    return bool(redis_client().get(keys.capture_waiting(market)) == session_date.isoformat().encode())


def met(market: str, session_date: date) -> None:
    """Forget the wish for an open that is captured, and those for opens before it."""
    AwaitedCapture.objects.filter(market=market, session_date__lte=session_date).delete()
    with suppress(redis.RedisError):
        redis_client().delete(keys.capture_waiting(market))
