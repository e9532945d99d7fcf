"""Drivers: how the plan is carried out.

`timing.plan()` says what is due. A driver finds out in time that something is due, writes the decision and lets the
work happen. `beat` does it as Celery's scheduler, with workers; `heartbeat` in one process, by itself; `supervisor`,
with `crew` and `starters`, in the threads of legacy mode. What all drivers share lies beside them:

* `mode`      which of them runs the jobs of an installation;
* `contender` a scheduler that contends for a seat, with the threads beside its loop;
* `carrier`   where decided runs go: the broker (`publish`), or this process (`bench`);
* `pace`, `bells` when time is decided, and what rings;
* `agenda`    the lines of the schedule, ordered by when each is due next;
* `timetable` the agenda and how the schedule is read into it, by the leader and by those who stand by;
* `batch`     what falls due up to an instant: rows to write and messages to send, gathered ahead where there is time;
* `dispatch`  one decision: gather, write, publish;
* `outgoing`  what goes out now, what waits for room, what was refused, forgotten or lost and goes out again;
* `backlog`   how much a queue may hold;
* `envelope`, `publish` messages for Celery, packed hundreds at a time;
* `memory`    whether the broker still knows what was sent;
* `gate`      the bells: transitions made, windows shown as `enabled`, people's switches turned into wishes;
* `chores`    what the leader does on the side: end runs that nobody ended, keep `last_run_at` up to date;
* `lead`, `standby`, `reign` the loop of one scheduler: stand by, gain the lease, lead, stand down.

    stand by ──lease gained, term raised──► lead ──lease lost, deposed, database away──► stand by
                                              └──SIGTERM──► finish the batch, release, leave

| fault                              | what the loop does                                                         |
|------------------------------------|----------------------------------------------------------------------------|
| the broker refuses a batch         | the rows stand; they are sent again, by the same ids, until their deadline |
| the broker forgets                 | a mark shows it; what is unclaimed and in time is sent again               |
| one message is lost                | what overtook it shows it; it is sent again                                |
| a queue is too long to run in time | what falls due waits in the ledger, and goes out as there is room          |
| the commit's answer is lost        | the reign goes on from what the database says; what is owed is sent        |
| the database crashes and forgets   | its connection breaks: time is decided again from where it says            |
| the database does not answer       | nothing is decided; said once; after three seconds others may lead         |
| a row cannot be read               | that row is left out and said once; the others go on                       |
| an entry is edited                 | it is decided from the edit on; the others do not notice                   |
"""
