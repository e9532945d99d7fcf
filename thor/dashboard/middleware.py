"""Send the Content-Security-Policy of each page, and people without a log-in to log in."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse

#: Scripts come from our own files alone. Styles may be inline because Plotly positions and colours its drawing with
#: style attributes and style elements; a style cannot run code. Pictures may be data, which Plotly's own icons are.
PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: The admin's pages for periodic tasks carry inline scripts that belong to django-celery-beat.
ADMIN = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

Answer = Callable[[HttpRequest], HttpResponse]


def content_security_policy(answer: Answer) -> Answer:
    """Return a middleware that adds the policy unless the view has set one of its own."""

    def add(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        response.headers.setdefault("Content-Security-Policy", policy_of(request))
        return response

    return add


def policy_of(request: HttpRequest) -> str:
    """Return the policy of the page asked for: looser in the admin, strict everywhere else."""
    match = request.resolver_match
    return ADMIN if match is not None and "admin" in match.app_names else PAGES


class LoginRequired(LoginRequiredMiddleware):
    """Ask for a log-in where a page needs one, and only there ask the database who somebody is.

    What needs none, such as the health check, then says in its own words that the database is away.
    """

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> Any:
        """Return where to log in, or None to go on."""
        if not getattr(view_func, "login_required", True):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)
