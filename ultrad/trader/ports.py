"""What the trader works with."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ultrad.byhand import ByHand
from ultrad.conditions import Conditions
from ultrad.core.rescue import RescueLimits
from ultrad.core.trade_limits import TradeLimits
from ultrad.distress import Distress
from ultrad.estop import Estop
from ultrad.gate import Gate
from ultrad.ports import Clock, Journal
from ultrad.trade_ports import Allowances, Ledger, Market, OctoBot, RescueMarket, Signer


@dataclass(frozen=True, slots=True)
class TradeSettings:
    """How it trades.

    position: whose account it is. dry_run: everything up to the signature, and no further. chain_id: of what is
    signed. stuck_ms: how long a transaction may be pending before its fee is raised; raises: how often.
    gas_margin_pct: what is allowed above the estimate. send_s: how long one transport call may take.
    """

    position: str
    limits: TradeLimits
    chain_id: int
    dry_run: bool = True
    stuck_ms: int = 90_000
    raises: int = 10
    gas_margin_pct: int = 25
    send_s: float = 10.0


@dataclass(frozen=True, slots=True)
class RescueMeans:
    """What a rescue works with. distress: what the watch has had confirmed."""

    market: RescueMarket
    distress: Distress
    limits: RescueLimits


@dataclass(frozen=True, slots=True)
class TraderPorts:
    """Its surroundings. bot: None where no OctoBot is configured; signer: None where there is no key (dry run).

    rescue: None where the operators have not enabled it. hands: what was announced of the account.
    allowances: None where nobody looks at them.
    """

    journal: Journal
    clock: Clock
    gate: Gate
    estop: Estop
    conditions: Conditions
    market: Market
    ledger: Ledger
    signer: Signer | None
    bot: OctoBot | None
    fraction: Callable[[], float]
    rescue: RescueMeans | None = None
    hands: ByHand = field(default_factory=ByHand)
    allowances: Allowances | None = None
