"""The real market's calls: how they are encoded, and what nodes say they would do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from web3 import Web3

from tests.adapters.chain.trade_world import RealWorld, fresh, real_world
from ultrad.core.pool import WHOLE
from ultrad.core.rounds import ChainUnavailable
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Transient

pytestmark = pytest.mark.chain

ABI = [
    {
        "type": "function", "name": name, "stateMutability": "nonpayable", "outputs": [],
        "inputs": [{"name": f"i{at}", "type": kind} for at, kind in enumerate(kinds)],
    }
    for name, kinds in (
        ("approve", ("address", "uint256")),
        ("supply", ("address", "uint256", "address", "uint16")),
        ("withdraw", ("address", "uint256", "address")),
    )
]  # fmt: skip


@pytest.fixture
async def real(market: Devnet, tmp_path: Path) -> AsyncIterator[RealWorld]:
    async with real_world(market, tmp_path) as world:
        yield world


# ---------------------------------------------------------------- calldata


async def test_calls__each__as_web3_encodes_them(real: RealWorld) -> None:
    await real.market.quote()
    owner, asset, where = real.traded.account, real.traded.asset, real.devnet.addresses
    contract = Web3().eth.contract(abi=ABI)
    for amount in (1, 123_456_789, WHOLE):
        for call, target, name, arguments in (
            (real.market.approve(amount), asset, "approve", [where.pool, amount]),
            (real.market.supply(amount), where.pool, "supply", [asset, amount, owner, 0]),
            (real.market.withdraw(amount), where.pool, "withdraw", [asset, amount, owner]),
        ):
            assert (call.to, call.about, call.value_wei) == (target, name, 0)
            assert "0x" + call.data.hex() == contract.encode_abi(name, args=arguments)


async def test_calls__before_anything_was_read__not_known_yet(real: RealWorld) -> None:
    with pytest.raises(Transient, match="not known yet"):
        real.market.supply(1)


# ---------------------------------------------------------------- what a call would do


async def test_simulate__node_fails_otherwise_than_the_call__the_other_is_asked(real: RealWorld) -> None:
    await fresh(real)
    real["alpha"].errors["eth_call"] = {"code": -32603, "message": "internal trouble"}
    assert (await real.market.simulate(real.market.withdraw(1))).gas
    real["beta"].errors["eth_estimateGas"] = {"code": -32603, "message": "internal trouble"}
    with pytest.raises(ChainUnavailable):
        await real.market.simulate(real.market.withdraw(1))


async def test_simulate__token_answers_false__not_accepted(real: RealWorld) -> None:
    await fresh(real)
    for one in real.forwarders.values():
        one.results["eth_call"] = "0x" + "0" * 64
    refused = await real.market.simulate(real.market.approve(1))
    assert (refused.gas, "did not accept" in str(refused.error)) == (None, True)
    for wrong in ("0xzz", 7, "1"):
        for one in real.forwarders.values():
            one.results["eth_call"] = wrong
        with pytest.raises(ChainUnavailable, match="impossible answer"):
            await real.market.simulate(real.market.approve(1))


async def test_health_after__one_node_has_it__that_one_says(real: RealWorld) -> None:
    await fresh(real)
    real["alpha"].missing.add("eth_simulateV1")
    assert await real.market.health_after((real.market.withdraw(1),))
    real["beta"].mode = "500"
    assert await real.market.health_after((real.market.withdraw(1),)) is None


@pytest.mark.parametrize("wrong", [None, [], [{}], [{"calls": [7]}], [{"calls": []}], [{"calls": [{}, {}, {}]}]])
async def test_health_after__impossible_answer__not_believed(real: RealWorld, wrong: object) -> None:
    await fresh(real)
    for one in real.forwarders.values():
        one.results["eth_simulateV1"] = wrong
    with pytest.raises(ChainUnavailable, match="impossible answer"):
        await real.market.health_after((real.market.withdraw(1),))


@pytest.mark.parametrize("data", ["0x", "0x" + "0" * 384, 7])
async def test_health_after__impossible_figures__not_believed(real: RealWorld, data: object) -> None:
    await fresh(real)
    for one in real.forwarders.values():
        call = {"status": "0x1", "returnData": data}
        one.results["eth_simulateV1"] = [{"calls": [call, call]}]
    with pytest.raises(ChainUnavailable, match="impossible answer"):
        await real.market.health_after((real.market.withdraw(1),))
