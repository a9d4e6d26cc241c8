"""The port `Situations`: each watched position as the pool computes it, in one question to one endpoint."""

from collections.abc import Iterable

import anyio

from ultrad.adapters.chain import aave, abi
from ultrad.adapters.chain.account import POOL_REVISION, AccountReader, Traded
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.market import At
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.trade_market import agrees
from ultrad.core.outlook import Situation
from ultrad.core.position import Block
from ultrad.units import Address


class AaveSituations:
    """Implements `Situations`."""

    def __init__(self, chain: RpcChain, positions: Iterable[tuple[str, Address]], multicall: Address) -> None:
        """chain: whose endpoints, failover and contracts are used. positions: (name, account)."""
        self._chain, self._multicall = chain, multicall
        self._account_of = dict(positions)
        self._readers: dict[str, AccountReader] = {}

    async def read(self, position: str) -> Situation:
        """See the port. Raises ChainUnavailable."""

        async def question(endpoint: Endpoint, block: Block, book: Book) -> Situation:
            return await self._at(position, endpoint, block, book)

        return await self._chain.ask(question)

    async def _at(self, position: str, endpoint: Endpoint, block: Block, book: Book) -> Situation:
        reader = self._readers.get(position)
        if reader is None:
            at, account = At(endpoint, block), self._account_of[position]
            bits, revision = await at.all(
                [aave.of(book.pool, aave.GET_USER_CONFIGURATION, account), aave.call(book.pool, POOL_REVISION)]
            )
            used = aave.reserve_ids(at.decoded(book.pool, bits, abi.uint))
            if not used:
                return Situation(
                    position, block, endpoint.name, at.decoded(book.pool, revision, abi.uint), known=True
                )
            (first,) = await at.all([aave.reserve_by_id(book.pool, min(used))])
            reader = self._reader(account, at.decoded(book.pool, first, abi.address))
            self._readers[position] = reader
        found = await reader.read(endpoint, block, book, anyio.current_time())
        held = tuple(
            (one, accrual)
            for one, accrual in zip(found.holdings, found.accruals, strict=True)
            if one.scaled_supply or one.scaled_debt
        )
        return Situation(
            position=position,
            block=block,
            endpoint=endpoint.name,
            revision=found.revision,
            known=agrees(found),
            holdings=tuple(one for one, _ in held),
            accruals=tuple(accrual for _, accrual in held),
        )

    def _reader(self, account: Address, asset: Address) -> AccountReader:
        """asset: any reserve does; the reader finds the others that the account uses by itself."""
        return AccountReader(Traded(account=account, asset=asset, multicall=self._multicall))
