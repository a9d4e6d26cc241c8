"""Lifting the stop, in virtual time: who may, what stands against it, and what comes in between."""

from dataclasses import replace

import anyio
import pytest

from tests.sim.stopped import (
    DEVNET,
    FAILED_JOBS,
    HANAKO,
    LOW,
    MINUTE_S,
    PRODUCTION,
    ROOT,
    SAID,
    SERVICE,
    STAGING,
    TARO,
    marks,
    stopped,
)
from ultrad.core.checklist import Mark
from ultrad.core.estop import Cause, Mode, Step
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.operations import Person, ResumeRequest
from ultrad.resume import MAX_TEXT, People, random_id

pytestmark = pytest.mark.looptime

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
