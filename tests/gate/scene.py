"""One gate with its stop, and people and senders around it, played through every order of their outside steps."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.fakes.clock import FakeClock
from tests.gate.explorer import Actor, Steps, World, explore
from ultrad.core import estop as state_of
from ultrad.core.estop import Cause, EstopState, Mode, Step
from ultrad.core.events import Event, Finding, Recorded
from ultrad.core.limits import EstopRules
from ultrad.estop import Estop, Ports
from ultrad.gate import Gate, GateShutError, MaybeSentError
from ultrad.i18n import msg
from ultrad.live import Holder
from ultrad.ports import FlagLook, FlagState
from ultrad.units import Now

AT_ONCE = EstopRules(cover_age_ms=0)
"""Every cause may be overridden at once: as many orders as there can be."""
EARLIER = Now(0, 0)
"""Long before anything here: older than any age at which a cause is covered."""


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
        if self.present and self.look() != seen:
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
    on_append: Callable[[Event], None] = lambda _: None

    async def append(self, *events: Event) -> tuple[Recorded, ...]:
        for one in events:
            self.on_append(one)
        at = len(self.events_)
        self.events_.extend(events)  # its place is taken when it is handed over
        self.steps.log += [f"handed over {at + n} {event.kind}" for n, event in enumerate(events)]
        await self.steps.at("journal: synced")
        self.steps.log += [f"recorded {event.kind}" for event in events]
        self.steps.log += [f"written {at + n} {event.kind}" for n, event in enumerate(events)]
        return tuple(Recorded(at + n, "", event) for n, event in enumerate(events))

    def post(self, *events: Event) -> None:
        self.events_.extend(events)

    def fold(self) -> EstopState:
        return stop_of(self.events_)


def stop_of(events: Iterable[Event]) -> EstopState:
    """The stop as these events tell it, among whatever else they tell."""
    return state_of.fold(Recorded(n, "", one) for n, one in enumerate(events) if one.kind.startswith("estop."))


class NoSink:
    def observe(self, source: str, findings: Iterable[Finding], now: Now) -> None:
        """Nobody listens here."""


class TickingClock(FakeClock):
    """No two looks show the same time."""

    def now(self) -> Now:
        self._steady_ms += 1
        return super().now()


class Scene:
    """One gate with its stop, and people and senders around it."""

    def __init__(self, mode: Mode, rules: EstopRules = AT_ONCE) -> None:
        self.steps = Steps()
        self.rules = rules
        self.clock = TickingClock()
        self.flag = StepFlag(self.steps)
        self.journal = StepJournal(self.steps)
        self.gate = Gate(self.flag)
        state = EstopState()
        if mode is not Mode.OFF:
            cause = _cause("earlier", EARLIER)
            state = state_of.tripped(state, cause, flag_stood=True)
            self.journal.post(state_of.trip_event(cause, EARLIER, flag=True))
            self.flag.touch()
        ports = Ports(self.gate, self.flag, self.journal, self.clock, NoSink(), str)  # type: ignore[arg-type]
        self.estop = Estop(ports, Holder(rules), state)
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
            await self.estop.trip(_cause(code, self.clock.now()))
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

    def fleeting(self) -> Actor:
        """A touch that the gate sees, and that is gone again before anything else can."""

        async def act() -> None:
            await self.steps.at("hand: touch and rm")
            self.flag.touch()
            assert "flag" in self.gate.shut_by()
            self.flag.present = False
            self.steps.log.append("seen")

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
        # Where causes are covered late, none that came here is covered by the end.
        lifts = (Step.RESUME,) if self.rules.cover_age_ms else (Step.OVERRIDE, Step.RESUME)
        for at, line in enumerate(log):
            if line not in ("tripped", "seen"):
                continue
            # What was handed over before that lifts nothing, whenever it is written.
            handed = [one for one in log[at:] if one.startswith("handed over ") and one.endswith(lifts)]
            written = handed[0].replace("handed over", "written") if handed else ""
            until = log.index(written) if written in log else len(log)
            assert not [one for one in log[at:until] if one.endswith((" begins", " ends"))], log
        self._check_overrides()
        assert self.journal.fold().mode is self.estop.state.mode, log
        assert {one.key for one in self.journal.fold().causes} == {one.key for one in self.estop.state.causes}, log
        if self.estop.state.mode is Mode.ON:
            assert "estop" in self.gate.shut_by(), log

    def _check_overrides(self) -> None:
        """No override covers a cause that is younger than the rules say, by the record itself."""
        for at, event in enumerate(self.journal.events_):
            if event.kind != Step.OVERRIDE:
                continue
            stood = stop_of(self.journal.events_[:at])
            ages = [event.now.steady_ms - one.at.steady_ms for one in stood.causes]
            assert min(ages) >= self.rules.cover_age_ms, self.steps.log


S = TypeVar("S", bound=Scene)


def _cause(code: str, at: Now) -> Cause:
    return Cause(code, "main", at, "ultrad", msg("A cause."))


async def explored(
    mode: Mode, actors: Callable[[Scene], tuple[Actor, ...]], at_most: int, rules: EstopRules = AT_ONCE
) -> set[str]:
    """Every order; answers everything that ever happened, so that a test can see that the orders bite."""
    return await explored_with(lambda: Scene(mode, rules), actors, at_most)


async def explored_with(
    build: Callable[[], S], actors: Callable[[S], tuple[Actor, ...]], at_most: int
) -> set[str]:
    """The same, around any scene."""
    happened: set[str] = set()

    def make() -> World:
        scene = build()

        def check() -> None:
            happened.update(scene.steps.log)
            scene.check()

        return World(scene.steps, actors(scene), check)

    await explore(make, at_most=at_most)
    return happened
