"""Read prices as they are written for bonds: points and thirty-seconds of a point (pure).

`111-16`, `111'16` and `111:16` are 111 + 16/32. A `+` at the end is half a thirty-second, and so is a third digit of 5;
2 and 7 are a quarter and three quarters of one, as exchanges abbreviate them. A sign goes for the whole: `-0'06` is
minus 6/32. All of these are exact as floats, since they are multiples of 1/128.
"""

import re
from typing import Final

_WRITTEN: Final = re.compile(r"([+-]?)(\d{1,7})[-':](\d\d)(?:(\+)|([0257]))?", re.ASCII)
#: What stands behind the thirty-seconds, in quarters of one.
_QUARTERS: Final = {None: 0, "+": 2, "0": 0, "2": 1, "5": 2, "7": 3}


def thirty_seconds(text: str) -> float | None:
    """Return the price that is written in points and thirty-seconds, or None where the text is no such price."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or int(found[3]) >= 32:
        return None
    quarters = _QUARTERS[found[4] or found[5]]
    price = int(found[2]) + (4 * int(found[3]) + quarters) / 128
    return -price if found[1] == "-" else price
