"""The simulated feed: made-up but plausible ticks, labelled SIMULATED wherever they show.

Prices follow a random path with rare jumps that fade; trading is heavy at the open and the close and thin outside the
exchange's regular hours; trades happen at the bid or the ask, on the instrument's grid of prices. The ticks of a minute
follow from the seed, the symbol and the minute, so any interval can be read at any time, in any pieces, and gives the
same ticks: a process that takes over continues the very same market.
"""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from thor.marketdata.bars import MINUTE
from thor.marketdata.feeds.choice import SIMULATED as SOURCE
from thor.marketdata.feeds.noise import jumps, uniform, walk
from thor.marketdata.feeds.port import Feed, FeedRefused, FeedRequest, Traded
from thor.marketdata.ticks import Ints, TickBatch, concatenate, empty, make
from thor.markets.sessions import sessions_of
from thor.timing import Session

#: The market whose regular hours make the volume of a venue, and what is traded outside them, as a share.
_REGULAR_HOURS = {"us_equities": ("usa", 0.05), "globex": ("usa", 0.2)}


@dataclass(frozen=True, slots=True)
class Character:
    """How an instrument behaves: price about which it moves, its daily deviation, trades a minute in regular hours."""

    price: float
    deviation: float
    trades: float


_CHARACTERS = {
    "YM": Character(44_000, 0.009, 60),
    "ES": Character(6_000, 0.010, 150),
    "NQ": Character(21_500, 0.013, 120),
    "RTY": Character(2_250, 0.014, 60),
    "CL": Character(70, 0.020, 80),
    "SI": Character(31, 0.018, 40),
    "HG": Character(4.3, 0.014, 30),
    "GC": Character(2_650, 0.010, 70),
    "VX": Character(17, 0.040, 25),
    "DX": Character(105, 0.004, 20),
    "ZB": Character(118, 0.006, 50),
    "SPY": Character(600, 0.010, 160),
    "QQQ": Character(520, 0.013, 120),
    "AAPL": Character(230, 0.016, 120),
    "IBM": Character(220, 0.013, 40),
    "BAC": Character(45, 0.015, 60),
    "AIG": Character(75, 0.014, 30),
    "BTCUSD": Character(95_000, 0.028, 90),
}
_ANY = Character(100, 0.015, 20)

#: How far back the session before the running one is looked for.
_REACH = timedelta(days=10)


class SimulatedFeed:
    """Give simulated ticks of the instruments of one venue."""

    source = SOURCE
    ends_at: int | None = None

    def __init__(self, venue: str, instruments: list[Traded], *, seed: int = 1) -> None:
        """Simulate `instruments`; ticks come only while the venue trades."""
        self.venue = venue
        self.identity = f"{SOURCE}:{seed}"
        self._seed = seed
        self._instruments = instruments
        self._symbols = tuple(instrument.symbol for instrument in instruments)
        sessions_of(venue)  # a calendar that cannot be read is refused now, before anything is published
        self._minute = lru_cache(maxsize=8)(self._make_minute)
        #: What is known beside the ticks: the close of the session before, by symbol.
        self.reference: dict[str, dict[str, float]] = {}
        self._closes_of: datetime | None = None

    def read(self, since: int, until: int) -> TickBatch:
        """Return the ticks of [since, until); the watermark is `until`: nothing is ever late."""
        nothing = empty(watermark=max(since, until), source=SOURCE, symbols=self._symbols)
        if until <= since:
            return nothing
        self._know_closes(datetime.fromtimestamp(since // 10**9, UTC))
        parts = []
        for minute in range(since // MINUTE * MINUTE, until, MINUTE):
            ticks = self._minute(minute)
            start, stop = np.searchsorted(ticks.at, [since, until])
            if stop > start:
                parts.append(ticks.slice(int(start), int(stop), watermark=until))
        return concatenate(parts) if parts else nothing

    def _know_closes(self, at: datetime) -> None:
        """Tell the close before the session that runs at `at`: the last bid of the session before it."""
        begun = [one for one in sessions_of(self.venue).around(at - _REACH, at) if one.open <= at]
        if len(begun) < 2 or begun[-1].open == self._closes_of:
            return
        self._closes_of = begun[-1].open
        ended = np.array([round(begun[-2].close.timestamp()) * 10**9 - 1])
        for instrument in self._instruments:
            bid, _ = quotes_of(instrument.symbol, ended, instrument.tick_size, seed=self._seed)
            self.reference[instrument.symbol] = {"previous_close": float(bid[0])}

    def _make_minute(self, minute: int) -> TickBatch:
        """Return every tick of a minute in order of time; ties keep the order of the instruments."""
        if not sessions_of(self.venue).is_open_at(minute / 1e9):
            return empty(watermark=minute + MINUTE, source=SOURCE, symbols=self._symbols)
        activity = self._activity(minute)
        made = [self._ticks(code, minute, activity) for code in range(len(self._instruments))]
        batch = concatenate([part for part in made if len(part)] or made)
        order = np.argsort(batch.at, kind="stable")
        names = ("code", "at", "price", "size", "bid", "ask")
        columns = {name: getattr(batch, name)[order] for name in names}
        return make(batch.symbols, watermark=minute + MINUTE, source=SOURCE, **columns)

    def _ticks(self, code: int, minute: int, activity: float) -> TickBatch:
        instrument = self._instruments[code]
        character = character_of(instrument.symbol)
        name = zlib.crc32(instrument.symbol.encode())
        seed = _seed_of(self._seed, instrument.symbol)
        random = np.random.default_rng([self._seed, name, minute // MINUTE])
        swing = np.exp(1.2 * (uniform(seed, 201, np.array([minute // MINUTE]))[0] - 0.5))
        count = int(random.poisson(character.trades * activity * swing))
        at = minute + np.sort(random.integers(0, 60_000, count)) * 1_000_000
        bid, ask = quotes_of(instrument.symbol, at, instrument.tick_size, seed=self._seed)
        return make(
            self._symbols,
            code=np.full(count, code),
            at=at,
            price=np.where(random.random(count) < 0.5, bid, ask),
            size=_sizes(random, instrument.kind, count),
            bid=bid,
            ask=ask,
            watermark=0,
            source=SOURCE,
        )

    def _activity(self, minute: int) -> float:
        """Return how busy a minute is: U-shaped over the regular hours, a share of that outside them."""
        if self.venue not in _REGULAR_HOURS:
            return float(1.0 + 0.3 * np.sin(2 * np.pi * (minute / (1440 * MINUTE))))
        market, outside = _REGULAR_HOURS[self.venue]
        session = _regular_session(market, datetime.fromtimestamp(minute // 10**9, UTC))
        if session is None:
            return outside
        at = minute / 1e9 - session.open.timestamp()
        place = 2 * at / (session.close - session.open).total_seconds() - 1
        return float(0.6 + 1.6 * place * place)


def open_feeds(request: FeedRequest) -> list[Feed]:
    """Return a feed a venue: those wanted, else every venue that has an active instrument."""
    venues = list(request.venues or request.instruments)
    for venue in venues:
        if not request.instruments.get(venue):
            raise FeedRefused(
                f"there is no active instrument on {venue} to simulate; "
                f"activate one in the admin, or leave {venue} out."
            )
    if not venues:
        raise FeedRefused("there is no active instrument to simulate; run manage.py migrate, or activate one.")
    return [SimulatedFeed(venue, request.instruments[venue], seed=request.seed) for venue in venues]


def character_of(symbol: str) -> Character:
    """Return how an instrument behaves; one that is not in the box is like a share of 100."""
    return _CHARACTERS.get(symbol, _ANY)


def quotes_of(symbol: str, at: Ints, tick: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return bid and ask at instants (ns) on the grid of prices, one to three ticks apart."""
    character, seed = character_of(symbol), _seed_of(seed, symbol)
    path = walk(seed, at) + jumps(seed, at)
    middle = character.price * np.exp(character.deviation * path)
    width = 1 + np.floor(uniform(seed, 301, at // 15_000_000_000) ** 3 * 3)
    bid = np.maximum(np.floor(middle / tick - (width - 1) / 2), 1)
    return np.round(bid * tick, 8), np.round((bid + width) * tick, 8)


def _seed_of(seed: int, symbol: str) -> int:
    return seed * 2**32 + zlib.crc32(symbol.encode())


def _sizes(random: np.random.Generator, kind: str, count: int) -> np.ndarray:
    """Return sizes as they are traded: contracts, shares mostly in hundreds, or parts of a coin."""
    if kind == "crypto":
        return np.round(np.maximum(random.lognormal(-3.0, 1.2, count), 1e-5), 5)
    lots = random.geometric(0.4, count).astype(np.float64)
    if kind == "future":
        return lots
    odd = random.integers(1, 100, count)
    return np.where(random.random(count) < 0.25, odd, lots * 100.0)


def _regular_session(market: str, at: datetime) -> Session | None:
    return next((s for s in sessions_of(market).around(at, at) if s.open <= at < s.close), None)
