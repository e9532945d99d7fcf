"""The Celery application of both peers: the same broker, queue and serialiser as Thor's, their own schedulers.

Loop interval and lock time-out come from the environment, so that a peer can also be measured at its best.
"""

import os

import django
from celery import Celery

if os.environ.get("DJANGO_SETTINGS_MODULE"):
    django.setup()

app = Celery("peer", include=["benchmarks.work"])
app.conf.update(
    broker_url=os.environ["BENCH_BROKER_URL"],
    broker_connection_retry_on_startup=True,
    task_default_queue="default",
    task_ignore_result=True,
    result_expires=None,
    enable_utc=True,
    timezone="UTC",
    beat_max_loop_interval=float(os.environ.get("BENCH_LOOP_INTERVAL", "5")),
    redbeat_redis_url=os.environ["BENCH_BROKER_URL"],
    redbeat_redis_options={},
    redbeat_lock_timeout=float(os.environ.get("BENCH_LOCK_TIMEOUT", "25")),
)
