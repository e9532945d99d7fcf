"""Drivers: how the plan is carried out.

`timing.plan()` says what is due. A driver finds out in time that something is due, writes the decision and lets the
work happen. `beat` does it as Celery's scheduler, with workers. What all drivers share lies beside it:

* `agenda`   the lines of the schedule, ordered by when each is due next;
* `dispatch` one decision: plan, write, publish;
* `publish`  messages for Celery, a batch at a time;
* `gate`     the bells: transitions made, windows shown as `enabled`, people's switches turned into wishes;
* `chores`   what the leader does on the side: end runs that nobody ended, keep `last_run_at` up to date;
* `reign`    the loop of one scheduler: stand by, gain the lease, lead, stand down.

    stand by ──lease gained, term raised──► lead ──lease lost, deposed, database away──► stand by
                                              └──SIGTERM──► finish the batch, release, leave

| fault                            | what the loop does                                                            |
|----------------------------------|-------------------------------------------------------------------------------|
| the broker refuses a batch       | the rows stand; they are published again, by the same ids, until their deadline |
| the commit's answer is lost      | the reign goes on from what the database says; what is owed is published      |
| the database does not answer     | nothing is decided; said once; after three seconds others may lead            |
| a row cannot be read             | that row is left out and said once; the others go on                          |
| an entry is edited               | it is decided from the edit on; the others do not notice                      |
"""
