"""Several endpoints of one chain behind one face: the port `Chain`."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Self, TypeVar

import anyio

from ultrad.adapters.chain import aave, book
from ultrad.adapters.chain.abi import Malformed
from ultrad.adapters.chain.book import Book, BookFile, changed
from ultrad.adapters.chain.endpoint import (
    FOREIGN_BLOCK_TRIES,
    OWN_BLOCK_TRIES,
    Endpoint,
    OtherBlock,
    Payload,
    payloads,
)
from ultrad.adapters.chain.heads import Follower, Pauses
from ultrad.adapters.chain.health import Standing, Unfit, behind, standing
from ultrad.adapters.chain.market import MarketReader
from ultrad.adapters.chain.rpc import NodeFailed, NodeRefused, unexpected
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.core.position import Batch, Block, Market, Reading, Unreadable
from ultrad.core.rounds import READ_LIMIT_S, ChainUnavailable, Refused, share_s
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, EndpointFault, EndpointStatus, Probe, Turned

T = TypeVar("T")
Question = Callable[[Endpoint, Block, int], Awaitable[T]]
Tell = Callable[[Message], None]
"""Hears what an operator should know and no call returns: the contracts changed, the book cannot be kept."""
INCUMBENT = 0.7
"""Another endpoint must answer in less than this part of the one in use's time to take its place."""
HANDED_OUT = 256
"""Heads that are remembered to have been handed out."""


class RpcChain:
    """Implements `Chain`. Use within `async with`."""

    def __init__(
        self,
        settings: ChainSettings,
        endpoints: Sequence[EndpointSettings],
        *,
        clock: Clock,
        pauses: Pauses,
        book_file: BookFile,
        tell: Tell,
    ) -> None:
        """pauses: seconds before a subscription is opened again. tell: hears of changed addresses."""
        self._settings = settings
        self._clock = clock
        self._endpoints = [Endpoint(one, settings, self._head) for one in endpoints]
        self._followers = [Follower(one, settings, pauses) for one in self._endpoints]
        self._book_file = book_file
        self._book = self._kept_book = book_file.load()
        self._book_lock = anyio.Lock()
        self._payloads: tuple[Payload, ...] = ()
        self._payloads_for: Book | None = None
        self._tell = tell
        self._market = MarketReader(settings)
        self._incumbent: Endpoint | None = None
        self._handed_out: deque[str] = deque(maxlen=HANDED_OUT)
        self._newest: Block | None = None
        self._arrived = anyio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the sessions; nothing is asked yet."""
        for endpoint in self._endpoints:
            await self._stack.enter_async_context(endpoint.rpc)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._stack.aclose()

    # ------------------------------------------------------------ heads

    async def run(self, turned: Turned) -> None:
        """Keep heads coming from every endpoint, and the book up to date, for ever."""
        async with anyio.create_task_group() as group:
            for endpoint, follower in zip(self._endpoints, self._followers, strict=True):
                group.start_soon(follower.poll, turned)
                if endpoint.ws_url is not None:
                    group.start_soon(follower.subscribe)
            group.start_soon(self._keep_book)

    async def next_head(self) -> Block:
        """The newest head not yet handed out; waits for one."""
        while self._newest is None:
            await self._arrived.wait()
        newest, self._newest = self._newest, None
        self._arrived = anyio.Event()
        return newest

    def _head(self, endpoint: Endpoint, before: Block | None) -> None:
        """An endpoint announced a head: it counts if the endpoint stands well, and the head is news to all.

        News is a block above those of the others that stand as well, or one by which this endpoint left its own
        branch (a reorganisation). A lower one is only late.
        """
        head = endpoint.health.head
        standings = self._standings()
        if head is None or head.hash in self._handed_out or standings[endpoint][0] > Standing.PROBATION:
            return
        peers = [
            one for one, (rank, _) in standings.items() if rank <= standings[endpoint][0] and one is not endpoint
        ]
        if any(standings[one][0] < standings[endpoint][0] for one in peers):
            return
        top = max((one.health.head.number for one in peers if one.health.head is not None), default=-1)
        left_branch = before is not None and head.number <= before.number
        if head.number > top or left_branch:
            self._handed_out.append(head.hash)
            self._newest = head
            self._arrived.set()

    # ------------------------------------------------------------ standing

    def _standings(self) -> dict[Endpoint, tuple[Standing, Unfit | None]]:
        """Where each endpoint stands now, and what is wrong with it."""
        now_s, wall_s = anyio.current_time(), self._wall_s()
        alone = {one: one.health.fault(now_s, wall_s, None) for one in self._endpoints}
        # One that fails now still showed how far the chain is.
        heads = {one: one.health.head for one in self._endpoints if one.health.counts(wall_s)}
        found: dict[Endpoint, tuple[Standing, Unfit | None]] = {}
        for one, fault in alone.items():
            others = [head for other, head in heads.items() if other is not one and head is not None]
            lag = behind(one.name, one.health.head, others, self._settings.max_lag_blocks)
            whole = one.health.fault(now_s, wall_s, lag) if fault is None else fault
            found[one] = (standing(one.health, whole, now_s), whole)
        return found

    def ranked(self) -> list[tuple[Endpoint, Unfit | None]]:
        """All endpoints, the best first: by standing, newest head, and latency (the one in use is favoured)."""
        standings = self._standings()

        def key(endpoint: Endpoint) -> tuple[int, int, float]:
            head = endpoint.health.head
            smoothed_s = endpoint.health.smoothed_s
            latency_s = float("inf") if smoothed_s is None else smoothed_s
            favour = INCUMBENT if endpoint is self._incumbent else 1.0
            return (standings[endpoint][0], -head.number if head is not None else 1, latency_s * favour)

        return [(one, standings[one][1]) for one in sorted(self._endpoints, key=key)]

    def endpoints(self) -> tuple[EndpointStatus, ...]:
        """All endpoints, the best first. The reason of a usable one says why its subscription is not open."""
        return tuple(
            EndpointStatus(
                name=one.name,
                usable=fault is None and one.health.head is not None,
                fault=fault.fault if fault is not None else None,
                reason=fault.message if fault is not None else one.subscription_trouble,
                head_number=one.health.head.number if one.health.head is not None else None,
                latency_ms=round(one.health.latency_s * 1000) if one.health.latency_s is not None else None,
                subscribed=one.subscribed,
            )
            for one, fault in self.ranked()
        )

    def set_aside(self, endpoint: str, reason: Message) -> None:
        """Use this endpoint no more until the process starts again."""
        self._named(endpoint).health.aside = reason

    def _named(self, name: str) -> Endpoint:
        for one in self._endpoints:
            if one.name == name:
                return one
        raise Permanent(msg("There is no endpoint {endpoint}.", endpoint=name))

    # ------------------------------------------------------------ reading

    async def read(self) -> Batch:
        """All positions at the newest head of the best endpoint, failing over in order of health."""
        return await self._first_to_serve(self._batch)

    async def market(self) -> Market:
        """Reserves, prices and sequencer, from the best endpoint."""
        return await self._first_to_serve(self._market_at)

    @property
    def book(self) -> Book | None:
        """The market's contracts as they are known now."""
        return self._book

    async def ask(
        self, question: Callable[[Endpoint, Block, Book], Awaitable[T]], without: frozenset[str] = frozenset()
    ) -> T:
        """Another reader's question, put to one endpoint at its newest head; failing over as `read` does.

        without: names of endpoints that are not asked. Raises ChainUnavailable when none could serve.
        """

        async def with_book(endpoint: Endpoint, block: Block, _tries: int) -> T:
            return await question(endpoint, block, await self._book_at(endpoint, block))

        return await self._first_to_serve(with_book, without)

    async def _first_to_serve(self, question: Question[T], without: frozenset[str] = frozenset()) -> T:
        """Put the question to one endpoint after the other, within READ_LIMIT_S in all.

        Raises ChainUnavailable when none could serve.
        """
        refused: list[Refused] = []
        end_s = anyio.current_time() + READ_LIMIT_S
        ranked = [(one, fault) for one, fault in self.ranked() if one.name not in without]
        for place, (endpoint, fault) in enumerate(ranked):
            limit_s = share_s(end_s - anyio.current_time(), len(ranked) - place)
            try:
                answer = await self._served_within(limit_s, endpoint, fault, question)
            except Transient as error:
                stale = isinstance(error, Unfit) and error.fault is EndpointFault.STALE
                refused.append(Refused(endpoint.name, stale, error.message))
            else:
                if not without:  # a second opinion makes nobody the first to be asked
                    self._incumbent = endpoint
                return answer
        raise ChainUnavailable(
            msg("No endpoint could serve; the first of them: {reason}", reason=refused[0].message), tuple(refused)
        )

    async def _served_within(
        self, limit_s: float, endpoint: Endpoint, fault: Unfit | None, question: Question[T]
    ) -> T:
        """`_served`, cut off after its share of the round. Raises Transient."""
        with anyio.move_on_after(limit_s):
            return await self._served(endpoint, fault, question)
        with endpoint.judged():
            raise NodeFailed(
                msg(
                    "Endpoint {endpoint} did not serve a reading within its share of a round, {milliseconds} ms.",
                    endpoint=endpoint.name,
                    milliseconds=round(limit_s * 1000),
                )
            )

    async def _served(self, endpoint: Endpoint, fault: Unfit | None, question: Question[T]) -> T:
        """The endpoint's answer at its newest head. Raises Transient."""
        if fault is not None and fault.fault in (EndpointFault.SET_ASIDE, EndpointFault.LIMITED):
            raise fault
        if fault is not None and fault.fault is EndpointFault.WRONG_CHAIN:
            await endpoint.poll()
        head = await endpoint.fresh_head(self._wall_s())
        if fault is not None and fault.fault is EndpointFault.STALE:
            _, still = self._standings()[endpoint]  # it may have caught up by the poll
            if still is not None:
                raise still
        with endpoint.judged():
            try:
                answer = await question(endpoint, head, OWN_BLOCK_TRIES)
            except NodeRefused as error:
                if error.unknown_block:
                    endpoint.forget_head()
                raise
        endpoint.health.served()
        return answer

    async def read_at(self, endpoint: str, block: Block) -> Batch:
        """All positions as the named endpoint shows them at exactly that block (by hash). Raises Transient.

        An endpoint that does not have the block is asked again for a second and a half, and no worse for it. Any
        other failure counts against it.
        """
        one = self._named(endpoint)
        refusal = one.health.refusal(anyio.current_time())
        if refusal is not None:
            raise refusal
        await one.verify_after_failure()
        with one.judged():
            try:
                return await self._batch(one, block, FOREIGN_BLOCK_TRIES)
            except (NodeRefused, OtherBlock) as error:
                if isinstance(error, NodeRefused) and not error.unknown_block:
                    raise
                missing = error
        raise missing

    async def read_head(self, endpoint: str) -> Batch:
        """All positions as the named endpoint shows them at its own head, if that is usable. Raises Transient."""
        one = self._named(endpoint)
        return await self._served(one, self._standings()[one][1], self._batch)

    async def _batch(self, endpoint: Endpoint, block: Block, tries: int) -> Batch:
        if self._book is None:
            await self._refresh_book(endpoint, block)
        readings: list[Reading] = []
        unreadable: list[Unreadable] = []
        started_s = anyio.current_time()
        answers = await endpoint.aggregate(block, self._position_payloads(), tries)
        if tries == OWN_BLOCK_TRIES:
            endpoint.health.read_in(anyio.current_time() - started_s)
        try:
            for (name, _), data in zip(self._settings.positions, answers, strict=True):
                if data is None:
                    unreadable.append(Unreadable(name, _reverted(name, block)))
                    continue
                account = aave.account(data)
                readings.append(
                    Reading(
                        name, block, endpoint.name, account.health_factor, account.collateral_e8, account.debt_e8
                    )
                )
        except Malformed:
            failure = unexpected(endpoint.name, "getUserAccountData")
        else:
            return Batch(block, endpoint.name, tuple(readings), tuple(unreadable))
        raise failure

    def _position_payloads(self) -> tuple[Payload, ...]:
        """The calldata for all positions, built once for a pool."""
        if self._book is not None and self._payloads_for != self._book:
            pool = self._book.pool
            calls = [aave.of(pool, aave.GET_USER_ACCOUNT_DATA, account) for _, account in self._settings.positions]
            self._payloads, self._payloads_for = payloads(calls), self._book
        return self._payloads

    async def _market_at(self, endpoint: Endpoint, block: Block, _tries: int) -> Market:
        return await self._market.read(endpoint, block, await self._book_at(endpoint, block), anyio.current_time())

    async def _book_at(self, endpoint: Endpoint, block: Block) -> Book:
        """The market's contracts, read where they are not known yet. Raises Transient."""
        if self._book is None:
            await self._refresh_book(endpoint, block)
        if self._book is None:
            raise unexpected(endpoint.name, "getPool")
        return self._book

    async def probe(self, limit_s: float) -> tuple[Probe, ...]:
        """Ask each endpoint, also the unusable ones, for its chain id; timed. One that limits us may rest."""
        probes: dict[str, Probe] = {}

        async def one(endpoint: Endpoint) -> None:
            started_s = anyio.current_time()
            resting = endpoint.health.resting(started_s)
            error = resting.message if resting is not None else await endpoint.probe(limit_s)
            probes[endpoint.name] = Probe(endpoint.name, round((anyio.current_time() - started_s) * 1000), error)

        async with anyio.create_task_group() as group:
            for endpoint in self._endpoints:
                group.start_soon(one, endpoint)
        return tuple(probes[endpoint.name] for endpoint in self._endpoints)

    # ------------------------------------------------------------ book

    async def _keep_book(self) -> None:
        """Read the contracts' addresses again from time to time, for ever."""
        while True:
            pause_s = self._settings.poll_interval_s
            # What goes wrong here is said by the next reading where it matters; till then the known book serves.
            with suppress(Transient):
                await self._first_to_serve(self._refresh_book_at)
                pause_s = self._settings.static_refresh_s
            if self._book is not None and self._book != self._kept_book:
                self._kept_book = self._book  # one try: without the file only a start is slower
                try:
                    await self._book_file.save(self._book)
                except Transient as error:
                    self._tell(error.message)
            await anyio.sleep(pause_s)

    def _wall_s(self) -> float:
        return self._clock.now().wall_ms / 1000

    async def _refresh_book_at(self, endpoint: Endpoint, block: Block, _tries: int) -> None:
        await self._refresh_book(endpoint, block)

    async def _refresh_book(self, endpoint: Endpoint, block: Block) -> None:
        """Read the book, have another endpoint confirm what is new, use it, and tell. Raises Transient."""
        async with self._book_lock:
            found = await book.fetch(endpoint, block, self._settings.addresses_provider)
            if found == self._book:
                return
            others = [one for one, fault in self.ranked() if one is not endpoint and fault is None]
            await book.confirm(endpoint, found, others, self._settings.addresses_provider, self._wall_s())
            known, self._book = self._book, found
        if known is not None:
            self._tell(changed(found))


def _reverted(position: str, block: Block) -> Message:
    return msg(
        "Position {position} could not be read at block {block}: the pool refused the call. Check the account, and"
        " Aave's announcements.",
        position=position,
        block=block.number,
    )
