"""Answer Prometheus: who leads, how late runs begin, how they end, what waits.

The figures come from the ledger and the lease, so one scrape of the web process tells about all processes. They are
for loopback and for people who are logged in; elsewhere a log-in is asked for.
"""

from collections.abc import Iterator

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from thor.jobs.figures import figures, quantile
from thor.leadership.selectors import leader_status
from thor.timing import SystemClock

LOOPBACK = ("127.0.0.1", "::1")
QUANTILES = (0.5, 0.9, 0.99)


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponseBase:
    """Answer with the figures of this moment."""
    if request.META.get("REMOTE_ADDR") not in LOOPBACK and not request.user.is_authenticated:
        return redirect_to_login(request.path)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Scheduler())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Scheduler(Collector):
    """The scheduler's figures, read when they are asked for."""

    def collect(self) -> Iterator[Metric]:
        """Return leadership, then the last minute of the ledger."""
        yield from _leadership()
        yield from _ledger()

    def describe(self) -> list[Metric]:
        """Describe nothing ahead: a scrape is the first look."""
        return []


def _leadership() -> Iterator[Metric]:
    status = leader_status()
    yield _gauge("thor_leader_held", "1 while somebody holds the lease", float(status.is_held))
    yield _gauge("thor_leader_term", "Number of the present reign", float(status.term))
    if status.lease_age is not None:
        yield _gauge("thor_lease_age_seconds", "Time since the lease was renewed", status.lease_age.total_seconds())
    if status.decided_until is not None:
        behind = (SystemClock().now() - status.decided_until).total_seconds()
        yield _gauge("thor_decided_behind_seconds", "Age of the newest decision", behind)


def _ledger() -> Iterator[Metric]:
    found = figures(SystemClock().wall())
    runs = GaugeMetricFamily("thor_runs", "Occurrences of the last minute", labels=("job", "state", "reason"))
    for labels, number in found.counts.items():
        runs.add_metric(labels, number)
    lateness = GaugeMetricFamily(
        "thor_lateness_seconds", "From due to the start of the body, last minute", labels=("job", "quantile")
    )
    for job, ascending in found.lateness.items():
        for part in QUANTILES:
            lateness.add_metric((job, str(part)), quantile(ascending, part))
    yield runs
    yield lateness
    yield _gauge("thor_backlog_runs", "Runs that wait for a worker", found.backlog)
    yield _gauge("thor_backlog_oldest_seconds", "How long the oldest of them has waited", found.oldest)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
