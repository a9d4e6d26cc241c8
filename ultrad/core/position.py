"""What is read from the chain."""

from dataclasses import dataclass

from ultrad.i18n import Message
from ultrad.units import Address, UsdE8, Wad


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its number, its hash (0x…) and its own timestamp in Unix seconds."""

    number: int
    hash: str
    time_s: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One observation of a position at one block (`Pool.getUserAccountData`, Aave V3 `IPool`)."""

    position: str
    block: Block
    endpoint: str
    health_factor: Wad
    collateral_e8: UsdE8
    debt_e8: UsdE8

    @property
    def net_value_e8(self) -> int:
        """Collateral less debt, in USD scaled by 10^8; negative when under water."""
        return self.collateral_e8 - self.debt_e8


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A position whose own call failed while the others of its batch were read."""

    position: str
    message: Message


@dataclass(frozen=True, slots=True)
class Batch:
    """All positions as one endpoint shows them at one block."""

    block: Block
    endpoint: str
    readings: tuple[Reading, ...]
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Reserve:
    """One reserve of the pool. Token amounts are in the token's smallest unit; a cap of 0 means none.

    price_updated_s: when the price source last answered, Unix seconds; None where it does not say.
    """

    symbol: str
    asset: Address
    decimals: int
    active: bool
    frozen: bool
    paused: bool
    supply_cap: int
    supplied: int
    available: int
    price_e8: UsdE8
    price_updated_s: int | None


@dataclass(frozen=True, slots=True)
class Sequencer:
    """An L2's sequencer as its Chainlink feed shows it: up or down, and since when (Unix seconds)."""

    up: bool
    since_s: int


@dataclass(frozen=True, slots=True)
class Market:
    """The reserves that the watched positions use, and the sequencer where the network has one."""

    block: Block
    endpoint: str
    reserves: tuple[Reserve, ...]
    sequencer: Sequencer | None
