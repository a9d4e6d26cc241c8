"""Lifting the stop in production, in virtual time: the second person, and what ends a request."""

from dataclasses import replace

import anyio
import pytest

from tests.sim.stopped import (
    GOOD,
    HANAKO,
    LOW,
    MINUTE_S,
    PRODUCTION,
    ROOT,
    SAID,
    SERVICE,
    STAGING,
    TARO,
    stopped,
)
from ultrad.core.estop import Cause, Mode, Step
from ultrad.core.resume_facts import ResumeFacts
from ultrad.i18n import msg
from ultrad.operations import Person
from ultrad.resume import MAX_PENDING, MAX_WRONG_IDS

pytestmark = pytest.mark.looptime

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


@pytest.mark.parametrize("pause_s", [0, MINUTE_S])
async def test_confirm__stopped_again_by_the_same_person_in_between__id_is_dead(pause_s: int) -> None:
    production = await stopped(PRODUCTION)
    confirm_id = await production.request()
    await anyio.sleep(pause_s)
    await production.stop()  # word for word as before, perhaps within the same millisecond

    done, why = await production.confirm(HANAKO, confirm_id)

    assert (done, "no such ID" in why) == (False, True)
    await production.must_be_on()


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


# ---------------------------------------------------------------- who may at all

JIRO = Person(1002, "jiro (uid 1002)")
LOGINS = {TARO.uid: "taro", HANAKO.uid: "hanako", JIRO.uid: "jiro"}
NAMED = replace(PRODUCTION, resumers=frozenset({"taro", "hanako"}), login_of=LOGINS.get)


async def test_resumers__two_who_are_named__lift() -> None:
    production = await stopped(NAMED)

    assert (await production.confirm(HANAKO, await production.request()))[0]

    await production.must_be_off()


@pytest.mark.parametrize("other", [JIRO, Person(1003, "taro"), Person(1004, "hanako (uid 1001)")])
async def test_resumers__others_by_uid__neither_ask_nor_confirm(other: Person) -> None:
    production = await stopped(NAMED)

    asked = await production.resumes.ask(other, SAID)
    done, why = await production.confirm(other, await production.request())

    assert (asked.done, asked.confirm_id, done) == (False, "", False)
    assert "not among those who may lift a stop" in str(asked.message)
    assert "hanako, taro" in why
    await production.must_be_on()
    refused = await production.events("resume.refused")
    assert [one.event.data["uid"] for one in refused] == [other.uid] * 2


async def test_resumers__one_person_where_one_is_enough__only_who_is_named() -> None:
    staging = await stopped(replace(STAGING, resumers=frozenset({"taro"}), login_of=LOGINS.get))

    assert not (await staging.resumes.ask(HANAKO, SAID)).done
    await staging.must_be_on()
    assert (await staging.resumes.ask(TARO, SAID)).done
