"""Sign what is pushed over HTTP: an HMAC-SHA256, with THOR_PUSH_KEY, of time, venue and body (pure).

    POST /api/v1/push/globex
    Thor-Timestamp: 1772461800.250                  seconds since 1970, with decimals
    Thor-Signature: hex(HMAC-SHA256(key, "1772461800.250" + "." + "globex" + "." + body))

A signature is valid for VALID_FOR seconds around its time. What may count once is said by `once_of`: a batch whose
quotes all have times of their own is the same batch under whatever signature it comes, one without is known by its
signature alone, since a price that comes twice is no mistake.

    sender: batch, signed 10:00:00 -> taken, the answer is lost
            the same batch, signed 10:01:10 -> taken already, although nobody has seen this signature

It is remembered for the quarter of an hour in which bars can be amended, longer than any signature is valid.
"""

import hashlib
import hmac
import math
import re
from typing import Final

from thor.errors import ThorError

TIMESTAMP: Final = "Thor-Timestamp"
SIGNATURE: Final = "Thor-Signature"
#: Seconds before and after its timestamp in which a signature is good.
VALID_FOR: Final = 60
#: Seconds for which a batch that was taken is remembered.
REMEMBERED_FOR: Final = 15 * 60


class BadSignature(ThorError):
    """A request is not signed as it must be; the message says what is wrong."""


def sign(key: str, timestamp: str, venue: str, body: bytes) -> str:
    """Return the signature of a body for a venue at a time."""
    return hmac.new(key.encode(), f"{timestamp}.{venue}.".encode() + body, hashlib.sha256).hexdigest()


def once_of(venue: str, body: bytes, signature: str, *, timed: bool) -> str:
    """Return by what a batch is known again: by venue and body where all its quotes have times (`timed`)."""
    return hashlib.sha256(f"{venue}.".encode() + body).hexdigest() if timed else signature


def check(key: str, timestamp: str, signature: str, venue: str, body: bytes, *, now: float) -> None:
    """Raise `BadSignature` unless the signature is right and of now (seconds since 1970)."""
    if not timestamp or not signature:
        raise BadSignature(f"send the headers {TIMESTAMP} and {SIGNATURE}; /api/v1/openapi.json says how to make them.")
    if not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", timestamp, re.ASCII):
        raise BadSignature(f"{TIMESTAMP} is seconds since 1970, for example 1772461800.250.")
    # Before the time is judged: whoever has no key is told nothing of our clock.
    if not hmac.compare_digest(sign(key, timestamp, venue, body).encode(), signature.lower().encode()):
        raise BadSignature(
            f"{SIGNATURE} does not fit; sign timestamp, venue and body, a full stop between each, with THOR_PUSH_KEY."
        )
    off = float(timestamp) - now
    if abs(off) > VALID_FOR:
        side = "ahead of" if off > 0 else "behind"
        raise BadSignature(
            f"{TIMESTAMP} is {math.ceil(abs(off))} s {side} our clock; set the clock right, or sign when you send."
        )
