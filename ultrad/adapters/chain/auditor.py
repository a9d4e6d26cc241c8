"""Reads one account's whole past from the chain, page by page, and says what it could not read.

It asks beside the daemon, with connections of its own. What fails is tried again in smaller pieces, a bounded
number of times, and what stays unread is a gap that is told.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import anyio

from ultrad.adapters.chain import aave, abi, logs
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.history import MAX_RANGE, Look, RpcHistory, calls_at, header_at
from ultrad.adapters.chain.multicall import Call
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.rpc import NodeLimits
from ultrad.addresses import checksum, is_address
from ultrad.core.audit import Allowance, Gap, Known, Range, Span, first_nonce
from ultrad.core.intrusion import TAKING, Kind, Log, Sent
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.units import Address

T = TypeVar("T")
PAGE = 5 * MAX_RANGE
"""Blocks of one page at most: some fifteen calls, within what one endpoint is given for one question."""
TRIES = 4
"""So often a page is asked for, each time in half; then it is a gap."""
GAPS_IN_A_ROW = 3
"""After so many pages that nobody answers, the rest is one gap: the endpoints are down."""
PAUSE_S = 2.0
MOST_SEARCHED = 200
"""Nonces whose transaction is searched for; of more only the number is told."""
MOST_SENDERS = 500
MOST_SPENDERS = 100
ALLOWANCE = "dd62ed3e"  # allowance(address,address)
BORROW_ALLOWANCE = "6bd76d24"  # borrowAllowance(address,address)
Progress = Callable[[int, int, int], None]
"""Hears: read up to this block, from this one, up to that one."""


class Auditor:
    """One audit. Use within the chain's `async with`."""

    def __init__(self, chain: RpcChain, account: Address, confirmations: int, known: Known) -> None:
        """known: what the journal holds of the account."""
        self._chain = chain
        self._account = account
        self._known = known
        self._history = RpcHistory(chain, account, confirmations)
        self._gaps: list[Gap] = []

    async def read(self, asked: Range, progress: Progress) -> Span:
        """Everything from there to the newest head. Raises Transient where not even the head can be had."""
        head = await self._ask(lambda _endpoint, block, _book: _same(block))
        first = await self._first(asked, head)
        found = await self._pages(first.number, head.number, progress)
        nonces = await self._nonces(first.number, head)
        every = await self._transactions(found)
        sent = await self._sent(nonces, every, first.number, head.number)
        ours = {one.tx for one in sent}
        senders = tuple((tx, one.sender) for tx, one in every.items() if tx not in ours)
        own = self._known.own
        blocks = {one.block for one in found if one.tx not in own} | {
            one.block for one in sent if one.tx not in own
        }
        times = await self._times(blocks)
        book = await self._ask(lambda _endpoint, _block, book: _same(book))
        return Span(
            first=first,
            last=head,
            nonces=nonces,
            pool=book.pool,
            sent=sent,
            logs=found,
            senders=senders,
            times=times,
            allowances=await self._allowances(found, book),
            gaps=tuple(self._gaps),
        )

    # ------------------------------------------------------------ asking

    async def _ask(self, question: Callable[[Endpoint, Block, Book], Awaitable[T]]) -> T:
        """One question, to whichever endpoint can answer; again after a rest. Raises Transient."""
        for turn in range(TRIES):
            try:
                return await self._chain.ask(question)
            except Transient as error:
                if turn == TRIES - 1:
                    raise
                await anyio.sleep(error.rest_s if isinstance(error, NodeLimits) else PAUSE_S * (turn + 1))
        raise AssertionError("unreachable")

    def _gap(self, message: Message) -> None:
        self._gaps.append(Gap(message))

    def _own(self) -> Mapping[str, int]:
        return self._known.own

    def _look(self, endpoint: Endpoint, head: Block) -> Look:
        return Look(self._history, endpoint, head, self._own)

    async def _first(self, asked: Range, head: Block) -> Block:
        """The first block of the range: for a time, the first that is not before it."""
        if asked.time_s is None:
            number = min(max(0, asked.block or 0), head.number)
            return await self._ask(lambda endpoint, _head, _book: header_at(endpoint, number))
        low, high = 0, head.number
        while low < high:
            middle = (low + high) // 2
            block = await self._header(middle)
            if block.time_s >= asked.time_s:
                high = middle
            else:
                low = middle + 1
        return await self._header(low)

    async def _header(self, number: int) -> Block:
        return await self._ask(lambda endpoint, _head, _book: header_at(endpoint, number))

    # ------------------------------------------------------------ logs

    async def _pages(self, first: int, last: int, progress: Progress) -> tuple[Log, ...]:
        found: dict[tuple[int, int], Log] = {}
        at, page, tries, failed = first, PAGE, 0, 0
        while at <= last:
            upto = min(last, at + page - 1)
            try:
                for one in await self._chain.ask(self._page(at, upto)):
                    found[one.block, one.index] = one
            except Transient as error:
                tries += 1
                if tries < TRIES:
                    page = max(1, page // 2)
                    await anyio.sleep(error.rest_s if isinstance(error, NodeLimits) else PAUSE_S * tries)
                    continue
                failed += 1
                upto = last if failed >= GAPS_IN_A_ROW else upto
                self._gap(_unread(at, upto, error.message))
            else:
                failed = 0
            progress(upto, first, last)
            at, tries, page = upto + 1, 0, PAGE
        return tuple(found[key] for key in sorted(found))

    def _page(self, first: int, last: int) -> Callable[[Endpoint, Block, Book], Awaitable[tuple[Log, ...]]]:
        async def question(endpoint: Endpoint, head: Block, _book: Book) -> tuple[Log, ...]:
            watched = await self._history.watched(endpoint, head)
            return await self._look(endpoint, head).logs_between(watched, first, last)

        return question

    # ------------------------------------------------------------ nonces

    async def _nonces(self, first: int, head: Block) -> tuple[int, int]:
        """How many transactions the account had sent before the first block, and at the head."""
        upto = await self._ask(lambda endpoint, _head, _book: self._history.count(endpoint, head.number))
        if first == 0:
            return 0, upto
        try:
            before = await self._chain.ask(lambda endpoint, _head, _book: self._history.count(endpoint, first - 1))
        except Transient as error:
            explained = first_nonce(self._known, first)
            before = upto if explained is None else min(explained, upto)
            if explained is None:
                before = min((nonce for nonce in self._known.own.values() if nonce < upto), default=upto)
            self._gap(
                msg(
                    "How many transactions the account had sent before block {block} is not known ({reason}): "
                    "nonces under {nonce} were not looked at. Ask an archive node: --rpc FILE.",
                    block=first,
                    reason=error.message,
                    nonce=before,
                )
            )
        return min(before, upto), upto

    async def _sent(
        self, nonces: tuple[int, int], every: dict[str, "_Transaction"], first: int, last: int
    ) -> tuple[Sent, ...]:
        """Which transaction consumed each nonce: ours by their receipts, others by their logs, else by search."""
        hashes: dict[int, list[str]] = {}
        for tx, nonce in self._known.own.items():
            hashes.setdefault(nonce, []).append(tx)
        # The account's own among those whose logs take something: a node that forgets states tells these too.
        mine = {tx: one for tx, one in every.items() if one.sender == self._account}
        by_logs = {one.nonce: Sent(one.nonce, tx, one.block, one.value_wei) for tx, one in mine.items()}
        sent: list[Sent] = []
        searched = unknown = failed = 0
        for nonce in range(*nonces):
            mined = await self._mined(hashes.get(nonce, []), last)
            if mined is not None:
                sent.append(Sent(nonce, *mined))
            elif nonce in by_logs:
                sent.append(by_logs[nonce])
            elif searched < MOST_SEARCHED and failed < GAPS_IN_A_ROW:
                searched += 1
                one, answered = await self._search(nonce, max(0, first - 1), last)
                failed = 0 if answered else failed + 1
                sent.append(one)
                unknown += not one.tx
            else:
                sent.append(Sent(nonce, "", last))
                unknown += 1
        if unknown:
            self._gap(
                msg(
                    "{count} nonces were consumed by transactions that could not be found: what they did is not "
                    "known. Ask an archive node: --rpc FILE.",
                    count=unknown,
                )
            )
        return tuple(sent)

    async def _mined(self, hashes: list[str], last: int) -> tuple[str, int] | None:
        if not hashes:
            return None
        return await self._ask(lambda endpoint, head, _book: self._look(endpoint, head).mined(hashes, last))

    async def _search(self, nonce: int, below: int, last: int) -> tuple[Sent, bool]:
        """The transaction, and whether anybody answered."""
        try:
            found = await self._ask(
                lambda endpoint, head, _book: self._look(endpoint, head).search(nonce, below, last)
            )
        except Transient:
            return Sent(nonce, "", last), False
        return found, True

    async def _transactions(self, found: tuple[Log, ...]) -> dict[str, "_Transaction"]:
        """Who sent what takes something and is not ours, and with which nonce."""
        taking = dict.fromkeys(one.tx for one in found if one.kind in TAKING and one.tx not in self._known.own)
        read: dict[str, _Transaction] = {}
        unread = max(0, len(taking) - MOST_SENDERS)
        for tx in tuple(taking)[:MOST_SENDERS]:
            try:
                one = await self._transaction(tx)
            except Transient:
                one = None
            if one is None:
                unread += 1
            else:
                read[tx] = one
        if unread:
            self._gap(msg("Who sent {count} transactions that take something is not known.", count=unread))
        return read

    async def _transaction(self, tx: str) -> "_Transaction | None":
        async def question(endpoint: Endpoint, _head: Block, _book: Book) -> object:
            return await endpoint.rpc.call("eth_getTransactionByHash", tx)

        return _transaction(await self._ask(question))

    async def _times(self, blocks: set[int]) -> dict[int, int]:
        times: dict[int, int] = {}
        try:
            for number in sorted(blocks):
                times[number] = (await self._header(number)).time_s
        except Transient as error:
            self._gap(msg("The times of some blocks could not be read: {reason}", reason=error.message))
        return times

    # ------------------------------------------------------------ allowances

    async def _allowances(self, found: tuple[Log, ...], book: Book) -> tuple[Allowance, ...]:
        """What may be taken now: by whoever was given a leave in this range, and by the pool."""
        pairs = {(one.asset, one.other): one.tx for one in found if one.kind is Kind.APPROVAL}
        if len(pairs) > MOST_SPENDERS:
            self._gap(
                msg("Of {count} allowances only {most} were looked at.", count=len(pairs), most=MOST_SPENDERS)
            )
            pairs = dict(list(pairs.items())[-MOST_SPENDERS:])

        async def question(endpoint: Endpoint, head: Block, _book: Book) -> tuple[Allowance, ...]:
            watched = await self._history.watched(endpoint, head)
            every = dict(pairs)
            for asset, _ in watched.of.values():
                every.setdefault((asset, book.pool), "")
            asked = [
                (asset, checksum(token), what, spender, tx)
                for (asset, spender), tx in every.items()
                for token, (of, what) in watched.of.items()
                if of == asset and (spender != book.pool or what == logs.ASSET)
            ]
            answers = await calls_at(
                endpoint, head, [self._leave(token, what, to) for _, token, what, to, _ in asked]
            )
            return tuple(
                Allowance(asset, token, spender, abi.uint(answer), tx)
                for (asset, token, _, spender, tx), answer in zip(asked, answers, strict=True)
                if answer is not None and len(answer) >= abi.WORD and abi.uint(answer)
            )

        try:
            return await self._ask(question)
        except Transient as error:
            self._gap(msg("The allowances as they are now could not be read: {reason}", reason=error.message))
            return ()

    def _leave(self, token: Address, what: str, spender: Address) -> Call:
        selector = BORROW_ALLOWANCE if what == logs.DEBT else ALLOWANCE
        return aave.call(token, selector, abi.address_word(self._account), abi.address_word(spender))


@dataclass(frozen=True, slots=True)
class _Transaction:
    sender: Address
    nonce: int
    block: int
    value_wei: int


def _transaction(answer: object) -> _Transaction | None:
    if not isinstance(answer, dict):
        return None
    sender = answer.get("from")
    try:
        figures = [int(str(answer.get(name)), 16) for name in ("nonce", "blockNumber", "value")]
    except ValueError:
        return None
    return _Transaction(checksum(sender), *figures) if isinstance(sender, str) and is_address(sender) else None


async def _same(value: T) -> T:
    return value


def _unread(first: int, last: int, reason: Message) -> Message:
    return msg("Blocks {first} to {last} could not be read: {reason}", first=first, last=last, reason=reason)
