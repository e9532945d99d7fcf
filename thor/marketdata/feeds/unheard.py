"""What a live source gave while nobody listened: between the last promise and the first connection of a process."""

from datetime import UTC, datetime
from typing import Final

from thor.marketdata import incidents, silence
from thor.marketdata.models import FeedIncident
from thor.timing import micros

#: Nanoseconds between the two for which nothing is said.
GRACE: Final = 2 * 10**9


class Unheard:
    """Say once, each time that a process begins to listen, for how long nobody had."""

    def __init__(self, venue: str, source: str) -> None:
        """Know nothing yet."""
        self._venue, self._source = venue, source
        self._since: int | None = None
        self._is_said = False

    def begin(self, since: int) -> None:
        """Take what was promised (ns) when listening begins; later calls change nothing."""
        if self._since is None:
            self._since = since

    def rest(self) -> None:
        """Listen no more: the next begin is another."""
        self._since, self._is_said = None, False

    def end(self, opened: datetime) -> None:
        """Take when a connection was opened; the first one ends what was unheard."""
        since, until = self._since, micros(opened) * 1000
        if self._is_said or since is None or until < since:
            return
        self._is_said = True
        begin = datetime.fromtimestamp(since // 1000 / 1e6, UTC)
        if until - since > GRACE and any(silence.open_since(self._venue, at) for at in (begin, opened)):
            detail = f"nobody listened from {begin:%F %T} to {opened:%F %T} UTC: what came then is not asked for again"
            incidents.report(self._venue, FeedIncident.Kind.LOST, source=self._source, at=opened, detail=detail)
