"""A start of the system: when a reign over Thor's jobs begins after a time in which nobody led.

What has to happen once after such a time (asking the broker where everything stands) is decided here, with the term and
as durably: the row of the seat keeps when the system started, and that its runs are still to be written.

A seat's row also keeps when a reign over jobs last raised the term or wrote a decision (`jobs_led_at`), on the wall of
the scheduling clock, which is the database's where it has one. A leader decides every five seconds, or once a tick
where ticks are longer, and whoever begins compares with the stamps of all seats:

    what happens                                          a start of the system?
    the first reign ever                                  yes
    a takeover, a restart, a change of mode               no; yes where it took five minutes
    the database away for five minutes                    yes: without it nobody keeps the lease
    each process of `run_heartbeat`, at its first reign   yes, whoever led before; not when it has its lease again
    its answer to the raised term got lost                yes, again, when it has its lease again: one run too many
    a database restored from a snapshot                   by the age of the snapshot, whatever happened since
    a clock set back by five minutes or more              yes: nobody knows how long nobody led
    a replay                                              as ever, by the wall: virtual minutes are short
    a simulation                                          yes, each time: it is one reign

    who dies                                              who writes the runs
    after the term was raised, before the runs            the next reign, at whatever time: they are still owed
    after some or all of the runs, before that is noted   nobody again: their ids follow from entry and start
    two raise the term at once                            the second finds that the first one leads by now
    a deposed leader comes to                             it stops before, or names the very same runs
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

#: So long must nobody have led.
ABSENCE = timedelta(minutes=5)


def is_start(led_at: Iterable[datetime | None], at: datetime) -> bool:
    """Tell whether a reign that begins at `at` starts the system, by when others led last; all are times of the wall.

    A stamp that lies ahead by as much is of a clock that was set back, and proves nothing.
    """
    return not any(abs(at - stamp) < ABSENCE for stamp in led_at if stamp is not None)
