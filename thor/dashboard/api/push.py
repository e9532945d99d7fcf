"""Take quotes from other processes over HTTP: signed, each batch once, and judged one by one.

| status | when                                                                                        |
|--------|---------------------------------------------------------------------------------------------|
| 200    | at least one quote was taken; `refused` says which were not, and why                        |
| 400    | no batch of quotes, or none that can be used                                                |
| 401    | no key is set here, no right signature, one of another time, or a batch that was taken      |
| 404    | the signature is right, and there is no such venue                                          |
| 409    | no feed here reads what is pushed for that venue                                            |
| 413    | more than 256 kB                                                                            |
| 503    | Redis or the database does not answer: the batch was not taken, send it again               |

A batch that comes again is answered 401 with the header `Thor-Push: taken`: it is in, and a sender that did not hear
the first answer need not send it again. By what a batch is known again is said in `signing`.
"""

from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError
from ninja.responses import Status
from ninja.security import APIKeyHeader
from pydantic import Field

from thor.connections import redis_client
from thor.dashboard.api.troubles import Trouble, trouble
from thor.dashboard.now import read_now
from thor.env import env
from thor.marketdata import ingress, keys, signing
from thor.marketdata.feeds.choice import is_pushed
from thor.marketdata.ingress_quotes import AMOUNTS, FIELDS, MOST_BYTES, MOST_QUOTES, BadBatch, Batch
from thor.marketdata.ingress_quotes import judge as judged
from thor.markets.models import Market
from thor.markets.registry import UnknownMarket, market

router = Router()

#: Says that a batch that comes again is in.
TAKEN: Final = "Thor-Push"


class RefusedQuote(Schema):
    """A quote that was left out."""

    place: int = Field(description="Its place in the batch, from 0.")
    symbol: str
    reason: str


class PushAnswer(Schema):
    """What became of a batch."""

    accepted: int = Field(description="How many quotes were taken.")
    refused: list[RefusedQuote]
    entry: str = Field(
        description="The id of its entry in the stream; the time of receipt in milliseconds, and a number."
    )


class NothingTaken(Trouble):
    """Why no quote of a batch was taken."""

    refused: list[RefusedQuote] = Field(default=[], description="The first hundred, where it was a batch at all.")


class Signed(APIKeyHeader):
    """Let in whoever has THOR_PUSH_KEY: hex of HMAC-SHA256 over `timestamp.venue.body`."""

    param_name = signing.SIGNATURE
    openapi_description = (
        "Hex of HMAC-SHA256, with THOR_PUSH_KEY, over the timestamp as sent, a full stop, the venue, a full stop, and "
        "the body. Valid within 60 s of the timestamp."
    )

    def authenticate(self, request: HttpRequest, key: str | None) -> str:
        """Return the signature; raise HttpError where it is not right, or the body too large to be judged."""
        secret = env().push_key
        if not secret:
            raise HttpError(401, "No quotes are taken here; set THOR_PUSH_KEY, here and where they are pushed from.")
        _refuse_large(request)
        venue = str(request.resolver_match.kwargs["venue"]) if request.resolver_match else ""
        timestamp, now = request.headers.get(signing.TIMESTAMP, ""), read_now().wall.timestamp()
        try:
            signing.check(secret, timestamp, key or "", venue, request.body, now=now)
        except signing.BadSignature as error:
            raise HttpError(401, str(error)) from None
        return (key or "").lower()


_FIGURES: Final = {
    name: {"type": ["number", "null"], **({"minimum": 0} if name in AMOUNTS else {})} for name in FIELDS[2:]
}
_QUOTE: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["symbol"],
    "properties": {
        "symbol": {"type": "string", "maxLength": 48, "description": "As the source spells it: /ES, 30YrBond, BRK.B."},
        "at": {
            "oneOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}, {"type": "null"}],
            "description": "Its time, with an offset, or as ns since 1970; left out, that of its receipt.",
        },
        **_FIGURES,
    },
}
_BATCH: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["quotes"],
    "properties": {
        "source": {"type": "string", "pattern": "^[A-Z][A-Z0-9_-]{0,15}$", "example": "EXCEL"},
        "quotes": {"type": "array", "minItems": 1, "maxItems": MOST_QUOTES, "items": _QUOTE},
    },
    "example": {"quotes": [{"symbol": "ES", "last": 6010.25, "bid": 6010, "ask": 6010.5, "volume": 812345}]},
}
_EXTRA: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _BATCH}}},
    "parameters": [
        {
            "in": "header",
            "name": signing.TIMESTAMP,
            "required": True,
            "schema": {"type": "string", "example": "1772461800.250"},
            "description": "Seconds since 1970 when the request was signed; decimals tell two of one second apart.",
        },
    ],
}
_ANSWERS: Final = {200: PushAnswer, 400: NothingTaken, **dict.fromkeys((401, 404, 409, 413, 503), Trouble)}


@router.post("/push/{venue}", auth=Signed(), response=_ANSWERS, tags=["push"], openapi_extra=_EXTRA)
def push_quotes(request: HttpRequest, venue: str) -> Any:
    """Hand in quotes of a venue, for the feeds `push` and `excel`: a bad quote costs that quote alone."""
    if market(venue).role != Market.Role.VENUE:
        raise UnknownMarket(f"{venue} is no venue; quotes are of the market on which an instrument trades.")
    if not is_pushed(env().feed, venue) and not ingress.is_read(redis_client(), venue):
        raise HttpError(
            409, f"No feed reads what is pushed for {venue}; add {venue}=push to THOR_FEED, and start the feed again."
        )
    try:
        batch = judged(request.body)
    except BadBatch as error:
        return Status(400, NothingTaken(error=str(error)))
    refused = [RefusedQuote(place=one.place, symbol=one.symbol, reason=one.reason) for one in batch.refused]
    if not batch.quotes:
        first = f"none of the {len(refused)} quotes can be used; the first: {refused[0].reason}"
        return Status(400, NothingTaken(error=first, refused=refused[:100]))
    return _taken(request, venue, batch, refused)


def _taken(request: HttpRequest, venue: str, batch: Batch, refused: list[RefusedQuote]) -> Any:
    signature: str = request.auth  # type: ignore[attr-defined]
    timed = all(quote.at is not None for quote in batch.quotes)
    once = keys.push_taken(signing.once_of(venue, request.body, signature, timed=timed)), signing.REMEMBERED_FOR
    try:
        entry = ingress.append(redis_client(), venue, batch, once=once)
    except ingress.AlreadyTaken:
        return _again()
    except BadBatch as error:  # figures written out, it is larger than it was sent
        raise HttpError(413, str(error)) from None
    return PushAnswer(accepted=len(batch.quotes), refused=refused, entry=entry)


def _again() -> HttpResponse:
    sentence = "This batch was taken already; sign each batch anew, and give its quotes times to the microsecond."
    return trouble(sentence, HTTPStatus.UNAUTHORIZED, {TAKEN: "taken"})


def _refuse_large(request: HttpRequest) -> None:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise HttpError(413, f"A batch has at most {MOST_BYTES // 1024} kB; send several.")
