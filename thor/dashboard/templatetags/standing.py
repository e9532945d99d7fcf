"""Show where the markets stand that go by a broker's clock."""

from typing import Any

from django import template
from django.template import Context

from thor.markets.standing import by_broker, standing

register = template.Library()


@register.inclusion_tag("dashboard/_standing.html", takes_context=True)
def standings(context: Context) -> dict[str, Any]:
    """Write a line for each active market with a broker's clock; nothing, and no query, where there is none."""
    at = context["now"].at
    return {"standings": [(row, standing(row.key, at)) for row in by_broker()]}
