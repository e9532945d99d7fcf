"""Markets as operators see and edit them, and the history of their bells."""

from datetime import UTC, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from thor.markets.overrides import DayOverride
from thor.timing.phase import POST_CLOSE, Phase

#: A transition never begins a holiday: on a date without a session nothing happens.
PHASES = [(phase.value, phase.replace("_", " ")) for phase in Phase if phase is not Phase.holiday]


class Market(models.Model):
    """A market: which calendar rules it, what it weighs, and what is captured at its bells."""

    class Role(models.TextChoices):
        """What a market is for: a control market rings bells, a venue is where instruments trade."""

        CONTROL = "control", "control market"
        VENUE = "venue", "venue"

    class ClockSource(models.TextChoices):
        """Who is asked whether the market is open."""

        CALENDAR = "calendar", "calendar"
        BROKER = "broker", "broker's clock"

    key = models.SlugField(unique=True, help_text="Name in jobs, addresses and logs; never changed.")
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=1000, help_text="Place in lists.")
    calendar = models.CharField(
        max_length=40, help_text="A calendar of exchange_calendars (XNYS), or a derived one (XNYS-PRE)."
    )
    zone = models.CharField(max_length=40, help_text="Time zone in which people read it: Asia/Tokyo.")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.CONTROL)
    weight = models.DecimalField(
        max_digits=6,
        decimal_places=4,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1))],
        help_text="Share of the global composite, 0 to 1.",
    )
    currency = models.CharField(max_length=8, default="USD")
    active = models.BooleanField(default=True, help_text="Off: no bells, no entries; history stays.")
    capture_futures = models.BooleanField(default=True, help_text="Take the futures into the figures.")
    capture_open = models.BooleanField(default=True, help_text="Capture at the open.")
    capture_close = models.BooleanField(default=True, help_text="Capture at the close.")
    clock_source = models.CharField(max_length=10, choices=ClockSource.choices, default=ClockSource.CALENDAR)
    post_close = models.DurationField(
        default=POST_CLOSE, help_text="How long after the close the market is post close."
    )

    class Meta:
        ordering = ["position", "key"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone_info(self) -> ZoneInfo:
        """Return the zone in which people read this market."""
        return ZoneInfo(self.zone)

    def clean(self) -> None:
        """Refuse a zone or a calendar that does not exist, before anything depends on it."""
        if self.zone not in available_timezones():
            raise ValidationError({"zone": f"{self.zone!r} is no time zone; write for example Asia/Tokyo."})
        if self.post_close is not None and self.post_close < timedelta(0):
            raise ValidationError({"post_close": "A market cannot be post close for less than no time."})
        self._clean_calendar()
        if self.clock_source == self.ClockSource.BROKER:
            self._clean_broker()

    def _clean_broker(self) -> None:
        from thor.markets.broker_clock import why_not

        if refusal := why_not(self.calendar):
            raise ValidationError({"clock_source": f"{refusal[0].upper()}{refusal[1:]}."})

    def _clean_calendar(self) -> None:
        from thor.markets.sessions import sessions_of_calendar
        from thor.markets.store import CalendarUnavailable

        try:
            sessions_of_calendar(self.calendar)
        except CalendarUnavailable as error:
            raise ValidationError({"calendar": str(error)}) from error


class Override(models.Model):
    """What an operator knows of one date of one market and its calendar does not: it wins over the calendar.

    Either closed for the whole date, or other hours: a late open, an early close, or both, which also makes a session
    on a date that has none. Times are of the market's zone; a close that is not after the open is refused. Where a
    session opens on the eve of its date, an open that the close has already passed is one of the eve.
    """

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="overrides")
    date = models.DateField(help_text="Date of the session, as the market counts it.")
    closed = models.BooleanField(default=False, help_text="No session at all on this date.")
    open = models.TimeField(null=True, blank=True, help_text="Another open, in the market's own time: 10:30.")
    close = models.TimeField(null=True, blank=True, help_text="Another close, in the market's own time: 13:00.")
    reason = models.CharField(max_length=200, help_text="Why, for whoever reads it later: day of mourning.")
    entered_by = models.CharField(max_length=150, blank=True, editable=False)
    entered_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-date", "market"]
        constraints = [models.UniqueConstraint(fields=["market", "date"], name="markets_override_once")]

    def __str__(self) -> str:
        return f"{self.market.key} {self.date:%F}"

    def said(self, market: Market) -> DayOverride:
        """Return what the row says, in the zone of its market."""
        return DayOverride(self.date, self.closed, self.open, self.close, self.reason, market.zone)

    def clean(self) -> None:
        """Refuse what makes no session, with the field to change, before any process takes it over."""
        from thor.markets.verdict import verdict

        market = Market.objects.filter(pk=self.market_id).first()
        if market is None or self.date is None:
            return
        beside = [one.said(market) for one in market.overrides.all()]
        if wrong := verdict(self.said(market), market.calendar, beside):
            field, sentence = wrong
            raise ValidationError({field: sentence})


class ClockReading(models.Model):
    """What a broker's clock said of one market when it was last asked, and how often it has failed since.

    One row a market, written by the job that asks and read by every process. `asked_at` is the last try, `answered_at`
    the last answer; `opens_at` and `closes_at` are the next bells as of that answer. `day`, `day_open` and `day_close`
    are the broker's hours of one date; both times are None where it says that the date has no session.
    """

    market = models.OneToOneField(Market, on_delete=models.CASCADE, primary_key=True, related_name="reading")
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Failures in a row since the last answer.")
    error = models.CharField(max_length=300, blank=True, help_text="What the last failure said.")
    is_open = models.BooleanField(null=True, blank=True)
    opens_at = models.DateTimeField(null=True, blank=True)
    closes_at = models.DateTimeField(null=True, blank=True)
    day = models.DateField(null=True, blank=True)
    day_open = models.DateTimeField(null=True, blank=True)
    day_close = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["market"]

    def __str__(self) -> str:
        return f"{self.market.key} as its broker saw it"


class Transition(models.Model):
    """One bell or one change of phase of one market, written exactly once.

    `claim` and `claimed_at` say which call is sending the signals; they are stamped by the database's
    clock, so that neither the clocks of hosts nor a replay can shorten a claim. `handled_at` is business
    time, like `at`.
    """

    class Kind(models.TextChoices):
        """What happened; opened and closed once a session, everything else is a phase.

        A session that is taken out of the calendar while it is open is called off: it closes, and may yet come back.
        """

        OPENED = "opened", "opened"
        CLOSED = "closed", "closed"
        CALLED_OFF = "called_off", "called off"
        PHASE = "phase", "phase"

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="transitions")
    session_date = models.DateField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    phase = models.CharField(max_length=12, choices=PHASES, help_text="The phase that begins.")
    at = models.DateTimeField(help_text="The instant of the bell, not of its handling.")
    handled_at = models.DateTimeField(null=True, blank=True, help_text="When the signals had been sent.")
    claim = models.UUIDField(null=True, blank=True, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-at", "kind", "market"]
        constraints = [
            models.UniqueConstraint(
                fields=["market", "session_date", "kind", "phase", "at"], name="markets_transition_once"
            ),
            # A session rings each bell once, even if its close is moved after it has rung.
            models.UniqueConstraint(
                fields=["market", "session_date", "kind"],
                condition=models.Q(kind__in=["opened", "closed"]),
                name="markets_transition_bell_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["at"],
                condition=models.Q(handled_at__isnull=True),
                name="markets_transition_unhandled",
            ),
            models.Index(fields=["claim"], name="markets_transition_claim"),
        ]

    def __str__(self) -> str:
        what = self.phase if self.kind == self.Kind.PHASE else self.kind
        return f"{self.market.key} {what} {self.at.astimezone(UTC):%F %T} UTC"

    @property
    def lateness(self) -> timedelta | None:
        """Return how long after its instant the transition was handled, or None while it is not."""
        return None if self.handled_at is None else self.handled_at - self.at
