"""The gate's promise, held against every order of its own steps.

Once `trip()` has returned, no send begins, and none that was under way goes on, until an override or a resume that
the journal holds; and none begins while the flag stands, whoever made it.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import anyio
import pytest

from tests.fakes.clock import FakeClock
from tests.gate.explorer import Actor, Steps, World, explore
from ultrad.core import estop as state_of
from ultrad.core.estop import Cause, EstopState, Mode
from ultrad.core.events import Event, Finding, Recorded
from ultrad.core.limits import EstopRules
from ultrad.estop import Estop, Ports
from ultrad.gate import Gate, GateShutError, MaybeSentError
from ultrad.i18n import msg
from ultrad.live import Holder
from ultrad.ports import FlagLook, FlagState
from ultrad.units import Now

RULES = EstopRules(cover_age_ms=0)
EARLIER = Now(0, 0)


@dataclass
class StepFlag:
    """A flag whose disk answers when the explorer lets it."""

    steps: Steps
    present: bool = False
    identity: int = 0

    def look(self) -> FlagLook:
        if self.present:
            return FlagLook(FlagState.PRESENT, (1, self.identity), 1000)
        return FlagLook(FlagState.ABSENT)

    def content(self) -> bytes:
        return b""

    async def write(self, content: bytes) -> None:  # noqa: ARG002 - as the port says
        await self.steps.at("flag: created")
        if not self.present:
            self.touch()
        await self.steps.at("flag: synced")

    def remove(self, seen: FlagLook) -> bool:
        if self.look() != seen:
            return False
        self.present = False
        return True

    def touch(self) -> None:
        self.present = True
        self.identity += 1


@dataclass
class StepJournal:
    """Only what the stop uses: a durable append that takes its time, and a post that keeps order."""

    steps: Steps
    events_: list[Event] = field(default_factory=list)

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        at = len(self.events_)
        self.events_.extend(events)  # its place is taken when it is handed over
        await self.steps.at("journal: synced")
        self.steps.log += [f"recorded {event.kind}" for event in events]
        return tuple(Recorded(at + n, "", event) for n, event in enumerate(events))

    def post(self, *events: Event) -> None:
        self.events_.extend(events)

    def fold(self) -> EstopState:
        return state_of.fold(Recorded(n, "", event) for n, event in enumerate(self.events_))


class NoSink:
    def observe(self, source: str, findings: Iterable[Finding], now: Now) -> None:
        """Nobody listens here."""


class Scene:
    """One gate with its stop, and people and senders around it."""

    def __init__(self, mode: Mode) -> None:
        self.steps = Steps()
        self.flag = StepFlag(self.steps)
        self.journal = StepJournal(self.steps)
        self.gate = Gate(self.flag)
        state = EstopState()
        if mode is not Mode.OFF:
            cause = _cause("earlier")
            state = state_of.tripped(state, cause, flag_stood=True)
            self.journal.post(state_of.trip_event(cause, EARLIER, flag=True))
            self.flag.touch()
        ports = Ports(self.gate, self.flag, self.journal, FakeClock(), NoSink(), str)  # type: ignore[arg-type]
        self.estop = Estop(ports, Holder(RULES), state)
        if mode is Mode.OFF:
            assert self.gate.unlatch()
        self.sent = 0

    # ---- actors

    def sender(self, name: str) -> Actor:
        async def call() -> None:
            self._must_be_open()
            self.steps.log.append(f"{name} begins")
            await self.steps.at(f"{name}: on the wire")
            self.steps.log.append(f"{name} ends")
            self.sent += 1

        async def send() -> None:
            await self.steps.at(f"{name}: journalled")
            try:
                await self.gate.send(call)
            except GateShutError:
                self.steps.log.append(f"{name} refused")
            except MaybeSentError:
                self.steps.log.append(f"{name} cancelled")

        return send

    def tripper(self, code: str = "hf_low") -> Actor:
        async def trip() -> None:
            await self.steps.at("trip: begins")
            await self.estop.trip(_cause(code))
            self.steps.log.append("tripped")

        return trip

    def hand(self, what: str) -> Actor:
        """`touch` or `rm` by anyone."""

        async def act() -> None:
            await self.steps.at(f"hand: {what}")
            if what == "touch":
                self.flag.touch()
            else:
                self.flag.present = False
            self.steps.log.append(what)

        return act

    def looker(self, times: int = 1) -> Actor:
        async def look() -> None:
            for _ in range(times):
                await self.steps.at("look")
                await self.estop.turn()

        return look

    def resumer(self) -> Actor:
        async def resume() -> None:
            await self.steps.at("resume: begins")
            refused = await self.estop.resume(("taro",), [])
            self.steps.log.append("resume refused" if refused else "resumed")

        return resume

    # ---- what must hold

    def _must_be_open(self) -> None:
        assert not self.flag.present, self.steps.log
        assert self.estop.state.mode is not Mode.ON, self.steps.log

    def check(self) -> None:
        log = self.steps.log
        for at, line in enumerate(log):
            if line != "tripped":
                continue
            after = itertools.takewhile(
                lambda one: one not in ("recorded estop.override", "recorded estop.resume"), log[at:]
            )
            assert not [one for one in after if one.endswith((" begins", " ends"))], log
        assert self.journal.fold().mode is self.estop.state.mode, log
        assert {one.key for one in self.journal.fold().causes} == {one.key for one in self.estop.state.causes}, log
        if self.estop.state.mode is Mode.ON:
            assert "estop" in self.gate.shut_by(), log


def _cause(code: str) -> Cause:
    return Cause(code, "main", EARLIER, "ultrad", msg("A cause."))


async def _explore(mode: Mode, actors: Callable[[Scene], tuple[Actor, ...]], at_most: int) -> set[str]:
    """Every order; answers everything that ever happened, so that a test can see that the orders bite."""
    happened: set[str] = set()

    def make() -> World:
        scene = Scene(mode)

        def check() -> None:
            happened.update(scene.steps.log)
            scene.check()

        return World(scene.steps, actors(scene), check)

    await explore(make, at_most=at_most)
    return happened


async def test_gate__trip_against_two_senders__no_send_after_it() -> None:
    happened = await _explore(Mode.OFF, lambda s: (s.sender("a"), s.sender("b"), s.tripper()), 1_000)
    assert {"a ends", "a refused", "a cancelled", "b ends", "b refused", "b cancelled"} <= happened


async def test_gate__touch_between_every_two_steps__no_send_begins_while_it_stands() -> None:
    happened = await _explore(
        Mode.OFF, lambda s: (s.sender("a"), s.sender("b"), s.hand("touch"), s.looker()), 20_000
    )
    assert {"a ends", "a refused", "b cancelled"} <= happened


async def test_gate__touch_and_remove_before_anyone_looks__the_gate_may_have_seen_it() -> None:
    happened = await _explore(
        Mode.OFF, lambda s: (s.sender("a"), s.hand("touch"), s.hand("rm"), s.looker()), 20_000
    )
    assert {"a ends", "a refused"} <= happened


async def test_gate__override_against_a_new_trip__opens_only_by_the_journal() -> None:
    happened = await _explore(Mode.ON, lambda s: (s.sender("a"), s.hand("rm"), s.looker(), s.tripper()), 20_000)
    assert {"recorded estop.override", "a ends", "a refused", "a cancelled"} <= happened


async def test_gate__resume_against_trip_and_touch__never_lifts_what_came_in_between() -> None:
    happened = await _explore(
        Mode.ON, lambda s: (s.sender("a"), s.resumer(), s.tripper(), s.hand("touch")), 20_000
    )
    assert {"resumed", "resume refused", "a ends", "a refused", "a cancelled"} <= happened


async def test_gate__resume_against_override__agree_with_the_journal() -> None:
    happened = await _explore(Mode.ON, lambda s: (s.sender("a"), s.resumer(), s.hand("rm"), s.looker(2)), 20_000)
    assert {"resumed", "recorded estop.override", "a ends"} <= happened


@pytest.mark.prove
async def test_gate__trip_override_touch_and_two_senders__every_order() -> None:
    happened = await _explore(
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
