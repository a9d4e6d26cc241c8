"""An hour of services that get slow, silent and wrong: what is found, who is told, and what a doctor says."""

from datetime import timedelta

import anyio
import pytest

from tests.fakes.channel import FakeChannel
from tests.fakes.journal import FakeJournal
from tests.fakes.surroundings import FakeBackups, FakeDisks, FakeLogs, FakeTellers
from tests.sim.setting import SAID, TARO, configured
from tests.sim.world import World, world
from ultrad.core.backup_age import Newest
from ultrad.core.capacity import MIB, DiskUse
from ultrad.core.events import Level, Origin, Recorded, Severity
from ultrad.core.sights import Area, Sight
from ultrad.core.timekeeping import Told
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.outside import CheckMeans
from ultrad.ports import EndpointFault, EventFilter, Probe

pytestmark = pytest.mark.looptime(noop_cycles=0)

TOLD = configured(
    more="""
[[notify.channels]]
name = "hook"
kind = "webhook"
url = "alpha"
key = "alpha"
[[notify.routes]]
name = "all"
severities = ["S1", "S2"]
channels = ["hook"]
"""
)
MINUTE = timedelta(minutes=1)
OK = Probe("http", 3, None)
DOWN = Probe("http", 3, msg("/health answered {status}", status=503))


class Unreadable(FakeJournal):
    """A journal that takes everything, and from some moment gives nothing back."""

    unreadable = False
    hangs = False

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        if self.unreadable and self.hangs:
            await anyio.sleep_forever()
        if self.unreadable:
            raise Transient(msg("the disk does not answer"))
        return await super().events(which)


class Around:
    """What is around the daemon."""

    def __init__(self) -> None:
        self.disks, self.tellers = FakeDisks(), FakeTellers()
        self.logs, self.backups = FakeLogs(), FakeBackups()

    def put(self, made: World) -> None:
        made.checks = CheckMeans(self.disks, self.tellers, self.logs, self.backups)


def found(made: World, code: str) -> list[tuple[str, Level, Severity, Origin]]:
    every = (one.finding for one in made.life.assembly.organs.conditions.standing())
    return [(one.subject, one.level, one.severity, one.origin) for one in every if one.code == code]


def incidents(made: World) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in made.life.assembly.organs.desk.lines()]


async def minutes(made: World, *answers: Probe) -> None:
    """As many minutes, in each of which `/health` answers so."""
    for one in answers:
        made.http = one
        await made.pass_by(MINUTE)


async def examined(made: World) -> tuple[Sight, ...]:
    return await made.life.assembly.daemon.examine()


# ---------------------------------------------------------------- the error rate


async def test_error_rate__two_of_twenty_for_five_minutes__alert_incident_notice_and_over_again() -> None:
    async with world(TOLD) as made:
        await minutes(made, *[OK] * 20)
        await minutes(made, DOWN, OK)
        assert found(made, "probe_failed") == []
        await minutes(made, *[OK] * 10)
        assert found(made, "error_rate") == []  # one of twenty is 5 %, and not over it
        await minutes(made, DOWN)  # the second of twenty
        await minutes(made, *[OK] * 4)
        assert found(made, "error_rate") == []
        await minutes(made, OK)
        assert found(made, "error_rate") == [("http", Level.ALERT, Severity.S2, Origin.INFRASTRUCTURE)]
        await minutes(made, OK)
        assert ("error_rate", "http") in incidents(made)
        assert len([one for one in made.channels["hook"].titles() if "10.00%" in one]) == 1
        await minutes(made, *[OK] * 8)
        assert found(made, "error_rate") == []


async def test_error_rate__fewer_than_twenty_samples__says_nothing_however_bad() -> None:
    async with world(TOLD) as made:
        await minutes(made, *[DOWN] * 18)
        assert found(made, "error_rate") == []
        assert found(made, "probe_failed") == [("http", Level.ALERT, Severity.S2, Origin.INFRASTRUCTURE)]
        await minutes(made, *[DOWN] * 8)
        assert [one[0] for one in found(made, "error_rate")] == ["http"]


async def test_error_rate__a_restart_between__counts_what_was_before() -> None:
    async with world(TOLD) as made:
        await minutes(made, *[OK] * 20, DOWN, DOWN, OK)
        await made.stop()
        await made.start()
        await minutes(made, *[OK] * 6)
        assert [one[0] for one in found(made, "error_rate")] == ["http"]


async def test_error_rate__a_disk_that_hangs_at_the_start__is_asked_again_and_holds_up_no_probe() -> None:
    async with world(TOLD) as made:
        await minutes(made, *[OK] * 20, DOWN, DOWN, OK)
        await made.stop()
        made.journal.hang()
        await made.start()
        await minutes(made, OK, OK)
        assert made.life.late() == ()
        made.journal.recover()
        await minutes(made, *[OK] * 5)
        assert [one[0] for one in found(made, "error_rate")] == ["http"]


async def test_error_rate__stands__resume_names_it_and_it_may_be_waived() -> None:
    async with world(TOLD) as made:
        await minutes(made, *[OK] * 20, DOWN, DOWN, *[OK] * 6)
        made.touch()
        await anyio.sleep(3)
        checklist = await made.life.assembly.daemon.resume(TARO, SAID)
        (line,) = [one for one in checklist.lines if one.name == "probes"]
        assert (line.mark.value, line.waivable) == ("fail", True)
        assert "error_rate:http" in str(line.message)


# ---------------------------------------------------------------- slow and silent


async def test_probes__an_hour_of_an_endpoint__slow_then_very_slow_then_silent_then_well() -> None:
    async with world(TOLD) as made:
        await made.pass_by(2 * MINUTE)
        node = made.chain.node("beta")
        for takes_s, expected in ((9.9, None), (10.5, Level.WARNING), (30.5, Level.ALERT)):
            node.takes_s = takes_s
            await made.pass_by(3 * MINUTE)
            assert [one[1] for one in found(made, "probe_slow") if one[0] == "beta"] == (
                [] if expected is None else [expected]
            )
        node.takes_s, node.fault = 0.0, EndpointFault.FAILED
        await made.pass_by(4 * MINUTE)
        assert ("beta", Level.ALERT, Severity.S2, Origin.OUTSIDE) in found(made, "probe_failed")
        node.fault = None
        await made.pass_by(2 * MINUTE)
        assert found(made, "probe_failed") == found(made, "probe_slow") == []
        await made.pass_by(45 * MINUTE)
        assert found(made, "error_rate") == []
        (line,) = [one for one in await examined(made) if one.subject == "beta"]
        figures = dict(line.figures)
        assert (line.area, line.level, figures["failed_1h"]) == (Area.PROBES, Level.INFO, "5")
        assert figures["p95_ms_1h"] == "10500"  # three of sixty took longer


# ---------------------------------------------------------------- what is around


async def test_surroundings__each_broken_in_turn__is_found_with_its_class_and_over_when_mended() -> None:
    around = Around()
    async with world(TOLD, prepare=around.put) as made:
        around.backups.kept = Newest("daily", made.clock.now().wall_ms, 1)
        await made.pass_by(2 * MINUTE)
        codes = ("disk_low", "clock_off", "credentials_refused", "backup_old")
        assert [found(made, code) for code in codes] == [[], [], [], []]
        state = TOLD.settings.state_dir
        around.disks.uses[state] = DiskUse(100 * MIB, 10_000 * MIB, 900, 1_000)
        around.tellers.answers = (Told("alpha", 60_000, 500),)
        around.backups.kept = None
        hook: FakeChannel = made.channels["hook"]
        hook.mode = "refused"
        await made.pass_by(61 * MINUTE)
        infrastructure = (Level.ALERT, Severity.S2, Origin.INFRASTRUCTURE)
        assert found(made, "disk_low") == [("state", *infrastructure)]
        assert found(made, "clock_off") == [("", *infrastructure)]
        assert found(made, "backup_old") == [("", *infrastructure)]
        assert found(made, "credentials_refused") == [("hook", Level.ALERT, Severity.S2, Origin.CODE)]
        assert {("disk_low", "state"), ("backup_old", "")} <= set(incidents(made))
        around.disks.uses.clear()
        around.tellers.answers = ()
        around.backups.kept = Newest("daily", made.clock.now().wall_ms, 1)
        hook.mode = "ok"
        await made.pass_by(61 * MINUTE)
        assert [found(made, code) for code in codes] == [[], [], [], []]


async def test_surroundings__what_costs_is_asked_rarely__and_the_doctor_asks_at_once() -> None:
    around = Around()
    async with world(TOLD, prepare=around.put) as made:
        await made.pass_by(59 * MINUTE)
        assert made.channels["hook"].checks == 1
        assert around.tellers.asked == 6
        assert around.disks.looks >= 3 * 58
        around.disks.uses["/backups"] = DiskUse(0, 10_000 * MIB, 0, 1_000)
        lines = {(one.area, one.subject): one for one in await examined(made)}
        assert made.channels["hook"].checks == 2
        assert lines[Area.CAPACITY, "backups"].level is Level.ALERT
        assert lines[Area.CHANNELS, "hook"].level is Level.INFO
        assert lines[Area.BACKUPS, ""].level is Level.ALERT
        assert [area for area, _ in lines] == sorted((area for area, _ in lines), key=tuple(Area).index)


@pytest.mark.parametrize("hangs", [True, False])
async def test_examine__a_journal_that_gives_nothing__says_what_it_cannot_know(hangs: bool) -> None:  # noqa: FBT001
    journal = Unreadable()

    def put(made: World) -> None:
        made.journal = journal

    async with world(TOLD, prepare=put) as made:
        await made.pass_by(MINUTE)
        journal.unreadable, journal.hangs = True, hangs
        lines = [one for one in await examined(made) if one.area is Area.CHANGES]
        assert [(one.level, one.known) for one in lines] == [(Level.WARNING, False)]
        journal.unreadable = False


async def test_examine__an_endpoint__slow_then_silent() -> None:
    async with world(TOLD) as made:
        await made.pass_by(MINUTE)
        made.chain.node("alpha").takes_s = 5.0
        first = await examined(made)
        (line,) = [one for one in first if one.subject == "alpha"]
        assert (line.level, line.elapsed_ms) == (Level.INFO, 5_000)
        made.chain.node("alpha").fault = EndpointFault.FAILED
        (line,) = [one for one in await examined(made) if one.subject == "alpha"]
        assert line.level is Level.ALERT
        assert "provider" in str(line.remedy)
