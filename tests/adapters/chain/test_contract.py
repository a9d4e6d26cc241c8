"""What every `Chain` keeps to: one suite for the fake and for the real adapter against stand-in nodes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import anyio
import pytest

from tests.adapters.chain import rig as rigs
from tests.fakes.chain import REFERENCE, Account, FakeChain
from tests.fakes.clock import FakeClock
from ultrad.core.position import Block
from ultrad.core.rounds import ChainUnavailable
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.ports import Chain, EndpointFault


class World(Protocol):
    """What happens outside the port."""

    chain: Chain

    async def mine(self, number: int | None = None) -> Block: ...
    def fail(self, name: str) -> None: ...
    def freeze(self, name: str) -> None: ...
    def revert(self, position: str) -> None: ...
    def pass_time(self, seconds: int) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.fake = FakeChain(self.clock, positions=("main", "spare"))
        self.fake.set("spare", Account(0, 0))
        self.chain: Chain = self.fake

    async def mine(self, number: int | None = None) -> Block:
        return self.fake.mine(number)

    def fail(self, name: str) -> None:
        self.fake.node(name).fault = EndpointFault.FAILED

    def freeze(self, name: str) -> None:
        self.fake.node(name).frozen = True

    def revert(self, position: str) -> None:
        self.fake.set(position, None)

    def pass_time(self, seconds: int) -> None:
        self.clock.set_wall(
            self.clock.wall.fromtimestamp(self.clock.wall.timestamp() + seconds, self.clock.wall.tzinfo)
        )


class RealWorld:
    def __init__(self, rig: rigs.Rig, chain: Chain) -> None:
        self.rig = rig
        self.chain = chain
        self._frozen: set[str] = set()
        self._branch = 0

    async def mine(self, number: int | None = None) -> Block:
        self._branch += 1
        block = await self.rig.mine(
            number, f"b{self._branch}", tuple(name for name in self.rig.servers if name not in self._frozen)
        )
        live = sum(1 for name, one in self.rig.servers.items() if name not in self._frozen and one.mode == "good")
        await self.rig.until(
            lambda: live <= sum(1 for one in self.chain.endpoints() if one.head_number == block.number)
        )
        return block

    def fail(self, name: str) -> None:
        self.rig[name].mode = "500"

    def freeze(self, name: str) -> None:
        self._frozen.add(name)

    def revert(self, position: str) -> None:
        for server in self.rig.servers.values():
            account = dict(rigs.ACCOUNTS)[position]
            server.set(rigs.POOL, "getUserAccountData(address)", bytes(12) + bytes.fromhex(account[2:]), None)

    def pass_time(self, seconds: int) -> None:
        wall = self.rig.clock.wall
        self.rig.clock.set_wall(wall.fromtimestamp(wall.timestamp() + seconds, wall.tzinfo))


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        fake = FakeWorld()
        await fake.mine()
        yield fake
        return
    async with rigs.nodes("alpha", "beta") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await rig.until(lambda: all(one.usable and one.subscribed for one in chain.endpoints()))
        yield RealWorld(rig, chain)


async def next_head(world: World) -> Block:
    with anyio.fail_after(5):
        return await world.chain.next_head()


async def test_read__healthy__all_positions_at_the_newest_block(world: World) -> None:
    block = await world.mine()
    batch = await world.chain.read()
    assert batch.block == block
    assert {one.position: (one.collateral_e8, one.debt_e8) for one in batch.readings} == {
        "main": (REFERENCE.collateral_e8, REFERENCE.debt_e8),
        "spare": (0, 0),
    }
    assert {one.endpoint for one in batch.readings} == {batch.endpoint}
    assert {one.block for one in batch.readings} == {block}
    assert not batch.unreadable


async def test_next_head__several_blocks__only_the_newest_is_handed_out(world: World) -> None:
    await next_head(world)
    await world.mine()
    newest = await world.mine()
    assert await next_head(world) == newest
    with pytest.raises(TimeoutError), anyio.fail_after(0.05):
        await world.chain.next_head()


async def test_next_head__announced_by_both__handed_out_once(world: World) -> None:
    assert (await next_head(world)) == (await world.chain.read()).block
    with pytest.raises(TimeoutError), anyio.fail_after(0.05):
        await world.chain.next_head()


async def test_next_head__reorganised_to_a_lower_number__is_the_new_head(world: World) -> None:
    first = await world.mine()
    await next_head(world)
    other = await world.mine(first.number - 1)
    assert await next_head(world) == other
    assert (await world.chain.read()).block == other


async def test_read__one_fails__the_other_serves(world: World) -> None:
    world.fail("alpha")
    assert (await world.chain.read()).endpoint == "beta"
    world.fail("beta")
    with pytest.raises(ChainUnavailable) as caught:
        await world.chain.read()
    assert {one.endpoint for one in caught.value.refused} == {"alpha", "beta"}
    assert caught.value.silent


async def test_read__only_old_heads__refused_and_not_silence(world: World) -> None:
    world.pass_time(61)
    with pytest.raises(ChainUnavailable) as caught:
        await world.chain.read()
    assert [one.stale for one in caught.value.refused] == [True, True]
    assert not caught.value.silent
    assert {one.fault for one in world.chain.endpoints()} == {EndpointFault.STALE}
    await world.mine()
    assert (await world.chain.read()).readings


async def test_read__a_head_from_the_future__refused(world: World) -> None:
    world.pass_time(-62)
    with pytest.raises(ChainUnavailable):
        await world.chain.read()


async def test_read__one_lags__refused_and_the_other_serves(world: World) -> None:
    world.freeze("alpha")
    for _ in range(6):
        await world.mine()
    assert (await world.chain.read()).endpoint == "beta"
    assert {one.name: one.fault for one in world.chain.endpoints()} == {"beta": None, "alpha": EndpointFault.STALE}
    world.fail("beta")
    with pytest.raises(ChainUnavailable):
        await world.chain.read()


async def test_read__one_position_reverts__the_others_are_read(world: World) -> None:
    world.revert("spare")
    await world.mine()
    batch = await world.chain.read()
    assert [one.position for one in batch.readings] == ["main"]
    assert [one.position for one in batch.unreadable] == ["spare"]


async def test_read_at__each_endpoint__reads_exactly_that_block(world: World) -> None:
    block = await world.mine()
    world.revert("spare")
    await world.mine()
    for name in ("alpha", "beta"):
        batch = await world.chain.read_at(name, block)
        assert (batch.endpoint, batch.block, len(batch.readings)) == (name, block, 2)


async def test_read_at__failing_or_unknown_endpoint__says_so(world: World) -> None:
    block = await world.mine()
    world.fail("beta")
    with pytest.raises(Transient, match="beta"):
        await world.chain.read_at("beta", block)
    with pytest.raises(Permanent, match="gamma"):
        await world.chain.read_at("gamma", block)


async def test_read_head__one_is_behind__shows_its_own_head_while_that_is_usable(world: World) -> None:
    old = await world.mine()
    world.freeze("beta")
    new = await world.mine()
    assert [(await world.chain.read_head(name)).block for name in ("alpha", "beta")] == [new, old]
    assert (await world.chain.read_head("beta")).endpoint == "beta"
    for _ in range(5):
        await world.mine()
    with pytest.raises(Transient, match="beta"):
        await world.chain.read_head("beta")


async def test_read_head__failing_or_unknown_endpoint__says_so(world: World) -> None:
    world.fail("beta")
    with pytest.raises(Transient, match="beta"):
        await world.chain.read_head("beta")
    with pytest.raises(Permanent, match="gamma"):
        await world.chain.read_head("gamma")


async def test_set_aside__endpoint__used_no_more(world: World) -> None:
    world.chain.set_aside("alpha", msg("It lied."))
    await world.mine()
    assert (await world.chain.read()).endpoint == "beta"
    assert world.chain.endpoints()[-1].fault is EndpointFault.SET_ASIDE
    with pytest.raises(Transient):
        await world.chain.read_at("alpha", (await world.chain.read()).block)
    world.fail("beta")
    with pytest.raises(ChainUnavailable):
        await world.chain.read()


async def test_probe__one_fails__each_is_named_with_its_error(world: World) -> None:
    world.fail("beta")
    alpha, beta = await world.chain.probe(5)
    assert (alpha.name, alpha.error) == ("alpha", None)
    assert beta.name == "beta"
    assert beta.error is not None


async def test_market__healthy_and_then_not__answers_or_says_who_refused(world: World) -> None:
    market = await world.chain.market()
    assert market.block == (await world.chain.read()).block
    assert market.sequencer is None
    world.fail("alpha")
    world.fail("beta")
    with pytest.raises(ChainUnavailable):
        await world.chain.market()
