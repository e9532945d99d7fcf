"""What Celery itself is told: broker, queues, serialisers, scheduler. Everything else is in `thor.env`."""

from kombu import Queue

from thor.connections import broker_url as _broker_url
from thor.env import env as _env

broker_url = _broker_url()
broker_connection_retry_on_startup = True
# A broker may be away for a night, or answer with errors while it comes back (full, read-only): no reason to end.
broker_connection_max_retries = None
broker_channel_error_retry = True
broker_transport_options = {
    "visibility_timeout": 3600,
    # kombu's default is to wait for ever; a broker that is frozen must not freeze a scheduler or a worker.
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}

imports = ("tasks", *(name.strip() for name in _env().imports.split(",") if name.strip()))
beat_scheduler = "thor.drivers.beat:ThorScheduler"
beat_max_loop_interval = 1

task_default_queue = "default"
task_queues = [Queue("default"), Queue("market_data"), Queue("trading")]
task_create_missing_queues = True
task_routes = ("thor.jobs.registry:route",)
task_serializer = "json"
result_serializer = "json"
event_serializer = "json"
accept_content = ["json"]
task_ignore_result = True
task_store_errors_even_if_ignored = False
task_send_sent_event = True
worker_send_task_events = True
task_track_started = False

# The ledger decides once-only, so acknowledging late costs nothing and lets a free worker take what waits.
task_acks_late = True
task_reject_on_worker_lost = False
worker_prefetch_multiplier = 1
worker_consumer = "thor.jobs.consumer:EnduringConsumer"
worker_cancel_long_running_tasks_on_connection_loss = False
# Else Celery connects to the database anew for every task; Thor itself lets go of what is old or broken.
CELERY_DB_REUSE_MAX = 100_000
worker_hijack_root_logger = False
worker_redirect_stdouts = False

enable_utc = True
timezone = "UTC"

worker_concurrency = _env().worker_concurrency
