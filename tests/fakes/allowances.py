"""What others may take of the account's tokens, in the same pool as `FakeMarket` has."""

from dataclasses import dataclass, field, replace

from tests.fakes.rescue_market import NEWEST
from tests.fakes.trade_market import APPROVE, POOL, WETH, FakeMarket, State, call_of
from ultrad.addresses import checksum
from ultrad.core.allowances import Allowance, AllowancesAt
from ultrad.core.position import Block
from ultrad.devnet.abi import words
from ultrad.trade_ports import Call
from ultrad.units import Address

ROUTER = checksum("0x" + "c7" * 20)
"""A contract that the account has used by hand."""


@dataclass
class FakeAllowances:
    """Implements `Allowances`. spenders: who is looked at besides the pool.

    routed: what the router may take of the first asset. stubborn: tokens take a revocation and change nothing.
    behind: an endpoint that answers from before everything.
    """

    market: FakeMarket
    spenders: tuple[Address, ...] = (ROUTER,)
    routed: int = 0
    stubborn: bool = False
    behind: bool = False
    reads: int = 0
    asked: list[frozenset[Address]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._others = self.market.also
        self.market.also = self._after

    async def read(self, also: frozenset[Address]) -> AllowancesAt:
        quote = await self.market.quote()
        self.reads += 1
        self.asked.append(also)
        state = self.market.state
        first, second = state.holdings
        found = [Allowance(first.asset, first.symbol, first.unit, POOL, True, state.allowance)]
        if second.asset in also:
            found.append(Allowance(second.asset, second.symbol, second.unit, POOL, True, state.other_allowance))
        found += (
            Allowance(first.asset, first.symbol, first.unit, one, False, self.routed) for one in self.spenders
        )
        number = 0 if self.behind else NEWEST
        return AllowancesAt(Block(number, quote.block.hash, quote.block.time_s), quote.endpoint, tuple(found))

    def revoke(self, asset: Address, spender: Address) -> Call:
        return replace(call_of("approve", asset, APPROVE, spender, 0), about="revoke")

    def _after(self, state: State, call: Call) -> State | None:
        spender, amount = words("0x" + call.data[4:68].hex())
        approves = call.data[:4] == self.revoke(WETH, ROUTER).data[:4]
        if approves and amount == 0 and self.stubborn:
            return state
        if approves and spender == int(ROUTER, 16):
            self.routed = amount
            return state
        return self._others(state, call)
