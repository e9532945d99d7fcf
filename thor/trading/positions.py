"""Keep what is held: opened, added to and closed by fills, while the desk is held."""

from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from typing import Final
from uuid import UUID, uuid5

from thor.marketdata import closes
from thor.marketdata.adjust import divisor
from thor.marketdata.models import Instrument
from thor.trading import journal
from thor.trading.hours import session_date_of, session_for
from thor.trading.models import Event, Fill, Happening, Intent, Order, Position, Trade
from thor.trading.models.positions import EXTERNAL

PLACES: Final = Decimal("0.0001")
UNIT: Final = Decimal("0.000001")
RATIO_UNIT: Final = Decimal("0.00000001")
NONE: Final = Decimal(0)
#: Under which the ids of trades are made: the same trade has the same id wherever it is told.
TRADES: Final = UUID("3e0f9d0a-8d5c-5a0e-9a55-74686f722d74")


def money(amount: Decimal) -> Decimal:
    """Return an amount of money as it is booked: to four places."""
    return amount.quantize(PLACES, ROUND_HALF_UP)


def open_positions() -> list[Position]:
    """Return what is held, by symbol."""
    return list(Position.objects.filter(closed_at__isnull=True).select_related("entry_intent").order_by("symbol"))


def open_position(symbol: str) -> Position | None:
    """Return what is held of one symbol."""
    return Position.objects.filter(symbol=symbol, closed_at__isnull=True).select_related("entry_intent").first()


def in_account(position: Position) -> Decimal:
    """Return how much of a symbol the account holds by the journal: the desk's own, and what is somebody else's."""
    return position.quantity + position.outside


def apply_fill(order: Order, fill: Fill) -> None:
    """Book a fill into the position of its symbol; the last sale of it makes a trade."""
    value = money(fill.quantity * fill.price)
    if order.side == "buy":
        _buy(order, fill, value)
    else:
        _sell(order, fill, value)


def find_external(symbol: str, quantity: Decimal, price: Decimal, *, at: datetime, key: str) -> Position:
    """Open a position that the broker has and the desk did not order."""
    position = Position.objects.create(
        symbol=symbol, entry_date=session_date_of(at), opened_at=at, last_bought_at=at, bought=quantity,
        cost=money(quantity * price), highest=price, lowest=price, entry_order_id=key[:36], source=EXTERNAL,
    )  # fmt: skip
    journal.record(
        Happening.POSITION, at=at, key=f"position:{key}", symbol=symbol, quantity=quantity, price=price, source=EXTERNAL
    )
    return position


def unbooked_ratio(position: Position, day: date) -> Decimal:
    """Return by how much splits since the last purchase, until a session, still multiply what the journal holds.

    1 where there was none, or where the journal has booked them all.
    """
    keys = Instrument.objects.filter(symbol=position.symbol).values_list("pk", flat=True)
    splits = [one for found in closes.splits_of(keys, day).values() for one in found]
    found = divisor(splits, session_date_of(position.last_bought_at), day)
    if found == 1:
        return found
    booked = Event.objects.filter(key__startswith=f"split:{position.pk}:", at__gte=position.last_bought_at)
    with localcontext(prec=50):
        for ratio in booked.values_list("fields__ratio", flat=True):
            found /= Decimal(ratio)
        return found.quantize(RATIO_UNIT).normalize()


def apply_split(position: Position, ratio: Decimal, *, at: datetime, run: UUID | None = None) -> None:
    """Count a position in new shares, `ratio` an old one, while the desk is held: what was paid and taken in stays."""
    before = position.quantity
    position.bought, position.sold = ((one * ratio).quantize(UNIT) for one in (position.bought, position.sold))
    position.outside = (position.outside * ratio).quantize(UNIT)
    if position.highest is not None and position.lowest is not None:
        position.highest, position.lowest = money(position.highest / ratio), money(position.lowest / ratio)
    position.save()
    journal.record(
        Happening.POSITION, at=at, key=f"split:{position.pk}:{at.isoformat()}", symbol=position.symbol, run=run,
        change="split", ratio=ratio, before=before, quantity=position.quantity,
    )  # fmt: skip


def ratio_at(position: Position, at: datetime) -> Decimal:
    """Return by how much splits still multiply what the journal holds, at an instant: those of its session count."""
    session = session_for(at)
    return unbooked_ratio(position, session.date if session else session_date_of(at))


def converge_split(position: Position, held: Decimal, *, at: datetime, run: UUID | None = None) -> bool:
    """Book the splits since the last purchase where they make of the position what the broker holds; tell whether.

    While the desk is held.
    """
    ratio = ratio_at(position, at)
    if ratio == 1 or not _is_made(held, in_account(position), ratio):
        return False
    count_anew(position, ratio, held, at=at, run=run)
    return True


def count_anew(position: Position, ratio: Decimal, held: Decimal, *, at: datetime, run: UUID | None = None) -> None:
    """Count a position in new shares, and let it come to what the account holds, while the desk is held.

    What is less than a share, and was paid out or rounded up, is sold at the entry price or comes for nothing.
    """
    apply_split(position, ratio, at=at, run=run)
    rest = held - in_account(position)
    if rest < 0:
        take_off(position, -rest)
    elif position.outside > 0:
        position.outside += rest  # whose it is nobody knows, and what is somebody else's is not sold
    else:
        position.bought += rest
    position.save()


def take_off(position: Position, less: Decimal, *, own: Decimal = NONE) -> None:
    """Take what the account does not hold any more off a position, of which so much was surely the desk's `own`.

    What was somebody else's goes before the rest of that. Of the desk's own nobody knows the price, so what was paid
    counts.
    """
    others = min(less - own, position.outside)
    own = less - others
    position.outside -= others
    position.proceeds += money(own * position.entry_price)
    position.sold += own


def _is_made(held: Decimal, before: Decimal, ratio: Decimal) -> bool:
    """Tell whether a split makes this of that: what it comes to, or the whole shares next to it."""
    exact = before * ratio
    whole = [exact.to_integral_value(way) for way in (ROUND_FLOOR, ROUND_CEILING)]
    # A third, for one, has as many places as ratios have.
    return held > 0 and (abs(exact - held) <= UNIT + before * RATIO_UNIT or held in whole)


def close_position(
    position: Position, *, at: datetime, exit_type: str, reason: str, exit_order_id: str = "", run: UUID | None = None
) -> Trade:
    """Close a position of which nothing is left, and make a trade of it. Percentages are of what was paid."""
    position.closed_at = at
    position.save()
    gross = position.proceeds - position.cost
    percent = money(gross / position.cost * 100) if position.cost else Decimal(0)
    day = session_date_of(at)
    # An order may have begun more than one, where it sold what the desk did not know of.
    number = Trade.objects.filter(entry_order_id=position.entry_order_id, symbol=position.symbol).count()
    name = f"{position.entry_order_id}:{position.symbol}:{position.opened_at.isoformat()}:{number}"
    trade = Trade.objects.create(
        trade_id=uuid5(TRADES, name),
        position=position, symbol=position.symbol, strategy_id=position.strategy_id,
        entry_order_id=position.entry_order_id, entry_timestamp=position.opened_at,
        entry_price=money(position.entry_price), entry_quantity=position.bought,
        exit_order_id=exit_order_id, exit_timestamp=at, exit_price=money(position.proceeds / position.sold),
        exit_quantity=position.sold, exit_type=exit_type, exit_reason=reason,
        holding_days=max(0, (day - position.entry_date).days), gross_pnl=gross, gross_pnl_pct=percent,
        net_pnl=gross, net_pnl_pct=percent, confidence=position.confidence, risk_amount=position.risk_amount,
        position_size=position.cost, session_date=day,
    )  # fmt: skip
    journal.record(
        Happening.CLOSED, at=at, key=f"closed:{trade.trade_id}", symbol=position.symbol, run=run,
        exit_type=exit_type, reason=reason, quantity=position.sold, entry_price=trade.entry_price,
        exit_price=trade.exit_price, net_pnl=trade.net_pnl, net_pnl_pct=trade.net_pnl_pct,
        holding_days=trade.holding_days,
    )  # fmt: skip
    return trade


#: Why a position is closed that the broker does not have any more.
VANISHED: Final = "the broker does not hold it any more; the exit price is not known, the entry price is assumed"


def close_vanished(position: Position, *, at: datetime, run: UUID, reason: str = VANISHED) -> Trade:
    """Close a position that is not there any more: at which price it was sold is not known, so what was paid counts."""
    take_off(position, in_account(position))
    return close_position(position, at=at, exit_type="EXTERNAL_CLOSE", reason=reason, run=run)


def _buy(order: Order, fill: Fill, value: Decimal) -> None:
    position = open_position(order.symbol) or _opened_by(order, fill)
    if position.entry_order_id != order.client_order_id and order.filled_quantity == fill.quantity:
        position.entries += 1  # the first fill of an order that adds to it
    before = position.entry_price if position.bought else None
    position.bought += fill.quantity
    position.cost += value
    _carry_excursions(position, before)
    position.risk_amount = _sum(position.risk_amount, _risk_of(order, fill))
    position.last_bought_at = fill.at
    position.save()


def _carry_excursions(position: Position, before: Decimal | None) -> None:
    """Let the best and the worst close be as far, in percent, from the new average as they were from the old one.

    What is added above the average lifts it over closes that were under nobody's water.
    """
    if before and position.highest is not None and position.lowest is not None:
        by = position.entry_price / before
        position.highest, position.lowest = money(position.highest * by), money(position.lowest * by)


def _opened_by(order: Order, fill: Fill) -> Position:
    intent: Intent = order.intent
    return Position(
        symbol=order.symbol, strategy_id=intent.strategy_id, confidence=intent.confidence,
        entry_date=session_date_of(fill.at), opened_at=fill.at, last_bought_at=fill.at, highest=fill.price,
        lowest=fill.price, entry_order_id=order.client_order_id, entry_intent=intent,
    )  # fmt: skip


def _sell(order: Order, fill: Fill, value: Decimal) -> None:
    position = open_position(order.symbol)
    held = position.quantity if position else Decimal(0)
    if position is None or held < fill.quantity:
        position = _found_too_little(order, fill, position)
    position.sold += fill.quantity
    position.proceeds += value
    position.save()
    if position.sold == position.bought:
        intent = order.intent
        close_position(
            position, at=fill.at, exit_type=intent.exit_type or "MANUAL", reason=intent.reason,
            exit_order_id=order.client_order_id, run=order.run,
        )  # fmt: skip


def _found_too_little(order: Order, fill: Fill, position: Position | None) -> Position:
    """Book a sale of more than the desk knew of: the broker sold it, so it was there."""
    key = f"{order.client_order_id}:{fill.cumulative:f}"
    missing = fill.quantity - (position.quantity if position else Decimal(0))
    journal.record(
        Happening.ALERT, at=fill.at, key=f"oversold:{key}", symbol=order.symbol, run=order.run,
        reason="the broker sold more than the journal held; the rest counts at the price of the sale", missing=missing,
    )  # fmt: skip
    if position is None:
        return find_external(order.symbol, missing, fill.price, at=fill.at, key=order.client_order_id)
    position.bought += missing
    position.cost += money(missing * fill.price)
    position.outside -= min(missing, position.outside)  # it was somebody else's, and is sold now
    return position


def _risk_of(order: Order, fill: Fill) -> Decimal | None:
    return money(order.risk_amount * fill.quantity / order.quantity) if order.risk_amount is not None else None


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other
