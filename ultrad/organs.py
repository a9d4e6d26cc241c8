"""The parts that the daemon is made of, and what does not change while it runs."""

from collections.abc import Callable
from dataclasses import dataclass

from ultrad.conditions import Conditions
from ultrad.desk import Desk
from ultrad.estop import Estop
from ultrad.gate import Gate
from ultrad.jobs.scheduler import Scheduler
from ultrad.live import Live
from ultrad.outlook import OutlookWatch
from ultrad.ports import Chain, Clock, Journal
from ultrad.postman import Postman
from ultrad.reporter import Reporter
from ultrad.rules import Rules
from ultrad.trader import Reception
from ultrad.units import Now
from ultrad.watchdog import MarketWatch, Watchdog


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while the daemon runs. positions: (name, account)."""

    version: str
    environment: str
    network: str
    positions: tuple[tuple[str, str], ...]
    started: Now


@dataclass(frozen=True, slots=True)
class Organs:
    """The parts that the status is read from."""

    clock: Clock
    chain: Chain
    journal: Journal
    gate: Gate
    estop: Estop
    watch: Watchdog
    market: MarketWatch
    conditions: Conditions
    scheduler: Scheduler
    desk: Desk
    postman: Postman
    new_id: Callable[[], str]
    rules: Live[Rules]
    outlook: OutlookWatch
    reception: Reception | None = None
    reporter: Reporter | None = None
