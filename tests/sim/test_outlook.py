"""The outlook in the whole daemon: read beside the watch, kept where it cannot be read, in nobody's way."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from tests.fakes.trade_market import REFERENCE
from tests.sim.setting import BAD, configured
from tests.sim.world import World, world
from ultrad.core.estop import Mode
from ultrad.core.outlook_words import price_text
from ultrad.core.status import PositionStatus
from ultrad.core.whatif import Wish
from ultrad.core.wire import from_json, to_json
from ultrad.errors import Permanent, Transient
from ultrad.operations import SimulateRequest
from ultrad.units import UsdE8

pytestmark = pytest.mark.looptime(noop_cycles=0)
FALL = SimulateRequest(Wish((("WETH", "-20%"),)))


def shown(made: World) -> PositionStatus:
    return made.life.assembly.daemon.status().positions[0]


async def test_outlook__after_the_start__stands_in_the_status_and_passes_the_wire() -> None:
    async with world() as made:
        await anyio.sleep(1)
        status = made.life.assembly.daemon.status()
        outlook = status.positions[0].outlook
        assert outlook is not None
        assert price_text(outlook.prices[0].liquidation.price_e8 or 0) == "$1,325.30"
        assert from_json(type(status), to_json(status)) == status


async def test_outlook__its_pace__is_the_configured_one_and_not_each_block() -> None:
    async with world(configured(more="[outlook]\ninterval_s = 600")) as made:
        await made.pass_by(timedelta(minutes=25))
        assert made.situations.asked == ["main"] * 3


async def test_outlook__no_endpoint_serves__the_last_figures_stay_with_their_age_and_the_trouble() -> None:
    async with world() as made:
        await anyio.sleep(1)
        first = shown(made).outlook
        assert first is not None
        made.situations.down = True
        await made.pass_by(timedelta(minutes=5))
        now = shown(made)
        assert now.outlook == first
        assert str(now.outlook_trouble) == "No endpoint could serve."
        made.situations.down = False
        await made.pass_by(timedelta(minutes=3))
        now = shown(made)
        assert (now.outlook is not first, now.outlook_trouble) == (True, None)


async def test_outlook__arithmetic_that_is_not_the_pools__says_so() -> None:
    async with world(prepare=_foreign) as made:
        await anyio.sleep(1)
        assert shown(made).outlook is None
        assert "not foretold" in str(shown(made).outlook_trouble)
        with pytest.raises(Transient, match="has not been read yet"):
            await made.life.assembly.daemon.simulate(FALL)


def _foreign(made: World) -> None:
    made.situations.now = replace(made.situations.now, known=False)


async def test_outlook__its_reading_hangs__a_real_trip_comes_all_the_same_and_the_heart_beats() -> None:
    async with world(prepare=lambda made: setattr(made.situations, "hangs", True)) as made:
        await made.pass_by(timedelta(minutes=20))
        assert made.life.late() == ()
        await made.block(BAD)
        await anyio.sleep(0.1)
        assert made.life.mode is Mode.ON


async def test_simulate__older_than_a_while__is_read_anew_and_else_told_with_its_age() -> None:
    async with world() as made:
        await anyio.sleep(1)
        daemon = made.life.assembly.daemon
        (found,) = await daemon.simulate(FALL)
        assert (len(made.situations.asked), found.after.trips) == (1, True)
        await anyio.sleep(20)
        eth, usd = REFERENCE.holdings
        made.situations.now = replace(
            made.situations.now, holdings=(replace(eth, price_e8=UsdE8(3_000 * 10**8)), usd)
        )
        (found,) = await daemon.simulate(FALL)
        assert (found.age_ms, found.prices) == (0, (("WETH", 3_000 * 10**8, 2_400 * 10**8),))
        made.situations.down = True
        await anyio.sleep(20)
        (found,) = await daemon.simulate(replace(FALL, position="main"))
        assert 20_000 <= found.age_ms < 21_000


async def test_simulate__never_read_or_unknown__is_refused() -> None:
    async with world(prepare=lambda made: setattr(made.situations, "down", True)) as made:
        await anyio.sleep(1)
        daemon = made.life.assembly.daemon
        with pytest.raises(Transient, match="main has not been read yet: No endpoint could serve"):
            await daemon.simulate(FALL)
        with pytest.raises(Permanent, match="There is no position other; there are: main"):
            await daemon.simulate(replace(FALL, position="other"))
