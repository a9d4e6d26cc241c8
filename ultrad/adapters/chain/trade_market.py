"""The port `Market`: one account's holdings, quotes, calldata, and what a call would do.

Reads go to one endpoint after the other, as those of the watchdog do; each quote is of one block of one endpoint.
"""

from collections.abc import Mapping

import anyio

from ultrad.adapters.chain import aave, abi, reverts
from ultrad.adapters.chain.abi import Malformed, address_word, word
from ultrad.adapters.chain.account import Account, AccountReader, Traded
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.endpoint import Endpoint, quantity
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.rpc import NodeRefused, unexpected
from ultrad.core import pool
from ultrad.core.admission import Asset, Room
from ultrad.core.position import Block
from ultrad.core.rounds import ChainUnavailable
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.trade_ports import Call, Quote, Simulated
from ultrad.units import Address, UsdE8, Wad

APPROVE = "095ea7b3"  # approve(address,uint256)
SUPPLY = "617ba037"  # supply(address,uint256,address,uint16)
WITHDRAW = "69328dec"  # withdraw(address,uint256,address)
NO_REFERRAL = 0
_OK = "0x1"


class TradeMarket:
    """Implements `Market` for one account and one asset."""

    def __init__(self, chain: RpcChain, traded: Traded) -> None:
        """chain: whose endpoints, failover and contracts are used; it is opened and closed by its owner."""
        self._chain = chain
        self._traded = traded
        self._reader = AccountReader(traded)

    @property
    def asset(self) -> Address:
        """The asset that is traded."""
        return self._traded.asset

    # ------------------------------------------------------------ quotes

    async def quote(self) -> Quote:
        """The account, its holdings and the configured asset, at one block. Raises ChainUnavailable."""
        return await self._chain.ask(self._quote_at)

    async def _quote_at(self, endpoint: Endpoint, block: Block, book: Book) -> Quote:
        found = await self._reader.read(endpoint, block, book, anyio.current_time())
        return Quote(
            block=block,
            endpoint=endpoint.name,
            revision=found.revision,
            known_rounding=agrees(found),
            emode=found.emode,
            health_factor=found.said.health_factor,
            holdings=found.holdings,
            room=_room(found),
            allowance=found.allowance,
            wei=found.wei,
        )

    # ------------------------------------------------------------ calls

    def approve(self, amount: int) -> Call:
        """Allow the pool to take exactly this much of the asset (ERC-20 `approve`). Raises Transient."""
        return self._call("approve", self._traded.asset, APPROVE, address_word(self._pool()), word(amount))

    def supply(self, amount: int) -> Call:
        """`Pool.supply` of the asset, on behalf of the account itself. Raises Transient."""
        asset, account = address_word(self._traded.asset), address_word(self._traded.account)
        return self._call("supply", self._pool(), SUPPLY, asset, word(amount), account, word(NO_REFERRAL))

    def withdraw(self, amount: int) -> Call:
        """`Pool.withdraw` of the asset, to the account itself. Raises Transient."""
        asset, account = address_word(self._traded.asset), address_word(self._traded.account)
        return self._call("withdraw", self._pool(), WITHDRAW, asset, word(amount), account)

    @staticmethod
    def _call(about: str, target: Address, selector: str, *words: bytes) -> Call:
        return Call(about, target, bytes.fromhex(selector) + b"".join(words))

    def _pool(self) -> Address:
        book = self._chain.book
        if book is None:
            raise Transient(msg("The Aave market's contracts are not known yet: no endpoint has served."))
        return book.pool

    # ------------------------------------------------------------ what a call would do

    async def simulate(self, call: Call) -> Simulated:
        """Run exactly this calldata at the newest block without sending it. Raises ChainUnavailable."""
        transaction = self._transaction(call)

        async def run(endpoint: Endpoint, _block: Block, _book: Book) -> Simulated:
            try:
                answer = await endpoint.ask("eth_call", transaction, "latest")
                gas = await endpoint.ask("eth_estimateGas", transaction)
            except NodeRefused as error:
                why = reverts.verdict(error)
                if why is None:
                    raise
                return Simulated(None, why)
            if _returned(endpoint, answer, "eth_call") == word(0) and call.data[:4].hex() == APPROVE:
                # ERC-20: a token may answer false instead of reverting (older ones answer nothing at all).
                return Simulated(None, msg("the token did not accept the approval"))
            return Simulated(quantity(endpoint.name, gas, "eth_estimateGas"), None)

        return await self._chain.ask(run)

    async def health_after(self, calls: tuple[Call, ...]) -> Wad | None:
        """The pool's word on the health factor after these calls; None if no node can say, or one of them fails.

        `eth_simulateV1` (github.com/ethereum/execution-apis): calls one after the other on the newest block.
        """
        unable: set[str] = set()
        while len(unable) < len(self._chain.endpoints()):
            try:
                name, health_factor = await self._chain.ask(
                    lambda endpoint, _block, book: self._simulated(endpoint, book, calls), frozenset(unable)
                )
            except ChainUnavailable:
                if unable:
                    return None
                raise
            if health_factor is not None:
                return health_factor
            unable.add(name)
        return None

    async def _simulated(self, endpoint: Endpoint, book: Book, calls: tuple[Call, ...]) -> tuple[str, Wad | None]:
        question = aave.of(book.pool, aave.GET_USER_ACCOUNT_DATA, self._traded.account)
        last = Call("ask", question.target, question.data)
        steps = [self._transaction(call) for call in (*calls, last)]
        plan = {"blockStateCalls": [{"calls": steps}], "validation": False, "traceTransfers": False}
        try:
            answer = await endpoint.ask("eth_simulateV1", plan, "latest")
        except NodeRefused:
            return endpoint.name, None  # many nodes do not have it: no fault of theirs
        results = _results(endpoint, answer)
        if len(results) != len(steps):
            raise unexpected(endpoint.name, "eth_simulateV1")
        if any(one.get("status") != _OK for one in results):
            return endpoint.name, None
        data = _returned(endpoint, results[-1].get("returnData"), "eth_simulateV1")
        try:
            return endpoint.name, aave.account(data).health_factor
        except Malformed:
            failure = unexpected(endpoint.name, "eth_simulateV1")
        raise failure

    def _transaction(self, call: Call) -> dict[str, str]:
        return {
            "from": self._traded.account,
            "to": call.to,
            "data": "0x" + call.data.hex(),
            "value": hex(call.value_wei),
        }


def agrees(found: Account) -> bool:
    """Whether our arithmetic is this pool's: its revision is known, and gives what the pool itself says just now.

    A fork may count its revisions otherwise, and a reserve may have rules of its own (GHO until v3.3).
    """
    if not pool.known(found.revision):
        return False
    ours, said = pool.account_data(found.holdings, found.revision), found.said
    return (ours.collateral_e8, ours.debt_e8, ours.health_factor) == (
        said.collateral_e8,
        said.debt_e8,
        said.health_factor,
    )


def _room(found: Account) -> Room:
    """What there is to trade with; the traded asset is the first of its holdings and of its wallet."""
    worth = {one.asset: (one.price_e8, one.unit) for one in found.holdings}
    wallet_e8 = sum(amount * worth[asset][0] // worth[asset][1] for asset, amount in found.wallet)
    funds_e8 = UsdE8(wallet_e8 + pool.net_value_e8(found.holdings))
    traded = found.holdings[0]
    return Room(
        asset=Asset(traded.symbol, traded.unit, traded.price_e8),
        wallet=found.wallet[0][1],
        supplied=found.supplied,
        liquidity=found.liquidity,
        cap_left=found.cap_left,
        funds_e8=funds_e8,
        lowest_funds_e8=funds_e8,
        used_e8=0,
    )


def _returned(endpoint: Endpoint, value: object, method: str) -> bytes:
    """Bytes as 0x hex. Raises NodeFailed for anything else."""
    try:
        return abi.data(value)
    except Malformed:
        failure = unexpected(endpoint.name, method)
    raise failure


def _results(endpoint: Endpoint, answer: object) -> list[Mapping[str, object]]:
    """The calls' results in the one block of an `eth_simulateV1` answer. Raises NodeFailed."""
    block = answer[0] if isinstance(answer, list) and len(answer) == 1 else None
    results = block.get("calls") if isinstance(block, dict) else None
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise unexpected(endpoint.name, "eth_simulateV1")
    return results
