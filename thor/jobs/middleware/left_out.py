"""What a middleware raises that does not want the body to be called."""

from thor.errors import ThorError


class LeftOut(ThorError):
    """The body is not to be called now, for this reason."""
