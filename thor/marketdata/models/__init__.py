"""What market data keep: instruments, bars, samples, days, extremes, captures, and what went wrong."""

from thor.marketdata.models.awaited import AwaitedCapture
from thor.marketdata.models.backtest import Backtest
from thor.marketdata.models.bar import Bar
from thor.marketdata.models.capture import TOTAL, Capture, Outcome, SessionCapture, Signal
from thor.marketdata.models.daily import DailyBar, Split
from thor.marketdata.models.extreme import Extreme, NewExtreme
from thor.marketdata.models.incident import FeedIncident
from thor.marketdata.models.instrument import Instrument, Kind
from thor.marketdata.models.rolling import TwentyFourHour
from thor.marketdata.models.sample import VwapSample
from thor.marketdata.models.target import Target

__all__ = [
    "TOTAL",
    "AwaitedCapture",
    "Backtest",
    "Bar",
    "Capture",
    "DailyBar",
    "Extreme",
    "FeedIncident",
    "Instrument",
    "Kind",
    "NewExtreme",
    "Outcome",
    "SessionCapture",
    "Signal",
    "Split",
    "Target",
    "TwentyFourHour",
    "VwapSample",
]
