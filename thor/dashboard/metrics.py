"""Answer Prometheus: who leads, how late runs begin, how they end, what waits, which feeds are silent.

The figures come from the ledger, the lease, the calendars and the feeds, so one scrape of the web process tells about
all processes. They are for those who may ask the API: loopback, people who are logged in, a name with its password.
"""

from collections.abc import Iterator, Mapping, Sequence

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from thor.dashboard.api.callers import Password, on_loopback
from thor.jobs.figures import QUANTILES, Waiting, figures
from thor.leadership.clock import process_clock
from thor.leadership.selectors import leader_status
from thor.marketdata.selectors import open_incidents
from thor.marketdata.silence import silent_for
from thor.markets.horizon import horizons
from thor.markets.standing import by_broker, standing
from thor.timing import SystemClock

_password = Password()


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponseBase:
    """Answer with the figures of this moment."""
    if not (on_loopback(request) or request.user.is_authenticated or _password(request)):
        return redirect_to_login(request.path)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Scheduler())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Scheduler(Collector):
    """The scheduler's figures, read when they are asked for."""

    def collect(self) -> Iterator[Metric]:
        """Return leadership, the last minute of the ledger, how far calendars are known, and how feeds are."""
        yield from _leadership()
        yield from _ledger()
        yield _horizons()
        yield _doubts()
        yield from _feeds()

    def describe(self) -> list[Metric]:
        """Describe nothing ahead: a scrape is the first look."""
        return []


def _leadership() -> Iterator[Metric]:
    status = leader_status()
    yield _gauge("thor_leader_held", "1 while somebody holds the lease", float(status.is_held))
    yield _gauge("thor_leader_term", "Number of the present reign", float(status.term))
    if status.lease_age is not None:
        yield _gauge("thor_lease_age_seconds", "Time since the lease was renewed", status.lease_age.total_seconds())
    clock = process_clock()
    if status.decided_until is not None:
        behind = (clock.wall() - clock.wall_of(status.decided_until)).total_seconds()
        yield _gauge("thor_decided_behind_seconds", "Age of the newest decision", behind)
    if status.next_due_at is not None:
        due = clock.wall_of(status.next_due_at).timestamp()
        yield _gauge("thor_next_due_timestamp_seconds", "When anything is due next, since the Unix epoch", due)


def _ledger() -> Iterator[Metric]:
    found = figures(SystemClock().wall())
    yield _labelled(
        "thor_decided_occurrences",
        "Occurrences decided in the last minute, by what became of them",
        ("job", "state", "reason"),
        found.decided,
    )
    yield _quantiles("thor_dispatch_lateness_seconds", "From due to decided, last minute", found.dispatched)
    yield _quantiles("thor_start_lateness_seconds", "From due to the start of the body, last minute", found.started)
    yield _gauge("thor_missed_occurrences", "Occurrences that were missed in the last minute", found.not_run["missed"])
    yield _gauge("thor_lost_occurrences", "Runs that were lost in the last minute", found.not_run["lost"])
    yield from _waiting(found.waiting)
    yield _gauge("thor_running_runs", "Runs that have started and not ended", found.running)
    yield _gauge("thor_paused_entries", "Entries that an operator has paused", found.paused)
    yield _gauge("thor_workers", "Workers that were heard of in the last ten seconds", found.workers)


def _horizons() -> Metric:
    days: dict[tuple[str, ...], float] = {(one.key,): float(one.days) for one in horizons(process_clock().now())}
    return _labelled("thor_market_horizon_days", "Days until a market's calendar ends", ("market",), days)


def _doubts() -> Metric:
    at = process_clock().now()
    found: dict[tuple[str, ...], float] = {(row.key,): float(standing(row.key, at).is_doubtful) for row in by_broker()}
    text = "1 while a market's broker's clock is unknown or contradicts its calendar"
    return _labelled("thor_market_in_doubt", text, ("market",), found)


def _feeds() -> Iterator[Metric]:
    silent: dict[tuple[str, ...], float] = {
        (venue,): length.total_seconds() for venue, length in silent_for(process_clock().now()).items()
    }
    text = "How long a feed has given nothing although its venue is open; 0 while it gives"
    yield _labelled("thor_feed_silent_seconds", text, ("venue",), silent)
    troubles: dict[tuple[str, ...], float] = {
        (row["venue"], row["kind"]): float(row["number"])
        for row in open_incidents().order_by().values("venue", "kind").annotate(number=Count("pk"))
    }
    text = "Troubles of feeds that are not over, by kind"
    yield _labelled("thor_feed_incidents", text, ("venue", "kind"), troubles)


def _waiting(found: Mapping[str, Waiting]) -> Iterator[Metric]:
    number: dict[tuple[str, ...], float] = {}
    oldest: dict[tuple[str, ...], float] = {}
    for queue, waiting in found.items():
        number[queue, "queue"], number[queue, "ledger"] = waiting.published, waiting.held
        oldest[(queue,)] = waiting.oldest
    text = "Runs that wait for a worker: sent to the queue, or held in the ledger until it has room"
    yield _labelled("thor_backlog_runs", text, ("queue", "place"), number)
    yield _labelled("thor_backlog_oldest_seconds", "How long the oldest of them has been due", ("queue",), oldest)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _labelled(name: str, text: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _quantiles(name: str, text: str, found: Mapping[str, Sequence[float]]) -> Metric:
    values = {(job, str(part)): value for job, row in found.items() for part, value in zip(QUANTILES, row, strict=True)}
    return _labelled(name, text, ("job", "quantile"), values)
