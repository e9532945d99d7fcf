"""Notice that entries have become worse than they were, and block them after three sessions in a row of harm.

    confidence   of 20 signals or more, over 30 % at confidence 4 or 5 (inflation), or below 10 % (collapse)
    results      at one confidence, 10 trades or more: below 40 % of them won, or their mean return is below -1 %
    features     the mean of the last 60 entries' feature is more than 3 deviations from that of the 250 before them

Each watch after a close that finds one of these is an alert. The third in a row of those that tell of harm, in results
or features, turns auto-protection on: the gate of entries blocks, and the model sizes nothing. How sure signals are is
an alert alone, since strategies begin at 3 and add, and a calm uptrend makes most of them sure (decision 0013).
`thor.trading.switch.clear_protection` turns it off, by a person's hand; from then on only what is newer counts, else
the same rows would turn it on again.

Signals are intents to enter. Those of a strategy whose least confidence is 4 are left out of the first rule: it has no
lower word to say, so what it says is no inflation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, pstdev
from typing import Any, Final
from uuid import UUID

from thor.trading import journal
from thor.trading.books import books_since
from thor.trading.desk import desk, hold
from thor.trading.hours import session_date_of
from thor.trading.learning.examples import numbers
from thor.trading.models import Event, Happening, Intent, Purpose, Trade
from thor.trading.strategies.container import STRATEGIES

#: The confidence from which on a signal counts as sure.
SURE: Final = 4


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a figure is an alert, and how many alerts in a row are too many. Returns are percent."""

    signals: int = 20
    most_sure: float = 0.30
    least_sure: float = 0.10
    trades: int = 10
    least_win_rate: float = 0.40
    least_mean_return: float = -1.0
    recent: int = 60
    baseline: int = 250
    most_deviations: float = 3.0
    alerts_in_a_row: int = 3


THRESHOLDS: Final = Thresholds()
#: So many of the newest signals, and trades at one confidence, are looked at: what is older is no news.
NEWEST_SIGNALS: Final = 60
NEWEST_TRADES: Final = 30


def watch_degradation(*, run: UUID, at: datetime, thresholds: Thresholds = THRESHOLDS) -> dict[str, Any]:
    """Look at signals, trades and features up to `at`, and turn auto-protection on where it is time.

    Returns the alerts, how many sessions in a row have had one, and why entries are blocked. A second attempt of a
    run, and a second run of a session, finds what the first has said, and counts nothing twice.
    """
    since = _counts_since()
    harm = [
        *result_alerts(_results(since, at), thresholds),
        *drift_alerts(_features(since, at, thresholds), thresholds),
    ]
    alerts = [*confidence_alerts(_confidences(since, at), thresholds), *harm]
    key = f"degradation:{session_date_of(at)}"
    known = Event.objects.filter(key=key).first()
    if known is None:
        before = _in_a_row(since, at)
        if not alerts and not before:
            return {"alerts": [], "in_a_row": 0, "protected_because": desk().protected_because}
        known = _tell(alerts, harm, before + 1 if harm else 0, run=run, at=at, key=key, thresholds=thresholds)
    told = {"alerts": known.fields["alerts"], "in_a_row": known.fields["in_a_row"]}
    return {**told, "protected_because": desk().protected_because}


def confidence_alerts(confidences: Sequence[int], thresholds: Thresholds = THRESHOLDS) -> list[str]:
    """Return what is wrong with how sure signals are."""
    if len(confidences) < thresholds.signals:
        return []
    sure = sum(one >= SURE for one in confidences)
    share, said = sure / len(confidences), f"{sure} of {len(confidences)} signals are at confidence {SURE} or more"
    if share > thresholds.most_sure:
        return [f"confidence inflation: {said}"]
    return [f"confidence collapse: {said}"] if share < thresholds.least_sure else []


def result_alerts(results: Mapping[int, Sequence[float]], thresholds: Thresholds = THRESHOLDS) -> list[str]:
    """Return what is wrong with the returns of trades, in percent by confidence."""
    found = []
    for confidence, returns in sorted(results.items()):
        if len(returns) < thresholds.trades:
            continue
        rate, mean = sum(one > 0 for one in returns) / len(returns), fmean(returns)
        which = f"of {len(returns)} trades at confidence {confidence}"
        if rate < thresholds.least_win_rate:
            found.append(f"win rate: {rate:.0%} {which} won")
        if mean < thresholds.least_mean_return:
            found.append(f"mean return: {mean:.2f} % {which}")
    return found


def drift_alerts(entries: Sequence[Mapping[str, float]], thresholds: Thresholds = THRESHOLDS) -> list[str]:
    """Return which features have drifted; entries are in their order, a feature that one lacks is not counted for it.

    z = (mean of the last 60 - mean of the 250 before) / standard deviation of those 250. A feature that never moved in
    the baseline has no deviation to be measured by, and is left out.
    """
    if len(entries) < thresholds.recent + thresholds.baseline:
        return []
    recent, baseline = entries[-thresholds.recent :], entries[-thresholds.recent - thresholds.baseline :]
    baseline = baseline[: thresholds.baseline]
    found = []
    for name in sorted({name for entry in baseline for name in entry}):
        now, before = ([entry[name] for entry in some if name in entry] for some in (recent, baseline))
        deviation = pstdev(before)
        if not now or not deviation:
            continue
        z = (fmean(now) - fmean(before)) / deviation
        if abs(z) > thresholds.most_deviations:
            found.append(f"feature drift: {name} is {z:+.1f} deviations from its baseline")
    return found


def _tell(
    alerts: list[str], harm: list[str], in_a_row: int, *, run: UUID, at: datetime, key: str, thresholds: Thresholds
) -> Event:
    """Write down a watch, also the first one that finds no harm any more; turn auto-protection on at the third."""
    with hold() as found:
        event = journal.record(Happening.ALERT, at=at, key=key, run=run, alerts=alerts, in_a_row=in_a_row)
        if in_a_row >= thresholds.alerts_in_a_row and not found.protected_because:
            because = f"{in_a_row} sessions in a row: {'; '.join(harm)}"[:200]
            found.protected_because, found.protected_at = because, at
            found.save(update_fields=["protected_because", "protected_at"])
            journal.record(Happening.PROTECTION, at=at, key=f"protection:{run}", run=run, now=because, alerts=harm)
    return event


def _counts_since() -> datetime | None:
    """Return since when entries count: since a person has let them pass again last, and since the books began.

    Whatever the time of the watch: one that comes late, for a session before that, would see the same rows again.
    """
    cleared = Event.objects.filter(kind=Happening.PROTECTION, fields__now="").order_by("-number").first()
    return max((at for at in (cleared.at if cleared else None, books_since()) if at is not None), default=None)


def _in_a_row(since: datetime | None, at: datetime) -> int:
    """Return how many watches before `at` have told of harm, one after the other."""
    watches = Event.objects.filter(kind=Happening.ALERT, key__startswith="degradation:", at__lt=at)
    if since is not None:
        watches = watches.filter(at__gt=since)
    last = watches.order_by("-number").first()
    return int(last.fields["in_a_row"]) if last else 0


def _signals(since: datetime | None, at: datetime) -> Any:
    found = Intent.objects.filter(purpose__in=[Purpose.ENTRY, Purpose.ADD_ON], decided_at__lte=at)
    return found.filter(decided_at__gt=since) if since else found


def _confidences(since: datetime | None, at: datetime) -> list[int]:
    metadata = (build() for build in STRATEGIES)
    always_sure = [one.metadata.strategy_id for one in metadata if one.limits.least_confidence >= SURE]
    signals = _signals(since, at).exclude(strategy_id__in=always_sure).exclude(confidence=None)
    return list(signals.order_by("-decided_at", "-pk").values_list("confidence", flat=True)[:NEWEST_SIGNALS])


def _results(since: datetime | None, at: datetime) -> dict[int, list[float]]:
    trades = Trade.objects.filter(exit_timestamp__lte=at).exclude(confidence=None).exclude(exit_type="EXTERNAL_CLOSE")
    if since is not None:
        trades = trades.filter(entry_timestamp__gt=since)
    returns: dict[int, list[float]] = {}
    for trade in trades.order_by("-exit_timestamp", "symbol"):
        returns.setdefault(trade.confidence or 0, []).append(float(trade.net_pnl_pct))
    return {confidence: found[:NEWEST_TRADES] for confidence, found in returns.items()}


def _features(since: datetime | None, at: datetime, thresholds: Thresholds) -> list[dict[str, float]]:
    """Return the features of the newest entries, oldest first; none before the recent ones are all of a new time."""
    if since is not None and _signals(since, at).exclude(features={}).count() < thresholds.recent:
        return []
    newest = (
        _signals(books_since(), at)
        .exclude(features={})
        .order_by("-decided_at", "-pk")
        .values_list("features", flat=True)
    )
    return [numbers(one) for one in reversed(newest[: thresholds.recent + thresholds.baseline])]
