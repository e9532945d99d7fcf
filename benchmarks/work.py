"""The task that all entries of the benchmark name: a user's own, which no worker ever runs here."""

from celery import shared_task

NAME = "bench.work"


@shared_task(name=NAME)
def work(number: int) -> None:
    """Do nothing: what is measured ends when the message is on the queue."""
