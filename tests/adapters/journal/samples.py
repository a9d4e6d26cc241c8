"""Events and readings for the journal's tests."""

from ultrad.core.events import Event, Json, Level
from ultrad.core.position import Block, Reading
from ultrad.i18n import msg
from ultrad.units import Now, UsdE8, Wad

HOUR_MS = 3_600_000


def event(
    number: int, *, kind: str = "test.event", key: str | None = None, level: Level = Level.INFO, **data: Json
) -> Event:
    return Event(kind, level, Now(10_000 + number, number), msg("number {number}", number=number), data, key)


def reading(
    position: str = "main",
    number: int = 1,
    *,
    hf: int = 2 * 10**18,
    collateral: int = 3_000,
    debt: int = 1_000,
    endpoint: str = "first",
) -> Reading:
    block = Block(number, f"0x{number:064x}", 1_700_000_000 + number)
    return Reading(position, block, endpoint, Wad(hf), UsdE8(collateral), UsdE8(debt))


def at(steady_ms: int) -> Now:
    return Now(1_700_000_000_000 + steady_ms, steady_ms)


def numbers(events: object) -> list[object]:
    """The number in each event's message."""
    assert isinstance(events, tuple)
    return [dict(one.event.message.args).get("number") for one in events]
