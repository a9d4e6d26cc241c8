"""The same pool as `FakeMarket`, as a rescue sees it: both of its assets."""

from dataclasses import dataclass, field, replace

from tests.fakes.trade_market import ACCOUNT, APPROVE, POOL, REVISION, SUPPLY, FakeMarket, State, call_of
from ultrad.core import pool
from ultrad.core.position import Block
from ultrad.core.rescue import Means, Measure, Patient
from ultrad.devnet.abi import words
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.trade_ports import Call, PatientAt, Simulated
from ultrad.units import Address, Wad

SIGNATURES = {
    Measure.REPAY: "repay(address,uint256,uint256,address)",
    Measure.REPAY_WITH_ATOKENS: "repayWithATokens(address,uint256,uint256)",
    Measure.ADD_COLLATERAL: SUPPLY,
}
NEWEST = 10**9
"""Later than any block of the watch."""


@dataclass
class FakeRescueMarket:
    """Implements `RescueMarket`. closed: reserves that are paused. lame: repayments are taken and do nothing.

    known: whether the arithmetic is, or only `health_after` can say.
    """

    market: FakeMarket
    closed: set[Address] = field(default_factory=set)
    lame: bool = False
    known: bool = True
    asked: int = 0

    def __post_init__(self) -> None:
        self.market.also = self._after

    async def patient(self) -> PatientAt:
        quote = await self.market.quote()
        self.asked += 1
        state = self.market.state
        purses = ((state.wallet, state.allowance), (state.other_wallet, state.other_allowance))
        means = tuple(
            Means(
                asset=one.asset,
                wallet=wallet,
                allowance=allowance,
                payable=one.asset not in self.closed,
                suppliable=one.asset not in self.closed,
                cap_left=self.market.cap_left if one is state.holdings[0] else None,
            )
            for one, (wallet, allowance) in zip(state.holdings, purses, strict=True)
        )
        block = Block(NEWEST, quote.block.hash, quote.block.time_s)
        patient = Patient(REVISION, self.known, quote.health_factor, state.holdings, means)
        return PatientAt(block, quote.endpoint, patient)

    def approve(self, asset: Address, amount: int) -> Call:
        return call_of("approve", asset, APPROVE, POOL, amount)

    def act(self, measure: Measure, asset: Address, amount: int) -> Call:
        rest = {
            Measure.REPAY: (2, ACCOUNT),
            Measure.REPAY_WITH_ATOKENS: (2,),
            Measure.ADD_COLLATERAL: (ACCOUNT, 0),
        }
        return call_of(measure.value, POOL, SIGNATURES[measure], asset, amount, *rest[measure])

    async def simulate(self, call: Call) -> Simulated:
        return await self.market.simulate(call)

    async def health_after(self, calls: tuple[Call, ...]) -> Wad | None:
        return await self.market.health_after(calls)

    def _after(self, state: State, call: Call) -> State | None:
        """What the trader's own market does not know; None for what it does."""
        debt = state.holdings[1]
        given = words("0x" + call.data[4:].hex())
        if call.data == self.approve(debt.asset, given[1]).data and call.to == debt.asset:
            return replace(state, other_allowance=given[1])
        asset, amount = debt.asset, given[1]
        if call.data == self.act(Measure.REPAY, asset, amount).data:
            if asset in self.closed:
                raise Permanent(msg("Aave refused it: {name}", name="ReservePaused"))
            if amount > min(state.other_wallet, state.other_allowance):
                raise Permanent(msg("the contract refused the call and gave no reason"))
            if self.lame:
                return state
            holdings = pool.after_repay(state.holdings, asset, amount, REVISION)
            return replace(
                state,
                holdings=(holdings[0], holdings[1]),
                other_wallet=state.other_wallet - amount,
                other_allowance=state.other_allowance - amount,
            )
        if call.data == self.act(Measure.REPAY_WITH_ATOKENS, asset, amount).data:
            holdings = pool.after_repay_with_atokens(state.holdings, asset, amount, REVISION)
            return replace(state, holdings=(holdings[0], holdings[1]))
        return None
