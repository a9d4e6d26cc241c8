"""Lifting the stop, in virtual time: who may, what stands against it, and what ends a request."""

import itertools
from dataclasses import dataclass, field, replace

import anyio
import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.flag import FakeFlag
from tests.fakes.journal import FakeJournal
from tests.sim.memory import MemorySink
from ultrad.core.checklist import Line, Mark
from ultrad.core.estop import Cause, EstopState, Mode, Step, fold
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Recorded
from ultrad.core.limits import EstopRules, Limits
from ultrad.core.resume_facts import PositionFacts, ResumeFacts
from ultrad.errors import Transient
from ultrad.estop import Estop, Ports
from ultrad.gate import Gate
from ultrad.i18n import msg
from ultrad.operations import Person, ResumeRequest
from ultrad.ports import EventFilter
from ultrad.resume import MAX_PENDING, MAX_TEXT, MAX_WRONG_IDS, People, Resume, ResumePorts, random_id
from ultrad.units import WAD, Bps, Wad

pytestmark = pytest.mark.looptime

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
        self.estop = Estop(ports, EstopRules(lapses=self.people.two), EstopState())
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


# ---------------------------------------------------------------- one person


async def test_resume__staging_and_one_person_and_all_in_order__lifts_and_records_who() -> None:
    staging = await stopped(STAGING)
    answer = await staging.resumes.ask(TARO, replace(SAID, staging=False))

    assert answer.done
    assert not answer.confirm_id
    await staging.must_be_off()
    (resumed,) = await staging.events(Step.RESUME)
    assert resumed.event.data["by"] == ["taro"]
    assert "a drop of the price" in str(resumed.event.data["checklist"])


@pytest.mark.parametrize("nobody", [ROOT, SERVICE])
@pytest.mark.parametrize("people", [STAGING, PRODUCTION])
async def test_resume__root_or_the_service_itself__is_nobody(people: People, nobody: Person) -> None:
    world = await stopped(people)

    answer = await world.resumes.ask(nobody, SAID)

    assert not answer.done
    assert "nobody in particular" in str(answer.message)
    await world.must_be_on()
    (refused,) = await world.events("resume.refused")
    assert refused.event.data["uid"] == nobody.uid


@pytest.mark.parametrize("anybody", [ROOT, SERVICE, TARO])
async def test_resume__devnet__anybody_may(anybody: Person) -> None:
    world = await stopped(DEVNET)

    assert (await world.resumes.ask(anybody, SAID)).done
    await world.must_be_off()


async def test_resume__off_already__says_so() -> None:
    staging = await stopped(STAGING)
    assert (await staging.resumes.ask(TARO, SAID)).done

    again = await staging.resumes.ask(TARO, SAID)

    assert not again.done
    assert "OFF already" in str(again.message)
    await staging.must_be_off()


async def test_resume__checklist_not_passed__stays_on_and_records_the_checklist() -> None:
    staging = await stopped(STAGING)
    staging.facts = LOW

    answer = await staging.resumes.ask(TARO, replace(SAID, cause=""))

    assert not answer.done
    assert {name for name, mark in marks(answer.lines).items() if mark is not Mark.PASS} == {
        "cause",
        "health_factor",
    }
    await staging.must_be_on()
    (refused,) = await staging.events("resume.refused")
    listed = refused.event.data["checklist"]
    assert isinstance(listed, list)
    assert {"name": "health_factor", "mark": "fail"}.items() <= dict(listed[5]).items()  # type: ignore[arg-type]


async def test_resume__overridden__lifts_as_well() -> None:
    staging = await stopped(STAGING)
    await anyio.sleep(2 * MINUTE_S)
    staging.flag.rm()
    await staging.estop.turn()
    assert staging.estop.state.mode is Mode.OVERRIDDEN

    assert (await staging.resumes.ask(TARO, SAID)).done
    await staging.must_be_off()


@pytest.mark.parametrize(
    "request_",
    [
        replace(SAID, cause="x" * (MAX_TEXT + 1)),
        replace(SAID, waive=(("jobs", "x" * (MAX_TEXT + 1)),)),
        replace(SAID, confirm="x" * (MAX_TEXT + 1)),
    ],
)
async def test_resume__text_too_long__refused(request_: ResumeRequest) -> None:
    staging = await stopped(STAGING)
    answer = await staging.resumes.ask(TARO, request_)

    assert str(MAX_TEXT) in str(answer.message)
    await staging.must_be_on()


# ---------------------------------------------------------------- waivers


async def test_waiver__one_person_where_one_is_enough__counts() -> None:
    staging = await stopped(STAGING)
    staging.facts = FAILED_JOBS

    assert not (await staging.resumes.ask(TARO, SAID)).done
    answer = await staging.resumes.ask(TARO, replace(SAID, waive=(("jobs", "a known outage"),)))

    assert answer.done
    assert marks(answer.lines)["jobs"] is Mark.WAIVED
    await staging.must_be_off()
    (resumed,) = await staging.events(Step.RESUME)
    assert "a known outage" in str(resumed.event.data["checklist"])


@pytest.mark.parametrize("name", ["readings", "health_factor", "no_s1", "watching", "cause"])
async def test_waiver__of_what_is_never_waived__refused(name: str) -> None:
    staging = await stopped(STAGING)
    staging.facts = LOW

    answer = await staging.resumes.ask(TARO, replace(SAID, waive=((name, "I am sure"),)))

    assert not answer.done
    assert f"{name} is never waived" in str(answer.message)
    await staging.must_be_on()


async def test_waiver__of_the_first_person_in_production__refused() -> None:
    production = await stopped(PRODUCTION)
    production.facts = FAILED_JOBS

    answer = await production.resumes.ask(TARO, replace(SAID, waive=(("jobs", "a known outage"),)))

    assert not answer.confirm_id
    assert "second person" in str(answer.message)


async def test_waiver__of_the_second_person__counts() -> None:
    production = await stopped(PRODUCTION)
    production.facts = FAILED_JOBS
    confirm_id = await production.request()

    refused = await production.confirm(HANAKO, confirm_id)
    unwaivable = await production.confirm(HANAKO, confirm_id, ("people", "I am two"))
    done = await production.confirm(HANAKO, confirm_id, ("jobs", "a known outage"))

    assert (refused[0], unwaivable[0], done[0]) == (False, False, True)
    await production.must_be_off()


async def test_waiver__needed_of_the_second_person__is_named_to_the_first() -> None:
    production = await stopped(PRODUCTION)
    production.facts = FAILED_JOBS

    answer = await production.resumes.ask(TARO, SAID)

    assert "jobs" in str(answer.message)


# ---------------------------------------------------------------- two people


async def test_confirm__second_person_in_time__lifts_and_records_both() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    await production.must_be_on()
    await anyio.sleep(15 * MINUTE_S - 1)

    assert (await production.confirm(HANAKO, confirm_id))[0]

    await production.must_be_off()
    (resumed,) = await production.events(Step.RESUME)
    assert resumed.event.data["by"] == ["taro", "hanako"]


async def test_request__passes__is_recorded_without_its_id() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()

    (requested,) = await production.events("resume.requested")

    assert requested.event.data["by"] == "taro"
    assert confirm_id not in f"{requested.event.message} {requested.event.data}"


@pytest.mark.parametrize("facts", [LOW, replace(GOOD, reading_age_ms=None)])
async def test_request__line_fails_that_nobody_can_waive__gets_no_id(facts: ResumeFacts) -> None:
    production = await stopped(PRODUCTION)
    production.facts = facts

    answer = await production.resumes.ask(TARO, SAID)

    assert (answer.done, answer.confirm_id) == (False, "")


async def test_confirm__after_its_time__refused() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    await anyio.sleep(15 * MINUTE_S)

    done, told = await production.confirm(HANAKO, confirm_id)

    assert not done
    assert "no such ID" in told
    await production.must_be_on()


async def test_confirm__wall_clock_was_set_back__time_still_runs_out() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    await anyio.sleep(15 * MINUTE_S)
    production.clock.set_wall(production.clock.wall.replace(year=2020))

    assert not (await production.confirm(HANAKO, confirm_id))[0]


async def test_confirm__by_the_same_uid__refused_and_the_request_goes_on() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()

    done, told = await production.confirm(replace(TARO, name="another name"), confirm_id)

    assert not done
    assert "another person" in told
    await production.must_be_on()
    assert (await production.confirm(HANAKO, confirm_id))[0]


@pytest.mark.parametrize("nobody", [ROOT, SERVICE])
async def test_confirm__by_nobody__refused(nobody: Person) -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()

    assert not (await production.confirm(nobody, confirm_id))[0]
    await production.must_be_on()


async def test_confirm__new_cause_in_between__id_is_dead() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    await anyio.sleep(1)
    await production.estop.trip(Cause("key_leak", "", production.clock.now(), "ultrad", msg("a leak")))

    assert not (await production.confirm(HANAKO, confirm_id))[0]
    await production.must_be_on()
    assert (await production.confirm(HANAKO, await production.request()))[0]


async def test_confirm__flag_removed_in_between__id_is_dead() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    await anyio.sleep(2 * MINUTE_S)
    production.flag.rm()
    await production.estop.turn()

    assert not (await production.confirm(HANAKO, confirm_id))[0]
    assert production.estop.state.mode is Mode.OVERRIDDEN


async def test_confirm__stopped_anew_after_it_was_lifted__old_id_is_dead() -> None:
    production = await stopped(PRODUCTION)
    old = await production.request()
    assert (await production.confirm(HANAKO, old))[0]
    await production.stop()

    assert not (await production.confirm(HANAKO, old))[0]
    await production.must_be_on()


async def test_confirm__checklist_fails_by_now__refused() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    production.facts = LOW

    assert not (await production.confirm(HANAKO, confirm_id))[0]
    await production.must_be_on()


async def test_request__anew_by_the_same_person__replaces_the_old() -> None:
    production = await stopped(PRODUCTION)
    old, new = await production.request(), await production.request()

    assert not (await production.confirm(HANAKO, old))[0]
    assert (await production.confirm(HANAKO, new))[0]


async def test_requests__of_more_people_than_wait_at_once__the_oldest_gives_way() -> None:
    production = await stopped(PRODUCTION)
    first = await production.request()
    for uid in range(2_000, 2_000 + MAX_PENDING):
        assert (await production.resumes.ask(Person(uid, str(uid)), SAID)).confirm_id

    assert not (await production.confirm(HANAKO, first))[0]


async def test_confirm__where_one_person_is_enough__there_is_no_such_id() -> None:
    staging = await stopped(STAGING)
    assert "no such ID" in (await staging.confirm(HANAKO, "id-1"))[1]
    await staging.must_be_on()


async def test_confirm__wrong_ids__all_die_at_the_limit() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()

    told = [await production.confirm(HANAKO, f"guess-{i}") for i in range(MAX_WRONG_IDS)]

    assert not any(done for done, _ in told)
    assert "every ID is void" in told[-1][1]
    assert not (await production.confirm(HANAKO, confirm_id))[0]
    await production.must_be_on()
    assert len(await production.events("resume.refused")) == MAX_WRONG_IDS + 1


async def test_confirm__one_wrong_id_less_than_the_limit__the_right_one_still_works() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    for i in range(MAX_WRONG_IDS - 1):
        await production.confirm(HANAKO, f"guess-{i}")

    assert (await production.confirm(HANAKO, f" {confirm_id} "))[0]


async def test_confirm__twice_at_once__lifts_once() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    production.journal.slow_s = 1.0
    answers: list[bool] = []

    async def confirm(by: Person) -> None:
        answers.append((await production.confirm(by, confirm_id))[0])

    async with anyio.create_task_group() as group:
        group.start_soon(confirm, HANAKO)
        group.start_soon(confirm, Person(1002, "jiro"))

    assert sorted(answers) == [False, True]
    assert len(await production.events(Step.RESUME)) == 1


# ---------------------------------------------------------------- what comes in between


@pytest.mark.parametrize("writing_s", [0.0, 2.0])
async def test_resume__new_cause_while_it_is_written__stays_on(writing_s: float) -> None:
    staging = await stopped(STAGING)
    staging.journal.slow_s = writing_s
    answers: list[bool] = []

    async def resume() -> None:
        answers.append((await staging.resumes.ask(TARO, SAID)).done)

    async with anyio.create_task_group() as group:
        group.start_soon(resume)
        await anyio.sleep(writing_s / 2)
        await staging.estop.trip(Cause("aave_silent", "", staging.clock.now(), "ultrad", msg("silence")))

    staging.journal.slow_s = 0.0
    await staging.must_be_on()
    assert staging.estop.state.has(("aave_silent", ""))


async def test_resume__reading_goes_bad_while_it_is_written__stays_on() -> None:
    staging = await stopped(STAGING)
    staging.journal.slow_s = 2.0
    told: list[str] = []

    async def resume() -> None:
        answer = await staging.resumes.ask(TARO, SAID)
        told.append(f"{answer.done} {answer.message}")

    async with anyio.create_task_group() as group:
        group.start_soon(resume)
        await anyio.sleep(1)
        staging.facts = LOW  # a cause that stands already: no new one comes of it

    assert told[0].startswith("False Health factor not above")
    await staging.must_be_on()


async def test_resume__new_cause_while_it_waits_for_the_lock__stays_on() -> None:
    staging = await stopped(STAGING)
    # A look at the flag holds the lock while its record is written; the checklist has passed by then.
    await anyio.sleep(2 * MINUTE_S)
    staging.journal.slow_s = 2.0
    staging.flag.rm()
    answers: list[bool] = []

    async def resume() -> None:
        answers.append((await staging.resumes.ask(TARO, SAID)).done)

    async with anyio.create_task_group() as group:
        group.start_soon(staging.estop.turn)
        await anyio.sleep(0.5)
        group.start_soon(resume)
        await anyio.sleep(0.5)
        await staging.estop.trip(Cause("key_leak", "", staging.clock.now(), "ultrad", msg("a leak")))

    assert answers == [False]
    assert staging.estop.state.has(("key_leak", ""))
    assert "estop" in staging.gate.shut_by()


async def test_resume__flag_touched_while_it_is_written__stays_on() -> None:
    staging = await stopped(STAGING)
    staging.journal.slow_s = 2.0
    answers: list[bool] = []

    async def resume() -> None:
        answers.append((await staging.resumes.ask(TARO, SAID)).done)

    async with anyio.create_task_group() as group:
        group.start_soon(resume)
        await anyio.sleep(1)
        staging.flag.touch()

    assert answers == [False]
    await staging.must_be_on()


async def test_resume__journal_refuses__nothing_changes() -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    production.journal.full = True

    with pytest.raises(Transient):
        await production.confirm(HANAKO, confirm_id)
    with pytest.raises(Transient):
        await production.resumes.ask(Person(1002, "jiro"), SAID)

    production.journal.recover()
    await production.must_be_on()
    assert (await production.confirm(HANAKO, confirm_id))[0]


def test_random_id__many__differ_and_are_short() -> None:
    many = {random_id() for _ in range(1_000)}

    assert len(many) == 1_000
    assert {len(one) for one in many} == {11}
