"""A channel's monthly quota, a test by hand, and each channel as it is."""

import math

import anyio
import pytest

from tests.fakes.channel import FakeChannel
from tests.sim.office import S1, S2, SOON_S, Office, broken
from ultrad.core.events import Level, Severity
from ultrad.core.outbox import Told
from ultrad.core.telling import Route, TellRules, Why
from ultrad.errors import Permanent
from ultrad.i18n import msg
from ultrad.ports import Quota

pytestmark = pytest.mark.looptime(noop_cycles=0)


def alone() -> Office:
    """Without incidents: only what a test queues is told."""
    return Office(alone=True)


# ---------------------------------------------------------------- the quota

LOW = Quota(limit=200, used=150, cost=1)


async def test_postman__quota_is_low__an_s1_goes_out_and_an_s2_by_another() -> None:
    async with alone().life() as office:
        office.channels["line"].left = LOW
        office.queue("line", severity=S1)
        office.queue("line", severity=S2)
        await anyio.sleep(SOON_S)
        assert office.shown("line")[0] == "notice notice-1"
        assert "notice notice-2" not in office.shown("line")
        assert office.shown("hook")[0] == "notice notice-2"
        assert office.told() == {("quota_low", "line")}
        (spared,) = [one for one in office.events("notice.spared") if one.data["notice"] == "notice-2"]
        assert spared.level is Level.WARNING
        assert "line is spared; hook is told instead" in str(office.events("notice.rerouted")[0].message)


@pytest.mark.parametrize(
    ("quota", "goes"),
    [
        (Quota(200, 149, 1), True),
        (Quota(200, 150, 1), False),
        (Quota(200, 148, 2), True),
        (Quota(200, 149, 2), False),
        (Quota(0, 0, 1), False),
        (None, True),
    ],
)
async def test_postman__quota__is_kept_at_a_quarter_exactly(quota: Quota | None, *, goes: bool) -> None:
    async with alone().life() as office:
        office.channels["line"].left = quota
        office.queue("line")
        await anyio.sleep(SOON_S)
        assert ("notice notice-1" in office.shown("line")) is goes


async def test_postman__quota__is_counted_between_two_questions_and_asked_again() -> None:
    async with alone().life() as office:
        line = office.channels["line"]
        line.left = Quota(200, 147, 1)
        for _ in range(5):
            office.queue("line")
        await anyio.sleep(SOON_S)
        assert [one for one in office.shown("line") if one.startswith("notice")] == [
            "notice notice-1",
            "notice notice-2",
            "notice notice-3",
        ]
        line.left = Quota(200, 0, 1)
        await anyio.sleep(3_600)
        office.queue("line")
        await anyio.sleep(2 * SOON_S)
        assert "quota_low" not in {code for code, _ in office.told()}


@pytest.mark.parametrize(
    ("used", "why", "goes"),
    [
        (179, Why.REMINDER, True),
        (180, Why.REMINDER, False),
        (180, Why.RECOVERED, False),
        (199, Why.OPENED, True),
        (199, Why.BACK, True),
    ],
)
async def test_postman__last_tenth_of_the_quota__is_kept_for_first_notices_of_an_s1(
    used: int, why: Why, *, goes: bool
) -> None:
    async with alone().life() as office:
        office.channels["line"].left = Quota(200, used, 1)
        office.queue("line", severity=S1, why=why)
        await anyio.sleep(SOON_S)
        assert ("notice notice-1" in office.shown("line")) is goes


async def test_postman__quota_is_low_on_the_only_channel__first_notices_and_its_own_are_told() -> None:
    rules = TellRules((Route("all", frozenset({S1, S2}), ("line",)),), costly=frozenset({"line"}))
    async with Office(tell=rules).life() as office:
        office.channels["line"].left = LOW
        office.find(broken("backup_failed"))
        await anyio.sleep(7_000)
        assert office.shown("line")[0] == "backup_failed is so."
        assert "has 49 of its 200 messages left" in office.shown("line")[1]
        assert not any("Still so" in one for one in office.shown("line"))


@pytest.mark.parametrize("fault", ["hang", "broken"])
async def test_postman__quota_is_not_told__spares_nothing_and_holds_up_little(fault: str) -> None:
    class Silent(FakeChannel):
        async def quota(self) -> Quota | None:
            if fault == "hang":
                await anyio.sleep(math.inf)
            raise KeyError("quota")

    office = alone()
    office.channels["line"] = Silent("line", key_lives_s=86_400)
    async with office.life():
        office.queue("line")
        office.queue("line", severity=S1)
        await anyio.sleep(17)
        assert office.shown("line") == ["notice notice-2", "notice notice-1"]  # what came meanwhile is graver


# ---------------------------------------------------------------- tests by hand


def told(severity: Severity = S2) -> Told:
    return Told("test-1", Why.TEST, severity, Level.INFO, None, msg("Test."), (), alone().clock.now())


async def test_test__each_outcome__is_answered() -> None:
    async with alone().life() as office:
        assert await office.postman.test("hook", told()) is None
        assert office.shown("hook") == ["Test."]
        for mode, expected in (("rejected", "Rejected."), ("hang", "no answer in 15 s"), ("broken", "KeyError")):
            office.channels["hook"].mode = mode
            assert expected in str(await office.postman.test("hook", told()))
        with pytest.raises(Permanent, match=r"no channel fax; there are: slack, line"):
            await office.postman.test("fax", told())
        assert office.postman.outbox.waiting == ()


async def test_test__taken__ends_the_pause_of_what_waits() -> None:
    async with alone().life() as office:
        office.channels["hook"].mode = "refused"
        office.queue("hook")
        await anyio.sleep(3_600)
        office.channels["hook"].mode = "ok"
        assert await office.postman.test("hook", told()) is None
        (line,) = [one for one in office.postman.channels() if one.name == "hook"]
        assert line.failing_since_ms is None
        await anyio.sleep(1)
        assert office.shown("hook") == ["Test.", "notice notice-1"]


async def test_channels__each__as_it_is_now() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = "down"
        office.channels["line"].left = Quota(200, 20, 2)
        office.queue("slack", "line")
        await anyio.sleep(SOON_S)
        lines = {one.name: one for one in office.postman.channels()}
        assert (lines["slack"].waiting, lines["slack"].delivered_ms) == (1, None)
        assert "No connection" in str(lines["slack"].reason)
        assert (lines["line"].waiting, lines["line"].quota_left, lines["line"].reason) == (0, 178, None)
        assert lines["line"].delivered_ms is not None
        assert lines["hook"].quota_left is None
