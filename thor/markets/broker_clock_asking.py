"""Ask the broker's clock, three times if need be, and write down what came of it, one row a market.

What went wrong is said when it begins and when it is over, not at every tick: the row remembers the last failure or
disagreement (`error`), so that one alarm comes of it however many processes take turns in asking.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from thor.leadership.clock import process_clock
from thor.markets import broker_clock
from thor.markets.broker_clock import ClockAnswer, ClockUnavailable
from thor.markets.models import ClockReading, Market
from thor.markets.standing import MOST, Standing, by_broker, judge
from thor.markets.standing_readings import forget_readings
from thor.timing import Clock

log = logging.getLogger(__name__)

#: Seconds between the tries: three tries, the pause doubled each time.
PAUSES: Final = (1.0, 2.0)
#: By how much the broker's time may differ from ours: further off, one of the two does not tell the present.
SKEW: Final = timedelta(seconds=60)
NOTHING_TO_ASK: Final = "no active market goes by a broker's clock; nothing was asked"
LONGEST_TEXT: Final = 300

Pause = Callable[[float], object]


def ask_clocks_now() -> dict[str, str] | str:
    """Ask for every active market that goes by a broker's clock, by this process's own time.

    Return the state of each, or that there is none: then neither the broker nor the database was asked.
    """
    found = ask_clocks(clock=process_clock())
    return {key: standing.state.value for key, standing in found.items()} or NOTHING_TO_ASK


def ask_clocks(*, clock: Clock, pause: Pause = time.sleep) -> dict[str, Standing]:
    """Ask once for all markets that go by a broker's clock, write it down, and return where each stands now.

    The time of an answer is read after it, and not when the question fell due: a slow answer is not a fresh one.
    """
    rows = by_broker()
    if not rows:
        return {}
    try:
        answer = _ask(clock, pause)
    except ClockUnavailable as error:
        at, sentence = clock.now(), str(error)
        return {row.key: _write_failure(row, sentence, at) for row in rows}
    at = clock.now()
    written = {row.key: _write_answer(row, answer, at) for row in rows}
    failures = max(failed for _, failed in written.values())
    if failures:
        log.info(clock_recovered(failures))
    return {key: found for key, (found, _) in written.items()}


def clock_recovered(failures: int) -> str:
    """Word, as `scheduler.log` has it, that the one clock answers again, for however many markets go by it."""
    return f"Market clock recovered after {failures} failures"


def _ask(clock: Clock, pause: Pause) -> ClockAnswer:
    """Try three times; raise what the last try said."""
    broker = broker_clock.connected()
    if broker is None:
        raise ClockUnavailable(broker_clock.NOT_CONNECTED)
    for seconds in PAUSES:
        try:
            return _believable(broker.ask(), clock.now())
        except ClockUnavailable as error:
            log.debug("thor.market.clock_retry: %s: %s", broker.name, error)
            pause(seconds)
    return _believable(broker.ask(), clock.now())


def _believable(answer: ClockAnswer, at: datetime) -> ClockAnswer:
    if abs(answer.timestamp - at) > SKEW:
        ours, theirs = at.strftime("%F %T"), answer.timestamp.strftime("%F %T")
        raise ClockUnavailable(f"the broker's time is {theirs} UTC and ours {ours} UTC; correct this machine's clock")
    return answer


def _write_answer(row: Market, answer: ClockAnswer, at: datetime) -> tuple[Standing, int]:
    """Write an answer down; return where the market stands, and how often asking had failed since the last one."""
    with transaction.atomic():
        reading = _locked(row, at)
        failures, before = reading.failures, reading.error
        reading.asked_at = reading.answered_at = at
        reading.failures, reading.is_open = 0, answer.is_open
        reading.opens_at, reading.closes_at = answer.opens_at, answer.closes_at
        reading.day, reading.day_open, reading.day_close = answer.day, answer.day_open, answer.day_close
        standing = judge(row, reading, at)
        reading.error = standing.reason[:LONGEST_TEXT] if standing.disagrees else ""
        reading.save()
    forget_readings()
    if failures:
        log.warning("thor.market.clock_back: %s: the broker's clock answers again after %d failures", row.key, failures)
    if reading.error and reading.error != before:
        log.error("thor.market.clock_disagrees: %s: %s; it counts as closed for entries", row.key, reading.error)
    return standing, failures


def _write_failure(row: Market, sentence: str, at: datetime) -> Standing:
    with transaction.atomic():
        reading = _locked(row, at)
        was_lost = _is_lost(reading)
        reading.asked_at, reading.failures, reading.error = at, reading.failures + 1, sentence[:LONGEST_TEXT]
        reading.save()
    forget_readings()
    if _is_lost(reading) and not was_lost:
        log.error("thor.market.clock_lost: %s: %d failures, so it is unknown: %s", row.key, reading.failures, sentence)
    elif reading.failures == 1:
        log.warning("thor.market.clock_failed: %s: the last answer stands for now: %s", row.key, sentence)
    return judge(row, reading, at)


def _is_lost(reading: ClockReading) -> bool:
    return reading.failures > (MOST if reading.answered_at else 0)


def _locked(row: Market, at: datetime) -> ClockReading:
    """Return the market's row for writing, made if it is the first: two that ask at once take turns."""
    return ClockReading.objects.select_for_update().get_or_create(market=row, defaults={"asked_at": at})[0]
