"""Desk and postman between a journal and the ways to people, in virtual time."""

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo

import anyio
import pytest

import tests.fakes.journal
import ultrad.desk
import ultrad.estop
import ultrad.postman
from tests.fakes.channel import FakeChannel
from tests.fakes.clock import FakeClock
from tests.fakes.flag import FakeFlag
from tests.fakes.journal import FakeJournal
from ultrad.conditions import Conditions
from ultrad.core.estop import Mode
from ultrad.core.events import Event, Finding, Level, Origin, Recorded, Severity
from ultrad.core.incidents import Incident
from ultrad.core.limits import EstopRules
from ultrad.core.telling import Hours, Notice, Route, Target, TellRules, Why, queued_event
from ultrad.core.voice import Voice
from ultrad.desk import Desk, DeskPorts
from ultrad.estop import Estop
from ultrad.estop import Ports as EstopPorts
from ultrad.gate import Gate
from ultrad.heard import HeardJournal
from ultrad.i18n import ENGLISH, msg
from ultrad.live import Holder
from ultrad.postman import Postman, PostPorts, PostRules
from ultrad.startup import Past, of_kinds
from ultrad.supervisor import contained

S1, S2, S3 = Severity
MINUTE, HOUR = 60, 3_600
SOON_S = 1.2
"""A look at what was heard, a disk that answers, and a channel that takes it."""
WEEKDAYS = Hours(frozenset(range(5)), time(9), time(18))
TELL = TellRules(
    routes=(
        Route("always", frozenset({S1}), ("slack", "line"), fallback=("hook", "mail"), escalate=("boss",)),
        Route("parts", frozenset({S2}), ("slack", "line"), fallback=("hook", "mail"), escalate=("boss",)),
    ),
    costly=frozenset({"line"}),
)
OFFICE_HOURS = TellRules(
    routes=(
        Route("always", frozenset({S1}), ("slack", "line")),
        Route("office", frozenset({S2}), ("slack",), hours=WEEKDAYS),
    ),
    costly=frozenset({"line"}),
)


def channels() -> dict[str, FakeChannel]:
    return {
        "slack": FakeChannel("slack", threads=True),
        "line": FakeChannel("line", key_lives_s=24 * 3_600.0),
        "hook": FakeChannel("hook"),
        "mail": FakeChannel("mail"),
        "boss": FakeChannel("boss"),
    }


def broken(code: str = "disk_full", severity: Severity = S2) -> Finding:
    return Finding(code, "", Level.ALERT, Origin.INFRASTRUCTURE, msg("{code} is so.", code=code), severity)


@dataclass
class Office:
    """What outlives the process: journal, clock, channels. Enter `life` for a process.

    alone: nobody makes incidents of what happens, so that only what a test queues is told.
    """

    alone: bool = False
    tell: TellRules = TELL
    post: PostRules = field(default_factory=PostRules)
    zone: tzinfo = UTC
    journal: FakeJournal = field(default_factory=FakeJournal)
    clock: FakeClock = field(default_factory=FakeClock)
    flag: FakeFlag = field(default_factory=FakeFlag)
    channels: dict[str, FakeChannel] = field(default_factory=channels)
    reported: list[tuple[str, str]] = field(default_factory=list)
    turns: int = 0
    _ids: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def life(self) -> AsyncIterator["Office"]:
        """From a start to a sudden end."""
        past = Past.of(of_kinds(self.journal.recorded), None)
        self.heard = HeardJournal(self.journal)
        self.conditions = Conditions(self.heard)
        gate = Gate(self.flag)
        self.estop = Estop(
            EstopPorts(gate, self.flag, self.heard, self.clock, self.conditions, str),
            Holder(EstopRules()),
            past.stop,
        )
        self.postman = Postman(self._post_ports(), self.channels, self.post, self.tell, past.outbox)
        ports = DeskPorts(
            self.heard, self.clock, self.estop, self.postman, self.new_id, lambda text: f"key of {text}"
        )
        self.desk = Desk(ports, self.tell, self.zone, past.book, past.missed)
        if not self.alone:
            self.heard.listen(self.desk.take)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.journal.run, _ignore)
            await self.estop.start(())
            for loop in (self.estop.run, self.desk.run, self.postman.run):
                tasks.start_soon(loop, self._turned)
            try:
                yield self
            finally:
                self.journal.recover()
                tasks.cancel_scope.cancel()

    def _post_ports(self) -> PostPorts:
        return PostPorts(
            journal=self.heard,
            clock=self.clock,
            sink=self.conditions,
            contain=contained,
            report=lambda place, error: self.reported.append((place, repr(error))),
            fraction=lambda: 0.5,
            key_of=lambda text: f"key of {text}",
            render=Voice(ENGLISH, self.zone, "staging/sepolia", "1").render,
        )

    def new_id(self) -> str:
        return f"notice-{next(iter(self._ids))}"

    def _turned(self) -> None:
        self.turns += 1

    # -------------------------------------------------------- what happens

    def queue(
        self,
        *to: str,
        severity: Severity = S2,
        incident: int | None = None,
        held_s: int = 0,
        why: Why = Why.OPENED,
    ) -> str:
        """Queue a notice, beside the desk; answers its id."""
        name = self.new_id()
        notice = Notice(why, severity, Level.ALERT, msg("notice {name}", name=name), (), incident)
        targets = tuple(Target(one, held_s * 1_000) for one in to)
        keys = {one: f"key of {name}:{one}" for one in to}
        event = queued_event(notice, name, keys, targets, self.clock.now())
        self.heard.post(event)
        self.postman.take(event)
        return name

    def find(self, *findings: Finding) -> None:
        """Exactly these stand now."""
        self.conditions.observe("test", findings, self.clock.now())

    # -------------------------------------------------------- what became of it

    def shown(self, channel: str) -> list[str]:
        return self.channels[channel].titles()

    def tries(self, channel: str) -> list[float]:
        """When each try was, in seconds since the first."""
        times = [at_s for at_s, _ in self.channels[channel].tries]
        return [round(one - times[0], 2) for one in times]

    def recorded(self, *kinds: str) -> list[Recorded]:
        return [one for one in self.journal.recorded if one.event.kind in kinds]

    def events(self, *kinds: str) -> list[Event]:
        return [one.event for one in self.recorded(*kinds)]

    def told(self) -> set[tuple[str, str]]:
        """The standing findings."""
        return {one.finding.key for one in self.conditions.standing()}


@contextmanager
def unhurried() -> Iterator[None]:
    """Every loop ten to thirty times as slow: days cost a tenth."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, seconds in (
            (ultrad.postman, "TICK_S", 30.0),
            (ultrad.desk, "TICK_S", 30.0),
            (ultrad.estop, "LOOK_INTERVAL_S", 30.0),
            (tests.fakes.journal, "PACE_S", 20.0),
            (tests.fakes.journal, "RETRY_S", 20.0),
        ):
            patch.setattr(module, name, seconds)
        yield


def _ignore() -> None:
    pass


def wall(text: str, zone: tzinfo = UTC) -> FakeClock:
    """A clock that shows this when it is first looked at."""
    return FakeClock(datetime.fromisoformat(text).replace(tzinfo=zone))


def only(office: Office) -> Incident:
    (one,) = office.desk.book.incidents
    return one


def mode(office: Office) -> Mode:
    return office.estop.state.mode


async def until(office: Office, minutes: float) -> None:
    """So many minutes after the office opened, and what follows from it."""
    await anyio.sleep(minutes * MINUTE + SOON_S)
    assert office.reported == []
