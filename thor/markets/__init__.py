"""Know when each market trades, and say so at the very instant.

How a question is answered
    exchange_calendars knows the sessions, but it brings pandas along and takes 90 µs and more for a
    question. So the library is asked once a day, in a short-lived process of its own (`build`), for the
    whole history of each calendar; the answer is kept as columns of whole minutes (`columns`) in one small
    file a calendar (`store`). A process that only asks "open now?" reads that file and bisects a column: no
    pandas, well under a microsecond (`sessions`).

Where a session comes from
    `calendars` names the calendars: those of the library as they are, and three derived from them, because
    nobody publishes them: the hour before New York, New York's extended day, and Globex without its daily
    halt. After the library's horizon sessions follow the weekly hours and are *provisional*: good enough to
    plan with.

Who owns which fact
    `Market` rows (installed once by `box`) and `Override` rows are the operator's, read through `registry`
    together with the file of overrides (`override_file`). It forgets after 0.3 seconds, so that an edit takes
    effect in every process within a second, without a restart. `overrides` changes the columns of a calendar,
    `sessions` replaces the tables of the markets that it moves, and leaves every other table as it is.
    `Transition` rows are history: `transitions` writes each exactly once, whatever the number of processes, and
    the process that wrote it sends the signals of `signals`.

For other apps
    `selectors` (open now? which phase? which markets?), `sessions.sessions_of` for `timing.plan()`, the
    three signals, and for the leading scheduler `next_transition_at`, `make_transitions` and
    `bootstrap_open_markets`.
"""
