"""What a middleware raises that does not want the body to be called."""

from datetime import timedelta

from thor.errors import ThorError


class LeftOut(ThorError):
    """The body is not to be called now, for this reason."""

    def __init__(self, reason: str, *, wait: timedelta | None = None) -> None:
        """Say why; `wait` is after which time what comes once a session tries again, where that is not the usual."""
        super().__init__(reason)
        self.wait = wait
