"""Notes and checklists at work: durable, with who said it, across restarts; and what a leak asks of a resume."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import pytest

from tests.sim.setting import HANAKO, TARO, configured
from tests.sim.world import World, world
from ultrad.config import Secret
from ultrad.core.checklist import Mark
from ultrad.core.estop import Mode
from ultrad.core.events import Event
from ultrad.diary import KEEP_S
from ultrad.errors import Permanent, Transient
from ultrad.operations import IncidentRequest, Person, ProcedureAnswer, ProcedureRequest

pytestmark = pytest.mark.looptime(noop_cycles=0)

MINUTES = timedelta(minutes=1)
ITEMS = ("new:notion.token", "old:notion.token")


async def ask(
    made: World, act: str, person: Person = TARO, kind: str = "rotation", **more: Any
) -> ProcedureAnswer:
    request = replace(ProcedureRequest(act, kind), **more)
    return await made.life.assembly.daemon.procedure(person, request)


def events(made: World, kind: str) -> list[Event]:
    return [one.event for one in made.recorded(kind)]


async def test_note__is_durable_with_who_left_it() -> None:
    async with world() as made:
        await anyio.sleep(1)
        daemon = made.life.assembly.daemon
        await daemon.note(TARO, "  the new RPC is\nslow at noon ")
        (one,) = events(made, "note")
        assert one.data == {"by": TARO.name, "uid": TARO.uid, "text": "the new RPC is slow at noon"}
        for text in ("  ", "x" * 501):
            with pytest.raises(Permanent):
                await daemon.note(TARO, text)
        made.journal.hang()
        began = anyio.current_time()
        with pytest.raises(Transient, match="not on the disk yet"):
            await daemon.note(TARO, "again")
        assert anyio.current_time() - began == pytest.approx(KEEP_S)
        made.heal()


async def test_procedure__begun_answered_and_ended__across_a_restart() -> None:
    async with world() as made:
        await anyio.sleep(1)
        await made.life.assembly.daemon.incident(TARO, IncidentRequest("open", text="odd", severity="S2"))
        shown = await ask(made, "show")
        assert shown.procedure is None
        assert set(dict(shown.running)) == {"chain.endpoints[alpha].http", "chain.endpoints[beta].http"}
        begun = await ask(made, "begin", items=ITEMS, base=(("account", "0x1"),), incident=1, text="a leak")
        assert begun.procedure is not None
        assert begun.procedure.base == (("account", "0x1"), *begun.running)
        await ask(made, "answer", HANAKO, item=ITEMS[0], answer="checked")
        await made.crash()
        await made.start()
        await anyio.sleep(1)
        kept = (await ask(made, "show")).procedure
        assert kept is not None
        assert (kept.left(), kept.answers[0].by) == ((ITEMS[1],), HANAKO.name)
        with pytest.raises(Permanent, match="Left"):
            await ask(made, "end", answer="complete")
        await ask(made, "answer", item=ITEMS[1], answer="not_needed", text="it is a test's")
        ended = (await ask(made, "end", HANAKO, answer="complete")).procedure
        assert ended is not None
        assert not ended.is_open
        notes = [str(one.data["text"]) for one in events(made, "incident.note")]
        assert ["begins" in notes[0], "complete" in notes[1]] == [True, True]


@pytest.mark.parametrize(
    ("act", "more", "says"),
    [
        ("show", {"kind": "holiday"}, "no checklist of that name"),
        ("dance", {}, "begun, answered, ended and shown"),
        ("answer", {"item": "a", "answer": "done"}, "goes on"),
        ("end", {"answer": "complete"}, "goes on"),
        ("begin", {"items": ITEMS, "text": ""}, "Say it in words"),
        ("begin", {"items": ITEMS, "text": "x", "incident": 77}, "77"),
    ],
)
async def test_procedure__what_cannot_be_meant__is_refused(act: str, more: dict[str, Any], says: str) -> None:
    async with world() as made:
        await anyio.sleep(1)
        with pytest.raises(Permanent, match=says):
            await ask(made, act, **more)
        assert events(made, "procedure") == []


async def test_procedure__odd_answers__are_refused() -> None:
    async with world() as made:
        await anyio.sleep(1)
        await ask(made, "begin", items=ITEMS, text="a leak")
        with pytest.raises(Permanent, match="An answer is one of"):
            await ask(made, "answer", item=ITEMS[0], answer="maybe")
        with pytest.raises(Permanent, match="complete, abandoned or failed"):
            await ask(made, "end", answer="maybe")


async def test_resume__after_a_leak__waits_for_the_end_of_the_replacement() -> None:
    async with world() as made:
        await anyio.sleep(1)
        await made.block()
        daemon = made.life.assembly.daemon
        opened = await daemon.incident(
            TARO, IncidentRequest("open", text="pasted", severity="S1", code="key_leak")
        )
        await made.pass_by(61 * MINUTES)
        await daemon.incident(TARO, IncidentRequest("resolve", opened.number, "dealt with"))
        refused = await made.resume(TARO)
        line = {one.name: one for one in refused.lines}["rotation"]
        assert (refused.done, line.mark, line.waivable) == (False, Mark.FAIL, False)
        assert "keys rotate" in str(line.message)
        assert not (await made.resume(TARO, waive=("rotation",))).done
        await ask(made, "begin", items=ITEMS, text="a leak")
        assert not (await made.resume(TARO)).done
        await ask(made, "end", answer="abandoned", text="a false alarm: it was the public key")
        assert (await made.resume(TARO)).done
        assert made.life.mode is Mode.OFF


async def test_abandon__by_who_may_not_lift_a_stop__is_refused() -> None:
    async with world() as made:
        await anyio.sleep(1)
        await ask(made, "begin", Person(0, "root"), items=ITEMS, text="a leak")
        with pytest.raises(Permanent, match="may not abandon it"):
            await ask(made, "end", Person(0, "root"), answer="abandoned", text="enough")
        kept = (await ask(made, "show")).procedure
        assert kept is not None
        assert kept.is_open


async def test_start__with_another_secret__is_recorded_as_changed_and_no_more() -> None:
    plain = configured()
    key = "chain.endpoints[alpha].http"
    secret = "https://alpha.example/v3/fedcba9876543210"
    moved = replace(plain, secrets={**plain.secrets, key: Secret("alpha", secret)})
    async with world(plain) as made:
        await anyio.sleep(1)
        assert events(made, "config.changed") == []
        await made.stop()
        made.config = moved
        await made.start()
        await anyio.sleep(1)
        (one,) = events(made, "config.changed")
        assert one.data["changes"] == [{"key": f"{key} (secret)", "old": "•", "new": "changed", "looser": False}]
        assert "fedcba" not in repr(one)
        await made.stop()
        await made.start()
        await anyio.sleep(1)
        assert len(events(made, "config.changed")) == 1
