"""How the pool chooses among endpoints, pins readings to blocks, and keeps heads coming."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from eth_abi.abi import encode

from tests.adapters.chain import rig as rigs
from tests.fakes.rpc_server import RpcServer
from ultrad.adapters.chain import multicall, pool
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.health import MAX_PROBATION_S, Health, Standing, behind, standing
from ultrad.adapters.chain.pool import RpcChain
from ultrad.core.position import Block
from ultrad.core.rounds import ChainUnavailable
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.ports import EndpointFault


async def test_read__many_positions__in_chunks_and_in_order(tmp_path: Path) -> None:
    settings = rigs.with_positions(2 * multicall.CHUNK + 50)
    async with rigs.nodes("alpha") as rig:
        for index, (_, account) in enumerate(settings.positions):
            rig["alpha"].account(rigs.POOL, account, index + 1, 0, 2**256 - 1)
        broken = settings.positions[150][1]
        rig["alpha"].set(rigs.POOL, "getUserAccountData(address)", encode(["address"], [broken]), None)
        await rig.mine()
        async with rigs.chain_of(rig, tmp_path, running=False, settings=settings) as chain:
            batch = await chain.read()
    assert [one.position for one in batch.readings] == [name for name, _ in settings.positions if name != "p150"]
    assert [one.collateral_e8 for one in batch.readings] == [index + 1 for index in range(250) if index != 150]
    assert [one.position for one in batch.unreadable] == ["p150"]


async def test_read__one_chunk_fails__the_endpoint_does(tmp_path: Path) -> None:
    settings = rigs.with_positions(2 * multicall.CHUNK)
    async with rigs.nodes("alpha") as rig:
        for _, account in settings.positions[1:]:
            rig["alpha"].account(rigs.POOL, account, 1, 0, 2**256 - 1)
        await rig.mine()
        async with rigs.chain_of(rig, tmp_path, running=False, settings=settings) as chain:
            # the first position's contract answers with nothing: no code stands there
            with pytest.raises(ChainUnavailable, match="impossible"):
                await chain.read()


async def test_read__all_hang_for_longer_than_a_round__each_is_asked_and_the_round_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "READ_LIMIT_S", 0.6)
    settings = replace(rigs.SETTINGS, call_timeout_s=5.0)
    async with (
        rigs.nodes("alpha", "beta", "gamma") as rig,
        rigs.chain_of(rig, tmp_path, running=False, settings=settings) as chain,
    ):
        for name in rig.servers:
            rig[name].mode = "hang"
        with anyio.fail_after(2), pytest.raises(ChainUnavailable, match="share of a round") as caught:
            await chain.read()
        assert {one.endpoint for one in caught.value.refused} == set(rig.servers)
        assert caught.value.silent
        assert {one.fault for one in chain.endpoints()} == {EndpointFault.FAILED}
        rig["gamma"].mode = "good"
        assert (await chain.read()).endpoint == "gamma"


@pytest.mark.parametrize("mangle", [lambda data: data[:-32], lambda data: data + data, lambda _: b"\x01" * 640])
async def test_read__answer_mangled_on_the_way__refused(mangle: object, tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        good = await chain.read()
        rig["alpha"].mangle = mangle  # type: ignore[assignment]
        try:
            assert (await chain.read()).readings == good.readings  # only what stood behind the end was touched
        except ChainUnavailable as error:
            assert "impossible" in str(error)  # noqa: PT017 - either is right


async def test_read__no_multicall_there__an_error_and_not_zeros(tmp_path: Path) -> None:
    settings = replace(rigs.SETTINGS, multicall=rigs.ORACLE)
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False, settings=settings) as chain:
        with pytest.raises(ChainUnavailable, match="no contract"):
            await chain.read()


@pytest.mark.parametrize("pins", ["hash", "ignored", "unsupported"])
async def test_read_at__however_the_node_pins__the_figures_of_that_block(pins: str, tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        rig["alpha"].pins = pins
        old = await rig.mine()
        rig["alpha"].account(rigs.POOL, rigs.ACCOUNTS[0][1], 7, 0, 2**256 - 1)
        await rig.mine()
        assert (await chain.read_at("alpha", old)).readings[0].collateral_e8 == 25_000 * 10**8
        assert (await chain.read()).readings[0].collateral_e8 == 7


async def test_read__pinned_by_number_and_reorganised__refused(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        rig["alpha"].pins = "ignored"
        gone = await rig.mine()
        await rig.mine(gone.number, branch="other")
        with pytest.raises(Transient, match="another block"):
            await chain.read_at("alpha", gone)


async def test_read_at__block_is_still_on_its_way__waits_for_it(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        await chain.read()
        block = await rig.mine(only=("alpha",))

        async def later() -> None:
            await rig.until(lambda: "eth_call" in rig["beta"].calls)
            await rig.mine(block.number, only=("beta",))

        async with anyio.create_task_group() as group:
            group.start_soon(later)
            assert (await chain.read_at("beta", block)).endpoint == "beta"


async def test_read_at__fails_otherwise__counts_against_the_endpoint(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        block = (await chain.read()).block
        rig["alpha"].mode = "500"
        with pytest.raises(Transient):
            await chain.read_at("alpha", block)
        assert chain.endpoints()[0].fault is EndpointFault.FAILED


async def test_read_at__block_never_comes__transient_and_no_strike(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        await chain.read()
        nowhere = Block(999, "0x" + "9" * 64, rig.time_s())
        with pytest.raises(Transient, match="not found"):
            await chain.read_at("alpha", nowhere)
        assert chain.endpoints()[0].usable


async def test_read__wrong_chain__refused_until_it_is_right_again(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig:
        rig["alpha"].chain_id = 1
        async with rigs.chain_of(rig, tmp_path) as chain:
            await rig.until(lambda: chain.endpoints()[-1].fault is EndpointFault.WRONG_CHAIN)
            await rig.mine()
            assert (await chain.read()).endpoint == "beta"
            with pytest.raises(Transient, match="serves chain 1, not chain 31337"):
                await chain.read_at("alpha", (await chain.read()).block)
            assert "eth_call" not in rig["alpha"].calls
            rig["alpha"].chain_id = 31337
            await rig.until(lambda: all(one.usable for one in chain.endpoints()))


async def test_read__chain_changes_while_it_was_down__not_believed_again(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        await chain.read()
        rig["alpha"].mode = "500"
        with pytest.raises(ChainUnavailable):
            await chain.read()
        rig["alpha"].mode, rig["alpha"].chain_id = "good", 5
        with pytest.raises(ChainUnavailable, match="serves chain 5"):
            await chain.read()
        assert chain.endpoints()[0].fault is EndpointFault.WRONG_CHAIN


async def test_read__answers_polls_but_no_calls__stays_behind_the_other(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await rig.until(lambda: all(one.usable for one in chain.endpoints()))
        rig["alpha"].mode = "hang on calls"
        for _ in range(5):
            block = await rig.mine()
            await all_at(rig, chain, block)
            batch = await chain.read()
            assert (batch.endpoint, batch.block.number) == ("beta", block.number)
            await rig.until(lambda: all(one.usable for one in chain.endpoints()))
        assert rig["alpha"].hung <= 2  # not each block anew
        assert [one.name for one in chain.endpoints()] == ["beta", "alpha"]


async def test_read__only_one_that_failed_is_left__asked_all_the_same(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        rig["alpha"].mode = "500"
        with pytest.raises(ChainUnavailable):
            await chain.read()
        rig["alpha"].mode = "good"
        assert (await chain.read()).endpoint == "alpha"


async def test_read__equal_endpoints__stays_with_one(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        served = {(await chain.read()).endpoint for _ in range(20)}
        assert len(served) == 1


async def test_ask__second_opinion__makes_nobody_the_first_to_be_asked(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        first = (await chain.read()).endpoint
        second = await chain.ask(_name, frozenset({first}))
        assert second != first
        assert await chain.ask(_name) == first


async def _name(endpoint: Endpoint, _block: Block, _book: object) -> str:
    return endpoint.name


async def test_read__announced_by_one_only__read_from_that_one(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await rig.until(lambda: all(one.subscribed and one.usable for one in chain.endpoints()))
        for name in ("alpha", "beta", "alpha"):
            block = await rig.mine(only=(name,))
            with anyio.fail_after(5):
                while await chain.next_head() != block:
                    pass
            batch = await chain.read()
            assert (batch.endpoint, batch.block) == (name, block)


async def test_next_head__the_slower_one_announces_late__not_handed_out(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await rig.until(lambda: all(one.subscribed and one.usable for one in chain.endpoints()))
        late = await rig.mine(only=("alpha",))
        newest = await rig.mine(only=("alpha",))
        with anyio.fail_after(5):
            while await chain.next_head() != newest:
                pass
        await rig.mine(late.number, branch="uncle", only=("beta",))
        await rig.until(lambda: min(one.head_number or 0 for one in chain.endpoints()) == late.number)
        with pytest.raises(TimeoutError), anyio.fail_after(0.05):
            await chain.next_head()


@pytest.mark.parametrize("ws", [True, False])
async def test_next_head__subscribed_or_polled__each_new_block_arrives(tmp_path: Path, *, ws: bool) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, ws=ws) as chain:
        await rig.until(lambda: chain.endpoints()[0].subscribed is ws and chain.endpoints()[0].usable)
        await chain.next_head()
        for _ in range(3):
            block = await rig.mine()
            with anyio.fail_after(5):
                assert await chain.next_head() == block


async def test_subscription__dropped__opened_again_and_no_head_missed(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await rig.until(lambda: chain.endpoints()[0].subscribed)
        await rig["alpha"].drop_sockets()
        block = await rig.mine()
        await rig.until(lambda: chain.endpoints()[0].head_number == block.number)
        await rig.until(lambda: rig["alpha"].subscribers == 1 and chain.endpoints()[0].subscribed)


async def test_subscription__quiet_while_blocks_go_by__opened_again(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await rig.until(lambda: chain.endpoints()[0].subscribed)
        rig["alpha"].ws_mode = "quiet"
        block = await rig.mine()
        await rig.until(lambda: chain.endpoints()[0].head_number == block.number)
        await rig.until(lambda: "went quiet" in str(chain.endpoints()[0].reason))


async def test_subscription__quiet_as_the_chain_is__left_alone(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await rig.until(lambda: chain.endpoints()[0].subscribed)
        await anyio.sleep(2.5 * rigs.SETTINGS.quiet_s)
        assert chain.endpoints()[0].subscribed
        assert chain.endpoints()[0].reason is None


async def test_next_head__announced_while_calls_failed__handed_out_when_they_serve_again(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await rig.until(lambda: chain.endpoints()[0].subscribed and chain.endpoints()[0].usable)
        await chain.next_head()
        rig["alpha"].mode = "500"
        with pytest.raises(ChainUnavailable):
            await chain.read()
        block = await rig.mine()
        await rig.until(lambda: chain.endpoints()[0].head_number == block.number)
        with pytest.raises(TimeoutError), anyio.fail_after(0.05):
            await chain.next_head()
        rig["alpha"].mode = "good"
        with anyio.fail_after(5):
            assert await chain.next_head() == block


@pytest.mark.parametrize(
    "change",
    [
        {"number": None},
        {"number": "0x"},
        {"number": 7},
        {"number": hex(2**60)},
        {"timestamp": hex(2**255)},
        {"timestamp": "12"},
        {"hash": "0x12"},
        {"hash": None},
    ],
)
async def test_read__header_cannot_be__impossible_answer(change: dict[str, object], tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        rig["alpha"].blocks[-1].update(change)
        with pytest.raises(ChainUnavailable, match="impossible answer to eth_getBlockByNumber"):
            await chain.read()


async def test_saw__echo_of_an_older_head__ignored(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, ws=False) as chain:
        await rig.until(lambda: chain.endpoints()[0].head_number is not None)
        newest = await rig.mine()
        await rig.until(lambda: chain.endpoints()[0].head_number == newest.number)
        rig["alpha"].shown = -1  # another node behind the same URL, one block behind
        polls = rig["alpha"].calls.count("eth_getBlockByNumber")
        await rig.until(lambda: rig["alpha"].calls.count("eth_getBlockByNumber") > polls + 2)
        assert chain.endpoints()[0].head_number == newest.number


async def test_read__its_head_is_gone_for_good__takes_what_it_shows_now(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        await rig.mine()
        await chain.read()
        rig["alpha"].shown = -1
        with pytest.raises(ChainUnavailable, match="not found"):
            await chain.read()
        assert (await chain.read()).block.number == rig.number - 1


async def all_at(rig: rigs.Rig, chain: RpcChain, block: Block) -> None:
    await rig.until(lambda: all(one.head_number == block.number for one in chain.endpoints()))


def test_health__strikes_without_a_reading__wait_longer_each_time() -> None:
    health = Health("alpha", 60, head=Block(1, "0x1", 0))
    health.failed(msg("a"), 0)
    assert standing(health, health.fault(0, 0, None), 0) is Standing.FAILED
    health.recovered()
    assert standing(health, None, 29) is Standing.PROBATION
    assert standing(health, None, 30) is Standing.GOOD
    for _ in range(50):
        health.failed(msg("a"), 100)
    assert health.probation_until_s == 100 + MAX_PROBATION_S
    health.served()
    assert standing(health, health.fault(100, 0, None), 100) is Standing.GOOD


def test_behind__three_endpoints_and_one_far_ahead__the_two_are_not_behind() -> None:
    far, near = Block(10**9, "0xa", 0), Block(100, "0xb", 0)
    assert behind("alpha", near, [far, near], 5) is None
    assert behind("alpha", near, [far, Block(106, "0xc", 0)], 5) is not None
    assert behind("alpha", near, [Block(105, "0xc", 0)], 5) is None
    assert behind("alpha", near, [Block(106, "0xc", 0)], 5) is not None
    assert behind("alpha", None, [far], 5) is None


async def test_open__nothing_is_asked_before_it_is_needed(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, running=False) as chain:
        assert rig["alpha"].calls == []
        assert not chain.endpoints()[0].usable
        server: RpcServer = rig["alpha"]
        await chain.read()
        first = len(server.calls)
        await chain.read()
        assert server.calls[first:] == ["eth_call"]
