"""What the trader needs from the world: where decisions come from, where they go, and the chain as one who sends.

Each port has one contract suite that runs against the fake and the real adapter alike. Errors are those of
`ultrad.ports`: Throttled, Refused and Unreached (nothing was done), other Transients (nobody can say), Permanent.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ultrad.core.admission import Room
from ultrad.core.allowances import AllowancesAt
from ultrad.core.intrusion import Position, Seen
from ultrad.core.pool import Holding
from ultrad.core.position import Block
from ultrad.core.rescue import Measure, Patient
from ultrad.core.signals import Action
from ultrad.i18n import Message
from ultrad.ports import Probe, Refused
from ultrad.units import Address, Wad

# ---------------------------------------------------------------- Notion


@dataclass(frozen=True, slots=True)
class Row:
    """One open row with an action. at_ms: its Timestamp, or when it was last edited where it has none."""

    page_id: str
    url: str
    summary: str
    action: Action
    confidence: Decimal
    at_ms: int
    edited_ms: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """One open row that cannot be taken: which, and what is wrong with which property."""

    page_id: str
    edited_ms: int
    message: Message


class Rows(Protocol):
    """The database of decisions."""

    async def check(self) -> tuple[Message, ...]:
        """What is wrong with its schema: each property that is missing or of a wrong type. Raises as above."""
        ...

    async def open_rows(self) -> tuple[Row | BadRow, ...]:
        """Every row whose Status is open and that has an Action, the oldest edit first; all pages of them.

        Raises as above, and Transient where the answer was incomplete.
        """
        ...

    async def finish(self, page_id: str, result: str) -> None:
        """Write the outcome, and set the Status to done. Doing it again changes nothing."""
        ...

    async def complain(self, page_id: str, result: str) -> None:
        """Write what is wrong into Result, and leave the row open."""
        ...

    def export(self) -> AsyncIterator[Mapping[str, object]]:
        """Every row of the database as the API gives it, for a backup."""
        ...

    async def probe(self) -> Probe:
        """One timed question that changes nothing."""
        ...


# ---------------------------------------------------------------- OctoBot


@dataclass(frozen=True, slots=True)
class Order:
    """One signal for OctoBot. tag: our own name for it; it stands in OctoBot's orders where it keeps tags."""

    action: Action
    tag: str


@dataclass(frozen=True, slots=True)
class OctoTrade:
    """One trade that OctoBot says it has made; as far as its web interface tells."""

    id: str
    symbol: str
    side: str
    at_ms: int


class OctoBot(Protocol):
    """The trading bot. It has no idempotency: the same order twice trades twice."""

    async def send(self, order: Order) -> None:
        """Hand over one BUY or SELL, once. On return it is accepted (HTTP 200), which is not executed.

        Raises Refused (it took nothing: a wrong token, feed or parameter), Unreached (nothing was handed over);
        any other Transient means that nobody knows. Never tries again by itself.
        """
        ...

    async def probe(self) -> tuple[Probe, ...]:
        """Both of its ports, timed: the webhook server, and the web interface where one is configured."""
        ...

    async def trades(self) -> tuple[OctoTrade, ...] | None:
        """What it has traded lately; None where the web interface is not configured or asks for a login."""
        ...


# ---------------------------------------------------------------- the chain, as one who sends


class GasError(Refused):
    """The node did not take a transaction for its fee, or for the account's means to pay it."""


class NonceTooLow(Refused):
    """The nonce is consumed already: by an earlier version of ours, or by somebody else."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Everything that a trade is judged by, read at one block of one endpoint.

    revision: of the pool (`POOL_REVISION`); known_rounding: whether `ultrad.core.pool` knows its arithmetic. The
    room's lowest_funds_e8 and used_e8 are left at what this block alone tells (the funds now, and 0).
    health_factor: as the pool itself says. allowance: of the pool for the asset. wei: what there is for gas.
    """

    block: Block
    endpoint: str
    revision: int
    known_rounding: bool
    emode: int
    health_factor: Wad
    holdings: tuple[Holding, ...]
    room: Room
    allowance: int
    wei: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a contract, as a transaction carries it. about: for the journal ("supply", "approve")."""

    about: str
    to: Address
    data: bytes
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class Simulated:
    """What `eth_call` says of a call. gas: as estimated, None where it fails; error: why, by its name in Aave."""

    gas: int | None
    error: Message | None


class Market(Protocol):
    """The pool as a trader sees it. Errors: Transient where it cannot be read; a trade is never made then."""

    @property
    def asset(self) -> Address:
        """The asset that is traded."""
        ...

    async def quote(self) -> Quote:
        """The account, its holdings and the configured asset, at one block."""
        ...

    def approve(self, amount: int) -> Call:
        """Allow the pool to take exactly this much of the asset."""
        ...

    def supply(self, amount: int) -> Call:
        """`Pool.supply` of the asset, on behalf of the account itself."""
        ...

    def withdraw(self, amount: int) -> Call:
        """`Pool.withdraw` of the asset, to the account itself."""
        ...

    async def simulate(self, call: Call) -> Simulated:
        """Run exactly this calldata at the newest block without sending it."""
        ...

    async def health_after(self, calls: tuple[Call, ...]) -> Wad | None:
        """The pool's word on the health factor after these calls (`eth_simulateV1`); None if no node can say."""
        ...


@dataclass(frozen=True, slots=True)
class PatientAt:
    """An account that may need rescue, as one endpoint shows it at one block."""

    block: Block
    endpoint: str
    patient: Patient


class RescueMarket(Protocol):
    """The pool as a rescue sees it: every asset of the account. Errors as those of `Market`."""

    async def patient(self) -> PatientAt:
        """The account with its means, at one block."""
        ...

    def approve(self, asset: Address, amount: int) -> Call:
        """Allow the pool to take exactly this much."""
        ...

    def act(self, measure: Measure, asset: Address, amount: int) -> Call:
        """`Pool.repay` (variable rate), `repayWithATokens` or `supply`, on behalf of the account itself."""
        ...

    async def simulate(self, call: Call) -> Simulated:
        """As `Market`."""
        ...

    async def health_after(self, calls: tuple[Call, ...]) -> Wad | None:
        """As `Market`."""
        ...


class Allowances(Protocol):
    """What others may take of the account's tokens. Errors as those of `Market`."""

    async def read(self, also: frozenset[Address]) -> AllowancesAt:
        """Of the configured assets and these, to the pool and the configured spenders, at one block."""
        ...

    def revoke(self, asset: Address, spender: Address) -> Call:
        """Allow it nothing any more."""
        ...


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees in wei a gas. base: of the next block; tip: what was paid lately."""

    base_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True)
class Unsigned:
    """One EIP-1559 transaction before it is signed. Fees in wei a gas."""

    chain_id: int
    nonce: int
    call: Call
    gas: int
    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction: the bytes that are sent, and its hash (0x…)."""

    raw: bytes
    hash: str


class Signer(Protocol):
    """Whoever holds the key. It signs for one address and never shows the key."""

    @property
    def address(self) -> Address:
        """The account that it signs for."""
        ...

    async def sign(self, what: Unsigned) -> Signed:
        """Sign. Raises Transient or Permanent where a remote signer does not."""
        ...

    def opened(self, raw: bytes) -> Unsigned:
        """What one of its signed transactions says, so that the very same can be signed at other fees.

        Bytes do not tell what a call is about: that stays empty.
        """
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction."""

    hash: str
    block: Block
    ok: bool
    gas_used: int
    fee_wei: int


@dataclass(frozen=True, slots=True)
class Nonces:
    """How many transactions of the account are in the newest block, in the confirmed one, and with the pending."""

    latest: int
    confirmed: int
    pending: int


class Ledger(Protocol):
    """The account's own transactions. Each method is one question to the endpoints, but `send`."""

    async def fees(self) -> Fees:
        """From `eth_feeHistory`."""
        ...

    async def nonces(self) -> Nonces:
        """At the newest block, at the confirmed depth, and with what is pending."""
        ...

    async def send(self, raw: bytes) -> None:
        """One transport call to the send endpoint, with nothing repeated.

        "Already known" is success. Raises GasError, NonceTooLow or another Refused, with the node's word, where it
        surely was not taken; Unreached; or another Transient (maybe sent).
        """
        ...

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """Where it was mined; None while it is not."""
        ...

    async def confirmed(self) -> Block:
        """The block at the configured depth under the newest one."""
        ...

    async def revert_reason(self, call: Call, block: Block) -> Message | None:
        """Why a mined call failed, by its name in Aave and what that means; None where nobody can say."""
        ...


# ---------------------------------------------------------------- the chain, as one who looks back


class History(Protocol):
    """What the chain tells of the account's past. Errors: Transient where no endpoint tells it whole."""

    @property
    def account(self) -> Address:
        """Whose past it is."""
        ...

    def newest(self) -> int | None:
        """The number of the newest head that any usable endpoint has; None where there is none. Asks nobody."""
        ...

    async def begin(self) -> Position:
        """Where a history that nobody has looked at begins: at the confirmed depth, with the nonce there."""
        ...

    async def look(self, since: Position, origin: int, own: Callable[[], Mapping[str, int]]) -> Seen:
        """Everything after that position up to the newest head, or as much of it as is read in one go.

        From one endpoint, and complete: what cannot be read whole raises. origin: the block where `begin` once
        began: nothing up to it is told, also where the position's own block was replaced. own: the hashes that we
        signed, with their nonces, so that nothing is searched for that is known.
        """
        ...
