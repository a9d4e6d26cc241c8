"""A stopped daemon as far as a resume needs one."""

import itertools
from dataclasses import dataclass, field, replace

from tests.fakes.clock import FakeClock
from tests.fakes.flag import FakeFlag
from tests.fakes.journal import FakeJournal
from tests.sim.memory import MemorySink
from ultrad.core.checklist import Line, Mark
from ultrad.core.estop import EstopState, Mode, fold
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Recorded
from ultrad.core.limits import EstopRules, Limits
from ultrad.core.resume_facts import PositionFacts, ResumeFacts
from ultrad.estop import Estop, Ports
from ultrad.gate import Gate
from ultrad.live import Holder
from ultrad.operations import Person, ResumeRequest
from ultrad.ports import EventFilter
from ultrad.resume import People, Resume, ResumePorts
from ultrad.units import WAD, Bps, Wad

TARO, HANAKO, ROOT, SERVICE = (
    Person(1000, "taro"),
    Person(1001, "hanako"),
    Person(0, "root"),
    Person(990, "ultrad"),
)
SAID = ResumeRequest(cause="a drop of the price", rollback="not-needed", staging=True, backups=True)
PRODUCTION = People(two=True, identified=True, service_uid=SERVICE.uid)
STAGING = People(two=False, identified=True, service_uid=SERVICE.uid)
DEVNET = People(two=False, identified=False, service_uid=SERVICE.uid)
GOOD = ResumeFacts(
    late_parts=(),
    findings=(),
    causes=frozenset(),
    positions=(PositionFacts("main", Wad(2 * WAD), Bps(0), empty=False),),
    reading_age_ms=1_000,
    reading_limit_ms=30_000,
    lowest_hf=Wad(2 * WAD),
    look_back_ms=3_600_000,
    history_known=True,
    job_failures=0,
    limits=Limits(),
)
FAILED_JOBS = replace(GOOD, job_failures=2)
LOW = replace(GOOD, positions=(PositionFacts("main", Wad(WAD), Bps(0), empty=False),))
MINUTE_S = 60


@dataclass
class World:
    """A stopped daemon as far as a resume needs one."""

    people: People
    facts: ResumeFacts = GOOD
    clock: FakeClock = field(default_factory=FakeClock)
    flag: FakeFlag = field(default_factory=FakeFlag)
    journal: FakeJournal = field(default_factory=FakeJournal)
    sink: MemorySink = field(default_factory=MemorySink)

    def __post_init__(self) -> None:
        self.gate = Gate(self.flag)
        ports = Ports(self.gate, self.flag, self.journal, self.clock, self.sink, lambda uid: f"uid {uid}")
        self.estop = Estop(ports, Holder(EstopRules(lapses=self.people.two)), EstopState())
        ids = (f"id-{i}" for i in itertools.count(1))
        self.resumes = Resume(
            ResumePorts(self.estop, self.journal, self.clock, lambda: self.facts, lambda: next(ids)), self.people
        )

    async def stop(self, reason: str = "drill") -> None:
        await self.estop.trip(operator_cause("taro", reason, self.clock.now()))

    async def request(self) -> str:
        answer = await self.resumes.ask(TARO, SAID)
        assert answer.confirm_id, answer.message
        return answer.confirm_id

    async def confirm(self, by: Person, confirm_id: str, *waive: tuple[str, str]) -> tuple[bool, str]:
        answer = await self.resumes.ask(by, ResumeRequest(confirm=confirm_id, waive=waive))
        return answer.done, str(answer.message)

    async def events(self, *kinds: str) -> tuple[Recorded, ...]:
        await self.journal.flush()
        return await self.journal.events(EventFilter(kinds=kinds))

    async def must_be_on(self) -> None:
        assert self.estop.state.mode is Mode.ON
        assert "estop" in self.gate.shut_by()
        assert self.flag.present
        assert fold(await self.events("estop")).mode is Mode.ON

    async def must_be_off(self) -> None:
        assert self.estop.state.mode is Mode.OFF
        assert self.gate.shut_by() == ()
        assert not self.flag.present
        assert fold(await self.events("estop")).mode is Mode.OFF


async def stopped(people: People) -> World:
    world = World(people)
    await world.estop.start(())
    await world.stop()
    return world


def marks(lines: tuple[Line, ...]) -> dict[str, Mark]:
    return {line.name: line.mark for line in lines}
