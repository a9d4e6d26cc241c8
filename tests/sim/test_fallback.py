"""Who stands in for a channel that is down, and when."""

import anyio
import pytest

from tests.fakes.channel import FakeChannel
from tests.sim.office import S1, S2, TELL, Office, broken
from ultrad.core.events import Level, Severity
from ultrad.core.outbox import Delivery
from ultrad.core.telling import Notice, Route, Target, TellRules, Why, queued_event
from ultrad.i18n import msg
from ultrad.ports import Quota
from ultrad.postman import MOST_AT_ONCE, PostRules

pytestmark = pytest.mark.looptime(noop_cycles=0)

DOWN_S = 300


def alone(tell: TellRules = TELL) -> Office:
    """Without incidents: only what a test queues is told."""
    return Office(alone=True, tell=tell)


def stand_ins(office: Office) -> list[tuple[object, object]]:
    return [(one.data["channel"], one.data["to"]) for one in office.events("notice.rerouted")]


def waiting(office: Office, channel: str) -> list[Delivery]:
    return [one for one in office.postman.outbox.waiting if one.channel == channel]


@pytest.mark.parametrize("mode", ["down", "hang", "cut", "throttled", "refused", "broken"])
async def test_fallback__down_for_so_long__the_next_is_told_and_it_is_said(mode: str) -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = mode
        office.queue("slack", severity=S1)
        await anyio.sleep(DOWN_S - 1)
        assert office.shown("hook") == []
        await anyio.sleep(17)  # a try that hangs is known to fail only then
        assert office.shown("hook") == ["notice notice-1"]
        (event,) = office.events("notice.rerouted")
        assert event.level is Level.WARNING
        assert "slack is down; hook is told instead: notice notice-1" in str(event.message)
        assert office.told() == {("channel_down", "slack")}
        await anyio.sleep(3_600)
        assert stand_ins(office) == [("slack", "hook")]
        office.channels["slack"].mode = "ok"
        await anyio.sleep(601)
        assert office.shown("slack")[-1] == "notice notice-1"  # it still gets what waited
        assert office.told() == set()


async def test_fallback__known_to_be_down__what_is_new_does_not_wait_in_vain() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = "down"
        office.queue("slack", incident=1)
        await anyio.sleep(DOWN_S + 10)
        office.queue("slack", incident=2, severity=S1)
        await anyio.sleep(2)
        assert office.shown("hook") == ["notice notice-1", "notice notice-2"]


async def test_fallback__the_next_is_down_too__the_one_after_it_is_told() -> None:
    async with alone().life() as office:
        for name in ("slack", "hook"):
            office.channels[name].mode = "down"
        office.queue("slack")
        await anyio.sleep(DOWN_S + 2)
        assert stand_ins(office) == [("slack", "hook")]  # nobody knows of hook's trouble yet
        await anyio.sleep(DOWN_S + 2)
        assert stand_ins(office) == [("slack", "hook"), ("slack", "mail")]
        assert office.shown("mail") == ["notice notice-1"]
        office.queue("slack")
        await anyio.sleep(2)
        assert stand_ins(office)[2:] == [("slack", "mail")]  # now it is known


async def test_fallback__the_next_rejects_it__is_asked_once_and_the_one_after_it_is_told() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode, office.channels["hook"].mode = "down", "rejected"
        office.queue("slack")
        await anyio.sleep(3_600)
        assert stand_ins(office) == [("slack", "hook"), ("slack", "mail")]
        assert len(office.channels["hook"].tries) == len(office.channels["mail"].tries) == 1
        assert len(office.recorded("notice.given_up")) == 1
        assert office.recorded("journal.repeated") == []


async def test_fallback__all_reject_it__it_goes_on_waiting_for_the_first() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = "down"
        for name in ("hook", "mail"):
            office.channels[name].mode = "rejected"
        office.queue("slack")
        await anyio.sleep(3_600)
        assert len(office.journal.recorded) < 10
        assert [one.told.notice for one in waiting(office, "slack")] == ["notice-1"]


async def test_fallback__told_by_another_of_its_route__is_rerouted_all_the_same() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = "down"
        office.queue("slack", "line")
        await anyio.sleep(DOWN_S + 5)
        assert office.shown("line") == office.shown("hook") == ["notice notice-1"]


async def test_fallback__told_anyway_or_given_up_on__is_never_a_stand_in() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode, office.channels["hook"].mode = "down", "rejected"
        office.queue("slack", "hook", "mail")
        await anyio.sleep(3_600)
        assert stand_ins(office) == []
        assert len(office.channels["hook"].tries) == len(office.channels["mail"].tries) == 1


async def test_fallback__renamed_between_restarts__its_notices_go_to_the_present_channels() -> None:
    office = alone(TellRules((Route("all", frozenset({S1, S2}), ("slack", "line"), fallback=("hook",)),)))
    async with office.life():
        office.queue("fax", "line", severity=S1, incident=1)
        office.queue("fax", severity=S2, incident=2, held_s=60)
        await anyio.sleep(2)
        assert stand_ins(office) == [("fax", "slack"), ("fax", "slack"), ("fax", "line")]
        assert office.shown("slack") == office.shown("line") == ["notice notice-1"]
        assert "it is not configured any more" in str(office.events("notice.given_up")[0].message)
        await anyio.sleep(60)
        assert office.shown("slack") == ["notice notice-1", "notice notice-2"]
        assert office.postman.outbox.waiting == ()


async def test_fallback__not_configured_any_more_and_heard_elsewhere__is_given_up_on_only() -> None:
    office = alone()
    async with office.life():
        office.queue("fax", "line")
        office.postman._lines["fax"] = office.postman._lines["hook"]
        await anyio.sleep(2)
        del office.postman._lines["fax"]
        await anyio.sleep(2)
        assert stand_ins(office) == []
        assert len(office.recorded("notice.given_up")) == 1


async def test_fallback__no_channel_is_configured__it_waits() -> None:
    office = alone()
    office.channels = {}
    async with office.life():
        office.queue("slack")
        await anyio.sleep(2)
        assert [one.channel for one in office.postman.outbox.waiting] == ["slack"]


async def test_desk__channel_renamed_between_restarts__its_s1_is_told_on_and_on() -> None:
    office = Office(tell=TellRules((Route("all", frozenset({S1, S2}), ("slack",)),)))
    office.channels["slack"].mode = "down"
    async with office.life():
        office.find(broken("hf_low", S1))
        await anyio.sleep(600)
    office.channels = {"dev": FakeChannel("dev")}
    office.tell = TellRules((Route("all", frozenset({S1, S2}), ("dev",)),))
    async with office.life():
        await anyio.sleep(5)
        assert "hf_low is so." in office.shown("dev")
        await anyio.sleep(1_500)
        assert sum("Still so" in one and "hf_low" in one for one in office.shown("dev")) >= 2


@pytest.mark.parametrize("severity", [S1, S2])
async def test_fallback__the_only_channel_rejects__another_is_told(severity: Severity) -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = office.channels["hook"].mode = "rejected"
        office.queue("slack", severity=severity)
        await anyio.sleep(5)
        assert stand_ins(office) == [("slack", "hook"), ("hook", "mail")]
        assert office.shown("mail") == ["notice notice-1"]
        assert "slack did not take it; hook is told instead" in str(office.events("notice.rerouted")[0].message)
        assert office.postman.outbox.waiting == ()


async def test_fallback__too_old__another_is_told_before_it_is_given_up_on() -> None:
    async with Office(alone=True, post=PostRules(give_up_ms=60_000)).life() as office:
        office.channels["slack"].mode = "down"
        office.queue("slack")
        await anyio.sleep(62)
        assert office.shown("hook") == ["notice notice-1"]


async def test_fallback__rejects_three_in_a_row__is_down_until_it_takes_one() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = "rejected"
        for number in range(2):
            office.queue("slack", incident=number)
        await anyio.sleep(DOWN_S + 2)
        assert office.told() == set()
        office.queue("slack", incident=2)
        await anyio.sleep(DOWN_S + 2)
        assert office.told() == {("channel_down", "slack")}
        office.channels["slack"].mode = "ok"
        office.queue("slack")
        await anyio.sleep(2)
        assert office.told() == set()


async def test_fallback__slow_but_not_down__nobody_stands_in() -> None:
    async with alone().life() as office:
        office.channels["hook"].mode = "throttled"
        office.journal.full = True  # nothing is tried: no channel's fault
        office.queue("slack")
        await anyio.sleep(2 * DOWN_S)
        assert stand_ins(office) == []
        assert office.told() == set()


async def test_fallback__held_until_the_morning__waits_for_its_time_first() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = "down"
        office.queue("slack", severity=S1, incident=1)
        office.queue("slack", incident=2, held_s=3_600)
        await anyio.sleep(3_590)
        assert office.shown("hook") == ["notice notice-1"]
        await anyio.sleep(15)
        assert office.shown("hook") == ["notice notice-1", "notice notice-2"]


async def test_fallback__not_meant_to_be_heard__costs_nothing() -> None:
    tell = TellRules(TELL.routes, costly=frozenset({"hook"}))
    async with alone(tell).life() as office:
        office.channels["slack"].mode = "down"
        to = (Target("slack", 0),)
        quiet = Notice(Why.TAKEN_ON, S1, Level.INFO, msg("taken on"), (), 1)
        event = queued_event(quiet, "quiet", {"slack": "k"}, to, office.clock.now())
        office.heard.post(event)
        office.postman.take(event)
        await anyio.sleep(DOWN_S + 2)
        assert stand_ins(office) == [("slack", "mail")]


async def test_fallback__spared_and_nobody_left__is_spared_and_said() -> None:
    async with alone(TellRules()).life() as office:
        office.channels["line"].left = Quota(200, 199, 1)
        office.queue("line")
        office.queue("line", why=Why.REMINDER)
        await anyio.sleep(2)
        assert office.shown("line") == ["notice notice-1"]  # nobody else would tell it
        assert len(office.recorded("notice.spared")) == 1
        assert stand_ins(office) == []


async def test_fallback__hundreds_wait__go_in_turns_and_the_gravest_first() -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = "down"
        for number in range(120):
            office.queue("slack", incident=number, severity=S1 if number == 119 else S2)
        await anyio.sleep(DOWN_S + 0.9)
        assert office.shown("hook")[0] == "notice notice-120"
        assert len(stand_ins(office)) == MOST_AT_ONCE
        await anyio.sleep(5)
        assert len(stand_ins(office)) == len(office.shown("hook")) == 120
