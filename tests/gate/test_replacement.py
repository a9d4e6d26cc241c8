"""The promise where a transaction is in the air: what takes its place, and what may pass beside the gate.

What was signed before a stop is never sent after it, though the stop be lifted: a cancellation takes its place. A
cancellation always passes; a rescue does until a cause is there that forbids it.
"""

from collections.abc import Callable

import pytest

from tests.gate.explorer import Actor
from tests.gate.scene import explored_with
from tests.gate.trade_scene import TradeScene
from ultrad.core.estop import Mode

Actors = Callable[[TradeScene], tuple[Actor, ...]]
RAISED, AGAIN = "withdraw at 2100000000", "withdraw at 2373000000"
CANCELLED = "cancel at 2100000000"


async def _explored(mode: Mode, actors: Actors, at_most: int = 50_000) -> set[str]:
    return await explored_with(lambda: TradeScene(mode), actors, at_most)


async def test_replacement__nothing_in_its_way__raised_each_time() -> None:
    happened = await _explored(Mode.OFF, lambda s: (s.keeper(2),))
    assert {f"{RAISED} ends", f"{AGAIN} ends"} <= happened


async def test_replacement__trip_at_any_step__cut_off_and_cancelled_by_the_next_look() -> None:
    happened = await _explored(Mode.OFF, lambda s: (s.keeper(2), s.tripper()))
    assert {f"{RAISED} begins", f"{RAISED} ends", f"{CANCELLED} arrives", "tripped"} <= happened


async def test_replacement__touch_at_any_step__nothing_of_the_strategy_while_it_stands() -> None:
    happened = await _explored(Mode.OFF, lambda s: (s.keeper(2), s.hand("touch"), s.looker()))
    assert {f"{RAISED} ends", f"{CANCELLED} arrives"} <= happened


async def test_replacement__stop_that_is_lifted_in_between__what_was_asked_for_before_is_not_sent() -> None:
    happened = await _explored(Mode.OFF, lambda s: (s.keeper(1), s.tripper(), s.resumer()))
    assert {f"{RAISED} asked for", f"{CANCELLED} arrives", "resumed"} <= happened


async def test_replacement__stop_overridden_in_between__what_was_asked_for_before_is_not_sent() -> None:
    happened = await _explored(Mode.OFF, lambda s: (s.keeper(1), s.tripper(), s.hand("rm"), s.looker()))
    assert {f"{RAISED} ends", f"{CANCELLED} arrives", "recorded estop.override"} <= happened


async def test_replacement__flag_for_a_moment__what_was_asked_for_before_is_not_sent() -> None:
    happened = await _explored(Mode.OFF, lambda s: (s.keeper(2), s.fleeting(), s.looker()))
    assert {f"{RAISED} ends", f"{CANCELLED} arrives", "seen"} <= happened


@pytest.mark.parametrize("how", ["resume", "override"])
async def test_replacement__stop_lifted_while_it_is_cancelled__stays_cancelled(how: str) -> None:
    def actors(scene: TradeScene) -> tuple[Actor, ...]:
        lifting = (scene.resumer(),) if how == "resume" else (scene.hand("rm"), scene.looker())
        return (scene.keeper(2), *lifting)

    happened = await _explored(Mode.ON, actors)
    assert f"{CANCELLED} arrives" in happened
    assert not [one for one in happened if one.startswith("withdraw")]


async def test_door__cancellation_and_rescue_while_it_is_tripped__both_pass() -> None:
    happened = await _explored(Mode.OFF, lambda s: (s.keeper(1), s.rescuer(), s.tripper()))
    assert {f"{RAISED} ends", f"{CANCELLED} arrives", "rescue arrives", "rescue arrives while ON"} <= happened
    assert not {"rescue refused", "rescue cut off"} & happened


async def test_door__cause_that_forbids_rescues__none_leaves_or_arrives_after_it() -> None:
    happened = await _explored(
        Mode.OFF, lambda s: (s.sender("a"), s.sender("b"), s.rescuer(), s.tripper("intrusion"))
    )
    assert {"rescue arrives", "rescue refused", "rescue cut off", "a ends", "b cancelled"} <= happened


async def test_door__forbidden_and_resumed__opens_by_the_record_alone() -> None:
    happened = await _explored(
        Mode.ON, lambda s: (s.sender("a"), s.rescuer(), s.tripper("intrusion"), s.resumer())
    )
    assert {"rescue refused", "rescue cut off", "rescue arrives while ON", "rescue arrives", "resumed"} <= happened


@pytest.mark.prove
@pytest.mark.parametrize("hand", ["touch", "rm"])
async def test_replacement__beside_another_sender_trip_and_hands__every_order(hand: str) -> None:
    happened = await _explored(
        Mode.OFF, lambda s: (s.sender("a"), s.keeper(1), s.tripper(), s.hand(hand), s.looker()), 1_000_000
    )
    assert {"a ends", "a cancelled", f"{RAISED} ends", f"{CANCELLED} arrives"} <= happened


@pytest.mark.prove
async def test_door__rescue_and_replacement_beside_trip_and_resume__every_order() -> None:
    happened = await _explored(
        Mode.OFF, lambda s: (s.keeper(1), s.rescuer(), s.tripper("intrusion"), s.resumer()), 1_000_000
    )
    assert {f"{RAISED} ends", f"{CANCELLED} arrives", "rescue cut off", "rescue arrives", "resumed"} <= happened
