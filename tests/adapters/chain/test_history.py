"""What every `History` keeps to, the fake and the real adapter on the devnet; and how the real one asks."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import pytest

from tests.adapters.chain.test_trade_market import ChainClock
from tests.fakes.forwarder import Forwarder
from tests.fakes.history import STRANGER, FakeHistory
from ultrad.adapters.chain import history as module
from ultrad.adapters.chain import logs
from ultrad.adapters.chain.abi import Malformed
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.history import MAX_LOGS, Look, RpcHistory, _may_authorize
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.rpc import NodeFailed, NodeRefused
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.addresses import checksum
from ultrad.core.intrusion import Kind, Position, Seen
from ultrad.core.position import Block
from ultrad.devnet.build import Build
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.trade_ports import History
from ultrad.units import Address

pytestmark = pytest.mark.chain
DEPTH = 3


class World(Protocol):
    """What happens outside the port."""

    history: History

    async def out(self, amount: int) -> str:
        """The key moves so much USDC out; its hash."""

    async def comes(self, amount: int) -> str:
        """So much USDC comes in."""

    async def coins(self, wei: int) -> str:
        """The key moves coins."""

    async def mine(self, blocks: int) -> None:
        """Empty blocks."""

    def head(self) -> int:
        """The newest block's number."""

    def fail(self) -> None:
        """Nothing answers."""


class FakeWorld:
    def __init__(self) -> None:
        self.fake = FakeHistory(DEPTH)
        self.history: History = self.fake

    async def out(self, amount: int) -> str:
        tx = self.fake.out(amount)
        self.fake.mine(tx)
        return tx.hash

    async def comes(self, amount: int) -> str:
        tx = self.fake.comes(amount)
        self.fake.mine(tx)
        return tx.hash

    async def coins(self, wei: int) -> str:
        tx = self.fake.sent(value_wei=wei)
        self.fake.mine(tx)
        return tx.hash

    async def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self.fake.mine()

    def head(self) -> int:
        return len(self.fake.blocks)

    def fail(self) -> None:
        self.fake.down = msg("Nothing answers.")


class RealWorld:
    def __init__(self, devnet: Devnet, forwarders: dict[str, Forwarder], chain: RpcChain) -> None:
        self.devnet, self.forwarders, self.chain = devnet, forwarders, chain
        self.real = RpcHistory(chain, devnet.addresses.account, DEPTH)
        self.history: History = self.real

    async def poll(self) -> None:
        for one in self.chain._endpoints:
            await one.poll()

    async def _call(self, sender: str, signature: str, *args: str | int) -> str:
        receipt = self.devnet.call(self.devnet.addresses.token("USDC"), signature, *args, sender=sender)
        await self.poll()
        return str(receipt["transactionHash"])

    async def out(self, amount: int) -> str:
        return await self._call(self.devnet.addresses.account, "transfer(address,uint256)", STRANGER, amount)

    async def comes(self, amount: int) -> str:
        return await self._call(STRANGER, "transfer(address,uint256)", self.devnet.addresses.account, amount)

    async def coins(self, wei: int) -> str:
        what = {"from": self.devnet.addresses.account, "to": STRANGER, "value": hex(wei), "gas": hex(21_000)}
        receipt = self.devnet.send(what)
        await self.poll()
        return str(receipt["transactionHash"])

    async def mine(self, blocks: int) -> None:
        self.devnet.mine(blocks)
        await self.poll()

    def head(self) -> int:
        return self.devnet.block_number()

    def fail(self) -> None:
        for one in self.forwarders.values():
            one.mode = "500"


@pytest.fixture
def own_devnet(devnet_build: Build) -> Iterator[Devnet]:
    """A chain of its own for each test: the shared one forgets the state of old blocks where it goes back."""
    devnet = Devnet.start(devnet_build)
    yield devnet
    devnet.stop()


@asynccontextmanager
async def real_world(devnet: Devnet, tmp_path: Path) -> AsyncIterator[RealWorld]:
    devnet.fund(STRANGER)
    for whose in (None, STRANGER):
        devnet.mint("USDC", Decimal(1000), whose)
    settings = ChainSettings(
        chain_id=31337,
        addresses_provider=devnet.addresses.addresses_provider,
        positions=(("main", devnet.addresses.account),),
        stale_head_s=3600,
        call_timeout_s=1.0,
    )
    async with AsyncExitStack() as stack:
        forwarders = {
            name: await stack.enter_async_context(Forwarder(devnet.url_http).serving())
            for name in ("alpha", "beta")
        }
        chain = RpcChain(
            settings,
            [EndpointSettings(name, one.url) for name, one in forwarders.items()],
            clock=ChainClock(devnet),
            pauses=lambda _: 0.05,
            book_file=BookFile(tmp_path / "book.json", settings.chain_id, settings.addresses_provider),
            tell=lambda message: pytest.fail(str(message)),
        )
        await stack.enter_async_context(chain)
        world = RealWorld(devnet, forwarders, chain)
        await chain.read()
        await world.mine(DEPTH + 1)
        yield world


@pytest.fixture
async def real(own_devnet: Devnet, tmp_path: Path) -> AsyncIterator[RealWorld]:
    async with real_world(own_devnet, tmp_path) as found:
        yield found


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, own_devnet: Devnet, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    async with real_world(own_devnet, tmp_path) as found:
        yield found


def nothing() -> dict[str, int]:
    return {}


async def look(world: World, since: Position) -> Seen:
    return await world.history.look(since, since.block.number, nothing)


# ---------------------------------------------------------------- what both keep to


async def test_begin__always__the_confirmed_block_with_its_nonce(world: World) -> None:
    before = await world.history.begin()
    assert before.block.number == world.head() - DEPTH
    await world.out(5)
    assert (await world.history.begin()).nonce == before.nonce
    await world.mine(DEPTH)
    assert (await world.history.begin()).nonce == before.nonce + 1
    assert world.history.newest() == world.head()


async def test_look__nothing_happened__is_whole_and_empty(world: World) -> None:
    since = await world.history.begin()
    await world.mine(5)
    seen = await look(world, since)
    assert (seen.since, seen.nonce, seen.sent, seen.logs) == (since, since.nonce, (), ())
    assert seen.block.number == world.head()
    assert seen.is_whole
    assert seen.reached == await world.history.begin()
    assert (await look(world, seen.reached)).reached == seen.reached


async def test_look__transfer_out_by_the_key__nonce_log_sender_and_price(world: World) -> None:
    since = await world.history.begin()
    tx = await world.out(5)
    number = world.head()
    await world.mine(2)
    seen = await look(world, since)
    assert seen.nonce == since.nonce + 1
    assert [(one.nonce, one.tx, one.block, one.value_wei) for one in seen.sent] == [(since.nonce, tx, number, 0)]
    assert [(one.kind, one.tx, one.block, one.other, one.amount) for one in seen.logs] == [
        (Kind.OUT, tx, number, STRANGER, 5)
    ]
    assert dict(seen.senders)[tx] == world.history.account
    assert dict(seen.prices)[seen.logs[0].asset] == (10**8, 10**6)


async def test_look__coins_and_inflow__each_as_it_is(world: World) -> None:
    since = await world.history.begin()
    come, tx = await world.comes(7), await world.coins(3)
    seen = await look(world, since)
    assert [(one.tx, one.value_wei) for one in seen.sent] == [(tx, 3)]
    assert [(one.kind, one.tx, one.amount) for one in seen.logs] == [(Kind.IN, come, 7)]


async def test_look__later_position__tells_no_more_of_it(world: World) -> None:
    since = await world.history.begin()
    await world.out(5)
    await world.mine(DEPTH)
    first = await look(world, since)
    await world.mine(1)
    second = await look(world, first.reached)
    assert (second.sent, second.logs) == ((), ())


async def test_look__nothing_answers__raises(world: World) -> None:
    since = await world.history.begin()
    await world.mine(1)
    world.fail()
    with pytest.raises(Transient):
        await look(world, since)
    with pytest.raises(Transient):
        await world.history.begin()


# ---------------------------------------------------------------- how the real one asks


async def test_look__endpoint_without_logs__the_other_tells_and_neither_is_worse_for_it(real: RealWorld) -> None:
    since = await real.history.begin()
    tx = await real.out(5)
    real.forwarders["alpha"].missing.add("eth_getLogs")
    for _ in range(2):
        assert (await look(real, since)).logs[0].tx == tx
    assert all(one.usable for one in real.chain.endpoints())
    real.forwarders["beta"].missing.add("eth_getLogs")
    with pytest.raises(Transient):
        await look(real, since)


async def test_look__own_transaction__is_not_searched_for(real: RealWorld) -> None:
    since = await real.history.begin()
    tx = await real.out(5)
    await real.mine(40)
    for one in real.forwarders.values():
        one.asked.clear()
    seen = await real.history.look(since, 0, lambda: {"0x" + "11" * 32: since.nonce, tx: since.nonce})
    assert [one.tx for one in seen.sent] == [tx]
    asked = [method for one in real.forwarders.values() for method in one.asked]
    assert asked.count("eth_getTransactionCount") == 2  # at the head, and at the confirmed depth
    assert seen.senders == ()


async def test_look__long_absence__in_several_looks(real: RealWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SPAN", 10)
    since = await real.history.begin()
    tx = await real.out(5)
    await real.mine(20)
    first = await look(real, since)
    assert (first.is_whole, first.nonce, first.block.number) == (False, None, since.block.number + 10)
    assert [one.tx for one in first.logs] == [tx]
    assert first.reached == Position(first.block, since.nonce)
    last = await look(real, (await look(real, first.reached)).reached)
    assert last.is_whole
    assert last.nonce == since.nonce + 1
    assert [one.nonce for one in last.sent] == [since.nonce]  # its hash is gone with the span; its nonce is not


async def test_look__nonsense_from_a_node__is_refused(real: RealWorld) -> None:
    since = await real.history.begin()
    await real.mine(1)
    answers: tuple[object, ...] = ("0x", [{}], [{"topics": [], "address": 5}], {"a": 1})
    for nonsense in answers:
        for one in real.forwarders.values():
            one.results["eth_getLogs"] = nonsense
        with pytest.raises(Transient):
            await look(real, since)


async def test_look__behind_what_was_seen__raises(real: RealWorld) -> None:
    since = await real.history.begin()
    ahead = Position(Block(since.block.number + 100, "0x", 0), since.nonce)
    with pytest.raises(Transient, match="behind"):
        await look(real, ahead)


# ---------------------------------------------------------------- ranges


class Node:
    """Answers `eth_getLogs` for ranges of up to `most` blocks, one log a block; in its own way of saying no."""

    def __init__(self, most: int, no: Exception | None) -> None:
        self.most, self.no = most, no
        self.asked: list[tuple[int, int]] = []

    async def call(self, _: str, what: dict[str, str]) -> list[int]:
        first, last = int(what["fromBlock"], 16), int(what["toBlock"], 16)
        self.asked.append((first, last))
        if last - first + 1 > self.most:
            if self.no is not None:
                raise self.no
            return [first] * MAX_LOGS
        return list(range(first, last + 1))


def looking(node: Node) -> tuple[Look, RpcHistory]:
    history = RpcHistory(cast("RpcChain", None), STRANGER, DEPTH)
    endpoint = cast("Endpoint", SimpleNamespace(name="alpha", rpc=node))
    return Look(history, endpoint, Block(0, "0x", 0), nothing), history


@pytest.mark.parametrize(
    "no",
    [
        NodeRefused(msg("no"), -32000, "query returned more than 10000 results"),
        NodeFailed(msg("Cut off.")),
        None,
    ],
)
async def test_range__too_much_for_a_node__halved_until_it_answers(no: Exception | None) -> None:
    node = Node(30, no)
    look, history = looking(node)
    assert await look._range({}, 1, 100) == list(range(1, 101))
    assert history.range_of(look._endpoint) <= 30  # and asked for no more than that from now on


@pytest.mark.parametrize("code", [-32000, -32601])
async def test_range__even_one_block_is_too_much__raises(code: int) -> None:
    node = Node(0, NodeRefused(msg("no"), code, "no"))
    look, _ = looking(node)
    with pytest.raises(NodeRefused):
        await look._range({}, 1, 8)
    assert len(node.asked) == (1 if code == -32601 else 4)


# ---------------------------------------------------------------- logs by their form

ME = checksum("0x" + "e5" * 20)
RESERVE, A_TOKEN, DEBT_TOKEN, POOL = (checksum("0x" + two * 20) for two in ("11", "22", "33", "44"))
WATCHED = logs.watched_of(POOL, [(RESERVE, A_TOKEN, DEBT_TOKEN)])


def raw(address: str, *topics: str, data: str = "0x" + "0" * 63 + "5", **other: Any) -> dict[str, Any]:
    words = [topics[0], *("0x" + "0" * 24 + one[2:].lower() for one in topics[1:])]
    return {
        "address": address,
        "topics": [words[0] if words[0].startswith("0x") else "0x" + words[0], *words[1:]],
        "data": data,
        "transactionHash": "0xAB",
        "blockNumber": "0x5",
        "logIndex": "0x1",
        **other,
    }


def test_decoded__debt_tokens_transfer__is_left_to_the_pools_events() -> None:
    one = logs.raw(raw(DEBT_TOKEN, logs.TRANSFER, "0x" + "00" * 20, ME))
    assert logs.decoded(one, WATCHED, ME) is None
    delegated = logs.raw(raw(DEBT_TOKEN, logs.DELEGATION, ME, STRANGER, RESERVE))
    found = logs.decoded(delegated, WATCHED, ME)
    assert found is not None
    assert (found.kind, found.other, found.asset, found.amount) == (Kind.APPROVAL, STRANGER, RESERVE, 5)


@pytest.mark.parametrize(
    "value",
    [
        None,
        raw(A_TOKEN, logs.TRANSFER, ME, STRANGER, removed=True),
        raw(A_TOKEN, logs.TRANSFER, ME, STRANGER, blockNumber=None),
        raw(A_TOKEN, logs.TRANSFER, ME, STRANGER, data="5"),
        raw(STRANGER, logs.TRANSFER, ME, STRANGER),
        raw(A_TOKEN, logs.TRANSFER, ME),
        raw(A_TOKEN, logs.WITHDRAW, ME, STRANGER),
        raw(POOL, logs.TRANSFER, ME, STRANGER),
        raw(A_TOKEN, logs.TRANSFER, ME, STRANGER, data="0x"),
    ],
)
def test_decoded__what_these_contracts_never_say__is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        logs.decoded(logs.raw(value), WATCHED, ME)


def test_may_authorize__set_code_transaction_of_that_nonce__is_a_hint() -> None:
    carries: dict[str, object] = {"type": "0x4", "authorizationList": [{"nonce": "0x7"}]}
    assert _may_authorize(carries, 7)
    assert not _may_authorize(carries, 8)
    assert not _may_authorize({**carries, "type": "0x2"}, 7)
    assert not _may_authorize({"type": "0x4"}, 7)


def test_reserves__other_form__is_malformed() -> None:
    with pytest.raises(Malformed):
        logs.reserves((64).to_bytes(32, "big") + bytes(32))
    assert logs.reserves((32).to_bytes(32, "big") + bytes(32)) == ()
    assert isinstance(Address(ME), str)
