"""Orders, fills, intents, positions, trades, the journal, reconciliations and refusals, to be read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from thor.trading.models import Event, Fill, Intent, Order, Position, Reconciliation, Refusal, Trade


class Recorded(admin.ModelAdmin):
    """Show rows that nobody edits by hand."""

    show_full_result_count = False
    list_per_page = 100

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Rows come from the desk's jobs."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What was recorded stays."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What was recorded stays."""
        return False


class FillInline(admin.TabularInline):
    """What an order was filled by."""

    model = Fill
    extra = 0
    can_delete = False
    fields = readonly_fields = ("at", "quantity", "cumulative", "price")

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Fills come from the broker."""
        return False


@admin.register(Order)
class OrderAdmin(Recorded):
    """List orders, latest first; a row shows its fills."""

    list_display = (
        *("planned_at", "symbol", "side", "quantity", "kind", "limit_price", "purpose", "state"),
        *("filled_quantity", "average_price", "broker_status", "reason"),
    )
    list_filter = ("state", "purpose", "side", "kind")
    search_fields = ("=symbol", "=client_order_id", "=broker_order_id", "=run")
    date_hierarchy = "planned_at"
    ordering = ("-planned_at", "-pk")
    inlines = (FillInline,)

    @admin.display(description="average price")
    def average_price(self, row: Order) -> str:
        """Return what was paid or got for a unit."""
        return f"{row.filled_value / row.filled_quantity:.4f}" if row.filled_quantity else ""


@admin.register(Fill)
class FillAdmin(Recorded):
    """List fills, latest first."""

    list_display = ("at", "symbol", "side", "quantity", "cumulative", "price")
    list_filter = ("order__side", "order__purpose")
    list_select_related = ("order",)
    search_fields = ("=order__symbol", "=order__client_order_id")
    date_hierarchy = "at"
    ordering = ("-at", "-pk")

    @admin.display(description="symbol", ordering="order__symbol")
    def symbol(self, row: Fill) -> str:
        """Return the symbol of the order."""
        return row.order.symbol

    @admin.display(description="side")
    def side(self, row: Fill) -> str:
        """Return the side of the order."""
        return row.order.side


@admin.register(Intent)
class IntentAdmin(Recorded):
    """List what the desk wanted, latest first."""

    list_display = (
        *("decided_at", "symbol", "purpose", "state", "exit_state", "strategy_id", "confidence", "reason"),
        *("session_date", "carried", "outcome"),
    )
    list_filter = ("purpose", "state", "exit_state", "strategy_id")
    search_fields = ("=symbol", "=run")
    date_hierarchy = "decided_at"
    ordering = ("-decided_at", "-pk")


class IsOpen(admin.SimpleListFilter):
    """Positions that are held, or were."""

    title, parameter_name = "state", "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two states."""
        return [("yes", "open"), ("no", "closed")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the positions in the chosen state."""
        return queryset.filter(closed_at__isnull=self.value() == "yes") if self.value() else queryset


@admin.register(Position)
class PositionAdmin(Recorded):
    """List positions, those opened last first."""

    list_display = (
        *("symbol", "held", "average_price", "strategy_id", "confidence", "entry_date", "entries"),
        *("source", "opened_at", "closed_at"),
    )
    list_filter = (IsOpen, "strategy_id", "source")
    search_fields = ("=symbol", "=entry_order_id")
    date_hierarchy = "opened_at"
    ordering = ("-opened_at", "symbol")

    @admin.display(description="held")
    def held(self, row: Position) -> str:
        """Return what is still held."""
        return f"{row.quantity.normalize():f}"

    @admin.display(description="average price")
    def average_price(self, row: Position) -> str:
        """Return what was paid for a unit."""
        return f"{row.entry_price:.4f}" if row.bought else ""


@admin.register(Trade)
class TradeAdmin(Recorded):
    """List positions that are over, latest first."""

    list_display = (
        *("exit_timestamp", "symbol", "strategy_id", "entry_price", "exit_price", "exit_quantity", "net_pnl"),
        *("net_pnl_pct", "holding_days", "exit_type", "exit_reason"),
    )
    list_filter = ("exit_type", "strategy_id")
    search_fields = ("=symbol", "=trade_id", "=entry_order_id", "=exit_order_id")
    date_hierarchy = "exit_timestamp"
    ordering = ("-exit_timestamp", "symbol")


@admin.register(Event)
class EventAdmin(Recorded):
    """List the journal, latest first."""

    list_display = ("number", "at", "kind", "symbol", "fields")
    list_filter = ("kind",)
    search_fields = ("=symbol", "=key", "=run")
    date_hierarchy = "at"
    ordering = ("-number",)


@admin.register(Reconciliation)
class ReconciliationAdmin(Recorded):
    """List what reconciliations found, latest first."""

    list_display = (
        *("at", "status", "positions_count", "open_orders", "equity", "buying_power", "heat"),
        *("errors", "warnings", "external"),
    )
    list_filter = ("status",)
    search_fields = ("=run",)
    date_hierarchy = "at"


@admin.register(Refusal)
class RefusalAdmin(Recorded):
    """List orders that a gate did not let pass, latest first."""

    list_display = ("at", "symbol", "side", "gate", "reason", "strategy_id", "session_date")
    list_filter = ("gate", "strategy_id", "side")
    search_fields = ("=symbol", "=run")
    date_hierarchy = "at"
