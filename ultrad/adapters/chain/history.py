"""What the chain tells of one account's past: logs, nonces, and who sent what. Implements `History`.

It asks beside the readings, and what fails here is not held against an endpoint: one may read positions well and
know no logs. Each look begins with another of the endpoints that stand at the newest head, so that each block is
seen by several while it is younger than the confirmed depth.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import anyio

from ultrad.adapters.chain import aave, abi, logs
from ultrad.adapters.chain.abi import Malformed
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.endpoint import Endpoint, header, payloads, quantity
from ultrad.adapters.chain.multicall import Call
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.rpc import NodeFailed, NodeRefused, unexpected
from ultrad.addresses import ZERO, checksum, is_address
from ultrad.core.intrusion import MOST_NONCES, TAKING, Kind, Log, Position, Seen, Sent
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.units import Address, UsdE8

T = TypeVar("T")
LOOK_S = 20.0
"""How long one endpoint may take for one look: some dozen calls, each of three seconds at most."""
MAX_SPAN = 20_000
"""Blocks of one look; more (after a long absence) are read in several."""
MAX_RANGE = 1_000
"""Blocks of one `eth_getLogs`: under the limits of public providers (2,000 to 10,000)."""
MAX_LOGS = 10_000
"""So many logs in one answer are a provider's limit, and not all there are."""
MOST_FOUND = 20
"""Transactions that are searched for in one look; of more only the count is told."""
REWIND = 100
"""Blocks that are read again where a confirmed one was replaced: what nodes that prune still know (geth: 128)."""
REFRESH_S = 3600.0
"""How often the market's tokens are asked for anew: a new reserve is listed days after its vote."""
GET_RESERVES_LIST = "d1946dbc"  # getReservesList()
_NO_METHOD = -32601
_SETS_CODE = "0x4"
"""EIP-7702: an authorization consumes its signer's nonce, whoever sends the transaction."""


class RpcHistory:
    """See the port."""

    def __init__(self, chain: RpcChain, account: Address, confirmations: int) -> None:
        """chain: whose endpoints and contracts are used; it is opened and closed by its owner."""
        self._chain = chain
        self._account = account
        self._confirmations = confirmations
        self._turn = 0
        self._watched: logs.Watched | None = None
        self._watched_for: Book | None = None
        self._watched_until_s = float("-inf")
        self._range: dict[str, int] = {}

    @property
    def account(self) -> Address:
        """Whose past it is."""
        return self._account

    def newest(self) -> int | None:
        """The newest head of any endpoint that is fit."""
        return max((head.number for _, head in self._fit()), default=None)

    async def begin(self) -> Position:
        """The confirmed block, and the nonce there. Raises Transient."""

        async def question(endpoint: Endpoint, head: Block) -> Position:
            block = await header_at(endpoint, max(0, head.number - self._confirmations))
            return Position(block, await self._count(endpoint, block.number))

        return await self._ask(question)

    async def look(self, since: Position, origin: int, own: Callable[[], Mapping[str, int]]) -> Seen:
        """See the port."""

        async def question(endpoint: Endpoint, head: Block) -> Seen:
            return await Look(self, endpoint, head, own).from_(since, origin)

        return await self._ask(question)

    # ------------------------------------------------------------ endpoints

    def _fit(self) -> list[tuple[Endpoint, Block]]:
        fit = [one for one, fault in self._chain.ranked() if fault is None]
        return [(one, one.health.head) for one in fit if one.health.head is not None]

    async def _ask(self, question: Callable[[Endpoint, Block], Awaitable[T]]) -> T:
        """Put the question to one endpoint after the other, those at the newest head first and in turn."""
        fit = self._fit()
        top = max((head.number for _, head in fit), default=0)
        first = [one for one in fit if one[1].number == top]
        at = self._turn % len(first) if first else 0
        self._turn += 1
        why = msg("no endpoint is fit to be asked")
        for endpoint, head in (*first[at:], *first[:at], *(one for one in fit if one[1].number < top)):
            try:
                with anyio.fail_after(LOOK_S):
                    return await question(endpoint, head)
            except TimeoutError:
                why = msg(
                    "endpoint {endpoint} took longer than {seconds} s",
                    endpoint=endpoint.name,
                    seconds=round(LOOK_S),
                )
            except Transient as error:
                why = error.message
        raise Transient(msg("The account's history cannot be read: {reason}", reason=why))

    async def watched(self, endpoint: Endpoint, block: Block) -> logs.Watched:
        """The market's tokens, as they were known within REFRESH_S. Raises Transient."""
        book, now_s = self.book(), anyio.current_time()
        if self._watched is None or self._watched_for != book or now_s >= self._watched_until_s:
            answers = await calls_at(endpoint, block, [aave.call(book.pool, GET_RESERVES_LIST)])
            assets = _read(endpoint, answers[0], logs.reserves)
            calls = [aave.of(book.data_provider, aave.GET_RESERVE_TOKENS_ADDRESSES, asset) for asset in assets]
            tokens = [_read(endpoint, one, _two_tokens) for one in await calls_at(endpoint, block, calls)]
            self._watched = logs.watched_of(
                book.pool, [(asset, *both) for asset, both in zip(assets, tokens, strict=True)]
            )
            self._watched_for, self._watched_until_s = book, now_s + REFRESH_S
        return self._watched

    def book(self) -> Book:
        """The market's contracts. Raises Transient where they are not known yet."""
        book = self._chain.book
        if book is None:
            raise Transient(msg("The Aave market's contracts are not known yet: no endpoint has served."))
        return book

    async def _count(self, endpoint: Endpoint, number: int) -> int:
        answer = await endpoint.rpc.call("eth_getTransactionCount", self._account, hex(number))
        return quantity(endpoint.name, answer, "eth_getTransactionCount")

    # the parts of a look that are kept from one to the next, or that it asks for

    def range_of(self, endpoint: Endpoint) -> int:
        """How many blocks this endpoint answers about in one go, as far as is known."""
        return self._range.get(endpoint.name, MAX_RANGE)

    def narrow(self, endpoint: Endpoint, blocks: int) -> None:
        """It does not answer about more than so many."""
        self._range[endpoint.name] = max(1, min(blocks, self.range_of(endpoint)))

    async def count(self, endpoint: Endpoint, number: int) -> int:
        """How many transactions the account had sent at that block. Raises Transient."""
        return await self._count(endpoint, number)

    @property
    def confirmations(self) -> int:
        """The confirmed depth."""
        return self._confirmations


class Look:
    """One look, at one endpoint."""

    def __init__(
        self, history: RpcHistory, endpoint: Endpoint, head: Block, own: Callable[[], Mapping[str, int]]
    ) -> None:
        self._history, self._endpoint, self._head = history, endpoint, head
        self._own = own
        self._account = history.account

    async def from_(self, since: Position, origin: int) -> Seen:
        """What is new since a position. Raises Transient."""
        since = await self._rooted(since, origin)
        first, deep = since.block.number + 1, self._head.number - self._history.confirmations
        last = min(self._head.number, since.block.number + MAX_SPAN)
        if last < first:
            raise NodeFailed(
                msg("Endpoint {endpoint} is behind what was looked at already.", endpoint=self._endpoint.name)
            )
        whole = last == self._head.number
        watched = await self._history.watched(self._endpoint, self._head)
        found = await self.logs_between(watched, first, last)
        nonce = await self._history.count(self._endpoint, last) if whole else None
        sent = await self._sent(since, last, nonce)
        reached = await self._reached(since, min(deep, last), whole=whole)
        block = await header_at(self._endpoint, last)
        if whole and block.hash != self._head.hash:
            raise NodeFailed(
                msg("Endpoint {endpoint} replaced its head during a look.", endpoint=self._endpoint.name)
            )
        return Seen(
            since=since,
            block=block,
            nonce=nonce,
            reached=reached,
            sent=sent,
            logs=found,
            senders=await self._senders(found),
            prices=await self.prices(found),
        )

    async def _rooted(self, since: Position, origin: int) -> Position:
        """The position, or one further back where its block is no longer part of the chain."""
        if since.block.number > self._head.number:
            return since
        block = await header_at(self._endpoint, since.block.number)
        if block.hash == since.block.hash:
            return since
        back = await header_at(self._endpoint, max(origin, since.block.number - REWIND))
        nonce = await self.count_if_known(back.number)  # without it, nonces that are explained stay so
        return Position(back, since.nonce if nonce is None else min(nonce, since.nonce))

    async def count_if_known(self, number: int) -> int | None:
        """None where the node has forgotten the state of that block, as all do that are no archive."""
        try:
            return await self._history.count(self._endpoint, number)
        except NodeRefused:
            return None

    async def _reached(self, since: Position, number: int, *, whole: bool) -> Position:
        if number <= since.block.number:
            return since
        nonce = await self._history.count(self._endpoint, number) if whole else since.nonce
        block = await header_at(self._endpoint, number)
        return Position(block, max(since.nonce, min(nonce, since.nonce + MOST_NONCES)))

    # ------------------------------------------------------------ logs

    async def logs_between(self, watched: logs.Watched, first: int, last: int) -> tuple[Log, ...]:
        """Every log of the account in these blocks, both included. Raises Transient."""
        found: dict[tuple[int, int], Log] = {}
        for query in logs.queries(watched, self._account):
            at = first
            while at <= last:
                upto = min(last, at + self._history.range_of(self._endpoint) - 1)
                for one in await self._range(query, at, upto):
                    log = self._decoded(one, watched, at, upto)
                    if log is not None:
                        found[log.block, log.index] = log
                at = upto + 1
        return tuple(found[key] for key in sorted(found))

    async def _range(self, query: dict[str, object], first: int, last: int) -> list[object]:
        """All logs of a range: in halves where it is too much for the endpoint. Raises Transient."""
        filter_ = {**query, "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            answer = await self._endpoint.rpc.call("eth_getLogs", filter_)
        except (NodeRefused, NodeFailed) as error:
            # Providers agree on no code for "too many": whatever is refused is asked for in less.
            if first == last or (isinstance(error, NodeRefused) and error.code == _NO_METHOD):
                raise
            answer = None
        if isinstance(answer, list) and (len(answer) < MAX_LOGS or first == last):
            return answer
        if first == last:
            raise unexpected(self._endpoint.name, "eth_getLogs")
        middle = (first + last) // 2
        self._history.narrow(self._endpoint, middle - first + 1)
        return [*await self._range(query, first, middle), *await self._range(query, middle + 1, last)]

    def _decoded(self, value: object, watched: logs.Watched, first: int, last: int) -> Log | None:
        try:
            one = logs.raw(value)
            if first <= one.block <= last:
                return logs.decoded(one, watched, self._account)
        except Malformed:
            pass
        raise unexpected(self._endpoint.name, "eth_getLogs")

    # ------------------------------------------------------------ nonces

    async def _sent(self, since: Position, last: int, nonce: int | None) -> tuple[Sent, ...]:
        """Which transaction consumed each nonce since; our own by their receipts, others by search."""
        if nonce is None:
            return ()
        hashes: dict[int, list[str]] = {}
        for tx, at in self._own().items():
            hashes.setdefault(at, []).append(tx)
        found: list[Sent] = []
        searched = 0
        for at in range(since.nonce, min(nonce, since.nonce + MOST_NONCES)):
            own = await self.mined(hashes.get(at, ()), last)
            if own is not None:
                found.append(Sent(at, *own))
            elif searched < MOST_FOUND:
                searched += 1
                found.append(await self.search(at, since.block.number, last))
        return tuple(found)

    async def mined(self, hashes: "list[str] | tuple[()]", last: int) -> tuple[str, int] | None:
        """Which of these transactions is in a block, and in which. Raises Transient."""
        for tx in hashes:
            receipt = await self._endpoint.rpc.call("eth_getTransactionReceipt", tx)
            if isinstance(receipt, dict):
                number = quantity(self._endpoint.name, receipt.get("blockNumber"), "eth_getTransactionReceipt")
                if number <= last:
                    return tx, number
        return None

    async def search(self, nonce: int, below: int, last: int) -> Sent:
        """By halving the blocks in which it can be. Where a node has forgotten it, the hash stays unknown."""
        low, high = below, last  # consumed in (low, high], unless it was before what the node remembers
        while high - low > 1:
            middle = (low + high) // 2
            count = await self.count_if_known(middle)
            if count is not None and count > nonce:
                high = middle
            else:
                low = middle
        answer = await self._endpoint.rpc.call("eth_getBlockByNumber", hex(high), True)
        listed = answer.get("transactions") if isinstance(answer, dict) else None
        every = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        for by in (self._is_sender, _may_authorize):
            for one in every:
                if by(one, nonce):
                    value = quantity(self._endpoint.name, one.get("value"), "eth_getBlockByNumber")
                    moved = value if by == self._is_sender else 0
                    return Sent(nonce, str(one.get("hash")).lower(), high, moved)
        return Sent(nonce, "", high)

    def _is_sender(self, one: dict[str, object], nonce: int) -> bool:
        return str(one.get("from")).lower() == self._account.lower() and one.get("nonce") == hex(nonce)

    # ------------------------------------------------------------ around the logs

    async def _senders(self, found: tuple[Log, ...]) -> tuple[tuple[str, Address], ...]:
        """Who sent what takes something and is not ours: whether it was the key, or a leave given before."""
        own = self._own()
        taking = dict.fromkeys(one.tx for one in found if one.kind in TAKING and one.tx not in own)
        senders: list[tuple[str, Address]] = []
        for tx in tuple(taking)[:MOST_FOUND]:
            answer = await self._endpoint.rpc.call("eth_getTransactionByHash", tx)
            sender = answer.get("from") if isinstance(answer, dict) else None
            if isinstance(sender, str) and is_address(sender):
                senders.append((tx, checksum(sender)))
        return tuple(senders)

    async def prices(self, found: tuple[Log, ...]) -> tuple[tuple[Address, tuple[UsdE8, int]], ...]:
        """By Aave's oracle at the head; what it does not price is left out."""
        own = self._own()
        about = (one for one in found if one.kind is not Kind.LIQUIDATION and one.tx not in own)
        assets = tuple(dict.fromkeys(one.asset for one in about))
        oracle = self._history.book().oracle
        calls: list[Call] = []
        for asset in assets:
            calls += (aave.of(oracle, aave.GET_ASSET_PRICE, asset), aave.call(asset, aave.DECIMALS))
        answers = await calls_at(self._endpoint, self._head, calls)
        prices: list[tuple[Address, tuple[UsdE8, int]]] = []
        for at, asset in enumerate(assets):
            price, decimals = answers[2 * at : 2 * at + 2]
            if price and decimals and abi.uint(decimals) <= MOST_DECIMALS:
                prices.append((asset, (UsdE8(abi.uint(price)), 10 ** abi.uint(decimals))))
        return tuple(prices)


MOST_DECIMALS = 36
"""No listed token has more than 18."""


def _may_authorize(one: dict[str, object], nonce: int) -> bool:
    """Whether it carries an authorization of that nonce. Whose it is only its signature tells; it is a hint."""
    listed = one.get("authorizationList")
    if one.get("type") != _SETS_CODE or not isinstance(listed, list):
        return False
    return any(isinstance(each, dict) and each.get("nonce") == hex(nonce) for each in listed)


async def header_at(endpoint: Endpoint, number: int) -> Block:
    """The block of that number. Raises Transient."""
    answer = await endpoint.rpc.call("eth_getBlockByNumber", hex(number), False)
    block = header(endpoint.name, answer, "eth_getBlockByNumber")
    if block.number != number:
        raise unexpected(endpoint.name, "eth_getBlockByNumber")
    return block


async def calls_at(endpoint: Endpoint, block: Block, calls: list[Call]) -> tuple[bytes | None, ...]:
    """The answers as of that block. Raises Transient."""
    return await endpoint.aggregate(block, payloads(calls)) if calls else ()


def _read(endpoint: Endpoint, answer: bytes | None, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(answer or b"")
    except Malformed:
        failure = unexpected(endpoint.name, "eth_call")
    raise failure


def _two_tokens(data: bytes) -> tuple[Address, Address]:
    """The aToken and the variable debt token of `getReserveTokensAddresses`."""
    a_token, debt_token = abi.address(data), abi.address(data, 2)
    if ZERO in (a_token, debt_token):
        raise Malformed
    return a_token, debt_token
