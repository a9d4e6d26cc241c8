"""Readings, markets and causes with only the fields that a test is about."""

from ultrad.core.estop import Cause
from ultrad.core.events import Event, Recorded
from ultrad.core.position import Block, Market, Reading, Reserve, Sequencer
from ultrad.i18n import msg
from ultrad.units import USD, WAD, Address, Now, UsdE8, Wad

BLOCK = Block(100, "0x" + "ab" * 32, 1_700_000_000)


def at(seconds: int) -> Now:
    """A look at the clocks so many seconds after the start; the wall clock shows something else altogether."""
    return Now(wall_ms=1_700_000_000_000 - seconds, steady_ms=seconds * 1_000)


def hf(text: str) -> Wad:
    whole, _, rest = text.partition(".")
    return Wad(int(whole) * WAD + int(rest.ljust(18, "0")))


def reading(
    health_factor: int = 2 * WAD,
    collateral_e8: int = 2_000 * USD,
    debt_e8: int = 1_000 * USD,
    *,
    position: str = "main",
    endpoint: str = "alpha",
) -> Reading:
    return Reading(position, BLOCK, endpoint, Wad(health_factor), UsdE8(collateral_e8), UsdE8(debt_e8))


def reserve(
    symbol: str = "WETH",
    *,
    active: bool = True,
    frozen: bool = False,
    paused: bool = False,
    price_e8: int = 2_500 * USD,
    updated_s: int | None = BLOCK.time_s,
) -> Reserve:
    asset = Address("0x" + "00" * 20)
    return Reserve(symbol, asset, 18, active, frozen, paused, 0, 0, 0, UsdE8(price_e8), updated_s)


def market(*reserves: Reserve, sequencer: Sequencer | None = None) -> Market:
    return Market(BLOCK, "alpha", reserves, sequencer)


def cause(
    code: str = "hf_low", subject: str = "main", when: Now | None = None, health: int | None = None
) -> Cause:
    return Cause(
        code,
        subject,
        when or at(0),
        "ultrad",
        msg("Because of {code}.", code=code),
        (("block", "1"),),
        None if health is None else Wad(health),
    )


def recorded(*events: Event) -> tuple[Recorded, ...]:
    return tuple(Recorded(seq, "", event) for seq, event in enumerate(events, 1))
