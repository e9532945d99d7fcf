"""Ask one market again and again from a process of its own: `python watch.py KEY INSTANT`.

Prints a line each time the answer changes: the answer, then the second of the wall at which it was given.
"""

import sys
import time
from datetime import datetime

import django

django.setup()

from thor.markets.selectors import is_open  # noqa: E402  (settings must stand first)

key, at = sys.argv[1], datetime.fromisoformat(sys.argv[2])
last = None
while True:
    answer = is_open(key, at)
    if answer != last:
        sys.stdout.write(f"{answer} {time.time()}\n")
        sys.stdout.flush()
        last = answer
    time.sleep(0.01)
