"""Thor beside its peers, in one run: `python -m benchmarks.scheduler`, or `make bench`.

Each measurement starts real `celery beat` processes on a private PostgreSQL and a private Valkey, and reads what they
send straight off the broker's queue. Nothing here is a test: a timing is a fact about a machine, not a promise.

* `scheduler`    the command: what to measure, the table, the JSON;
* `measurements` how many fires, how late, at what cost of CPU; `failures` what happens when schedulers die;
* `lines`        the lines of the table, and the goal of each;
* `subjects`     the three schedulers, behind one set of verbs; `peer`, `peer_settings` the application of the peers;
* `servers`, `processes`, `reader`, `editor`, `machine`  what all of that stands on.
"""
