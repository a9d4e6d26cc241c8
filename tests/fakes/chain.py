"""A scripted chain: blocks, positions and several endpoints with settable faults, in virtual time."""

import hashlib
from collections import deque
from dataclasses import dataclass, field

import anyio

from ultrad.core.position import Batch, Block, Market, Reading, Reserve, Sequencer, Unreadable
from ultrad.core.rounds import READ_LIMIT_S, ChainUnavailable, Refused, share_s
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, EndpointFault, EndpointStatus, Probe, Turned
from ultrad.units import INFINITE_HF, WAD, UsdE8, Wad

TURN_S = 1.0


@dataclass(frozen=True, slots=True)
class Account:
    """A position's figures; the health factor follows from a liquidation threshold of 83 %."""

    collateral_e8: int
    debt_e8: int
    threshold_bps: int = 8_300

    @property
    def health_factor(self) -> Wad:
        if self.debt_e8 == 0:
            return INFINITE_HF
        return Wad(self.collateral_e8 * self.threshold_bps * WAD // (self.debt_e8 * 10_000))


REFERENCE = Account(collateral_e8=25_000 * 10**8, debt_e8=11_000 * 10**8)
"""10 WETH at $2500 against 11,000 USDC: a health factor of 1.8864."""


@dataclass(slots=True)
class FakeEndpoint:
    """How one endpoint behaves. takes_s: how long each answer takes. frozen: it sees no new blocks.

    branch: whose blocks it shows ("": those of all); it has those from before `forked_at` as well.
    lies: position → the figures that it shows instead of the true ones (None: it cannot read that position).
    """

    name: str
    fault: EndpointFault | None = None
    takes_s: float = 0.0
    frozen: bool = False
    head: Block | None = None
    aside: Message | None = None
    branch: str = ""
    forked_at: int = 0
    lies: dict[str, Account | None] = field(default_factory=dict)


class FakeChain:
    """Implements `Chain`. Script it through `mine`, `set`, and the fields of `node(name)`."""

    def __init__(
        self,
        clock: Clock,
        endpoints: tuple[str, ...] = ("alpha", "beta"),
        positions: tuple[str, ...] = ("main",),
        *,
        stale_head_s: int = 60,
        max_lag_blocks: int = 5,
    ) -> None:
        self.accounts: dict[str, Account | None] = dict.fromkeys(positions, REFERENCE)
        self.reserves: tuple[Reserve, ...] = ()
        self.sequencer: Sequencer | None = None
        self.reads = 0
        self._clock = clock
        self._nodes = [FakeEndpoint(name) for name in endpoints]
        self._stale_head_s = stale_head_s
        self._max_lag_blocks = max_lag_blocks
        self._state: dict[str, dict[str, Account | None]] = {}
        self._known: deque[Block] = deque(maxlen=4_096)
        self._branch_of: dict[str, tuple[str, int]] = {}
        self._tips: dict[str, Block] = {}
        self._newest: Block | None = None
        self._arrived = anyio.Event()
        self._count = 0

    # ------------------------------------------------------------ the script

    def node(self, name: str) -> FakeEndpoint:
        for node in self._nodes:
            if node.name == name:
                return node
        raise Permanent(msg("There is no endpoint {endpoint}.", endpoint=name))

    def set(self, position: str, account: Account | None) -> None:
        """The position's figures from the next block on; None: its call fails."""
        self.accounts[position] = account

    def fork(self, name: str, branch: str = "fork") -> None:
        """From here on this endpoint has blocks of its own: those mined on that branch."""
        node = self.node(name)
        node.branch, node.forked_at = branch, self._count
        self._tips.setdefault(branch, self._tips[""])

    def rejoin(self, name: str) -> None:
        """It shows the blocks of all again."""
        node = self.node(name)
        node.branch, node.head = "", self._tips[""]

    def mine(self, number: int | None = None, time_s: int | None = None, branch: str = "") -> Block:
        """The next block, or another of that number (a reorganisation), announced by every endpoint that can."""
        self._count += 1
        block = Block(
            number=number if number is not None else (self._tips[branch].number + 1 if self._tips else 1),
            hash="0x" + hashlib.sha256(str(self._count).encode()).hexdigest(),
            time_s=time_s if time_s is not None else self._clock.now().wall_ms // 1000,
        )
        if len(self._known) == self._known.maxlen:
            del self._state[self._known[0].hash], self._branch_of[self._known[0].hash]
        self._known.append(block)
        self._tips[branch], self._branch_of[block.hash] = block, (branch, self._count)
        self._state[block.hash] = dict(self.accounts)
        for node in self._nodes:
            if not node.frozen and node.branch == branch:
                node.head = block
        usable = [node for node in self._nodes if node.fault is None and node.aside is None]
        others = [one.head.number for one in usable if one.branch != branch and one.head is not None]
        if any(node.head == block for node in usable) and block.number >= max(others, default=0):
            self._newest = block
            self._arrived.set()
        return block

    async def mine_every(self, seconds: float) -> None:
        """A block every so many seconds, for ever."""
        while True:
            self.mine()
            await anyio.sleep(seconds)

    # ------------------------------------------------------------ the port

    async def run(self, turned: Turned) -> None:
        while True:
            turned()
            await anyio.sleep(TURN_S)

    async def next_head(self) -> Block:
        while self._newest is None:
            await self._arrived.wait()
        newest, self._newest = self._newest, None
        self._arrived = anyio.Event()
        return newest

    async def read(self) -> Batch:
        self.reads += 1
        node, head = await self._serving()
        return self._batch(node, head)

    async def read_at(self, endpoint: str, block: Block) -> Batch:
        node = self.node(endpoint)
        await anyio.sleep(node.takes_s)
        fault, message = self._fault(node)
        if fault not in {None, EndpointFault.STALE} and message is not None:
            raise Transient(message)
        if node.head is None or not self._has(node, block) or block.number > node.head.number:
            raise Transient(msg("Endpoint {endpoint} does not have that block.", endpoint=endpoint))
        return self._batch(node, block)

    async def read_head(self, endpoint: str) -> Batch:
        node = self.node(endpoint)
        await anyio.sleep(node.takes_s)
        _, message = self._fault(node)
        if message is not None or node.head is None:
            raise Transient(message or msg("Endpoint {endpoint} has no head yet.", endpoint=endpoint))
        return self._batch(node, node.head)

    def _has(self, node: FakeEndpoint, block: Block) -> bool:
        branch, count = self._branch_of.get(block.hash, (None, 0))
        return branch == node.branch or (branch == "" and count <= node.forked_at)

    async def market(self) -> Market:
        node, head = await self._serving()
        return Market(block=head, endpoint=node.name, reserves=self.reserves, sequencer=self.sequencer)

    async def probe(self, limit_s: float) -> tuple[Probe, ...]:
        await anyio.sleep(min(limit_s, max(node.takes_s for node in self._nodes)))
        probes: list[Probe] = []
        for node in self._nodes:
            fault, message = self._fault(node)
            silent = fault in {EndpointFault.FAILED, EndpointFault.WRONG_CHAIN, EndpointFault.LIMITED}
            error = message if silent else None
            if node.takes_s > limit_s:
                error = msg("Endpoint {endpoint} did not answer in time.", endpoint=node.name)
            probes.append(Probe(node.name, round(min(limit_s, node.takes_s) * 1000), error))
        return tuple(probes)

    def set_aside(self, endpoint: str, reason: Message) -> None:
        self.node(endpoint).aside = reason

    def endpoints(self) -> tuple[EndpointStatus, ...]:
        found: list[EndpointStatus] = []
        for node in sorted(self._nodes, key=lambda one: self._fault(one)[0] is not None):
            fault, message = self._fault(node)
            number = node.head.number if node.head is not None else None
            usable = fault is None and number is not None
            took_ms = round(node.takes_s * 1000)
            found.append(EndpointStatus(node.name, usable, fault, message, number, took_ms, subscribed=usable))
        return tuple(found)

    # ------------------------------------------------------------ within

    def _fault(self, node: FakeEndpoint) -> tuple[EndpointFault | None, Message | None]:
        if node.aside is not None:
            return EndpointFault.SET_ASIDE, node.aside
        if node.fault is not None:
            return node.fault, msg(
                "Endpoint {endpoint}: scripted fault {fault}.", endpoint=node.name, fault=node.fault.value
            )
        old_s = self._clock.now().wall_ms // 1000 - node.head.time_s if node.head is not None else 0
        others = [one.head.number for one in self._nodes if one.head is not None and one is not node]
        lag = max(others, default=0) - node.head.number if node.head is not None else 0
        if abs(old_s) > self._stale_head_s or lag > self._max_lag_blocks:
            return EndpointFault.STALE, msg("Endpoint {endpoint} shows an old head.", endpoint=node.name)
        return None, None

    async def _serving(self) -> tuple[FakeEndpoint, Block]:
        """The first endpoint that serves, the newest head first, each asked for as long as it takes."""
        refused: list[Refused] = []
        end_s = anyio.current_time() + READ_LIMIT_S
        for place, node in enumerate(sorted(self._nodes, key=lambda one: -one.head.number if one.head else 1)):
            fault, message = self._fault(node)
            if fault not in {EndpointFault.SET_ASIDE, EndpointFault.LIMITED}:
                limit_s = share_s(end_s - anyio.current_time(), len(self._nodes) - place)
                await anyio.sleep(min(node.takes_s, limit_s))
                fault, message = self._fault(node)
                if node.takes_s > limit_s and fault is not EndpointFault.STALE:
                    message = msg("Endpoint {endpoint} did not answer in time.", endpoint=node.name)
            if message is None and node.head is not None:
                return node, node.head
            reason = message or msg("Endpoint {endpoint} has no head yet.", endpoint=node.name)
            refused.append(Refused(node.name, fault is EndpointFault.STALE, reason))
        raise ChainUnavailable(msg("No endpoint could serve."), tuple(refused))

    def _batch(self, node: FakeEndpoint, block: Block) -> Batch:
        readings: list[Reading] = []
        unreadable: list[Unreadable] = []
        for position, account in (self._state[block.hash] | node.lies).items():
            if account is None:
                unreadable.append(Unreadable(position, msg("Position {position}: scripted.", position=position)))
                continue
            collateral, debt = UsdE8(account.collateral_e8), UsdE8(account.debt_e8)
            readings.append(Reading(position, block, node.name, account.health_factor, collateral, debt))
        return Batch(block, node.name, tuple(readings), tuple(unreadable))
