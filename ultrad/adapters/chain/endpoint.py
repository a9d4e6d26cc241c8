"""One endpoint: its chain, its heads, and calls pinned to a block."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from ultrad.adapters.chain import multicall
from ultrad.adapters.chain.abi import Malformed
from ultrad.adapters.chain.health import Health, Unfit
from ultrad.adapters.chain.multicall import Call
from ultrad.adapters.chain.rpc import HttpRpc, NodeFailed, NodeLimits, NodeRefused, unexpected
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.ports import EndpointFault

OWN_BLOCK_TRIES = 3
"""A provider's announcing node and answering node may differ: the block arrives there a moment later."""
FOREIGN_BLOCK_TRIES = 15
"""A block that another endpoint announced may still be on its way to this one."""
BLOCK_PAUSE_S = 0.1
CHUNKS_AT_ONCE = 4
"""Chunks of one batch side by side: fast, and under the usual limits of providers."""
KNOWN_HASHES = 64
"""Heads that an endpoint is remembered to have announced."""
MAX_HEADER = 2**48
"""No block's number or time comes near; what does must not reach a 64-bit column."""
_NO_BLOCK = "0x" + "0" * 63 + "1"
"""A hash that no block has."""
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


class OtherBlock(NodeFailed):
    """It has another block of that number than the one that was asked about."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One `aggregate3`, encoded: calldata as 0x hex, and how many answers it must give."""

    data: str
    count: int


def payloads(calls: Sequence[Call]) -> tuple[Payload, ...]:
    """The calls as chunks, encoded once."""
    return tuple(Payload(multicall.encode(chunk), len(chunk)) for chunk in multicall.chunks(calls))


def quantity(name: str, value: object, method: str) -> int:
    """A JSON-RPC quantity. Raises NodeFailed for anything else."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise unexpected(name, method)
    return int(value, 16)


def header(name: str, value: object, method: str) -> Block:
    """The block that a header object describes. Raises NodeFailed for anything else."""
    if not isinstance(value, dict):
        raise unexpected(name, method)
    block_hash = value.get("hash")
    if not isinstance(block_hash, str) or not _HASH.fullmatch(block_hash):
        raise unexpected(name, method)
    number = quantity(name, value.get("number"), method)
    time_s = quantity(name, value.get("timestamp"), method)
    if max(number, time_s) > MAX_HEADER:
        raise unexpected(name, method)
    return Block(number, block_hash.lower(), time_s)


class Endpoint:
    """One endpoint. `on_head` hears of each new head, with the one before it."""

    def __init__(
        self,
        settings: EndpointSettings,
        chain: ChainSettings,
        on_head: Callable[["Endpoint", Block | None], None],
    ) -> None:
        """Nothing is asked yet; use `rpc` within `async with`."""
        self.name = settings.name
        self.ws_url = settings.ws_url
        self.rpc = HttpRpc(settings, chain.call_timeout_s, chain.max_response_bytes)
        self.health = Health(settings.name, chain.stale_head_s)
        self.subscribed = False
        self.subscription_trouble: Message | None = None
        self._chain = chain
        self._on_head = on_head
        self._known: deque[str] = deque(maxlen=KNOWN_HASHES)
        self._verified_connections: int | None = None
        self._pins_hash: bool | None = None

    async def ask(self, method: str, *params: object) -> object:
        """One call, timed. Raises as `HttpRpc.call`."""
        started_s = anyio.current_time()
        result = await self.rpc.call(method, *params)
        self.health.latency_s = anyio.current_time() - started_s
        return result

    @contextmanager
    def judged(self) -> Iterator[None]:
        """What goes wrong inside counts against the endpoint's health. Re-raises."""
        try:
            yield
        except NodeLimits as error:
            self.health.limited(error.message, anyio.current_time(), error.rest_s)
            raise
        except Unfit:
            raise  # it is in the health already
        except Transient as error:
            self._verified_connections = None
            self.health.failed(error.message, anyio.current_time())
            raise

    async def verify(self) -> None:
        """Make sure that it serves the right chain: at first, after each failure, and on each new connection.

        Raises Unfit(WRONG_CHAIN).
        """
        if self._verified_connections == self.rpc.connections:
            return
        try:
            self.check_chain(await self.ask("eth_chainId"))
        except Unfit as error:
            self.health.wrong_chain = error.message
            raise
        self._verified_connections = self.rpc.connections

    async def probe(self, limit_s: float) -> Message | None:
        """Ask for its chain id, whatever its health, and wait for so long; what was wrong."""
        try:
            self.check_chain(await self.rpc.call_within(limit_s, "eth_chainId"))
        except Transient as error:
            return error.message
        return None

    async def verify_after_failure(self) -> None:
        """`verify`, unless it did so before and has not failed since: a block's hash tells its chain as well."""
        if self._verified_connections is None:
            with self.judged():
                await self.verify()

    def check_chain(self, answer: object) -> None:
        """Raise Unfit(WRONG_CHAIN) where this answer to `eth_chainId` is not the configured chain's."""
        found = quantity(self.name, answer, "eth_chainId")
        if found != self._chain.chain_id:
            raise Unfit(
                msg(
                    "Endpoint {endpoint} serves chain {found}, not chain {wanted}. Nothing it says is used. Check"
                    " its URL.",
                    endpoint=self.name,
                    found=found,
                    wanted=self._chain.chain_id,
                ),
                EndpointFault.WRONG_CHAIN,
            )

    async def poll(self) -> Block:
        """Its newest block, asked for. Raises Transient."""
        refusal = self.health.refusal(anyio.current_time())
        if refusal is not None:
            raise refusal
        before = self.health.head
        with self.judged():
            await self.verify()
            answer = await self.ask("eth_getBlockByNumber", "latest", False)
            await self.verify()  # where the answer came over a new connection
            block = header(self.name, answer, "eth_getBlockByNumber")
        self.health.recovered()
        if self.health.head is before:  # else the subscription was faster, and the answer is old
            self.saw(block)
        # Its subscription may have announced the head while it stood too badly to be heard.
        self._on_head(self, None)
        return self.health.head or block

    def saw(self, block: Block) -> None:
        """It announced this head. One announced before is an echo from a slower node behind the same URL."""
        before = self.health.head
        if before is not None and block.hash in self._known:
            return
        self._known.append(block.hash)
        self.health.head = block
        self._on_head(self, before)

    async def fresh_head(self, wall_s: float) -> Block:
        """Its head, asked for where none is known or the known one is old. Raises Transient; Unfit(STALE).

        A new connection alone is no reason to ask: a block's hash tells its chain as well.
        """
        unsure = self._verified_connections is None or self.health.head is None or self.health.failure is not None
        if unsure or self.health.old_head(wall_s) is not None:
            await self.poll()
        old = self.health.old_head(wall_s)
        if old is not None:
            raise old
        if self.health.head is None:
            raise unexpected(self.name, "eth_getBlockByNumber")
        return self.health.head

    async def aggregate(
        self, block: Block, parts: Sequence[Payload], tries: int = OWN_BLOCK_TRIES
    ) -> tuple[bytes | None, ...]:
        """The answers to all calls as of exactly that block, None for each that failed. Raises Transient."""
        await self._choose_pin()
        if len(parts) == 1:
            return await self._chunk(block, parts[0], tries)
        answers: list[tuple[bytes | None, ...]] = [()] * len(parts)
        failures: list[Transient] = []
        limiter = anyio.CapacityLimiter(CHUNKS_AT_ONCE)

        async def one(index: int) -> None:
            async with limiter:
                try:
                    answers[index] = await self._chunk(block, parts[index], tries)
                except Transient as error:
                    failures.append(error)
                    group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for index in range(len(parts)):
                group.start_soon(one, index)
        if failures:
            raise failures[0]
        return tuple(answer for chunk in answers for answer in chunk)

    async def _chunk(self, block: Block, part: Payload, tries: int) -> tuple[bytes | None, ...]:
        data = await self._call_at(block, part.data, tries)
        try:
            return multicall.decode(data, part.count)
        except Malformed:
            failure = unexpected(self.name, "eth_call")
        raise failure

    async def _call_at(self, block: Block, data: str, tries: int) -> bytes:
        call = {"to": self._chain.multicall, "data": data}
        if self._pins_hash:
            result = await self._known_block(
                tries, "eth_call", call, {"blockHash": block.hash, "requireCanonical": False}
            )
        else:
            result = await self._known_block(tries, "eth_call", call, hex(block.number))
            answer = await self.ask("eth_getBlockByNumber", hex(block.number), False)
            if header(self.name, answer, "eth_getBlockByNumber").hash != block.hash:
                raise OtherBlock(
                    msg(
                        "Endpoint {endpoint} has another block {block} than the one that was announced.",
                        endpoint=self.name,
                        block=block.number,
                    )
                )
        if not isinstance(result, str) or not result.startswith("0x"):
            raise unexpected(self.name, "eth_call")
        try:
            answer_bytes = bytes.fromhex(result[2:])
        except ValueError:
            answer_bytes = None
        if answer_bytes is None:
            raise unexpected(self.name, "eth_call")
        if not answer_bytes:
            raise NodeFailed(
                msg(
                    "Endpoint {endpoint} finds no contract at {address} in block {block}. Check the network's"
                    " settings.",
                    endpoint=self.name,
                    address=self._chain.multicall,
                    block=block.number,
                )
            )
        return answer_bytes

    async def _known_block(self, tries: int, method: str, *params: object) -> object:
        """Ask, and ask again while it does not know the block yet."""
        for _ in range(tries - 1):
            try:
                return await self.ask(method, *params)
            except NodeRefused as error:
                if not error.unknown_block:
                    raise
            await anyio.sleep(BLOCK_PAUSE_S)
        return await self.ask(method, *params)

    async def _choose_pin(self) -> None:
        """Find out, once, whether calls can be pinned by hash (EIP-1898).

        Some nodes take the parameter and quietly answer for the latest block: so it is asked for a block that
        cannot be. Only one that says so is trusted with hashes; for others the number is used, and the hash
        compared.
        """
        if self._pins_hash is not None:
            return
        call = {"to": self._chain.multicall, "data": "0x"}
        try:
            await self.ask("eth_call", call, {"blockHash": _NO_BLOCK, "requireCanonical": False})
        except NodeRefused as error:
            self._pins_hash = error.unknown_block
        else:
            self._pins_hash = False

    def forget_head(self) -> None:
        """Its head could not be read: take whatever it shows next, also an older one."""
        self.health.head = None
