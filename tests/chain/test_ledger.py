"""The ledger's contract: what a chain that a test drives promises, the adapter keeps on a real node."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest
from eth_account import Account

from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FakeSigner
from tests.fakes.trade_market import REFERENCE, FakeMarket
from tests.fakes.wild_ledger import WildLedger
from ultrad.adapters.chain import reverts
from ultrad.adapters.chain.account import Traded
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.ledger import RpcLedger
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.rpc import HttpRpc
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.adapters.chain.trade_market import TradeMarket
from ultrad.adapters.signer import KeySigner
from ultrad.devnet.abi import UINT256_MAX
from ultrad.devnet.build import Build
from ultrad.devnet.devnet import Devnet
from ultrad.devnet.reference import CHAIN_ID, REFERENCE_KEY
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.trade_ports import Call, GasError, Ledger, Nonces, NonceTooLow, Signed, Signer, Unsigned
from ultrad.units import Now

DEPTH = 3
GWEI = 10**9


class Chain(Protocol):
    """What a scene needs of the chain behind the ledger."""

    def mine(self, blocks: int = 1) -> object: ...
    def reorg(self, depth: int) -> object: ...


@dataclass
class Scene:
    """One account on one chain, which mines when it is told to."""

    ledger: Ledger
    signer: Signer
    chain: Chain

    async def transfer(self, *, fee_gwei: Decimal = Decimal(20), nonce: int | None = None) -> Signed:
        """Of nothing, to the account itself; signed, not sent."""
        if nonce is None:
            nonce = (await self.ledger.nonces()).latest
        call, wei = Call("cancel", self.signer.address, b""), int(fee_gwei * GWEI)
        return await self.signer.sign(Unsigned(CHAIN_ID, nonce, call, 21_000, wei, wei // 2))


@dataclass
class Real:
    devnet: Devnet

    def mine(self, blocks: int = 1) -> object:
        return self.devnet.mine(blocks)

    def reorg(self, depth: int) -> object:
        return self.devnet.rpc("anvil_reorg", depth, [])


class ChainClock:
    """The chain's own time: tests move it."""

    def __init__(self, devnet: Devnet) -> None:
        self._devnet = devnet

    def now(self) -> Now:
        head = self._devnet.rpc("eth_getBlockByNumber", "latest", False)
        return Now(wall_ms=int(head["timestamp"], 16) * 1000, steady_ms=0)


@asynccontextmanager
async def chain_on(devnet: Devnet, tmp_path: Path) -> AsyncIterator[tuple[RpcChain, RpcLedger]]:
    addresses = devnet.addresses
    settings = ChainSettings(
        chain_id=CHAIN_ID,
        addresses_provider=addresses.addresses_provider,
        positions=(("main", addresses.account),),
        stale_head_s=10**9,
    )
    chain = RpcChain(
        settings,
        [EndpointSettings("alpha", devnet.url_http)],
        clock=ChainClock(devnet),
        pauses=lambda _: 0.05,
        book_file=BookFile(tmp_path / "book.json", CHAIN_ID, addresses.addresses_provider),
        tell=lambda message: pytest.fail(str(message)),
    )

    async def serve(question: Callable[..., Awaitable[object]], without: frozenset[str]) -> object:
        if without:
            raise Transient(msg("There is no other."))
        for endpoint in chain._endpoints:
            await endpoint.poll()  # as its subscription would
        return await chain.ask(lambda endpoint, block, _book: question(endpoint, block))

    sender = HttpRpc(EndpointSettings("send", devnet.url_http), 5.0, 100_000)
    async with chain, sender:
        yield chain, RpcLedger(addresses.account, DEPTH, serve, sender, reverts.verdict)


@pytest.fixture(scope="module")
def own_devnet(devnet_build: Build) -> Iterator[Devnet]:
    devnet = Devnet.start(devnet_build)
    devnet.mine(DEPTH + 2)
    devnet.rpc("evm_setAutomine", False)
    yield devnet
    devnet.stop()


@pytest.fixture(params=["fake", "devnet"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    if request.param == "fake":
        clock = FakeClock()
        fake = WildLedger(clock, FakeMarket(clock, replace(REFERENCE, wallet=10**18)), depth=DEPTH)
        fake.mine(DEPTH + 2)
        yield Scene(fake, FakeSigner(), fake)
        return
    devnet: Devnet = request.getfixturevalue("own_devnet")
    devnet.rpc("anvil_dropAllTransactions")
    devnet.fund(devnet.addresses.account)
    devnet.mine(DEPTH + 1)
    async with chain_on(devnet, tmp_path) as (_, ledger):
        yield Scene(ledger, KeySigner.from_key(REFERENCE_KEY), Real(devnet))
    devnet.rpc("anvil_dropAllTransactions")


# ---------------------------------------------------------------- the contract


async def test_ledger__quiet_account__the_same_count_everywhere(scene: Scene) -> None:
    found = await scene.ledger.nonces()
    assert found == Nonces(found.latest, found.latest, found.latest)


async def test_ledger__fees__of_the_next_block_with_a_tip(scene: Scene) -> None:
    fees = await scene.ledger.fees()
    assert fees.base_wei > 0
    assert fees.tip_wei > 0


async def test_ledger__sent__pending_then_in_a_block_then_confirmed(scene: Scene) -> None:
    signed = await scene.transfer()
    first = (await scene.ledger.nonces()).latest
    await scene.ledger.send(signed.raw)
    assert await scene.ledger.nonces() == Nonces(first, first, first + 1)
    assert await scene.ledger.receipt(signed.hash) is None
    scene.chain.mine()
    receipt = await scene.ledger.receipt(signed.hash)
    assert receipt is not None
    assert (receipt.hash, receipt.ok) == (signed.hash, True)
    assert await scene.ledger.nonces() == Nonces(first + 1, first, first + 1)
    assert (await scene.ledger.confirmed()).number == receipt.block.number - DEPTH
    scene.chain.mine(DEPTH)
    assert await scene.ledger.nonces() == Nonces(first + 1, first + 1, first + 1)
    assert await scene.ledger.confirmed() == receipt.block


async def test_ledger__the_same_bytes_again__is_success(scene: Scene) -> None:
    signed = await scene.transfer()
    await scene.ledger.send(signed.raw)
    await scene.ledger.send(signed.raw)
    first = (await scene.ledger.nonces()).latest
    assert (await scene.ledger.nonces()).pending == first + 1


async def test_ledger__an_eighth_dearer__takes_its_place(scene: Scene) -> None:
    cheap, dear = await scene.transfer(), await scene.transfer(fee_gwei=Decimal("22.6"))
    await scene.ledger.send(cheap.raw)
    await scene.ledger.send(dear.raw)
    scene.chain.mine()
    assert await scene.ledger.receipt(cheap.hash) is None
    assert await scene.ledger.receipt(dear.hash) is not None


async def test_ledger__no_dearer__is_a_gas_error_and_the_first_one_stays(scene: Scene) -> None:
    first, other = await scene.transfer(), await scene.transfer(fee_gwei=Decimal("19.9"))
    await scene.ledger.send(first.raw)
    with pytest.raises(GasError):
        await scene.ledger.send(other.raw)
    scene.chain.mine()
    assert await scene.ledger.receipt(first.hash) is not None


async def test_ledger__nonce_that_is_consumed__too_low(scene: Scene) -> None:
    first = (await scene.ledger.nonces()).latest
    await scene.ledger.send((await scene.transfer()).raw)
    scene.chain.mine()
    with pytest.raises(NonceTooLow):
        await scene.ledger.send((await scene.transfer(nonce=first, fee_gwei=Decimal(30))).raw)


async def test_ledger__block_that_was_replaced__its_receipt_and_its_nonce_are_gone(scene: Scene) -> None:
    signed = await scene.transfer()
    first = (await scene.ledger.nonces()).latest
    await scene.ledger.send(signed.raw)
    scene.chain.mine()
    scene.chain.mine()
    assert await scene.ledger.receipt(signed.hash) is not None
    scene.chain.reorg(2)
    assert await scene.ledger.receipt(signed.hash) is None
    assert (await scene.ledger.nonces()).latest == first


# ---------------------------------------------------------------- of a real node alone


async def test_ledger__account_without_coins__is_a_gas_error(own_devnet: Devnet, tmp_path: Path) -> None:
    own_devnet.rpc("anvil_setBalance", own_devnet.addresses.account, "0x1")
    async with chain_on(own_devnet, tmp_path) as (_, ledger):
        scene = Scene(ledger, KeySigner.from_key(REFERENCE_KEY), Real(own_devnet))
        with pytest.raises(GasError):
            await ledger.send((await scene.transfer()).raw)
    own_devnet.fund(own_devnet.addresses.account)


async def test_ledger__call_that_aave_refused__told_by_its_name(own_devnet: Devnet, tmp_path: Path) -> None:
    with_blocks = own_devnet.rpc
    with_blocks("evm_setAutomine", True)
    own_devnet.mint("USDC", Decimal(10))
    own_devnet.set_reserve("USDC", frozen=True)
    async with chain_on(own_devnet, tmp_path) as (chain, ledger):
        await chain.read()
        traded = Traded(
            account=own_devnet.addresses.account,
            asset=own_devnet.addresses.token("USDC"),
            assets=(own_devnet.addresses.token("USDC"),),
            multicall=ChainSettings(CHAIN_ID, own_devnet.addresses.addresses_provider, ()).multicall,
        )
        market, signer = TradeMarket(chain, traded), KeySigner.from_key(REFERENCE_KEY)
        call = market.supply(5 * 10**6)
        nonce = (await ledger.nonces()).latest
        signed = await signer.sign(Unsigned(CHAIN_ID, nonce, call, 500_000, 50 * GWEI, GWEI))
        await ledger.send(signed.raw)
        receipt = await ledger.receipt(signed.hash)
        assert receipt is not None
        assert not receipt.ok
        told = await ledger.revert_reason(signer.opened(signed.raw).call, receipt.block)
        assert "ReserveFrozen" in str(told)
    own_devnet.set_reserve("USDC", frozen=False)
    with_blocks("evm_setAutomine", False)


async def test_signer__anything__as_eth_account_signs_it_and_opens_again(own_devnet: Devnet) -> None:
    signer = KeySigner.from_key(REFERENCE_KEY)
    call = Call("supply", own_devnet.addresses.pool, bytes(range(200)), 5)
    what = Unsigned(CHAIN_ID, 2**40, call, 190_000, UINT256_MAX // 2**200, 3)
    signed = await signer.sign(what)
    assert signer.opened(signed.raw) == replace(what, call=replace(call, about=""))
    assert Account.recover_transaction(signed.raw) == signer.address
    expected = Account.sign_transaction(
        {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": what.nonce,
            "to": call.to,
            "value": 5,
            "data": call.data,
            "gas": what.gas,
            "maxFeePerGas": what.max_fee_wei,
            "maxPriorityFeePerGas": what.tip_wei,
            "accessList": [],
        },
        REFERENCE_KEY,
    )
    assert signed == Signed(bytes(expected.raw_transaction), "0x" + bytes(expected.hash).hex())
