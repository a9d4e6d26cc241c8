"""What every `Situations` keeps to: the fake, and the real adapter on the devnet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import anyio
import pytest

from tests.adapters.chain.trade_world import ChainClock
from tests.fakes.foresight import FakeSituations, situation
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import MULTICALL3, ChainSettings, EndpointSettings
from ultrad.adapters.chain.situations import AaveSituations
from ultrad.core import pool
from ultrad.devnet.devnet import Devnet
from ultrad.errors import Transient
from ultrad.outlook import Situations
from ultrad.units import hf_text

pytestmark = pytest.mark.chain
STALE_S = 60


class Place(Protocol):
    """What happens outside the port."""

    situations: Situations

    def close(self) -> None:
        """The position is closed: all is repaid and withdrawn."""

    def fail(self) -> None:
        """Nothing answers."""


class FakePlace:
    def __init__(self) -> None:
        self.fake = FakeSituations()
        self.situations: Situations = self.fake

    def close(self) -> None:
        self.fake.now = situation(())

    def fail(self) -> None:
        self.fake.down = True


class RealPlace:
    def __init__(self, devnet: Devnet, chain: RpcChain) -> None:
        self._devnet = devnet
        where = devnet.addresses
        self.situations: Situations = AaveSituations(chain, (("main", where.account),), MULTICALL3)

    def close(self) -> None:
        self._devnet.repay("USDC")
        self._devnet.withdraw("WETH")
        self._devnet.increase_time(2 * STALE_S)  # the head that was read is a fresh one no more

    def fail(self) -> None:
        """It was given an endpoint that is none."""


@asynccontextmanager
async def place(kind: str, devnet: Devnet, at: Path, url: str) -> AsyncIterator[Place]:
    if kind == "fake":
        yield FakePlace()
        return
    where = devnet.addresses
    settings = ChainSettings(31_337, where.addresses_provider, (("main", where.account),), stale_head_s=STALE_S)
    chain = RpcChain(
        settings,
        [EndpointSettings("alpha", url)],
        clock=ChainClock(devnet),
        pauses=lambda _: 0.1,
        book_file=BookFile(at / "addresses", 31_337, where.addresses_provider),
        tell=lambda _: None,
    )
    async with chain:
        yield RealPlace(devnet, chain)


KINDS = pytest.mark.parametrize("kind", ["fake", "real"])


@KINDS
async def test_read__the_reference_position__each_holding_has_its_accrual(
    kind: str, market: Devnet, tmp_path: Path
) -> None:
    async with place(kind, market, tmp_path, market.url_http) as there:
        found = await there.situations.read("main")
        assert (found.position, found.known) == ("main", True)
        assert [one.symbol for one in found.holdings] == ["WETH", "USDC"]
        assert hf_text(pool.health_factor(found.holdings, found.revision)) in {"1.8863", "1.8864"}
        for one, accrual in zip(found.holdings, found.accruals, strict=True):
            assert (one.supply_index, one.debt_index) == accrual.at(found.block.time_s)
        assert found.accruals[1].debt_rate > 0


@KINDS
async def test_read__closed_after_the_first_reading__holds_nothing(
    kind: str, market: Devnet, tmp_path: Path
) -> None:
    async with place(kind, market, tmp_path, market.url_http) as there:
        await there.situations.read("main")
        await anyio.to_thread.run_sync(there.close)
        found = await there.situations.read("main")
        assert (found.holdings, found.accruals, found.known) == ((), (), True)


@KINDS
async def test_read__nothing_answers__transient(kind: str, market: Devnet, tmp_path: Path) -> None:
    async with place(kind, market, tmp_path, "http://127.0.0.1:9/") as there:
        there.fail()
        with pytest.raises(Transient):
            await there.situations.read("main")
