"""The one base of every error that Thor raises on purpose."""

import inspect


class ThorError(Exception):
    """Something that Thor was asked to do cannot be done."""

    def __init__(self, message: str | None = None) -> None:
        """Take a message of its own or speak with the docstring of the class."""
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or "").split("\n\n")[0])


class BadConfiguration(ThorError):
    """The configuration cannot be used: a variable has a value that is out of its range."""
