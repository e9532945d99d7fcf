"""Say that something cannot be answered: one sentence, always as `{"error": …}`, with the status that fits."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import redis
from django import db
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import Field

from thor.errors import ThorError
from thor.marketdata.selectors import UnknownSymbol
from thor.markets.registry import UnknownMarket

log = logging.getLogger(__name__)

WHO: Final = (
    "Log in at /login/, or send name and password (HTTP basic); "
    "from loopback neither is needed, unless through a proxy or behind TLS."
)


class Trouble(Schema):
    """Why there is no answer."""

    error: str = Field(description="One sentence that names what to change.")


def trouble(sentence: str, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return the one shape of every answer that is none."""
    return JsonResponse({"error": sentence}, status=status, headers=headers)


def speak_of_troubles(api: NinjaAPI) -> None:
    """Let the API say each kind of trouble in its sentence; the most particular kind that fits is taken."""
    for kind, say in _TROUBLES.items():
        api.add_exception_handler(kind, say)


def _unasked(request: HttpRequest, error: Any) -> HttpResponse:
    return trouble(WHO, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="Thor", charset="UTF-8"'})


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    return trouble(str(error), HTTPStatus(error.status_code))


def _nonsense(request: HttpRequest, error: Any) -> HttpResponse:
    return trouble(_sentence(error.errors[0]), HTTPStatus.BAD_REQUEST)


def _unknown(request: HttpRequest, error: Any) -> HttpResponse:
    return trouble(str(error), HTTPStatus.NOT_FOUND)


def _away(request: HttpRequest, error: Any) -> HttpResponse:
    # The text of the database's error can hold an address or a user.
    log.warning("thor.api.database_away: %s", error)
    return trouble(f"The database does not answer ({type(error).__name__}); try again.", HTTPStatus.SERVICE_UNAVAILABLE)


def _no_redis(request: HttpRequest, error: Any) -> HttpResponse:
    # As of the database: the text can hold an address.
    log.warning("thor.api.redis_away: %s", error)
    return trouble(f"Redis does not answer ({type(error).__name__}); try again.", HTTPStatus.SERVICE_UNAVAILABLE)


def _unavailable(request: HttpRequest, error: Any) -> HttpResponse:
    log.warning("thor.api.unavailable: %s", error)
    return trouble(str(error), HTTPStatus.SERVICE_UNAVAILABLE)


def _broken(request: HttpRequest, error: Any) -> HttpResponse:
    log.error("thor.api.broken: %s", request.path, exc_info=error)
    sentence = "Thor made a mistake; the log of the web process says which."
    return trouble(sentence, HTTPStatus.INTERNAL_SERVER_ERROR)


_TROUBLES: Final = {
    AuthenticationError: _unasked,
    HttpError: _refused,
    ValidationError: _nonsense,
    UnknownMarket: _unknown,
    UnknownSymbol: _unknown,
    redis.RedisError: _no_redis,
    db.Error: _away,  # an `InterfaceError`, of a connection that was closed, is no `DatabaseError`
    ThorError: _unavailable,
    Exception: _broken,
}


def _sentence(error: Mapping[str, Any]) -> str:
    name = str(error["loc"][-1])
    text = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{name} cannot be used: {text[0].lower()}{text[1:]}."
