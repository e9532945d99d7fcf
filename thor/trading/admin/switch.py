"""The trading switch: how it stands, who turned it and why, and the form that turns it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from thor.leadership.clock import process_clock
from thor.trading.desk import desk
from thor.trading.models import Desk, Switch
from thor.trading.readiness import newest
from thor.trading.scope import scope
from thor.trading.switch import LONGEST_REASON, BadSwitch, clear_protection, set_switch

MEANINGS = {
    Switch.ACTIVE: "active: all orders",
    Switch.REDUCING: "reducing: exits only",
    Switch.HALTED: "halted: no orders but emergency exits",
}


class SwitchForm(forms.Form):
    """Ask how the switch is to stand, and why."""

    switch = forms.ChoiceField(
        choices=[(state.value, sentence) for state, sentence in MEANINGS.items()], widget=forms.RadioSelect
    )
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.TextInput(attrs={"size": 80}),
        help_text="For whoever looks later; it is written into the journal.",
        error_messages={"required": "Say why, for whoever looks later."},
    )


class ProtectionForm(forms.Form):
    """Ask why entries may pass again that auto-protection has blocked."""

    reason = SwitchForm.base_fields["reason"]


@admin.register(Desk)
class DeskAdmin(admin.ModelAdmin):
    """Show and turn the switch: the one row of its list is the page."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show how it stands; turn it where that was asked for.

        The switch writes in a transaction of its own, which the admin's pages for changes would put into theirs.
        """
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        lifts = "unprotect" in request.POST
        if request.method == "POST" and not self.has_change_permission(request):
            raise PermissionDenied
        form = SwitchForm(request.POST if request.method == "POST" and not lifts else None, initial=_initial())
        lift = ProtectionForm(request.POST if lifts else None, prefix="lift")
        if self._do(request, lift, self._lift) if lifts else self._do(request, form, self._turn):
            return HttpResponseRedirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            **{"title": "Trading switch", "opts": self.opts, "form": form, "lift": lift, "desk": desk()},
            **{"reconciliation": newest(), "scope": scope(), "may_turn": self.has_change_permission(request)},
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/trading/switch.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the one page."""
        return HttpResponseRedirect("../../")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: there is one desk."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Desk | None = None) -> bool:
        """Refuse: there is one desk."""
        return False

    def _do(self, request: HttpRequest, form: forms.Form, change: Any) -> bool:
        """Do what a filled form asks for; tell whether that was done."""
        if not form.is_valid():
            return False
        try:
            found, sentence = change(
                form.cleaned_data, {"by": request.user.get_username(), "at": process_clock().now()}
            )
        except BadSwitch as error:
            form.add_error("reason", str(error))
            return False
        self.log_change(request, found, sentence)
        self.message_user(request, sentence, messages.SUCCESS)
        return True

    def _turn(self, wanted: dict[str, str], asked: dict[str, Any]) -> tuple[Desk, str]:
        found = set_switch(wanted["switch"], reason=wanted["reason"], **asked)
        return found, f"Trading is {found.switch}: {found.reason}"

    def _lift(self, wanted: dict[str, str], asked: dict[str, Any]) -> tuple[Desk, str]:
        clear_protection(reason=wanted["reason"], **asked)
        return desk(), f"Auto-protection has ended: {wanted['reason']}"


def _initial() -> dict[str, str]:
    return {"switch": desk().switch}
