"""The watch: of the positions at every head, and of the market around them."""

from ultrad.watchdog.account import AccountPorts, AccountWatch
from ultrad.watchdog.age import ReadingAge
from ultrad.watchdog.market import MarketWatch
from ultrad.watchdog.positions import Watchdog, WatchPorts, WatchSettings

__all__ = ["AccountPorts", "AccountWatch", "MarketWatch", "ReadingAge", "WatchPorts", "WatchSettings", "Watchdog"]
