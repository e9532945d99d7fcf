"""The ways in: each feed turns one source of prices into batches of ticks for one venue.

`port.Feed` is all that the publisher knows. `registry` maps the names that THOR_FEED may hold to functions that open
feeds, so a further source is one module and one line there; `tests/contracts/feed_conformance.py` is what it must pass.

A feed is asked for an interval of data time, [since, until). Sources that can answer about any interval (a simulation,
a recording) do; a live source gives what has arrived and promises, by its watermark, how far that reaches.
Symbols are made canonical here, at the edge, and nowhere else.
"""
