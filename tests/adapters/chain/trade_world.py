"""A real market on the devnet behind endpoints that can misbehave, and what happens outside the port."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest

from tests.fakes.forwarder import Forwarder
from ultrad.adapters.chain.account import Traded
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.adapters.chain.trade_market import TradeMarket
from ultrad.devnet.devnet import Devnet
from ultrad.trade_ports import Call, Market, Quote
from ultrad.units import Address, Now

ETHER = 10**18


class ChainClock:
    """The chain's own time: these tests move it by hours."""

    def __init__(self, devnet: Devnet) -> None:
        self._devnet = devnet

    def now(self) -> Now:
        head = self._devnet.rpc("eth_getBlockByNumber", "latest", False)
        return Now(wall_ms=int(head["timestamp"], 16) * 1000, steady_ms=0)


class World(Protocol):
    """What happens outside the port."""

    market: Market

    def give(self, amount: int) -> None:
        """The wallet holds so much of the asset."""

    def apply(self, call: Call) -> None:
        """The call is mined."""

    def cap(self, left: int) -> None:
        """So much more may be supplied, about."""

    def fail(self) -> None:
        """Nothing answers."""

    def cannot_simulate(self) -> None:
        """No node has `eth_simulateV1`."""


class RealWorld:
    def __init__(self, devnet: Devnet, forwarders: dict[str, Forwarder], chain: RpcChain, traded: Traded) -> None:
        self.devnet = devnet
        self.forwarders = forwarders
        self.chain = chain
        self.traded = traded
        self.market: Market = TradeMarket(chain, traded)

    def __getitem__(self, name: str) -> Forwarder:
        return self.forwarders[name]

    def give(self, amount: int) -> None:
        self.devnet.mint("WETH", Decimal(amount).scaleb(-18))

    def apply(self, call: Call) -> None:
        data = "0x" + call.data.hex()
        self.devnet.send({"from": self.traded.account, "to": call.to, "data": data, "gas": hex(10**6)})

    def cap(self, left: int) -> None:
        token = self.devnet.addresses.token("WETH")
        cap = 10_010 + left // ETHER  # whole tokens, above what stands in the reference state
        self.devnet.call(self.devnet.addresses.configurator, "setSupplyCap(address,uint256)", token, cap)

    def fail(self) -> None:
        for one in self.forwarders.values():
            one.mode = "500"

    def cannot_simulate(self) -> None:
        for one in self.forwarders.values():
            one.missing.add("eth_simulateV1")


@asynccontextmanager
async def real_world(
    devnet: Devnet, tmp_path: Path, *, asset: str = "WETH", assets: tuple[Address, ...] = ()
) -> AsyncIterator[RealWorld]:
    settings = ChainSettings(
        chain_id=31337,
        addresses_provider=devnet.addresses.addresses_provider,
        positions=(("main", devnet.addresses.account),),
        stale_head_s=3600,
        call_timeout_s=1.0,
    )
    # Set-up leaves an endless allowance.
    token = devnet.addresses.token(asset)
    devnet.call(token, "approve(address,uint256)", devnet.addresses.pool, 0, sender=devnet.addresses.account)
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
        yield RealWorld(devnet, forwarders, chain, Traded(devnet.addresses.account, token, assets))


async def fresh(world: World) -> Quote:
    """A quote of the newest block: nobody follows heads here, and one that is not old is not asked for again."""
    if isinstance(world, RealWorld):
        for one in world.chain._endpoints:
            await one.poll()
    return await world.market.quote()
