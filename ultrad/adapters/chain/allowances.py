"""The port `Allowances`: what others may take of the account's tokens.

Source: ERC-20 (`allowance`, `approve`, and the optional `symbol` and `decimals`).
"""

from ultrad.adapters.chain import aave, abi
from ultrad.adapters.chain.abi import Malformed, address_word, word
from ultrad.adapters.chain.account import ALLOWANCE, Traded
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.market import At, symbol_of
from ultrad.adapters.chain.multicall import Call as Question
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.trade_market import APPROVE
from ultrad.core.allowances import Allowance, AllowancesAt
from ultrad.core.position import Block
from ultrad.core.revocations import REVOKE
from ultrad.trade_ports import Call
from ultrad.units import Address

MOST_DECIMALS = 77
"""Of an amount that fits a word. A token that says otherwise is shown in its smallest units."""


class TokenAllowances:
    """Implements `Allowances` for one account."""

    def __init__(self, chain: RpcChain, traded: Traded, spenders: tuple[Address, ...] = ()) -> None:
        """spenders: who is looked at besides the pool."""
        self._chain, self._traded, self._spenders = chain, traded, spenders

    async def read(self, also: frozenset[Address]) -> AllowancesAt:
        """See the port. Raises ChainUnavailable."""

        async def at_one(endpoint: Endpoint, block: Block, book: Book) -> AllowancesAt:
            return await self._read_at(At(endpoint, block), book, also)

        return await self._chain.ask(at_one)

    async def _read_at(self, at: At, book: Book, also: frozenset[Address]) -> AllowancesAt:
        assets = tuple(dict.fromkeys((*self._traded.funds, *sorted(also))))
        spenders = tuple(dict.fromkeys((book.pool, *self._spenders)))
        owner = address_word(self._traded.account)
        questions: list[Question] = []
        for asset in assets:
            questions += (aave.call(asset, aave.SYMBOL), aave.call(asset, aave.DECIMALS))
            questions += (aave.call(asset, ALLOWANCE, owner, address_word(one)) for one in spenders)
        answers = iter(await at.all(questions))
        found: list[Allowance] = []
        for asset in assets:
            symbol, unit = symbol_of(next(answers), asset), _unit(next(answers))
            found += (
                Allowance(
                    asset=asset,
                    symbol=symbol,
                    unit=unit,
                    spender=spender,
                    is_pool=spender == book.pool,
                    amount=at.decoded(asset, next(answers), abi.uint),
                )
                for spender in spenders
            )
        return AllowancesAt(at.block, at.endpoint.name, tuple(found))

    def revoke(self, asset: Address, spender: Address) -> Call:
        """See the port."""
        return Call(REVOKE, asset, bytes.fromhex(APPROVE) + address_word(spender) + word(0))


def _unit(answer: bytes | None) -> int:
    try:
        decimals = abi.uint(answer or b"")
    except Malformed:
        return 1
    return 10**decimals if decimals <= MOST_DECIMALS else 1
