"""Chaos: real schedulers and workers, a random but repeatable series of faults, and a checker that forgives nothing.

* `workload` the lines of the schedule;
* `work`     the jobs and tasks that run; each body writes to a log of its own when it starts and ends;
* `servers`  a Redis and a PostgreSQL that may be killed, frozen, restarted, and restored from an old snapshot;
* `proxy`    a wire between a process and a server that can be cut or be slow;
* `machineclock` a wall clock for one process, which can be stepped;
* `arena`    the processes, each on wires of its own; what dies is started again, and what died by itself is noted;
* `faults`   what is done to them;
* `editor`   a process that edits the schedule as people do;
* `checker`  what must be true of the ledger and the log whatever happened: pure, with tests of its own;
* `history`  reads both; `report` says what they show;
* `run`      one run from its seed: `make chaos SEED=7 OCCURRENCES=20000`.

The seed fixes which faults come, when, and with which strength. It cannot fix what the machine's scheduler does between
two instructions, so a failing seed may need a few tries.
"""
