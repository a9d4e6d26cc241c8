"""A pool with one account in it, moved by a test: what it supplies in one asset, and what it owes in another."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from ultrad.addresses import checksum
from ultrad.core import pool
from ultrad.core.admission import Asset, Room
from ultrad.core.pool import RAY, Holding
from ultrad.core.position import Block
from ultrad.core.rounds import ChainUnavailable, Refused
from ultrad.devnet.abi import call_data, words
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.ports import Clock
from ultrad.trade_ports import Call, Quote, Simulated
from ultrad.units import INFINITE_HF, WAD, Address, Bps, UsdE8, Wad

POOL = checksum("0x" + "b2" * 20)
ACCOUNT = checksum("0x" + "e5" * 20)
WETH, USDC = checksum("0x" + "11" * 20), checksum("0x" + "22" * 20)
REVISION = 10
APPROVE, SUPPLY, WITHDRAW = (
    "approve(address,uint256)",
    "supply(address,uint256,address,uint16)",
    "withdraw(address,uint256,address)",
)
GAS = {"approve": 46_000, "supply": 190_000, "withdraw": 200_000}


@dataclass(frozen=True, slots=True)
class State:
    """What a transaction changes. Amounts in smallest units of the traded asset, or of the other one."""

    holdings: tuple[Holding, Holding]
    wallet: int = 0
    allowance: int = 0
    other_wallet: int = 0
    other_allowance: int = 0


REFERENCE = State(
    (
        Holding(WETH, "WETH", 10**18, UsdE8(2500 * 10**8), Bps(8300), True, 10 * 10**18, 0, RAY, RAY, True),
        Holding(USDC, "USDC", 10**6, UsdE8(10**8), Bps(7800), False, 0, 11_000 * 10**6, RAY, RAY, True),
    )
)
"""10 WETH at $2500 against 11,000 USDC: a health factor of 1.8864."""


class FakeMarket:
    """Implements `Market`. A test sets its fields; `apply` does what a mined call does.

    down: why nothing can be read. simulates: whether a node has `eth_simulateV1`. refuses: what every simulation
    answers, whatever the call. also: what calls do that are no trader's (None: it is one). cap_left, liquidity: as
    `Room` has them. revision: as the pool names itself.
    """

    def __init__(self, clock: Clock, state: State = REFERENCE) -> None:
        self.state = state
        self.down: Message | None = None
        self.simulates = True
        self.refuses: Message | None = None
        self.cap_left: int | None = None
        self.liquidity = 10_000 * 10**18
        self.revision = REVISION
        self.wei = 10**18
        self.number = 1
        self.quotes = 0
        self.simulated: list[Call] = []
        self.also: Callable[[State, Call], State | None] = lambda _state, _call: None
        self._clock = clock

    # ------------------------------------------------------------ the script

    def set_price(self, price_e8: int) -> None:
        """Of the traded asset, in USD × 10^8."""
        traded, other = self.state.holdings
        self.state = replace(self.state, holdings=(replace(traded, price_e8=UsdE8(price_e8)), other))

    def apply(self, call: Call) -> None:
        """The call is mined, in a block of its own. Raises Permanent where the pool would refuse it."""
        self.state = self._after(self.state, call)
        self.number += 1

    # ------------------------------------------------------------ the port

    @property
    def asset(self) -> Address:
        return self.state.holdings[0].asset

    async def quote(self) -> Quote:
        self._reached()
        self.quotes += 1
        holdings, wallet = self.state.holdings, self.state.wallet
        traded = holdings[0]
        funds_e8 = UsdE8(wallet * traded.price_e8 // traded.unit + pool.net_value_e8(holdings))
        return Quote(
            block=Block(self.number, self._hash(), self._clock.now().wall_ms // 1000),
            endpoint="alpha",
            revision=self.revision,
            known_rounding=pool.known(self.revision),
            emode=0,
            health_factor=self._health(self.state),
            holdings=holdings,
            room=Room(
                asset=Asset(traded.symbol, traded.unit, traded.price_e8),
                wallet=wallet,
                supplied=pool.supplied(traded, REVISION),
                liquidity=self.liquidity,
                cap_left=self.cap_left,
                funds_e8=funds_e8,
                lowest_funds_e8=funds_e8,
                used_e8=0,
            ),
            allowance=self.state.allowance,
            wei=self.wei,
        )

    def approve(self, amount: int) -> Call:
        return call_of("approve", self.state.holdings[0].asset, APPROVE, POOL, amount)

    def supply(self, amount: int) -> Call:
        return call_of("supply", POOL, SUPPLY, self.state.holdings[0].asset, amount, ACCOUNT, 0)

    def withdraw(self, amount: int) -> Call:
        return call_of("withdraw", POOL, WITHDRAW, self.state.holdings[0].asset, amount, ACCOUNT)

    async def simulate(self, call: Call) -> Simulated:
        self._reached()
        self.simulated.append(call)
        if self.refuses is not None:
            return Simulated(None, self.refuses)
        try:
            self._after(self.state, call)
        except Permanent as error:
            return Simulated(None, error.message)
        return Simulated(GAS.get(call.about, 200_000), None)

    async def health_after(self, calls: tuple[Call, ...]) -> Wad | None:
        self._reached()
        if not self.simulates:
            return None
        state = self.state
        for call in calls:
            try:
                state = self._after(state, call)
            except Permanent:
                return None
        return self._health(state)

    # ------------------------------------------------------------ within

    def _reached(self) -> None:
        if self.down is not None:
            raise ChainUnavailable(self.down, (Refused("alpha", stale=False, message=self.down),))

    def _hash(self) -> str:
        return "0x" + hashlib.sha256(str(self.number).encode()).hexdigest()

    def _health(self, state: State) -> Wad:
        return pool.health_factor(state.holdings, REVISION)

    def _after(self, state: State, call: Call) -> State:
        arguments = words("0x" + call.data[4:].hex())
        asset = state.holdings[0].asset
        if (further := self.also(state, call)) is not None:
            return further
        if call.data == self.approve(arguments[1]).data:
            return replace(state, allowance=arguments[1])
        amount = arguments[1]
        if call.data == self.supply(amount).data:
            if amount > min(state.wallet, state.allowance):
                raise Permanent(msg("the contract refused the call and gave no reason"))
            if self.cap_left is not None and amount > self.cap_left:
                raise _refused("SupplyCapExceeded")
            holdings = pool.after_supply(state.holdings, asset, amount, REVISION)
            allowance = state.allowance - amount
            return replace(
                state, holdings=(holdings[0], holdings[1]), wallet=state.wallet - amount, allowance=allowance
            )
        if call.data == self.withdraw(amount).data:
            there = pool.supplied(state.holdings[0], REVISION)
            if amount > there and amount != pool.WHOLE:
                raise _refused("NotEnoughAvailableUserBalance")
            holdings = pool.after_withdraw(state.holdings, asset, amount, REVISION)
            after = replace(state, holdings=(holdings[0], holdings[1]), wallet=state.wallet + min(amount, there))
            health_factor = self._health(after)
            if health_factor != INFINITE_HF and health_factor < WAD:
                raise _refused("HealthFactorLowerThanLiquidationThreshold")
            return after
        raise AssertionError("no call of this market")


def _refused(name: str) -> Permanent:
    return Permanent(msg("Aave refused it: {name}", name=name))


def call_of(about: str, target: Address, signature: str, *arguments: int | str) -> Call:
    return Call(about, target, bytes.fromhex(call_data(signature, *arguments)[2:]))
