"""From a signal to a settled transaction: one at a time, each step in the journal before the next."""

from ultrad.trader.pipeline import Trader
from ultrad.trader.ports import RescueMeans, TraderPorts, TradeSettings
from ultrad.trader.reception import Reception

__all__ = ["Reception", "RescueMeans", "TradeSettings", "Trader", "TraderPorts"]
