"""When checks look, and what they see through what a test sets."""

from datetime import timedelta

import pytest

from tests.fakes.channel import FakeChannel
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.surroundings import FakeBackups, FakeDisks, FakeLogs, FakeTellers
from ultrad.checks import Check, Checkup
from ultrad.checks.looks import (
    CHANNEL_S,
    alerts_check,
    backups_check,
    channels_check,
    clock_check,
    disks_check,
    logs_check,
)
from ultrad.checks.spec import LOOK_S
from ultrad.core.backup_age import BackupLimits, Newest
from ultrad.core.capacity import CapacityLimits, DiskUse
from ultrad.core.events import Event, Level, Origin, Severity
from ultrad.core.log_scan import LogLine
from ultrad.core.sights import Area, Sight
from ultrad.core.timekeeping import ClockLimits, Told
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.supervisor import contained

pytestmark = pytest.mark.looptime(noop_cycles=0)

CAPACITY = CapacityLimits(15, 1_000, 5, 250)


class Desk:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.reported: list[str] = []

    def checkup(self, *checks: Check) -> Checkup:
        return Checkup(
            checks, self.clock, contained, lambda name, error: self.reported.append(f"{name}: {error!r}")
        )

    async def seen(self, check: Check) -> tuple[Sight, ...]:
        return await self.checkup(check).due()


@pytest.fixture
async def desk() -> Desk:
    return Desk()


def counted(name: str, every_s: float, looks: list[str]) -> Check:
    async def look() -> tuple[Sight, ...]:
        looks.append(name)
        return (Sight(Area.LOGS, name, Level.INFO, Origin.CODE, msg("look {n}", n=len(looks))),)

    return Check(name, Area.LOGS, every_s, look)


# ---------------------------------------------------------------- when


async def test_due__each_at_its_own_pace__and_what_it_saw_stands_until_then(desk: Desk) -> None:
    looks: list[str] = []
    checkup = desk.checkup(counted("often", 60, looks), counted("rare", 180, looks))
    for _ in range(6):
        assert [one.subject for one in await checkup.due()] == ["often", "rare"]
        desk.clock.suspend(timedelta(seconds=60))
    assert (looks.count("often"), looks.count("rare")) == (6, 2)


async def test_all__looks_at_everything_now(desk: Desk) -> None:
    looks: list[str] = []
    checkup = desk.checkup(counted("often", 60, looks), counted("rare", 180, looks))
    await checkup.due()
    await checkup.all()
    assert (looks.count("often"), looks.count("rare")) == (2, 2)
    await checkup.due()
    assert len(looks) == 4


async def test_due__one_hangs_and_one_is_broken__the_others_are_seen(desk: Desk) -> None:
    async def broken() -> tuple[Sight, ...]:
        raise ZeroDivisionError

    async def refused() -> tuple[Sight, ...]:
        raise Transient(msg("not today"))

    disks = disks_check(FakeDisks(hang=True), {"state": "/state"}, CAPACITY)
    looks: list[str] = []
    checkup = desk.checkup(
        disks,
        Check("broken", Area.CLOCK, 60, broken),
        Check("refused", Area.LOGS, 60, refused),
        counted("well", 60, looks),
    )
    begun_ms = desk.clock.now().steady_ms
    lines = {one.subject: one for one in await checkup.due()}
    assert desk.clock.now().steady_ms - begun_ms == LOOK_S * 1_000
    assert lines["well"].level is Level.INFO
    for name in ("disks", "broken", "refused"):
        assert (lines[name].level, lines[name].known, lines[name].code) == (Level.WARNING, False, "check_blind")
    assert "30 s" in str(lines["disks"].message)
    assert "not today" in str(lines["refused"].message)
    assert desk.reported == ["check broken: ZeroDivisionError()"]


# ---------------------------------------------------------------- what


async def test_disks__one_full_and_one_unseen__a_line_for_each_place(desk: Desk) -> None:
    disks = FakeDisks({"/log": DiskUse(1, 10**12, 1, 1), "/backups": None})
    places = {"state": "/state", "logs": "/log", "backups": "/backups"}
    lines = await desk.seen(disks_check(disks, places, CAPACITY))
    assert [(one.subject, one.level, one.known) for one in lines] == [
        ("state", Level.INFO, True),
        ("logs", Level.ALERT, True),
        ("backups", Level.WARNING, False),
    ]


async def test_clock__by_what_is_told(desk: Desk) -> None:
    (line,) = await desk.seen(clock_check(FakeTellers((Told("a", 60_000, 500),)), ClockLimits(3_000, 20_000)))
    assert line.level is Level.ALERT


async def test_backups__by_the_port(desk: Desk) -> None:
    limits, now_ms = BackupLimits(26, 50), desk.clock.now().wall_ms

    async def level(backups: FakeBackups | None) -> tuple[Level, bool]:
        (line,) = await desk.seen(backups_check(backups, desk.clock, limits))
        return line.level, line.known

    assert await level(None) == (Level.INFO, False)
    assert await level(FakeBackups()) == (Level.ALERT, True)
    assert await level(FakeBackups(Newest("daily", now_ms - 3_600_000, 5))) == (Level.INFO, True)
    assert await level(FakeBackups(Newest("daily", now_ms - 27 * 3_600_000, 5))) == (Level.WARNING, True)


async def test_logs__journal_and_files_together(desk: Desk) -> None:
    journal, now = FakeJournal(), desk.clock.now()
    await journal.append(
        Event("part.failed", Level.CRITICAL, now, msg("watch fell over")),
        Event("finding.raised", Level.CRITICAL, now, msg("told by itself")),
    )
    logs = FakeLogs([LogLine("trade_cycle.log", now.wall_ms, Level.CRITICAL, "no memory")])
    lines = await desk.seen(logs_check(logs, journal.events, desk.clock))
    assert [one.subject for one in lines] == ["part.failed", "trade_cycle.log"]
    logs.unreadable = True
    (line,) = await desk.seen(logs_check(logs, journal.events, desk.clock))
    assert line.code == "check_blind"


async def test_alerts__what_the_configuration_amounts_to(desk: Desk) -> None:
    said = (Sight(Area.ALERTS, "S1", Level.ALERT, Origin.CODE, msg("no route")),)
    assert await desk.seen(alerts_check(said)) == said


# ---------------------------------------------------------------- credentials


@pytest.mark.parametrize(
    ("mode", "level", "origin", "code"),
    [
        ("ok", Level.INFO, Origin.OUTSIDE, ""),
        ("refused", Level.ALERT, Origin.CODE, "credentials_refused"),
        ("down", Level.WARNING, Origin.OUTSIDE, "channel_unreached"),
        ("hang", Level.WARNING, Origin.OUTSIDE, "channel_unreached"),
    ],
)
async def test_channels__each_by_what_it_says__and_nothing_is_sent(
    desk: Desk, mode: str, level: Level, origin: Origin, code: str
) -> None:
    channels = {"infra": FakeChannel("infra", mode), "dev": FakeChannel("dev")}
    line, other = await desk.seen(channels_check(channels, desk.clock, 3_600))
    assert (line.subject, line.level, line.origin, line.code) == ("infra", level, origin, code)
    assert line.elapsed_ms == (CHANNEL_S * 1_000 if mode == "hang" else 0)
    assert (line.severity is Severity.S2) is (mode == "refused")
    assert (other.subject, other.level) == ("dev", Level.INFO)
    assert channels["infra"].tries == channels["dev"].tries == []


async def test_channels__cannot_be_asked__says_so_and_names_the_test(desk: Desk) -> None:
    channel = FakeChannel("hook", unchecked=msg("Nobody knows."))
    (line,) = await desk.seen(channels_check({"hook": channel}, desk.clock, 3_600))
    assert (line.level, line.known) == (Level.INFO, False)
    assert "Nobody knows." in str(line.message)
    assert str(line.remedy) == "ultrad notify test hook"


async def test_channels__a_fault_of_an_adapter__is_reported_and_blinds_the_check_alone(desk: Desk) -> None:
    (line,) = await desk.seen(channels_check({"a": FakeChannel("a", "broken")}, desk.clock, 3_600))
    assert line.code == "check_blind"
    assert len(desk.reported) == 1


async def test_channels__rejected__is_refused(desk: Desk) -> None:
    class Rejecting(FakeChannel):
        async def check(self) -> None:
            raise Permanent(msg("no"))

    (line,) = await desk.seen(channels_check({"a": Rejecting("a")}, desk.clock, 3_600))
    assert line.code == "credentials_refused"
