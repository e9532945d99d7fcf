"""Say who may ask: loopback, people who are logged in, and clients that send a name and a password."""

from typing import Any, Final

from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from ninja.security import HttpBasicAuth
from ninja.security.session import SessionAuth

LOOPBACK: Final = ("127.0.0.1", "::1")
#: What a proxy adds to a request that it hands on.
HANDED_ON: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR")
#: How many passwords a process remembers as right.
REMEMBERED: Final = 64

_right: dict[str, str] = {}


def on_loopback(request: HttpRequest) -> bool:
    """Tell whether somebody on this machine asks, and no proxy on it for somebody elsewhere.

    Behind TLS (`THOR_TLS`) a direct request is sent away to https, so whatever gets so far came through a proxy.
    """
    if settings.SECURE_SSL_REDIRECT or any(name in request.META for name in HANDED_ON):
        return False
    return request.META.get("REMOTE_ADDR") in LOOPBACK


class LoggedIn(SessionAuth):
    """Let in whoever has logged in at the pages."""


class Password(HttpBasicAuth):
    """Let in a person of the admin by name and password (HTTP basic)."""

    def authenticate(self, request: HttpRequest, username: str, password: str) -> Any:
        """Return the person, or None.

        Hashing a password takes a third of a second, on purpose. One that was right is therefore remembered, as a keyed
        digest, for as long as the person is active and the stored hash stays the same.
        """
        if "\0" in username:  # PostgreSQL refuses to look for it
            return None
        digest = salted_hmac("thor.dashboard.api", f"{username}\0{password}", algorithm="sha256").hexdigest()
        known = get_user_model().objects.filter(username=username, is_active=True).first()
        if known is not None and _right.get(digest) == known.password:
            return known
        person = authenticate(request, username=username, password=password)
        if person is not None:
            _remember(digest, person.password)
        return person


def _remember(digest: str, stored: str) -> None:
    if len(_right) >= REMEMBERED:
        _right.clear()
    _right[digest] = stored
