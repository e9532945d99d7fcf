"""Let templates say instants, durations and states as `thor.dashboard.wording` does."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from thor.dashboard import wording

register = template.Library()


@register.simple_tag(takes_context=True)
def moment(context: Context, at: datetime | None, zone: str = "UTC", *, show_zone: bool = True) -> SafeString | str:
    """Write a `<time>` in the zone of a market; UTC is in its title."""
    if at is None:
        return "–"
    name = format_html(' <span class="zone">{}</span>', wording.zone_text(at, zone)) if show_zone else ""
    text = wording.local_text(at, zone, context["now"].at)
    return format_html('<time datetime="{}" title="{}">{}{}</time>', at.isoformat(), wording.utc_text(at), text, name)


@register.simple_tag(takes_context=True)
def countdown(context: Context, at: datetime | None) -> SafeString | str:
    """Write the time left until a business instant; live.js counts it down."""
    if at is None:
        return ""
    text = wording.countdown_text(at - context["now"].at)
    return format_html('<span class="countdown" data-until="{}">{}</span>', int(at.timestamp() * 1000), text)


@register.simple_tag(takes_context=True)
def local_clock(context: Context, zone: str) -> SafeString:
    """Write what the clock on a market's wall says; live.js lets it tick."""
    at = context["now"].at
    local = at.astimezone(ZoneInfo(zone))
    return format_html(
        '<time datetime="{}" title="{}"><span data-clock="{}">{}</span></time> <span class="zone">{} {}</span>',
        *(at.isoformat(), wording.utc_text(at), zone, f"{local:%H:%M:%S}", f"{local:%a}", wording.zone_text(at, zone)),
    )


@register.simple_tag
def event_word(event: Any) -> str:
    """Name what a market does next."""
    return wording.EVENTS.get(str(event), str(event).replace("_", " "))


@register.simple_tag
def phase_mark(phase: Any) -> SafeString:
    """Write the phase of a market as sign, colour and word."""
    return _written(wording.mark_of(wording.PHASES, str(phase)))


@register.simple_tag
def state_mark(state: Any) -> SafeString:
    """Write the state of a run as sign, colour and word."""
    return _written(wording.mark_of(wording.STATES, str(state)))


@register.simple_tag
def switch_mark(position: Any) -> SafeString:
    """Write the position of the trading switch as sign, colour and word."""
    return _written(wording.mark_of(wording.SWITCHES, str(position)))


@register.simple_tag
def readiness_mark(status: Any) -> SafeString:
    """Write what reconciliation found as sign, colour and word."""
    return _written(wording.mark_of(wording.READINESS, str(status)))


@register.simple_tag
def order_mark(state: Any) -> SafeString:
    """Write the state of an order as sign, colour and word."""
    return _written(wording.mark_of(wording.ORDERS, str(state)))


@register.simple_tag
def signal_mark(signal: Any) -> SafeString:
    """Write a signal as sign, colour and word."""
    return _written(wording.mark_of(wording.SIGNALS, str(signal)) if signal else wording.SIGNALS[""])


@register.simple_tag
def outcome_mark(outcome: Any) -> SafeString:
    """Write what became of a trade as sign, colour and word."""
    return _written(wording.mark_of(wording.OUTCOMES, str(outcome)))


@register.simple_tag
def change_mark(change: Decimal | None, percent: Decimal | None, decimals: int) -> SafeString:
    """Write how a price has moved as sign, colour and figures."""
    return _written(wording.change_mark(change, percent, decimals))


@register.simple_tag
def price(value: Decimal | None, decimals: int | None = None, *, signed: bool = False) -> str:
    """Write a price with its instrument's decimals, or with as many as it has."""
    return wording.price_text(value, decimals, signed=signed)


@register.simple_tag
def percentage(value: Decimal | None) -> str:
    """Write a percentage."""
    return wording.percent_text(value)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Write a duration: a timedelta, or a number of milliseconds."""
    return wording.duration_text(value.total_seconds() * 1000 if isinstance(value, timedelta) else value)


@register.simple_tag
def event_fields(fields: dict[str, Any]) -> SafeString:
    """Write what an event says, briefly: a list or a table is its size, with all of it in the title."""
    return format_html_join(" ", "{}={}", _fields(fields))


def _fields(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if name in wording.LEFT_OUT or value is None or value == "":
            continue
        brief = wording.brief_text(value)
        whole = wording.whole_text(value)
        yield name, brief if brief == whole else format_html('<span title="{}">{}</span>', whole, brief)


def _written(mark: wording.Mark) -> SafeString:
    return format_html(
        '<span class="mark {}"><span class="sign" aria-hidden="true">{}</span> {}</span>',
        mark.tone,
        mark.sign,
        mark.word,
    )
