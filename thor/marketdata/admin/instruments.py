"""Instruments, with their targets and splits: what people enter."""

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.http import HttpRequest

from thor.marketdata.models import Instrument, Split, Target
from thor.marketdata.models.fields import PRICE
from thor.marketdata.naming import free_aliases, free_symbol
from thor.markets.models import Market

NEWS = (
    "A new instrument has its place in figures, captures and pages at once. A running feed takes it in when it is "
    "started again: end the feed's process (make up starts it again), or restart the service feed of compose."
)


#: As many decimals as prices have at rest.
PLACES = PRICE["decimal_places"]


class Spellings(forms.CharField):
    """Other spellings, written with commas between them and kept as a list."""

    def prepare_value(self, value: Any) -> Any:
        """Return what stands in the field."""
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the spellings one by one."""
        return [part.strip() for part in str(value or "").split(",") if part.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Say whether somebody changed them."""
        return list(initial or []) != self.to_python(data)


def venues() -> list[tuple[str, str]]:
    """Return the markets on which instruments trade, to choose from."""
    return [(row.key, row.name) for row in Market.objects.filter(role=Market.Role.VENUE)]


class InstrumentForm(forms.ModelForm):
    """Ask for an instrument, and answer what cannot be with what to write instead."""

    venue = forms.ChoiceField(choices=venues, help_text="The market on which it trades.")
    aliases = Spellings(required=False, help_text="Other spellings that feeds use, with commas between them: RT, /RTY.")

    class Meta:
        model = Instrument
        fields = "__all__"

    def clean_symbol(self) -> str:
        """Return the one spelling of the symbol, as long as it is free."""
        try:
            return free_symbol(self.cleaned_data["symbol"])
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """Refuse spellings that lead elsewhere, and steps and thresholds that make no sense."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        symbol = found.get("symbol") or self.instance.symbol
        if symbol and "aliases" in found:
            try:
                found["aliases"] = free_aliases(found["aliases"], symbol, self.instance.pk)
            except ValueError as error:
                self.add_error("aliases", str(error))
        self._clean_figures(found)
        return found

    def _clean_figures(self, found: dict[str, Any]) -> None:
        for name in ("tick_size", "tick_value"):
            if found.get(name) is not None and found[name] <= 0:
                self.add_error(name, "Write a number greater than zero.")
        if (found.get("decimals") or 0) > PLACES:
            self.add_error("decimals", f"Write 0 to {PLACES}: prices are kept with {PLACES} decimals.")
        plain, strong = found.get("threshold"), found.get("strong_threshold")
        if plain is not None and plain < 0:
            self.add_error("threshold", "Write zero or more: the same points count upwards and downwards.")
        elif (plain is None) != (strong is None):
            name = "threshold" if plain is None else "strong_threshold"
            self.add_error(name, "Write both thresholds, or none for an instrument without signals.")
        elif plain is not None and strong is not None and strong < plain:
            self.add_error("strong_threshold", "A strong signal needs at least as many points as a plain one.")


class TargetInline(admin.StackedInline):
    """How far target and stop lie from the entry of a captured trade."""

    model = Target
    verbose_name_plural = "Target and stop"


class SplitForm(forms.ModelForm):
    """Ask for a split."""

    class Meta:
        model = Split
        fields = "__all__"

    def clean_ratio(self) -> Decimal:
        """Refuse a ratio that changes nothing: whoever writes it has meant another one."""
        ratio: Decimal = self.cleaned_data["ratio"]
        if ratio == 1:
            raise ValidationError(
                "A ratio of 1 is no split: write 7 for seven new shares an old one, 0.1 for one to ten."
            )
        return ratio


class SplitInline(admin.TabularInline):
    """The splits by which older prices are made comparable."""

    model = Split
    form = SplitForm
    extra = 0


@admin.register(Instrument)
class InstrumentAdmin(admin.ModelAdmin):
    """List and edit instruments; the symbol stays, since feeds and figures are named after it."""

    form = InstrumentForm
    list_display = (
        *("symbol", "name", "venue", "kind", "currency", "tick_size", "offsets"),
        *("captured", "ribbon", "sampled", "active"),
    )
    list_editable = ("captured", "ribbon", "sampled", "active")
    list_filter = ("venue", "kind", "active", "captured", "ribbon")
    list_per_page = 100
    list_select_related = ("target",)
    search_fields = ("symbol", "name")
    inlines = (TargetInline, SplitInline)
    fieldsets = (
        (None, {"fields": ("symbol", "name", "venue", "kind", "currency", "aliases"), "description": NEWS}),
        ("Watched", {"fields": ("active", "sampled", "captured", "ribbon", "sort_order")}),
        ("Prices", {"fields": ("tick_size", "tick_value", "decimals")}),
        ("Signals", {"fields": ("threshold", "strong_threshold", "signal_weight", "inverted")}),
    )
    _matters: ClassVar = {"venue", "active", "aliases"}

    def get_readonly_fields(self, request: HttpRequest, obj: Instrument | None = None) -> tuple[str, ...]:
        """Fix the symbol once it exists: prices under way and addresses are named after it."""
        return ("symbol",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Instrument, form: Any, change: bool) -> None:
        """Save, and say what a running feed needs."""
        super().save_model(request, obj, form, change)
        if not change or self._matters & set(form.changed_data):
            sentence = f"The feed of {obj.venue} takes this in when it is started again."
            messages.info(request, sentence)

    @admin.display(description="target, stop")
    def offsets(self, row: Instrument) -> str:
        """Return how far target and stop lie from the entry."""
        try:
            target = row.target
        except ObjectDoesNotExist:
            return "none"
        if target.mode == Target.Mode.DISABLED or target.high is None or target.low is None:
            return "none"
        unit = " %" if target.mode == Target.Mode.PERCENT else ""
        return f"+{target.high.normalize():f}{unit}, -{target.low.normalize():f}{unit}"
