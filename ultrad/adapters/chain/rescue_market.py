"""The port `RescueMarket`: what a rescue may use, and the calldata of what it does.

Sources: aave-v3-origin `IPool.sol` (repay, repayWithATokens, supply), `ReserveConfiguration.sol`; ERC-20.
"""

import anyio

from ultrad.adapters.chain import aave, abi
from ultrad.adapters.chain.abi import address_word, word
from ultrad.adapters.chain.account import (
    ALLOWANCE,
    GET_RESERVE_DATA,
    SCALED_TOTAL_SUPPLY,
    AccountReader,
    Traded,
    cap_left,
)
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.market import At
from ultrad.adapters.chain.multicall import Call as Question
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.trade_market import APPROVE, NO_REFERRAL, SUPPLY, TradeMarket, agrees
from ultrad.core.pool import Holding
from ultrad.core.position import Block
from ultrad.core.rescue import Means, Measure, Patient
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.trade_ports import Call, PatientAt, Simulated
from ultrad.units import Address, Wad

REPAY = "573ade81"  # repay(address,uint256,uint256,address)
REPAY_WITH_ATOKENS = "2dad97d4"  # repayWithATokens(address,uint256,uint256)
VARIABLE_RATE = 2


class AaveRescueMarket:
    """Implements `RescueMarket` for one account."""

    def __init__(self, chain: RpcChain, traded: Traded) -> None:
        """chain: whose endpoints, failover and contracts are used; it is opened and closed by its owner."""
        self._chain = chain
        self._account = traded.account
        self._reader = AccountReader(traded)
        self._market = TradeMarket(chain, traded)

    # ------------------------------------------------------------ the account

    async def patient(self) -> PatientAt:
        """See the port. Raises ChainUnavailable."""
        return await self._chain.ask(self._patient_at)

    async def _patient_at(self, endpoint: Endpoint, block: Block, book: Book) -> PatientAt:
        found = await self._reader.read(endpoint, block, book, anyio.current_time())
        patient = Patient(
            revision=found.revision,
            known=agrees(found),
            health_factor=found.said.health_factor,
            holdings=found.holdings,
            means=await self._means(At(endpoint, block), book, found.holdings),
        )
        return PatientAt(block, endpoint.name, patient)

    async def _means(self, at: At, book: Book, holdings: tuple[Holding, ...]) -> tuple[Means, ...]:
        questions: list[Question] = []
        for one in holdings:
            questions += (
                aave.of(book.pool, GET_RESERVE_DATA, one.asset),
                aave.of(one.asset, aave.BALANCE_OF, self._account),
                aave.call(one.asset, ALLOWANCE, address_word(self._account), address_word(book.pool)),
            )
        answers = await at.all(questions)
        reserves = [answer or b"" for answer in answers[::3]]
        minted = await at.all(
            [
                aave.call(at.decoded(book.pool, data, lambda data: abi.address(data, 8)), SCALED_TOTAL_SUPPLY)
                for data in reserves
            ]
        )
        means: list[Means] = []
        for index, one in enumerate(holdings):
            state = at.decoded(book.pool, reserves[index], aave.configuration)
            payable = state.active and not state.paused
            means.append(
                Means(
                    asset=one.asset,
                    wallet=at.decoded(one.asset, answers[3 * index + 1], abi.uint),
                    allowance=at.decoded(one.asset, answers[3 * index + 2], abi.uint),
                    payable=payable,
                    suppliable=payable and not state.frozen,
                    cap_left=cap_left(
                        state.supply_cap,
                        at.decoded(one.asset, minted[index], abi.uint),
                        reserves[index],
                        one.supply_index,
                    ),
                )
            )
        return tuple(means)

    # ------------------------------------------------------------ calls

    def approve(self, asset: Address, amount: int) -> Call:
        """See the port (ERC-20 `approve`). Raises Transient."""
        return _call("approve", asset, APPROVE, address_word(self._pool()), word(amount))

    def act(self, measure: Measure, asset: Address, amount: int) -> Call:
        """See the port. Raises Transient."""
        what, account = (address_word(asset), word(amount)), address_word(self._account)
        match measure:
            case Measure.REPAY:
                return _call(measure, self._pool(), REPAY, *what, word(VARIABLE_RATE), account)
            case Measure.REPAY_WITH_ATOKENS:
                return _call(measure, self._pool(), REPAY_WITH_ATOKENS, *what, word(VARIABLE_RATE))
            case Measure.ADD_COLLATERAL:
                return _call(measure, self._pool(), SUPPLY, *what, account, word(NO_REFERRAL))

    def _pool(self) -> Address:
        book = self._chain.book
        if book is None:
            raise Transient(msg("The Aave market's contracts are not known yet: no endpoint has served."))
        return book.pool

    # ------------------------------------------------------------ what a call would do

    async def simulate(self, call: Call) -> Simulated:
        """See the port. Raises ChainUnavailable."""
        return await self._market.simulate(call)

    async def health_after(self, calls: tuple[Call, ...]) -> Wad | None:
        """See the port. Raises ChainUnavailable."""
        return await self._market.health_after(calls)


def _call(about: str, target: Address, selector: str, *words: bytes) -> Call:
    return Call(str(about), target, bytes.fromhex(selector) + b"".join(words))
