"""What every `History` keeps to, the fake and the real adapter on the devnet; and how the real one asks."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest

from tests.adapters.chain.trade_world import ChainClock
from tests.fakes.forwarder import Forwarder
from tests.fakes.history import STRANGER, FakeHistory
from ultrad.adapters.chain import history as module
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.history import RpcHistory
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.core.intrusion import Kind, Position, Seen
from ultrad.core.position import Block
from ultrad.devnet.build import Build
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.trade_ports import History

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
