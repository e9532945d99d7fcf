"""Write every bell and every change of phase exactly once, and send its signals.

The rule is in the database: a transition is one row under a unique constraint, and every process may offer
it.

    process A   INSERT … ON CONFLICT DO NOTHING with its claim   one row written
    process B   the same                                         nothing written
    process A   selects the rows that carry its claim: one       sends the signals, sets handled_at
    process B   selects the rows that carry its claim: none      has nothing to do

A confirms its claim on a row right before it sends: if it was so slow that B has taken the row over, B sends.
If A dies before it sets `handled_at`, its successor takes the row over at once, and anybody else after its
claim has lapsed (`CLAIM_LIFE`), with one UPDATE that names the old state; so a signal is sent at least once,
and receivers are idempotent. A row whose receiver raised is released and sent again within a second or so.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.dispatch import Signal

from thor.markets.models import Market, Transition
from thor.markets.phases import Bell, bells, last_bells, next_change
from thor.markets.selectors import active_tables
from thor.markets.sessions import sessions_of
from thor.markets.signals import market_closed, market_opened, session_phase_changed
from thor.markets.store import CalendarUnavailable
from thor.markets.table import SessionTable
from thor.timing.phase import Phase
from thor.timing.session import Session

log = logging.getLogger(__name__)

#: How long a call may take to send the signals of its rows before others may take them over, by the
#: database's clock.
CLAIM_LIFE: Final = timedelta(seconds=10)
#: How far back rows that a crash left unhandled are still sent; older news would only confuse.
RESEND_WITHIN: Final = timedelta(days=1)

#: What ends a session.
CLOSES: Final = (Transition.Kind.CLOSED, Transition.Kind.CALLED_OFF)

#: Per market: the table that was asked, and the stretch [from, change) in which nothing happens.
_quiet: dict[str, tuple[SessionTable, datetime, datetime]] = {}


def next_transition_at(at: datetime) -> datetime | None:
    """Return the first instant after `at` at which an active market rings or changes its phase."""
    changes = (_next_change(row.key, table, at) for row, table in active_tables())
    return min((change for change in changes if change is not None), default=None)


def tables() -> dict[str, SessionTable]:
    """Return the sessions of every active market: other objects, or other keys, where hours have changed."""
    return {row.key: table for row, table in active_tables()}


def make_transitions(after: datetime, now: datetime) -> list[Transition]:
    """Write the transitions of active markets in (after, now], and send the signals of those it wrote.

    Rows that a crash or a raising receiver left unhandled are sent as well. Returns every row whose signals
    this call sent, in order. Costs one small query when nothing is due.
    """
    claim = uuid4()
    written = _write(_due(after, now), claim)
    taken = _take_over(now, claim)
    return _send(claim, now) if written or taken else []


def resend_unhandled(now: datetime, *, at_once: bool = False) -> list[Transition]:
    """Send the signals of rows that a crash or a raising receiver left unhandled; return those rows.

    A row that somebody may still be sending is left to him until his claim lapses; a new leader takes it
    `at_once`, since the leader before it is deposed. Costs one small query when there is none.
    """
    claim = uuid4()
    return _send(claim, now) if _take_over(now, claim, at_once) else []


def bootstrap_open_markets(now: datetime) -> list[Transition]:
    """Make up for the latest open and the latest close of each active market, if nobody has written them.

    Called at start, after an outage, and when hours were changed, which can put a close into the past or take
    away a session that had opened: that one closes now. Returns the transitions that were made up for, in
    order: few a market, however long the outage was; older ones are history that nobody can act upon any more.
    """
    claim = uuid4()
    last = [_row(row, bell) for row, table in active_tables() for bell in last_bells(table, now)]
    missing = _without_known(last) + _closes_of_vanished(now)
    made_up = _send(claim, now) if _write(missing, claim) else []
    if made_up:
        # On the very first start there was nobody to be late.
        level = logging.WARNING if Transition.objects.filter(at__lt=made_up[0].at).exists() else logging.INFO
        log.log(level, "thor.market.late: made up for %s", ", ".join(str(row) for row in made_up))
    return made_up


def _next_change(key: str, table: SessionTable, at: datetime) -> datetime | None:
    asked, since, change = _quiet.get(key, (None, at, at))
    if asked is table and since <= at < change:
        return change
    found = next_change(table, at)
    if found is not None:
        _quiet[key] = (table, at, found)
    return found


def _due(after: datetime, now: datetime) -> list[Transition]:
    first = next_transition_at(after)
    if first is None or first > now:
        return []
    return [_row(row, bell) for row, table in active_tables() for bell in bells(table, after, now)]


def _row(row: Market, bell: Bell) -> Transition:
    return Transition(market=row, session_date=bell.session_date, kind=bell.kind, phase=str(bell.phase), at=bell.at)


def _without_known(rows: list[Transition]) -> list[Transition]:
    """Leave out bells that have rung for their session, at whatever instant."""
    oldest = min((row.session_date for row in rows), default=None)
    if oldest is None:
        return []
    recent = Transition.objects.filter(session_date__gte=oldest).exclude(kind=Transition.Kind.PHASE)
    known = set(recent.values_list("market_id", "session_date", "kind"))
    return [row for row in rows if (row.market_id, row.session_date, row.kind) not in known]


def _closes_of_vanished(now: datetime) -> list[Transition]:
    """Return closes, now, of the sessions that have opened lately and that the calendar has no longer."""
    by_key = tables()
    recent = Transition.objects.filter(at__gt=now - RESEND_WITHIN, at__lte=now, market__key__in=by_key)
    over = recent.filter(kind__in=(Transition.Kind.CLOSED, Transition.Kind.CALLED_OFF))
    closed = set(over.values_list("market_id", "session_date"))
    called_off = {"kind": Transition.Kind.CALLED_OFF, "phase": Phase.closed, "at": now}
    return [
        Transition(market=row.market, session_date=row.session_date, **called_off)
        for row in recent.filter(kind=Transition.Kind.OPENED).select_related("market")
        if (row.market_id, row.session_date) not in closed and by_key[row.market.key].on(row.session_date) is None
    ]


def _write(rows: list[Transition], claim: UUID) -> int:
    """Offer rows under a claim, and return how many; the database keeps those that nobody had written."""
    for row in rows:
        row.claim, row.claimed_at = claim, Now()
    Transition.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _take_over(now: datetime, claim: UUID, at_once: bool = False) -> int:
    """Claim the unhandled rows of the last day that nobody is sending, and return how many."""
    lapsed = Q() if at_once else Q(claimed_at__isnull=True) | Q(claimed_at__lte=Now() - CLAIM_LIFE)
    free = Transition.objects.filter(lapsed, handled_at__isnull=True)
    owed = free.filter(at__gt=now - RESEND_WITHIN, at__lte=now, market__active=True)
    # A query first: an UPDATE that finds nothing would still wait for SQLite's one writer, every second.
    keys = list(owed.values_list("pk", flat=True))
    return free.filter(pk__in=keys).update(claim=claim, claimed_at=Now()) if keys else 0


def _send(claim: UUID, now: datetime) -> list[Transition]:
    rows = list(_mine(claim).select_related("market").order_by("at", "kind", "market__position"))
    return [row for row in rows if _send_one(row, _mine(claim).filter(pk=row.pk), now)]


def _send_one(row: Transition, mine: QuerySet[Transition], now: datetime) -> bool:
    """Send the signals of a row, unless somebody has taken it over meanwhile; tell whether they were sent."""
    if not mine.update(claimed_at=Now()):
        return False
    if _deliver(row):
        row.handled_at = now
        mine.update(handled_at=now)
    else:
        mine.update(claimed_at=None)
    return True


def _mine(claim: UUID) -> QuerySet[Transition]:
    return Transition.objects.filter(claim=claim, handled_at__isnull=True)


def _deliver(row: Transition) -> bool:
    """Send the signals of one row, and say whether every receiver took it."""
    try:
        session = sessions_of(row.market.key).on(row.session_date) or _vanished(row)
    except CalendarUnavailable as error:
        log.error("thor.market.unhandled: %s: %s", row, error)
        return False
    if session is None:
        log.warning("thor.market.void: %s: the calendar has no such session any more", row)
        return True
    return _announce(row, session)


def _vanished(row: Transition) -> Session | None:
    """Return a session that was taken out of the calendar after it had opened, as long as it lasted."""
    if row.kind not in CLOSES:
        return None
    opened = Transition.objects.filter(market=row.market, session_date=row.session_date, kind=row.Kind.OPENED)
    at = opened.values_list("at", flat=True).first()
    return None if at is None or at >= row.at else Session(row.session_date, at, row.at)


def _announce(row: Transition, session: Session) -> bool:
    log.info("thor.market.%s: %s", row.kind, row, extra={"market": row.market.key, "at": row.at})
    signal, extra = _signal(row)
    answers = signal.send_robust(sender=Market, market=row.market.key, session=session, at=row.at, **extra)
    return _all_took_it(row, session, answers)


def _signal(row: Transition) -> tuple[Signal, dict[str, Any]]:
    if row.kind == Transition.Kind.OPENED:
        return market_opened, {}
    if row.kind in CLOSES:
        return market_closed, {}
    return session_phase_changed, {"phase": Phase(row.phase)}


def _all_took_it(row: Transition, session: Session, answers: Iterable[tuple[Any, Any]]) -> bool:
    failed = [(receiver, answer) for receiver, answer in answers if isinstance(answer, Exception)]
    for receiver, error in failed:
        log.error("thor.market.unhandled: %s (session %s): %r: %s", row, session.date, receiver, error)
    return not failed
