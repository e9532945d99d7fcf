"""Jobs: what is declared, what is scheduled, and what came of it.

* A *job* is a declaration (`@job`): cadence, window, markets, policies; one file of `tasks/` each.
* An *entry* is a job on one market, or a user's own periodic task: one row of django-celery-beat, with an identity.
* A *run* is the ledger's row of one occurrence of an entry. Deciding writes it; a worker claims it before the body
  runs; both are single statements, and neither can happen twice.

How the pieces meet: `sync_jobs` makes the rows of declared jobs; `schedule` reads rows into what `timing.plan()` takes;
a driver plans, writes a `Decision`, publishes; `runner` claims and carries out; `ledger` ends what nobody ended.

    declaration ──sync──► periodic task + entry ──schedule──► timing.Entry ──plan──► decision ──► message ──► claim

`job` is what a job file imports. Models are imported from `thor.jobs.models`, once Django is ready.
"""

from thor.jobs.registry import job

__all__ = ["job"]
