"""The three signals that the leading scheduler's process hears.

Receivers get `market` (its key), `session` (the `timing.Session` concerned) and `at` (the instant of the
transition, aware UTC); `session_phase_changed` also gets `phase`, the `timing.Phase` that begins. The
sender is the `Market` class.

Delivery is at least once: a row whose process died is sent again, so a receiver must be idempotent. A
receiver that raises does not stop the others; the row stays unhandled and is sent again at the next call.
"""

from django.dispatch import Signal

#: Once a session, at its open; breaks do not ring.
market_opened = Signal()
#: Once a session, at its close.
market_closed = Signal()
#: At each change of phase: pre_open, open, break, pre_close, post_close, closed.
session_phase_changed = Signal()
