"""Drills in the whole daemon: they time the real code, touch nothing real, and are in nobody's way."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from tests.sim.setting import BAD, GOOD, TARO, configured
from tests.sim.test_notices import channel
from tests.sim.world import World, world
from ultrad.config import Config
from ultrad.core.estop import Mode
from ultrad.core.events import Event, Json, Severity
from ultrad.core.telling import Route, TellRules

pytestmark = pytest.mark.looptime(noop_cycles=0)
S1, S2, _ = Severity
TELL = TellRules(
    routes=(Route("all", frozenset({S1, S2}), ("slack", "line", "hook")),),
    costly=frozenset({"line"}),
)
LIMIT_S = 60


def telling(more: str = "") -> Config:
    return replace(
        configured(more=f"[jobs.health_check]\nenabled = false\n{more}"),
        channels=(channel("slack", "slack-app"), channel("line", "line"), channel("hook", "webhook")),
        tell=TELL,
    )


def drills(made: World, kind: str = "drill.estop") -> list[Event]:
    return [one.event for one in made.journal.recorded if one.event.kind == kind]


def last(made: World, kind: str = "drill.estop") -> Mapping[str, Json]:
    return drills(made, kind)[-1].data


def whole(figure: Json) -> int:
    assert isinstance(figure, int)
    return figure


async def drill(made: World, job: str = "estop_drill") -> Mapping[str, Json]:
    await made.life.assembly.daemon.run_job(job)
    await anyio.sleep(2)
    return last(made, "drill.estop" if job == "estop_drill" else "drill.notify")


def drill_codes(made: World) -> set[str]:
    return {code for code in made.life.told() if code.startswith("drill")}


async def test_estop_drill__all_is_well__each_step_is_timed_and_the_real_gate_untouched() -> None:
    async with world(telling()) as made:
        made.scratch.flag.delay_s = 0.25
        made.journal.slow_s = 0.1
        sent = made.sent
        data = await drill(made)
        assert data["ok"] is True
        figures = [data[name] for name in ("detect_ms", "gate_ms", "flag_ms", "journal_ms", "notice_ms")]
        assert figures == sorted(map(whole, figures))
        assert figures[:2] == [1, 1]
        assert 250 <= whole(data["flag_ms"]) < 350 <= whole(data["journal_ms"])
        assert isinstance(data["channels"], dict)
        assert set(data["channels"]) == {"slack", "hook"}, "a channel that pays for each message hears of no drill"
        assert (made.life.mode, made.life.shut_by(), made.flag.present) == (Mode.OFF, (), False)
        assert not [one for one in made.journal.recorded if one.event.kind == "estop.on"]
        assert made.scratch.open == 0
        assert ["DRILL" in title for title in made.channels["slack"].titles()] == [True]
        assert made.channels["line"].titles() == []
        await anyio.sleep(3)
        assert made.sent > sent, "the strategy goes on"
        assert drill_codes(made) == set()


async def test_estop_drill__monday_at_ten__comes_by_itself() -> None:
    monday = datetime(2026, 3, 9, 0, 59, 50, tzinfo=UTC)  # 09:59:50 in Tokyo
    async with world(telling(), monday) as made:
        await made.pass_by(timedelta(seconds=30))
        assert [one.data["ok"] for one in drills(made)] == [True]


async def test_estop_drill__channels_are_named__those_alone_hear_of_it() -> None:
    config = telling()
    section = config.settings.drill.model_copy(update={"channels": ("line",)})
    named = replace(config, settings=config.settings.model_copy(update={"drill": section}))
    async with world(named) as made:
        assert (await drill(made))["channels"] == {"line": last(made)["notice_ms"]}
        assert len(made.channels["line"].shown) == 1
        assert made.channels["slack"].shown == []


async def test_estop_drill__nobody_is_to_be_told__the_stop_is_tried_all_the_same() -> None:
    async with world(configured()) as made:
        data = await drill(made)
        assert (data["ok"], data["notice_ms"], data["channels"]) == (True, None, {})
        assert "nobody was to be told" in str(drills(made)[0].message)


async def test_estop_drill__a_channel_hangs__it_is_an_s2_and_nothing_is_told_later() -> None:
    async with world(telling()) as made:
        made.channels["hook"].mode = "hang"
        data = await drill(made)
        assert data["ok"] is False
        assert isinstance(data["channels"], dict)
        assert data["channels"]["hook"] is None
        assert isinstance(data["channels"]["slack"], int)
        assert drill_codes(made) == {"drill_untold"}
        (incident,) = (one for one in made.life.assembly.daemon.status().incidents if one.code == "drill_untold")
        assert (incident.severity, incident.subject) == (S2, "hook")
        made.channels["hook"].mode = "ok"
        await made.pass_by(timedelta(minutes=10))
        told = made.channels["hook"].titles()
        assert not [one for one in told if one.startswith("DRILL")], "nobody hears of a drill ten minutes later"
        assert (await drill(made))["ok"] is True
        assert drill_codes(made) == set()


async def test_estop_drill__a_full_disk__fails_says_why_and_is_recorded_once_there_is_room() -> None:
    async with world(telling()) as made:
        made.scratch.flag.full = made.journal.full = True
        await made.life.assembly.daemon.run_job("estop_drill")
        assert drill_codes(made) >= {"drill_failed"}
        assert made.life.mode is Mode.OFF
        made.journal.recover()
        await made.pass_by(timedelta(minutes=5))
        data = last(made)
        assert (data["ok"], data["flag_ms"], data["journal_ms"]) == (False, None, None)
        assert "No space left on device" in str(drills(made)[0].message)


async def test_estop_drill__no_scratch_directory_can_be_made__fails_and_says_why() -> None:
    async with world(telling()) as made:
        made.scratch.refuses = True
        data = await drill(made)
        assert (data["ok"], data["gate_ms"]) == (False, None)
        assert "No space left on device" in str(drills(made)[0].message)
        assert "it failed" in made.channels["slack"].titles()[0]


async def test_estop_drill__the_flags_disk_hangs__fails_within_the_stops_own_limit() -> None:
    async with world(telling()) as made:
        made.scratch.flag.hung = True
        data = await drill(made)
        assert (data["ok"], data["flag_ms"]) == (False, None)
        assert data["gate_ms"] == 1, "the latch does not wait for a disk"
        assert "no answer within 5 s" in str(drills(made)[0].message)


async def test_estop_drill__a_flag_that_stands_in_the_scratch_already__is_no_drill() -> None:
    async with world(telling()) as made:
        made.scratch.flag.touch()
        assert (await drill(made))["ok"] is False
        assert "gate was not open beforehand" in str(drills(made)[0].message)


async def test_estop_drill__the_disk_is_slow__is_an_s2() -> None:
    async with world(telling()) as made:
        made.scratch.flag.delay_s = 2.5
        data = await drill(made)
        assert (data["ok"], data["slow"]) == (False, True)
        assert 2_500 <= whole(data["flag_ms"]) < 2_600
        assert drill_codes(made) == {"drill_slow"}


async def test_estop_drill__while_the_stop_is_on__it_works_and_lifts_nothing() -> None:
    async with world(telling()) as made:
        await made.block(BAD)
        await anyio.sleep(5)
        before = (made.life.mode, made.life.causes, made.flag.present, made.flag.look())
        assert before[0] is Mode.ON
        assert (await drill(made))["ok"] is True
        assert (made.life.mode, made.life.causes, made.flag.present, made.flag.look()) == before
        await made.stop()
        await made.start()
        assert made.life.mode is Mode.ON
        assert made.life.causes == before[1], "no drill is a cause after a restart"


@pytest.mark.parametrize("hanging", ["channel", "flag", "journal"])
async def test_estop_drill__a_real_trip_in_the_middle__breaks_it_off_undelayed(hanging: str) -> None:
    async with world(telling()) as made:
        if hanging == "channel":
            made.channels["hook"].mode = "hang"
        made.scratch.flag.hung = hanging == "flag"
        if hanging == "journal":
            made.journal.hang()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.life.assembly.daemon.run_job, "estop_drill")
            await anyio.sleep(3)
            assert drills(made) == []
            made.chain.set("main", BAD)
            made.chain.mine(time_s=made.true_s())
            await anyio.sleep(0.1)
            assert (made.flag.durable, made.life.mode) == (True, Mode.ON)
            if hanging == "journal":
                made.journal.recover()
        await anyio.sleep(2)
        assert (last(made)["broken_off"], last(made)["ok"]) == (True, False)
        assert drill_codes(made) == ({"drill_failed"} if hanging == "flag" else set())
        assert [one for one in made.channels["slack"].titles() if "Health factor" in one]


async def test_estop_drill__killed_in_the_middle__the_real_stop_is_as_it_was() -> None:
    async with world(telling()) as made:
        made.channels["hook"].mode = "hang"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.life.assembly.daemon.run_job, "estop_drill")
            await anyio.sleep(3)
            tasks.cancel_scope.cancel()
        await made.crash()
        made.channels["hook"].mode = "ok"
        await made.start()
        await made.block(GOOD)
        await made.pass_by(timedelta(minutes=2))
        assert (made.life.mode, made.flag.present) == (Mode.OFF, False)
        assert (await drill(made))["ok"] is True


async def test_notify_drill__each_channel__is_timed_and_a_bad_one_is_an_s2() -> None:
    async with world(telling()) as made:
        data = await drill(made, "notify_drill")
        assert (data["ok"], set(data["channels"])) == (True, {"slack", "line", "hook"})  # type: ignore[arg-type]
        made.channels["line"].mode = "refused"
        made.channels["hook"].mode = "hang"
        data = await drill(made, "notify_drill")
        assert data["ok"] is False
        assert isinstance(data["channels"], dict)
        assert (data["channels"]["line"], data["channels"]["hook"]) == (None, None)
        found = {one.finding.subject for one in made.life.assembly.organs.conditions.standing()}
        assert found >= {"line", "hook"}
        assert drill_codes(made) == {"drill_untold"}


async def test_notify_drill__no_channel__says_so() -> None:
    async with world(configured()) as made:
        assert (await drill(made, "notify_drill"))["channels"] == {}
        assert "none is configured" in str(drills(made, "drill.notify")[0].message)


async def test_drill__its_events__are_in_a_journal_that_a_restart_reads() -> None:
    async with world(telling()) as made:
        await drill(made)
        await made.stop()
        await made.start()
        assert made.life.mode is Mode.OFF
        answer = await made.life.assembly.daemon.run_job("estop_drill")
        assert answer.last_ok is True
        assert TARO.name not in str(drills(made)[0].data)
