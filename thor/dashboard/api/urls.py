"""The front of the API: its addresses, its document, and the page on which people try it."""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

import pydantic_core
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Router, Swagger
from ninja.operation import Operation
from ninja.renderers import BaseRenderer

from thor.dashboard.api import push
from thor.dashboard.api.callers import LoggedIn, Password, on_loopback
from thor.dashboard.api.marketdata import captures, feeds, prices, quotes
from thor.dashboard.api.operations import router
from thor.dashboard.api.troubles import speak_of_troubles, trouble

View = Callable[..., HttpResponse]

ABOUT: Final = (
    "Read-only, but for `push`. Instants are ISO 8601 with an offset; without `at` they are answered for now, by the "
    "clock of this installation. Weights, prices and other figures are decimals in strings. What cannot be answered is "
    "said in one sentence, as `error`. From loopback nobody need log in; elsewhere a session of the pages or HTTP "
    "basic is asked for."
)


class Exact(BaseRenderer):
    """Write JSON with every digit: microseconds and decimals are not rounded."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return an answer as bytes."""
        return pydantic_core.to_json(data)


class Api(NinjaAPI):
    """The API of Thor; its operations are called as their functions are."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the name of an operation, which generated clients give to a method."""
        return str(operation.view_func.__name__)


api = Api(
    title="Thor: markets and market data",
    version="1",
    description=ABOUT,
    urls_namespace="api",
    openapi_url=None,
    auth=[on_loopback, LoggedIn(csrf=False), Password()],
    renderer=Exact(),
)
speak_of_troubles(api)
for answered in (router, quotes.router, captures.router, prices.router, feeds.router, push.router):
    api.add_router("", answered)
elsewhere = Router()
api.add_router("", elsewhere)  # the last: it takes every address


@api.get("/openapi.json", include_in_schema=False, url_name="openapi-json")
def document(request: HttpRequest) -> Any:
    """Return the OpenAPI document, which does not change while a process lives."""
    return _document()


@elsewhere.get("/{path:rest}", include_in_schema=False)
def unknown(request: HttpRequest, rest: str) -> Any:
    """Say that there is no such address, in the shape of the API."""
    return nowhere(request)


def nowhere(request: HttpRequest) -> HttpResponse:
    """Answer that there is no such address."""
    sentence = f"There is no address {request.path!r}; /api/v1/openapi.json lists them."
    return trouble(sentence, HTTPStatus.NOT_FOUND)


@functools.cache
def _document() -> dict[str, Any]:
    return dict(api.get_openapi_schema())


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the document to people, with files of our own: nothing is fetched from elsewhere."""
    return Swagger({"validatorUrl": None, "supportedSubmitMethods": ["get"]}).render_page(request, api)


def door(view: View, *, posted: bool = False) -> View:
    """Let only GET and HEAD in, or only POST, whoever is logged in or not: the API itself asks who calls.

    What is refused is answered in JSON. A cookie opens nothing that is posted to, so no forged form can.
    """
    let_in = ("POST",) if posted else ("GET", "HEAD")

    @login_not_required
    @csrf_exempt
    @never_cache
    @functools.wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = request.method
        if asked not in let_in:
            return _not_allowed(str(asked), let_in)
        if posted:
            return view(request, *args, **kwargs)
        # The library knows no HEAD; the server leaves out the body, as long as the request says HEAD again.
        request.method = "GET"
        try:
            return view(request, *args, **kwargs)
        except Http404:
            return trouble(
                f"There is no address {request.path!r}; /api/v1/openapi.json lists them.", HTTPStatus.NOT_FOUND
            )
        finally:
            request.method = asked

    return enter


def _not_allowed(asked: str, let_in: tuple[str, ...]) -> HttpResponse:
    why = "quotes are pushed with POST" if "POST" in let_in else "the API is only read, with GET or HEAD"
    allow = {"Allow": ", ".join(let_in)}
    return trouble(f"{asked} is not allowed; {why}.", HTTPStatus.METHOD_NOT_ALLOWED, allow)


def _addresses() -> list[URLPattern]:
    """Return the page, and every address of the library's behind the door."""
    patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern)]
    for pattern in patterns:
        pattern.callback = door(cast(View, pattern.callback), posted=pattern.name == push.push_quotes.__name__)
    return [path("docs", page, name="docs"), *patterns]


app_name = "api"
urlpatterns = _addresses()
