"""The audit's reading where nodes refuse, in virtual time: bounded, and never silently less."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ultrad.adapters.chain import abi, logs
from ultrad.adapters.chain.auditor import PAGE, TRIES, Auditor
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.pool import RpcChain
from ultrad.addresses import checksum
from ultrad.core.audit import Known, Range, Span
from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.units import Address

pytestmark = pytest.mark.looptime(noop_cycles=0)

ME, OTHER, ASSET, A_TOKEN, DEBT, POOL = (checksum("0x" + two * 20) for two in ("e5", "70", "11", "22", "33", "44"))
BOOK = Book(POOL, POOL, POOL)
HEAD = 40_000


class Chain:
    """One node behind `ask`. refused: ranges of blocks whose logs it never gives; nonces: sent by each block."""

    def __init__(self, *refused: tuple[int, int], sent: int = 0) -> None:
        self.refused, self.sent = refused, sent
        self.widest = PAGE
        self.methods: list[str] = []
        self.ill: set[str] = set()
        self.book = BOOK
        self.endpoint = SimpleNamespace(name="alpha", rpc=self, aggregate=self.aggregate)

    def ranked(self) -> list[tuple[Any, None]]:
        return []

    async def ask(self, question: Callable[[Any, Block, Book], Awaitable[Any]]) -> Any:
        return await question(self.endpoint, block(HEAD), BOOK)

    async def call(self, method: str, *params: Any) -> Any:
        self.methods.append(method)
        if method in self.ill:
            raise Transient(msg("{method} is ill", method=method))
        if method == "eth_getLogs":
            first, last = (int(params[0][name], 16) for name in ("fromBlock", "toBlock"))
            if any(first <= upto and last >= at for at, upto in self.refused):
                raise Transient(msg("no logs"))
            return [self.log()] if first <= 20_000 <= last and params[0]["topics"][0] and self.sent else []
        if method == "eth_getTransactionCount":
            return hex(self.sent if int(params[1], 16) >= 20_000 else 0)
        if method == "eth_getTransactionByHash":
            return {"from": OTHER, "nonce": "0x9", "blockNumber": hex(20_000), "value": "0x0"}
        number = int(params[0], 16)
        return {"number": hex(number), "hash": "0x" + "ab" * 32, "timestamp": hex(number * 2), "transactions": []}

    def log(self) -> dict[str, Any]:
        topics = ["0x" + logs.TRANSFER, *("0x" + abi.address_word(one).hex() for one in (ME, OTHER))]
        where = {"blockNumber": hex(20_000), "logIndex": "0x0", "transactionHash": "0xf0"}
        return {"address": ASSET, "topics": topics, "data": "0x" + abi.word(7).hex(), **where}

    async def aggregate(self, _at: Block, parts: Any) -> tuple[bytes | None, ...]:
        count = sum(part.count for part in parts)
        if count == 1:  # the reserves, else a single leave
            listed = abi.word(32) + abi.word(1) + abi.address_word(ASSET)
            tokens = abi.address_word(A_TOKEN) + abi.word(0) + abi.address_word(DEBT)
            return (listed if parts[0].data.count("d1946dbc") else tokens if self._tokens() else abi.word(0),)
        return tuple(abi.word(0) for _ in range(count))

    def _tokens(self) -> bool:
        self._asked = getattr(self, "_asked", 0) + 1
        return self._asked == 1


def block(number: int) -> Block:
    return Block(number, "0x" + "ab" * 32, number * 2)


async def audited(chain: Chain, asked: Range | None = None) -> tuple[Span, list[int]]:
    heard: list[int] = []
    auditor = Auditor(cast("RpcChain", chain), Address(ME), 3, Known())
    span = await auditor.read(asked or Range(1), lambda at, _first, _last: heard.append(at))
    return span, heard


async def test_read__all_answers__no_gap_and_progress_to_the_head() -> None:
    span, heard = await audited(Chain())
    assert (span.gaps, span.first.number, span.last.number) == ((), 1, HEAD)
    assert heard == [*range(PAGE, HEAD, PAGE), HEAD]


async def test_read__from_a_time__begins_at_its_first_block() -> None:
    span, _ = await audited(Chain(), Range(time_s=59_999))
    assert span.first.number == 30_000


async def test_read__one_page_never_answers__is_a_gap_and_the_others_are_read() -> None:
    span, heard = await audited(Chain((12_000, 12_000), sent=0))
    assert heard[-1] == HEAD
    (gap,) = span.gaps
    said = str(gap.message)
    first, last = (int(one) for one in said.replace(" could", "").split() if one.isdigit())
    assert first <= 12_000 <= last
    assert last - first + 1 <= PAGE // 2 ** (TRIES - 1)  # no more is given up on than what fails


async def test_read__nobody_answers_at_all__the_rest_is_one_gap() -> None:
    chain = Chain((0, HEAD))
    span, heard = await audited(chain)
    assert len(span.gaps) == 3
    assert f"to {HEAD}" in str(span.gaps[-1].message)
    assert len(heard) == 3
    assert chain.methods.count("eth_getLogs") <= 3 * TRIES


async def test_read__senders_and_times_that_nobody_tells__are_gaps_and_the_log_is_there() -> None:
    chain = Chain(sent=1)
    chain.ill = {"eth_getTransactionByHash"}
    span, _ = await audited(chain)
    assert [one.tx for one in span.logs] == ["0xf0"]
    assert span.senders == ()
    told = [str(one.message) for one in span.gaps]
    assert told[0].startswith("Who sent 1 transactions")
    assert told[1].startswith("1 nonces were consumed")
