"""The same promise where the stop is asked for again, for the very cause that stands, and causes are covered late.

A stop that is repeated is as good as a first one: nothing that was decided before it may open the gate after it.
"""

from tests.gate.scene import explored
from ultrad.core.estop import Mode
from ultrad.core.limits import EstopRules

LATE = EstopRules()
"""A cause is covered a minute after it came: never within one of these scenes, but for the one of before."""


async def test_gate__stopped_again_against_an_override__stays_shut_after_it() -> None:
    happened = await explored(
        Mode.ON,
        lambda s: (s.sender("a"), s.hand("rm"), s.looker(2), s.tripper("earlier")),
        50_000,
        LATE,
    )
    assert {"recorded estop.override", "a ends", "a refused", "a cancelled", "tripped"} <= happened


async def test_gate__stopped_again_against_an_override_at_once__opens_only_for_one_decided_later() -> None:
    happened = await explored(
        Mode.ON, lambda s: (s.sender("a"), s.hand("rm"), s.looker(), s.tripper("earlier")), 20_000
    )
    assert {"recorded estop.override", "a ends", "a refused", "tripped"} <= happened


async def test_gate__stopped_again_against_a_resume__is_never_lifted_by_it() -> None:
    happened = await explored(
        Mode.ON, lambda s: (s.sender("a"), s.resumer(), s.tripper("earlier"), s.hand("rm")), 20_000, LATE
    )
    assert {"resumed", "resume refused", "a ends", "a refused", "tripped"} <= happened


async def test_gate__stopped_twice_at_once__counts_twice() -> None:
    happened = await explored(
        Mode.OFF,
        lambda s: (s.sender("a"), s.tripper("operator"), s.tripper("operator"), s.hand("rm")),
        20_000,
        LATE,
    )
    assert {"a ends", "a refused", "a cancelled", "tripped"} <= happened


async def test_gate__touched_and_gone_against_a_resume__is_never_lifted_by_it() -> None:
    happened = await explored(
        Mode.ON, lambda s: (s.sender("a"), s.hand("rm"), s.looker(), s.resumer(), s.fleeting()), 50_000
    )
    assert {"resumed", "resume refused", "recorded estop.override", "seen", "a ends", "a refused"} <= happened
