"""The gate's promise, held against every order of its own steps.

Once `trip()` has returned, no send begins, and none that was under way goes on, until an override or a resume that
the journal holds; and none begins while the flag stands, whoever made it.
"""

import anyio
import pytest

from tests.gate.explorer import Steps
from tests.gate.scene import Scene, StepFlag, explored
from ultrad.core.estop import Mode
from ultrad.gate import Gate, GateShutError


async def test_gate__trip_against_two_senders__no_send_after_it() -> None:
    happened = await explored(Mode.OFF, lambda s: (s.sender("a"), s.sender("b"), s.tripper()), 1_000)
    assert {"a ends", "a refused", "a cancelled", "b ends", "b refused", "b cancelled"} <= happened


async def test_gate__touch_between_every_two_steps__no_send_begins_while_it_stands() -> None:
    happened = await explored(
        Mode.OFF, lambda s: (s.sender("a"), s.sender("b"), s.hand("touch"), s.looker()), 20_000
    )
    assert {"a ends", "a refused", "b cancelled"} <= happened


async def test_gate__touch_and_remove_before_anyone_looks__the_gate_may_have_seen_it() -> None:
    happened = await explored(
        Mode.OFF, lambda s: (s.sender("a"), s.hand("touch"), s.hand("rm"), s.looker()), 20_000
    )
    assert {"a ends", "a refused"} <= happened


async def test_gate__override_against_a_new_trip__opens_only_by_the_journal() -> None:
    happened = await explored(Mode.ON, lambda s: (s.sender("a"), s.hand("rm"), s.looker(), s.tripper()), 20_000)
    assert {"recorded estop.override", "a ends", "a refused", "a cancelled"} <= happened


async def test_gate__resume_against_trip_and_touch__never_lifts_what_came_in_between() -> None:
    happened = await explored(
        Mode.ON, lambda s: (s.sender("a"), s.resumer(), s.tripper(), s.hand("touch")), 20_000
    )
    assert {"resumed", "resume refused", "a ends", "a refused", "a cancelled"} <= happened


async def test_gate__resume_against_override__agree_with_the_journal() -> None:
    happened = await explored(Mode.ON, lambda s: (s.sender("a"), s.resumer(), s.hand("rm"), s.looker(2)), 20_000)
    assert {"resumed", "recorded estop.override", "a ends"} <= happened


@pytest.mark.prove
async def test_gate__trip_override_touch_and_two_senders__every_order() -> None:
    happened = await explored(
        Mode.ON,
        lambda s: (s.sender("a"), s.sender("b"), s.hand("rm"), s.looker(), s.tripper(), s.hand("touch")),
        3_000_000,
    )
    assert {"recorded estop.override", "a ends", "b ends", "a cancelled", "b cancelled"} <= happened


async def test_gate__held__refuses_by_name_and_opens_when_released() -> None:
    scene = Scene(Mode.OFF)
    scene.gate.hold("no_reading")
    with pytest.raises(GateShutError) as refused:
        await scene.gate.send(anyio.lowlevel.checkpoint)
    assert refused.value.reason == "no_reading"
    scene.gate.release("no_reading")
    await scene.gate.send(anyio.lowlevel.checkpoint)


async def test_gate__new__is_shut() -> None:
    flag = StepFlag(Steps())
    assert Gate(flag).shut_by() == ("estop",)
