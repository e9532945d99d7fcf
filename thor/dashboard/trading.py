"""Show how the desk stands, and let those who may turn its switch."""

from typing import Any, Final

import redis
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from thor.dashboard.now import Now, read_now
from thor.dashboard.views import flower_url, speaking
from thor.env import env
from thor.trading.models import Switch
from thor.trading.selectors import DeskView, desk_view
from thor.trading.switch import LONGEST_REASON, BadSwitch, set_switch

#: Who may edit the desk in the admin may turn its switch here.
PERMISSION: Final = "trading.change_desk"
MAY_NOT: Final = "You may not turn the switch; ask somebody who may change the desk."
#: What each position of the switch lets through.
MEANINGS: Final = {
    Switch.ACTIVE: "all orders",
    Switch.REDUCING: "exits only",
    Switch.HALTED: "nothing but emergency exits",
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@speaking
def trading(request: HttpRequest) -> HttpResponse:
    """Show the desk; turn the switch where a form asks for it, and answer 400 or 403 and one sentence where not."""
    now = read_now()
    if request.method != "POST":
        return _page(request, now)
    if not request.user.has_perm(PERMISSION):
        return _page(request, now, sentence=MAY_NOT, status=403)
    try:
        asked = {name: request.POST.get(name, "") for name in ("wanted", "reason")}
        set_switch(asked["wanted"], reason=asked["reason"], by=request.user.get_username(), at=now.at)
    except BadSwitch as error:
        sentence = str(error)
        return _page(request, now, sentence=f"{sentence[:1].upper()}{sentence[1:]}", status=400)
    return redirect("trading")


def _page(request: HttpRequest, now: Now, *, sentence: str = "", status: int = 200) -> HttpResponse:
    view, problem = _view(now)
    page: dict[str, Any] = {
        "now": now,
        "view": view,
        "feed_problem": problem,
        "sentence": sentence,
        "reason": request.POST.get("reason", ""),
        "broker": env().broker,
        "zone": env().market_timezone,
        "may_turn": request.user.has_perm(PERMISSION),
        "positions_of_switch": [(word.value, meaning) for word, meaning in MEANINGS.items()],
        "meaning": MEANINGS[Switch(view.desk.switch)],
        "longest_reason": LONGEST_REASON,
        "flower_url": flower_url(),
    }
    return render(request, "dashboard/trading.html", page, status=status)


def _view(now: Now) -> tuple[DeskView, str]:
    """Return the desk, without prices and with the reason where Redis does not answer."""
    try:
        return desk_view(now.at), ""
    except redis.RedisError as error:
        return desk_view(now.at, {}), f"Redis does not answer ({type(error).__name__}), so prices are unknown."
