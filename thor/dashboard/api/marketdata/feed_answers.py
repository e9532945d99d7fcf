"""The models of what is said of feeds and their incidents."""

from datetime import datetime
from typing import Literal

from ninja import Schema
from pydantic import Field

from thor.dashboard.api.marketdata.figures import of_row, simulated
from thor.dashboard.api.marketdata.questions import IncidentKind
from thor.dashboard.api.paging import NEXT
from thor.dashboard.feeds import FeedRow, VenueFeed
from thor.marketdata.models import FeedIncident


class IncidentAnswer(Schema):
    """One trouble of one kind, from its first occurrence to its last; times are data time."""

    id: int
    venue: str
    symbol: str = Field(description="Empty where the whole venue is meant.")
    kind: IncidentKind
    text: str = Field(description="What happened and what was done about it.")
    source: str
    first_at: datetime
    last_at: datetime
    ended_at: datetime | None = Field(description="Null while it lasts.")
    count: int = Field(description="How many ticks; of a silence 1.")
    detail: str = Field(description="The latest example.")

    @classmethod
    def of(cls, row: FeedIncident) -> "IncidentAnswer":
        """Return what is said of a row."""
        return cls(**of_row(row, cls.model_fields), text=str(row.get_kind_display()))


class IncidentsAnswer(Schema):
    """A page of incidents, the latest first."""

    rows: list[IncidentAnswer]
    count: int = Field(description="How many are on this page.")
    next: str | None = NEXT


class Published(Schema):
    """What the feed of a venue has published."""

    source: str
    simulated: bool = Field(description="True: the prices are made up.")
    watermark: datetime = Field(description="The data time up to which everything has been published.")
    age_seconds: float = Field(description="Real time since the last batch.")
    ticks: int = Field(description="How many it has published since its run began.")
    not_folded: int = Field(description="How many of them are not in minutes yet.")

    @classmethod
    def of(cls, feed: FeedRow) -> "Published":
        """Return what is said of a feed that has published."""
        status = feed.status
        return cls(
            source=status.source,
            simulated=simulated(status.source),
            watermark=status.watermark,
            age_seconds=round(status.age.total_seconds(), 3),
            ticks=status.published,
            not_folded=status.waiting,
        )


class FeedAnswer(Schema):
    """The feed of one venue."""

    venue: str
    name: str
    status: Literal["live", "silent", "resting", "absent"] = Field(
        description="live: it publishes. silent: it does not, though its venue is open. resting: it does not, "
        "and its venue is closed. absent: it has never published."
    )
    silent_seconds: float | None = Field(description="Real time since the last batch, where it is silent.")
    silent_since: datetime | None = Field(description="The data time since which nothing came, where it is silent.")
    published: Published | None = Field(description="Null where it has never published.")
    incidents: list[IncidentAnswer] = Field(
        description="The troubles that are not over, the latest first; of all venues together at most 60."
    )
    open_incidents: int = Field(description="How many troubles are not over.")

    @classmethod
    def of(cls, found: VenueFeed) -> "FeedAnswer":
        """Return what is said of a venue's feed."""
        silent = found.feed.status.age.total_seconds() if found.feed and found.status == "silent" else None
        return cls(
            venue=found.venue,
            name=found.name,
            status=found.status,
            silent_seconds=None if silent is None else round(silent, 3),
            published=Published.of(found.feed) if found.feed else None,
            silent_since=found.silent_since,
            incidents=[IncidentAnswer.of(row) for row in found.troubles.latest],
            open_incidents=found.troubles.number,
        )


class FeedsAnswer(Schema):
    """The feeds of all active venues."""

    feeds: list[FeedAnswer]
    count: int
