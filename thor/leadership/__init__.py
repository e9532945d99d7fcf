"""Leadership: which scheduler acts, and the number that proves it.

Several schedulers run; one leads. Two mechanisms share the work, and only the second carries correctness:

* the *lease* (`lease.py`, in Redis) saves work. Its holder decides; the others stand by. It is renewed every fifth of
  its life, and its holder trusts it until three quarters of its life after the *start* of the last attempt that
  succeeded, on a clock that also counts while the machine sleeps. "Not sure that I lead" means "I do not lead".
* the *term* (`term.py`, one row of the database) is one reign's number. The winner of the lease raises it; every
  decision is one statement that demands it. A leader that was deposed while it slept writes nothing.

What can go wrong, and what then happens:

| fault                                    | outcome                                                                  |
|------------------------------------------|--------------------------------------------------------------------------|
| the leader is killed                     | the lease expires; a standby raises the term and publishes what is owed  |
| the leader is stopped, then continued    | its trust has run out: it follows; a decision in hand meets a newer term |
| Redis cannot be reached                  | nobody gains the lease; the leader stands down when its trust ends       |
| the database cannot be reached           | nothing is decided; after 3 s the leader releases and holds back for 5 s, |
|                                          | or until nobody has taken the lease for 1.5 s                            |
| a release, an edit is announced and lost | everybody looks by themselves four times a second                        |
| two leaders at once, whatever the reason | the older term's statements touch no row                                 |

`clock.py` gives each process its clock: the system's, or a replay's, whose origin all processes share through Redis.
"""
