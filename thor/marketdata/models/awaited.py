"""An open that a run of its capture was asked for, and that is not captured yet."""

from django.db import models


class AwaitedCapture(models.Model):
    """The wish to capture one open: written before anything else is done, and gone once it is captured.

    Until `again_from` the run that was asked for is at it; then the passes of grading are.
    """

    market = models.SlugField(max_length=32)
    session_date = models.DateField()
    again_from = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("market", "session_date"), name="marketdata_awaited_once_a_session")
        ]

    def __str__(self) -> str:
        return f"{self.market} {self.session_date:%F}"
