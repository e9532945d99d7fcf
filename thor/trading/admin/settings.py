"""Settings: every limit with its value and where that comes from; what the environment leaves open can be set."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from thor.trading.models import Setting
from thor.trading.settings import BY_NAME, BadSetting, Declared, Source, check_setting, declared, is_pinned


class SettingForm(forms.ModelForm):
    """Ask for a value, and answer one that cannot be used with what can."""

    class Meta:
        model = Setting
        fields = ("value",)

    def clean_value(self) -> str:
        """Refuse what is out of range, or contradicts another setting."""
        value: str = self.cleaned_data["value"].strip()
        try:
            check_setting(self.instance.name, value)
        except BadSetting as error:
            raise ValidationError(str(error)) from None
        return value


@admin.register(Setting)
class SettingAdmin(admin.ModelAdmin):
    """List all settings, also those that nobody has set; deleting one brings its default back."""

    form = SettingForm
    fields = ("name", "value", "meaning", "allowed", "default", "source")
    readonly_fields = ("name", "meaning", "allowed", "default", "source")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show every setting, in the order in which it is documented."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **{"title": "Settings of trading", "opts": self.opts, "rows": declared(), "pinned": Source.ENVIRONMENT},
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/trading/settings.html", context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Setting | None:
        """Return the setting of this name with the value that is in force, whether or not somebody has set it."""
        if object_id not in BY_NAME:
            return None
        row = Setting.objects.filter(pk=object_id).first()
        if row is None or is_pinned(object_id):
            found = _known(object_id)
            row = row or Setting(name=object_id)
            row.value = found.value
        return row

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: all settings are there, and are changed."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Setting | None = None) -> bool:
        """Let people change what the environment leaves open."""
        return super().has_change_permission(request, obj) and not (obj is not None and is_pinned(obj.name))

    def has_delete_permission(self, request: HttpRequest, obj: Setting | None = None) -> bool:
        """Let people take back what somebody has set."""
        return super().has_delete_permission(request, obj) and not (obj is not None and obj._state.adding)

    @admin.display(description="meaning")
    def meaning(self, row: Setting) -> str:
        """Return what it is for."""
        return _known(row.name).description

    @admin.display(description="allowed")
    def allowed(self, row: Setting) -> str:
        """Return the range."""
        return _known(row.name).range or "as the default is written"

    @admin.display(description="default")
    def default(self, row: Setting) -> str:
        """Return the value that counts where nobody says anything else."""
        return _known(row.name).default or "(empty)"

    @admin.display(description="source")
    def source(self, row: Setting) -> str:
        """Say where the value comes from, and what is wrong with a row that does not count."""
        found = _known(row.name)
        if found.source is Source.ENVIRONMENT:
            return f"the environment sets {found.name}={found.value}; unset it there to set it here"
        return f"{found.wrong} The default counts." if found.wrong else str(found.source)


def _known(name: str) -> Declared:
    return next(one for one in declared() if one.name == name)
