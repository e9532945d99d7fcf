"""Reconcile the account: the broker is right, and the journal follows. For the steps see `thor.trading.reconciling`.

An account that is not the one of the books is FAILED before anything is booked, adopted or closed; for whose they are
see `thor.trading.books`.

A broker that does not answer one of the questions is asked again within the run, after the seconds of `waits`. What is
FAILED then, or partial, says so of the broker and not of the account, and whoever polls orders asks again
(`repeat_unanswered`).
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from time import monotonic, sleep
from typing import Any, Final
from uuid import UUID

from thor.failpoints import reach
from thor.trading import journal, wordings
from thor.trading.books import books_since, take_account, why_not_of
from thor.trading.boundary import recorded
from thor.trading.brokers.port import Broker, BrokerUnreachable
from thor.trading.desk import desk, hold
from thor.trading.hours import session_date_of, session_for
from thor.trading.models import Happening, Order, Position, Reconciliation
from thor.trading.models.orders import OPEN
from thor.trading.overselling import cancel_oversold
from thor.trading.positions import in_account, open_positions
from thor.trading.readiness import is_unanswered, newest
from thor.trading.reconciling import givenup, missed
from thor.trading.reconciling.account import heat_of, judge_account
from thor.trading.reconciling.converging import converge
from thor.trading.reconciling.finding import Finding, Level
from thor.trading.reconciling.holdings import Difference, compare_positions, is_contradicted, judge_outside
from thor.trading.reconciling.ledger import judge_ledger
from thor.trading.reconciling.moving import mark, moving_symbols
from thor.trading.reconciling.orders import judge_open_orders, judge_unreadable, judge_unsettled
from thor.trading.reconciling.snapshot import (
    NotAnswered,
    Positions,
    Snapshot,
    look_at_account,
    look_at_identity,
    look_at_positions,
)
from thor.trading.reconciling.verdict import judge, sentences
from thor.trading.settings import Limits, limits
from thor.trading.settling import SettlingReport, settle_orders

log = logging.getLogger("thor.trading")

#: Seconds before each further try of a run that was not answered.
WAITS: Final = (5.0, 15.0, 30.0)
#: Seconds after which no further try begins: one takes up to 50 where every question runs into its time-out, and the
#: run has five minutes.
ENOUGH: Final = 150.0
#: What a finding is called that says that a question had no answer.
UNASKED: Final = "orders_unasked"
PARTIAL: Final = frozenset({UNASKED, missed.UNREAD})
#: Findings of these levels are alerts.
ALERTED: Final = (Level.EXTERNAL, Level.WARNING, Level.BLOCKED, Level.ERROR)


def reconcile_account(
    *,
    broker: Broker | None = None,
    run: UUID,
    at: datetime,
    waits: Sequence[float] = (),
    good_until: datetime | None = None,
) -> dict[str, Any]:
    """Compare, converge, and write one `Reconciliation`; a second attempt of the run returns the first one's.

    A broker that does not answer is asked again after each of `waits`, in seconds. `good_until` is until when the
    result counts, by the schedule; without it that is of the result before.
    """
    row = Reconciliation.objects.filter(run=run).first()
    settled = SettlingReport()
    if row is None:
        with recorded(at):
            before = newest()
            row, settled = _ask(broker or _chosen(), run, at, waits)
            row.good_until = good_until or (before.good_until if before else None)
            row.save(update_fields=["good_until"])
    log.info(wordings.reconciled(status=row.status, positions=row.positions_count, orders=row.open_orders))
    return _result(row, settled)


def repeat_unanswered(*, broker: Broker | None = None, run: UUID, at: datetime) -> dict[str, Any] | None:
    """Reconcile where the last one was not answered, or not all of it; nothing otherwise."""
    last = newest()
    asks = last is not None and (last.is_partial or is_unanswered(last))
    return reconcile_account(broker=broker, run=run, at=at) if asks else None


def _chosen() -> Broker:
    from thor.trading.brokers.choice import broker

    return broker()


def _ask(broker: Broker, run: UUID, at: datetime, waits: Sequence[float]) -> tuple[Reconciliation, SettlingReport]:
    """Reconcile as soon as the broker answers; write down that it does not after the last try."""
    begun, left, settled = monotonic(), list(waits), SettlingReport()
    while True:
        is_last = _is_last(begun, left)
        try:
            if (other := _of_another(broker, run, at)) is not None:
                return other, settled
            settled = settle_orders(broker=broker, at=at)
            is_last = _is_last(begun, left)
            return _reconcile(broker, settled, run, at, takes_part=is_last), settled
        except (NotAnswered, BrokerUnreachable) as error:
            if is_last:
                return _write_failure(str(error), run, at), settled
            log.warning("thor.trading.reconciliation_unanswered: %s; asked again in %g s", error, left[0])
        sleep(left.pop(0))


def _is_last(begun: float, left: Sequence[float]) -> bool:
    return not left or monotonic() - begun + left[0] > ENOUGH


def _of_another(broker: Broker, run: UUID, at: datetime) -> Reconciliation | None:
    """Write down that the broker tells of another account than that of the books; nothing where it does not.

    Asked before orders are settled: at another account each of them would be missing.
    """
    reason = why_not_of(desk(), look_at_identity(broker))
    if not reason:
        return None
    count = len(look_at_positions(broker))
    with hold():
        return Reconciliation.objects.filter(run=run).first() or _refuse(reason, count, run, at)


def _reconcile(broker: Broker, settled: SettlingReport, run: UUID, at: datetime, *, takes_part: bool) -> Reconciliation:
    """Reconcile; raise `NotAnswered` for a part that is missing, unless what there is has to do (`takes_part`)."""
    findings = [Finding(Level.WARNING, UNASKED, settled.unreachable)] if settled.unreachable else []
    findings += missed.book_missed(broker=broker, since=missed.fills_since(at), at=at)
    if not takes_part and _is_partial(findings):
        raise NotAnswered("; ".join(one.text for one in findings))
    account, orders = look_at_account(broker)
    ours = givenup.orders_of_ours(orders)
    findings += givenup.take_up(orders, ours, broker=broker, at=at)
    cancel_oversold(broker=broker, at=at)  # by the fills that were missed until now
    since = mark()
    seen = Snapshot(account, orders, look_at_positions(broker))
    again = _look_again(seen, broker)
    reach("looked")
    rules = limits()
    findings += judge_unreadable(orders.unreadable)
    findings += judge_open_orders(orders, givenup.orders_of_ours(orders), at=at, begins=_begins)
    findings += judge_account(account, value=seen.value, most_heat=rules.max_portfolio_heat)
    return _write(seen, again, findings, rules, since=since, run=run, at=at)


def _look_again(seen: Snapshot, broker: Broker) -> Positions:
    """Return the positions of a second look where the first one differs from the journal: both have to say the same."""
    differs = compare_positions(seen.positions, _journal())
    return look_at_positions(broker) if differs else seen.positions


def _begins(submitted_at: datetime) -> datetime:
    session = session_for(submitted_at)
    return max(submitted_at, session.open) if session else submitted_at


def _journal() -> dict[str, Decimal]:
    """Return what the account holds by the journal, the desk's own and what is somebody else's, by symbol."""
    return {one.symbol: in_account(one) for one in open_positions()}


def _write(
    seen: Snapshot, again: Positions, findings: list[Finding], rules: Limits, *, since: int, run: UUID, at: datetime
) -> Reconciliation:
    """Converge and write the row, in one transaction: either both are done, or the next attempt does them."""
    with hold() as books:
        known = Reconciliation.objects.filter(run=run).first()
        if known is not None:
            return known
        if reason := why_not_of(books, seen.account.identity):  # somebody else has said whose they are meanwhile
            return _refuse(reason, len(seen.positions), run, at)
        take_account(books, seen.account.identity, at)
        differences = compare_positions(again, _journal())
        moving = moving_symbols(since=since, at=at) | _unsteady(seen.positions, again)
        findings += judge_ledger([one for one in differences if one.symbol not in moving], _traded(differences))
        findings += judge_unsettled(Order.objects.filter(state__in=OPEN), at=at)
        findings += _converge(differences, moving, seen, rules, run, at)
        findings += judge_outside(open_positions())
        _alert(findings, run, at)
        reach("converged")
        return _save(seen, findings, _external(differences), run, at)


def _converge(
    differences: Sequence[Difference], moving: frozenset[str], seen: Snapshot, rules: Limits, run: UUID, at: datetime
) -> list[Finding]:
    may_close = rules.reconciliation_mark_unknown_closed and not is_contradicted(seen)
    may_find = rules.reconciliation_backfill_enabled
    return list(converge(differences, moving=moving, backfill=may_find, close=may_close, at=at, run=run))


def _traded(differences: Iterable[Difference]) -> set[str]:
    """Return the symbols whose trades are over, but for those of which only somebody else's part is left."""
    found, over = set(), Position.objects.filter(trade__isnull=False)
    if since := books_since():
        over = over.filter(closed_at__gt=since)  # what ended with the old books may well be held
    for one in differences:
        last = over.filter(symbol=one.symbol).order_by("-closed_at", "-pk").first()
        if last is not None and not 0 < one.broker <= last.outside:
            found.add(one.symbol)
    return found


def _unsteady(first: Positions, second: Positions) -> frozenset[str]:
    quantities = [{symbol: one.quantity for symbol, one in look.items()} for look in (first, second)]
    return frozenset(one for one in {*first, *second} if quantities[0].get(one) != quantities[1].get(one))


def _external(differences: Iterable[Difference]) -> list[str]:
    """Return the symbols that are closed to further buys: what is external in the journal, or at the broker alone."""
    known = {one.symbol for one in open_positions() if one.is_external or one.outside > 0}
    return sorted(known | {one.symbol for one in differences if one.is_external or one.is_short})


def _alert(findings: Sequence[Finding], run: UUID, at: datetime) -> None:
    """Write an alert for what was not alerted yet: by its name, or once a session where it has none."""
    for one in findings:
        if one.level in ALERTED:
            key = one.key(session_date_of(at))
            journal.record(Happening.ALERT, at=at, key=key, symbol=one.symbol, run=run, reason=one.text)


def _write_failure(reason: str, run: UUID, at: datetime) -> Reconciliation:
    finding = Finding(Level.ERROR, "not_answered", reason)
    with hold():
        return Reconciliation.objects.filter(run=run).first() or _fail(finding, None, run, at)


def _refuse(reason: str, count: int, run: UUID, at: datetime) -> Reconciliation:
    """Write down that the account is another one, while the desk is held; it has answered, so exits end as well."""
    return _fail(Finding(Level.ERROR, "another_account", reason), count, run, at)


def _fail(finding: Finding, count: int | None, run: UUID, at: datetime) -> Reconciliation:
    _alert([finding], run, at)
    before = newest()
    external = before.external if before else []
    return Reconciliation.objects.create(
        run=run, at=at, status=judge([finding]).value, errors=[finding.text], external=external, positions_count=count
    )


def _is_partial(findings: Iterable[Finding]) -> bool:
    return any(one.code in PARTIAL for one in findings)


def _save(seen: Snapshot, findings: Sequence[Finding], external: list[str], run: UUID, at: datetime) -> Reconciliation:
    return Reconciliation.objects.create(
        run=run,
        at=at,
        status=judge(findings).value,
        warnings=sentences(findings, Level.EXTERNAL, Level.WARNING),
        errors=sentences(findings, Level.BLOCKED, Level.ERROR),
        notes=sentences(findings, Level.NOTE),
        external=external,
        positions_count=len(seen.positions),
        open_orders=len(seen.orders) + len(seen.orders.unreadable),
        equity=seen.account.equity,
        buying_power=seen.account.buying_power,
        heat=heat_of(seen.account, seen.value),
        is_partial=_is_partial(findings),
    )


def _result(row: Reconciliation, settled: SettlingReport) -> dict[str, Any]:
    return {
        "status": row.status,
        "safe_mode": row.is_safe_mode,
        "positions_count": row.positions_count,
        "open_orders": {"total": row.open_orders},
        "warnings": row.warnings,
        "errors": row.errors,
        "external": row.external,
        "settled": settled.plain(),
    }
