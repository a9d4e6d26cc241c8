"""Another configuration while the daemon runs: all at once or nothing, and never a way back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from tests.fakes.journal import FakeJournal
from tests.sim.reloading import LOOSE, PLAIN, reload, running
from tests.sim.setting import HANAKO, NEAR, TARO, configured
from tests.sim.world import world
from ultrad.config import ConfigError, Secret
from ultrad.core.estop import Mode
from ultrad.core.events import Level
from ultrad.core.position import Market
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.operations import IncidentRequest, Person, ResumeRequest
from ultrad.reload import READ_S
from ultrad.units import Now

pytestmark = pytest.mark.looptime(noop_cycles=0)

TIGHT = configured(more="[limits]\ntrip_hf = 1.75")
MINUTES = timedelta(minutes=1)


# ------------------------------------------------------------ limits


async def test_reload__trip_above_the_present_hf__trips_at_the_next_reading() -> None:
    async with running("near") as made:
        assert made.life.mode is Mode.OFF
        assert (await reload(made, TIGHT)).done
        assert made.life.mode is Mode.OFF
        await made.block()
        assert (made.life.mode, made.life.causes) == (Mode.ON, ("hf_low",))


async def test_reload__looser_while_the_stop_is_on__resumes_nothing() -> None:
    async with running("bad") as made:
        assert made.life.mode is Mode.ON
        before, stops = made.life.state, made.kinds()
        assert (await reload(made, LOOSE)).done
        assert made.life.state is before
        await made.pass_by(10 * MINUTES)
        assert (made.life.mode, made.kinds()) == (Mode.ON, stops)
        assert made.flag.present
        # The checklist goes by the new figures: at 1.5 it needs more than 1.5, at 1.7 it passes.
        assert not (await made.resume(TARO)).done
        await made.block(NEAR)
        await made.pass_by(61 * MINUTES)
        await made.life.assembly.daemon.incident(TARO, IncidentRequest("resolve", 1, "a drop of the price"))
        assert (await made.resume(TARO)).done


async def test_reload__between_two_people__ends_the_first_ones_request() -> None:
    plain, loose = (configured("production", more=more) for more in ("", "[limits]\nmax_value_change_pct = 30"))
    async with world(plain) as made:
        await anyio.sleep(1)
        made.touch()
        await anyio.sleep(2)
        asked = await made.life.assembly.daemon.resume(
            TARO, ResumeRequest("a test", "not-needed", staging=True, backups=True)
        )
        assert asked.confirm_id
        await reload(made, loose)
        answer = await made.life.assembly.daemon.resume(HANAKO, ResumeRequest(confirm=asked.confirm_id))
        assert not answer.done
        assert "There is no such ID" in str(answer.message)


async def test_reload__limits__status_and_yardstick_follow() -> None:
    async with running() as made:
        await reload(made, LOOSE)
        status = made.life.assembly.daemon.status()
        assert status.trip_hf == 14 * 10**17
        assert any("limits.trip_hf = 1.4 is looser" in str(one) for one in status.loosened)
        assert made.life.assembly.daemon.resume_facts().limits == LOOSE.limits
        assert made.life.assembly.daemon.limits == LOOSE.limits


async def test_reload__longer_value_window__asks_the_journal_for_what_it_lacks() -> None:
    short, long = (configured(more=f"[limits]\nvalue_window_h = {hours}") for hours in (1, 3))
    async with world(short) as made:
        await made.pass_by(150 * MINUTES)
        watch = made.life.assembly.organs.watch
        known = [watch.history_known]
        await reload(made, long)
        await made.block()
        known.append(watch.history_known)
        await made.pass_by(MINUTES)
        known.append(watch.history_known)
        assert known == [True, False, True]


async def test_reload__log_level__is_set() -> None:
    async with running() as made:
        await reload(made, configured(more='[log]\nlevel = "debug"'))
        assert made.log_levels == ["debug"]


async def test_reload__limits_of_prices__the_market_is_held_against_them_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as made:
        looks: list[float] = []
        read = made.chain.market

        async def market() -> Market:
            looks.append(anyio.current_time())
            return await read()

        monkeypatch.setattr(made.chain, "market", market)
        begun = anyio.current_time()
        await reload(made, configured(more="[limits]\noracle_max_age_s = 1800"))
        await anyio.sleep(0.01)
        assert looks == [pytest.approx(begun, abs=0.01)]


# ------------------------------------------------------------ jobs


async def test_reload__schedule__holds_from_then_on_and_fires_nothing_twice() -> None:
    often = configured(more='[jobs.health_check]\ncron = "*/5 * * * *"')
    async with world(PLAIN, datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)) as made:
        await made.pass_by(2 * MINUTES)
        await reload(made, often)
        await made.pass_by(8 * MINUTES)
        await reload(made, PLAIN)
        await made.pass_by(2 * MINUTES)
        fires = [str(one.event.data["fire"])[11:16] for one in made.recorded("job.started.health_check")]
        assert fires == ["12:01", "12:02", "12:05", "12:10", "12:11", "12:12"]
        assert made.recorded("job.skipped") == ()


async def test_reload__job_switched_off_and_on__misses_nothing_between() -> None:
    off = configured(more='[jobs.housekeeping]\nenabled = false\ncron = "*/10 * * * *"')
    on = configured(more='[jobs.housekeeping]\ncron = "*/10 * * * *"')
    async with world(on, datetime(2026, 3, 2, 12, 1, tzinfo=UTC)) as made:
        await made.pass_by(MINUTES)
        assert [one.key for one in (await reload(made, off)).changes if one.looser] == [
            "jobs.housekeeping.enabled"
        ]
        await made.pass_by(30 * MINUTES)
        await reload(made, on)
        await made.pass_by(9 * MINUTES)
        fires = [str(one.event.data["fire"])[11:16] for one in made.recorded("job.started.housekeeping")]
        assert fires == ["12:40"]


async def test_reload__failing_job_switched_off__its_findings_are_over_and_come_back_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(_journal: object, _now: Now) -> None:
        raise Permanent(msg("no"))

    monkeypatch.setattr(FakeJournal, "housekeeping", refuse)
    off = configured(more='[jobs.housekeeping]\nenabled = false\ncron = "* * * * *"')
    on = configured(more='[jobs.housekeeping]\ncron = "* * * * *"')
    async with world(on) as made:
        await made.pass_by(4 * MINUTES)
        conditions = made.life.assembly.organs.conditions
        subjects = {one.finding.subject for one in conditions.standing()}
        assert "housekeeping" in subjects
        await reload(made, off)
        await anyio.sleep(1)
        assert "housekeeping" not in {one.finding.subject for one in conditions.standing()}
        await reload(made, on)
        await anyio.sleep(1)
        assert "housekeeping" in {one.finding.subject for one in conditions.standing()}


# ------------------------------------------------------------ refusals


async def test_reload__bad_file__leaves_the_old_one_and_says_every_mistake() -> None:
    mistakes = tuple(msg("mistake {n}", n=number) for number in range(30))
    async with running() as made:
        rules = made.life.assembly.organs.rules.now
        answer = await reload(made, ConfigError(Path("/etc/ultrad.toml"), mistakes))
        assert (answer.done, answer.mistakes) == (False, mistakes)
        assert made.life.assembly.organs.rules.now is rules
        await anyio.sleep(5)
        (event,) = (one.event for one in made.recorded("config.refused"))
        told = event.data["mistakes"]
        assert isinstance(told, list)
        assert len(told) == 30
        assert (event.data["by"], event.level) == ("root", Level.WARNING)


@pytest.mark.parametrize("error", [Permanent(msg("locked away")), Transient(msg("gone"))])
async def test_reload__file_cannot_be_looked_at__is_refused_in_words(error: Permanent | Transient) -> None:
    async with running() as made:
        answer = await reload(made, error)
        assert (answer.done, answer.mistakes) == (False, (error.message,))


async def test_reload__disk_hangs__is_given_up() -> None:
    async with running() as made:
        made.read_takes_s = 10**6
        begun = anyio.current_time()
        answer = await reload(made)
        assert not answer.done
        assert anyio.current_time() - begun == pytest.approx(READ_S)


async def test_reload__one_key_of_many_needs_a_restart__nothing_is_applied() -> None:
    more = "[limits]\ntrip_hf = 1.7\n[http]\nport = 8001"
    async with running() as made:
        rules, kinds = made.life.assembly.organs.rules.now, made.kinds("config.changed")
        answer = await reload(made, configured(more=more))
        assert (answer.done, answer.restart) == (False, ("http.port",))
        assert {one.key for one in answer.changes} == {"http.port", "limits.trip_hf"}
        assert made.life.assembly.organs.rules.now is rules
        await anyio.sleep(5)
        assert made.kinds("config.changed") == kinds
        (refused,) = made.recorded("config.refused")
        assert refused.event.data["restart"] == ["http.port"]


async def test_reload__another_secret_behind_the_same_name__needs_a_restart() -> None:
    key = "chain.endpoints[alpha].http"
    moved = replace(PLAIN, secrets={**PLAIN.secrets, key: Secret("alpha", "https://elsewhere.example/")})
    async with running() as made:
        answer = await reload(made, moved)
        assert (answer.done, answer.restart) == (False, (key,))
        assert "elsewhere" not in str(answer)


@pytest.mark.parametrize("person", [TARO, HANAKO])
async def test_reload__member_of_the_group__is_refused_and_recorded(person: Person) -> None:
    async with running() as made:
        with pytest.raises(Permanent, match="may not change the configuration"):
            await reload(made, LOOSE, person)
        assert made.life.assembly.daemon.limits == PLAIN.limits
        await anyio.sleep(5)
        (refused,) = made.recorded("config.refused")
        assert refused.event.data["uid"] == person.uid
        assert "RELOADING=1" not in [told for _, told in made.host.told]


async def test_reload__before_the_daemon_is_ready__is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as made:
        supervisor = made.life.assembly.daemon.supervisor
        assert supervisor is not None
        monkeypatch.setattr(supervisor, "_ready", False)
        with pytest.raises(Transient, match="still starting"):
            await reload(made)


async def test_reload__during_another__is_put_off() -> None:
    async with running() as made:
        made.read_takes_s = 1.0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reload, made, LOOSE)
            await anyio.sleep(0.5)
            with pytest.raises(Transient, match="under way"):
                await reload(made)
        assert made.life.assembly.daemon.limits == LOOSE.limits
