"""The account's own transactions: fees, nonces, receipts, and the one call that sends. Implements `Ledger`."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from statistics import median
from typing import Protocol, TypeVar

import anyio

from ultrad.adapters.chain.rpc import HttpRpc, NodeLimits, NodeRefused, unexpected
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Refused, Throttled
from ultrad.trade_ports import Call, Fees, GasError, Nonces, NonceTooLow, Receipt
from ultrad.units import Address

FEE_BLOCKS = 20
"""Blocks of `eth_feeHistory` whose median tip is offered: some minutes of Ethereum."""
TIP_PERCENTILE = 50
MIN_TIP_WEI = 1_000_000
"""0.001 gwei: what roll-ups ask for where their history shows nothing."""
# As geth, Erigon, Nethermind ("AlreadyKnown", "OldNonce", "FeeTooLow"), Besu, reth and anvil word it.
_KNOWN = re.compile(r"already ?(known|imported|exists)|known transaction", re.IGNORECASE)
_NONCE = re.compile(r"nonce (is )?too low|old ?nonce|invalid nonce", re.IGNORECASE)
_GAS = re.compile(
    r"underpriced|insufficient ?funds|upfront cost|intrinsic gas|fee ?too ?low|base fee|max fee"
    r"|gas ?(price|limit|required)",
    re.IGNORECASE,
)

T = TypeVar("T")


class Asked(Protocol):
    """One endpoint at its newest head (`ultrad.adapters.chain.endpoint.Endpoint`)."""

    @property
    def name(self) -> str:
        """As it is configured."""
        ...

    async def ask(self, method: str, *params: object) -> object:
        """The result of one call."""
        ...


Serve = Callable[[Callable[[Asked, Block], Awaitable[T]], frozenset[str]], Awaitable[T]]
"""Puts one question, however many calls it takes, to one endpoint; to the next best where it fails. Not to those
of these names: raises Transient where no other is left."""
SECOND_S = 2.0
"""How long the second endpoint's word on nonces is waited for: the way to a cancellation must not hang on it."""


class RpcLedger:
    """See the port. Each question is answered by one endpoint as a whole; nonces by two, where there are two."""

    def __init__(
        self,
        account: Address,
        confirmations: int,
        serve: Callable[..., Awaitable[object]],
        sender: HttpRpc,
        explain: Callable[[NodeRefused], Message | None],
    ) -> None:
        """serve: as `Serve`; with names of endpoints that are not asked as its second argument, if any.

        sender: the endpoint that transactions go to. explain: what a refused call means, by its revert data.
        """
        self._account = account
        self._confirmations = confirmations
        self._serve = serve
        self._sender = sender
        self._explain = explain

    async def fees(self) -> Fees:
        """See the port. The last base fee of the answer is the next block's (EIP-1559)."""

        async def question(endpoint: Asked, _: Block) -> Fees:
            answer = await endpoint.ask("eth_feeHistory", hex(FEE_BLOCKS), "latest", [TIP_PERCENTILE])
            try:
                fields = _fields(answer)
                base = int(str(_list(fields["baseFeePerGas"])[-1]), 16)
                tips = [int(str(_list(one)[0]), 16) for one in _list(fields.get("reward") or [])]
            except (KeyError, IndexError, ValueError, TypeError):
                raise unexpected(endpoint.name, "eth_feeHistory") from None
            offered = [tip for tip in tips if tip > 0]
            return Fees(base, max(MIN_TIP_WEI, int(median(offered)) if offered else 0))

        return await self._one(question, Fees)

    async def nonces(self) -> Nonces:
        """See the port. What two endpoints tell, to be on the safe side.

        A nonce that is signed with must be the next one for both: of one that is too low or too high the
        transaction would never be mined, and nothing after it. Consumed is what both say; pending, what one does.
        """
        asked: list[str] = []
        one = await self._nonces(asked)
        with anyio.move_on_after(SECOND_S):
            with suppress(Transient):  # there is no other, or it does not answer now: its word is not needed
                other = await self._nonces(asked)
                return Nonces(
                    latest=min(one.latest, other.latest),
                    confirmed=min(one.confirmed, other.confirmed),
                    pending=max(one.pending, other.pending),
                )
        return one

    async def _nonces(self, asked: list[str]) -> Nonces:
        """From an endpoint that is none of `asked`, and becomes one of them."""

        async def question(endpoint: Asked, head: Block) -> Nonces:
            deep = hex(max(0, head.number - self._confirmations))
            # The pending count first: a block in between may then only make it look the smaller one.
            pending = await self._count(endpoint, "pending")
            latest = await self._count(endpoint, "latest")
            confirmed = await self._count(endpoint, deep)
            asked.append(endpoint.name)
            return Nonces(latest=latest, confirmed=min(confirmed, latest), pending=max(pending, latest))

        return await self._one(question, Nonces, frozenset(asked))

    async def _count(self, endpoint: Asked, at: str) -> int:
        answer = await endpoint.ask("eth_getTransactionCount", self._account, at)
        return _number(endpoint.name, "eth_getTransactionCount", answer)

    async def send(self, raw: bytes) -> None:
        """See the port."""
        refusal: Transient | None = None
        try:
            await self._sender.call_once("eth_sendRawTransaction", "0x" + raw.hex())
        except NodeLimits as error:
            refusal = Throttled(error.message, error.rest_s)
        except NodeRefused as error:
            if _KNOWN.search(error.text):
                return
            kind = NonceTooLow if _NONCE.search(error.text) else GasError if _GAS.search(error.text) else Refused
            refusal = kind(error.message)
        if refusal is not None:
            raise refusal

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """See the port."""

        async def question(endpoint: Asked, _: Block) -> Receipt | None:
            answer = await endpoint.ask("eth_getTransactionReceipt", tx_hash)
            if answer is None:
                return None
            try:
                fields = _fields(answer)
                block_hash = str(fields["blockHash"])
                if str(fields["transactionHash"]).lower() != tx_hash.lower():
                    raise ValueError(tx_hash)  # noqa: TRY301 - one way out for all that is impossible
                number, status, gas, price = (
                    int(str(fields[name]), 16)
                    for name in ("blockNumber", "status", "gasUsed", "effectiveGasPrice")
                )
            except (KeyError, ValueError, TypeError):
                raise unexpected(endpoint.name, "eth_getTransactionReceipt") from None
            # By its number: nodes keep blocks that were replaced, and show them to whoever knows their hash.
            block = await _block(endpoint, "eth_getBlockByNumber", hex(number))
            if block is None or block.hash != block_hash:
                return None
            return Receipt(tx_hash, block, status == 1, gas, gas * price)

        return await self._one(question, Receipt | None)

    async def confirmed(self) -> Block:
        """See the port."""

        async def question(endpoint: Asked, head: Block) -> Block:
            block = await _block(endpoint, "eth_getBlockByNumber", hex(max(0, head.number - self._confirmations)))
            if block is None:
                raise unexpected(endpoint.name, "eth_getBlockByNumber")
            return block

        return await self._one(question, Block)

    async def revert_reason(self, call: Call, block: Block) -> Message | None:
        """See the port: the same call on the state before its block."""

        async def question(endpoint: Asked, _: Block) -> Message | None:
            what = {"from": self._account, "to": call.to, "data": "0x" + call.data.hex()}
            try:
                await endpoint.ask("eth_call", what, hex(block.number - 1))
            except NodeRefused as error:
                return self._explain(error)
            return msg("it would have succeeded a block before: somebody else changed the pool within the block")

        return await self._one(question, Message | None)

    async def _one(
        self,
        question: Callable[[Asked, Block], Awaitable[T]],
        _: object,
        without: frozenset[str] = frozenset(),
    ) -> T:
        answer: T = await self._serve(question, without)  # type: ignore[assignment]
        return answer


def _fields(answer: object) -> dict[str, object]:
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer


def _list(answer: object) -> list[object]:
    if not isinstance(answer, list):
        raise TypeError("not a list")
    return answer


def _number(name: str, method: str, answer: object) -> int:
    try:
        return int(str(answer), 16)
    except ValueError:
        raise unexpected(name, method) from None


async def _block(endpoint: Asked, method: str, which: str) -> Block | None:
    answer = await endpoint.ask(method, which, False)
    if answer is None:
        return None
    try:
        fields = _fields(answer)
        return Block(int(str(fields["number"]), 16), str(fields["hash"]), int(str(fields["timestamp"]), 16))
    except (KeyError, ValueError, TypeError):
        raise unexpected(endpoint.name, method) from None
