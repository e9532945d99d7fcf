"""Say what a session came to for some symbols, once it is over: their features, and at which price it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from thor.marketdata.selectors.quotes import Snapshot, snapshots
from thor.markets.sessions import sessions_of
from thor.timing import Session
from thor.trading.brokers.choice import TRADING_MARKET
from thor.trading.brokers.paper.market import last_trade, read_quote
from thor.trading.features import Features
from thor.trading.history import features_by_symbol
from thor.trading.universe import elsewhere


@dataclass(frozen=True, slots=True)
class ClosingFigures:
    """Features with the session's own bar, closes, and why symbols are missing among the features.

    A close is that of the session's bar; without one, the last price of the session that a feed has published.
    """

    features: Mapping[str, Features]
    closes: Mapping[str, Decimal]
    missing: Mapping[str, str]


def closing_figures(symbols: Sequence[str], *, at: datetime, session_date: date) -> ClosingFigures:
    """Return what is known of a session that is over."""
    seen = features_by_symbol(symbols, at=at, session_date=session_date, with_today=True)
    closes = {symbol: Decimal(repr(one.close)) for symbol, one in seen.features.items()}
    prices = _last_prices([symbol for symbol in symbols if symbol not in closes], session_date)
    return ClosingFigures(seen.features, {**prices, **closes}, seen.left_out)


def _last_prices(symbols: Sequence[str], session_date: date) -> dict[str, Decimal]:
    session = next(iter(sessions_of(TRADING_MARKET).between(session_date, session_date)), None)
    if session is None or not symbols:
        return {}
    others = elsewhere(symbols)
    found = {symbol: _ended_at(one) for symbol, one in snapshots([one for one in symbols if one not in others]).items()}
    return {symbol: one[0] for symbol, one in found.items() if one is not None and _is_of(session, one[1])}


def _ended_at(snapshot: Snapshot) -> tuple[Decimal, datetime] | None:
    """Return the last trade, which bids of after the close do not make less true; else what is bid and asked."""
    quote = read_quote(snapshot)
    return last_trade(snapshot) or ((quote.last, quote.at) if quote else None)


def _is_of(session: Session, at: datetime) -> bool:
    # A quote of after the close, up to where the next open cannot be, still says what the session ended at.
    return session.open <= at < session.close + timedelta(hours=4)
