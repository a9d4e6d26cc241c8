"""The outbox at work: every channel by itself, whatever the others and the disk do."""

from collections.abc import Iterator
from itertools import pairwise

import anyio
import pytest

from tests.fakes.channel import FakeChannel
from tests.sim.office import S1, S2, SOON_S, Office, broken, unhurried
from ultrad.core.estop import Cause
from ultrad.core.events import Level
from ultrad.core.outbox import TRIES_IN_A_ROW
from ultrad.core.telling import TellRules
from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.ports import Outgoing
from ultrad.postman import PostRules

pytestmark = pytest.mark.looptime(noop_cycles=0)


def alone(post: PostRules = PostRules()) -> Office:  # noqa: B008 - frozen
    """Without incidents: only what a test queues is told."""
    return Office(alone=True, post=post)


@pytest.fixture
def days() -> Iterator[None]:
    with unhurried():
        yield


DOWN_S = 300
ALL_BUT = ["down", "hang", "cut", "throttled", "refused", "rejected", "broken"]


# ---------------------------------------------------------------- one beside the other


@pytest.mark.parametrize("mode", ALL_BUT)
async def test_postman__one_channel_takes_nothing__delays_no_other(mode: str) -> None:
    async with alone().life() as office:
        office.channels["slack"].mode = mode
        for _ in range(20):
            office.queue("slack", "line", "hook", incident=1)
        await anyio.sleep(SOON_S)
        assert len(office.shown("line")) == len(office.shown("hook")) == 20
        turns = office.turns
        await anyio.sleep(600)
        assert office.turns > turns + 1_000


@pytest.mark.usefixtures("days")
async def test_postman__up_again__delivers_what_waited_in_order_and_once() -> None:
    async with alone().life() as office:
        office.channels["hook"].mode = "down"
        names = [office.queue("hook", incident=1) for _ in range(5)]
        await anyio.sleep(3_600)
        assert office.shown("hook") == []
        office.channels["hook"].mode = "ok"
        await anyio.sleep(61)
        assert office.shown("hook") == [f"notice {name}" for name in names]
        assert office.postman.outbox.waiting == ()


async def test_postman__a_notice_that_is_never_taken__gives_way_to_others() -> None:
    class Choosy(FakeChannel):
        async def send(self, what: Outgoing) -> str:
            if what.title == "notice notice-1":
                self.tries.append((anyio.current_time(), what.key))
                raise Transient(msg("500"))
            return await super().send(what)

    async with alone().life() as office:
        office.channels["hook"] = choosy = Choosy("hook")
        office.postman._lines["hook"].channel = choosy
        office.queue("hook", incident=1, severity=S1)
        office.queue("hook", incident=1, severity=S1)
        office.queue("hook", incident=2)
        await anyio.sleep(120)
        assert office.shown("hook") == ["notice notice-3"]
        assert len(choosy.tries) >= TRIES_IN_A_ROW + 2


# ---------------------------------------------------------------- before the first try


class Watched(FakeChannel):
    """Looks at the journal at the moment of each try."""

    def watch(self, office: Office) -> None:
        self.office = office
        self.in_doubt: list[bool] = []

    async def send(self, what: Outgoing) -> str:
        keys = [
            row["key"]
            for event in self.office.events("notice.queued")
            for row in event.data["deliveries"]  # type: ignore[union-attr]
            if isinstance(row, dict)
        ]
        keys += [event.data["to_key"] for event in self.office.events("notice.rerouted")]
        assert what.key in keys
        self.in_doubt.append(bool(self.office.events("notice.unsure")))
        return await super().send(what)


@pytest.mark.parametrize("key_lives_s", [None, 86_400.0])
async def test_postman__first_try__has_its_key_on_the_disk(key_lives_s: float | None) -> None:
    office = alone()
    office.journal.slow_s = 1.5
    watched = Watched("hook", key_lives_s=key_lives_s)
    watched.watch(office)
    office.channels["hook"] = watched
    async with office.life():
        office.channels["slack"].mode = "down"
        office.queue("hook")
        office.queue("slack")
        await anyio.sleep(DOWN_S + 10)
        assert office.shown("hook") == ["notice notice-1", "notice notice-2"]
        assert office.reported == []
        # From here on nobody could say whether it was taken, were the process to end.
        assert watched.in_doubt == [key_lives_s is not None] * 2


@pytest.mark.parametrize("fault", ["full", "hung"])
async def test_postman__journal_takes_nothing__an_s1_goes_out_and_an_s2_waits(fault: str) -> None:
    async with alone().life() as office:
        if fault == "full":
            office.journal.full = True
        else:
            office.journal.hang()
        office.queue("hook", incident=1)
        await anyio.sleep(10)
        assert office.shown("hook") == []
        office.queue("hook", severity=S1, incident=2)
        await anyio.sleep(6)
        assert office.shown("hook") == ["notice notice-2"]
        await anyio.sleep(200)
        assert len(office.shown("hook")) == 1
        office.journal.recover()
        await anyio.sleep(5)
        assert office.shown("hook") == ["notice notice-2", "notice notice-1"]
        assert office.told() == set()  # the channel was never at fault


async def test_postman__journal_takes_nothing__an_s1_does_not_wait_behind_what_must() -> None:
    async with Office(alone=True, tell=TellRules()).life() as office:
        office.channels["hook"].mode = "down"
        office.queue("hook", severity=S1, incident=1)
        await anyio.sleep(120)  # tried so often that others have a turn
        office.journal.full = True
        office.queue("hook", incident=2)
        office.channels["hook"].mode = "ok"
        await anyio.sleep(70)
        assert office.shown("hook") == ["notice notice-1"]


async def test_postman__journal_full_for_minutes__whatever_is_meant_to_be_heard_goes_out_once() -> None:
    async with alone().life() as office:
        office.journal.full = True
        office.queue("hook", "line", incident=1)
        await anyio.sleep(295)
        assert office.shown("hook") == office.shown("line") == []
        await anyio.sleep(15)
        assert office.shown("hook") == office.shown("line") == ["notice notice-1"]
        office.journal.recover()
        await anyio.sleep(60)
        assert len(office.shown("hook")) == len(office.shown("line")) == 1


@pytest.mark.parametrize("code", ["journal_unwritable", "state_unusable", "flag_unwritable"])
async def test_postman__the_disk_itself__is_told_without_it(code: str) -> None:
    async with Office().life() as office:
        office.journal.full = True
        office.find(broken(code))
        await anyio.sleep(10)
        assert office.shown("slack") == [f"{code} is so."]


async def test_postman__journal_full_and_a_stop_that_is_no_s1__is_told_without_it() -> None:
    async with Office().life() as office:
        office.journal.full = True
        await office.estop.trip(Cause("feed_stale", "", office.clock.now(), "ultrad", msg("Silent."), severity=S2))
        await anyio.sleep(10)
        assert office.shown("slack") == ["EMERGENCY STOP: Silent."]


@pytest.mark.usefixtures("days")
async def test_postman__journal_full_for_a_day__nothing_counts_as_maybe_told() -> None:
    async with alone().life() as office:
        office.journal.full = True
        office.queue("line")
        await anyio.sleep(24 * 3_600)
        office.journal.recover()
        await anyio.sleep(60)
        assert office.shown("line") == ["notice notice-1"]
        assert office.recorded("notice.given_up") == []


# ---------------------------------------------------------------- how it is tried again


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("down", [0, 0.75, 2.25, 5.25, 11.25, 23.25, 47.25, 92.25, 137.25]),
        ("cut", [0, 0.75, 2.25, 5.25, 11.25, 23.25, 47.25, 92.25, 137.25]),
        ("broken", [0, 0.75, 2.25, 5.25, 11.25, 23.25, 47.25, 92.25, 137.25]),
        ("hang", [0, 15.75, 32.25, 50.25, 71.25, 98.25, 137.25]),
        ("throttled", [0, 120]),
        ("refused", [0, 22.5, 67.5]),
        ("rejected", [0]),
    ],
)
async def test_postman__not_taken__is_tried_again_at_its_pace(mode: str, expected: list[float]) -> None:
    async with alone().life() as office:
        office.channels["hook"].mode = mode
        office.queue("hook")
        await anyio.sleep(140)
        assert office.tries("hook") == expected


@pytest.mark.usefixtures("days")
async def test_postman__asked_for_more_patience_than_anybody_has__waits_an_hour() -> None:
    async with alone().life() as office:
        office.channels["hook"].mode = "refused"
        office.queue("hook")
        await anyio.sleep(7_200)
        late = office.tries("hook")[-3:]
        assert [b - a for a, b in pairwise(late)] == [450, 450]


async def test_postman__rejected__is_given_up_on_loudly() -> None:
    async with Office().life() as office:
        office.channels["slack"].mode = "rejected"
        office.queue("slack", "hook")
        await anyio.sleep(SOON_S)
        event = office.events("notice.given_up")[0]
        assert (event.level, event.data["channel"]) == (Level.ALERT, "slack")
        assert "Rejected." in str(event.message)
        assert [one.key for one in office.desk.book.open()] == [("notice_given_up", "slack")]
        assert any("A notice was given up on" in title for title in office.shown("line"))
        await anyio.sleep(3_000)
        assert len(office.desk.book.incidents) == 1  # also the notice of it was rejected


async def test_postman__a_fault_of_the_adapter__is_reported_and_tried_again() -> None:
    async with alone().life() as office:
        office.channels["hook"].mode = "broken"
        office.queue("hook")
        await anyio.sleep(10)
        assert {place for place, _ in office.reported} == {"channel hook"}
        assert "a fault of the adapter" in office.reported[0][1]
        office.channels["hook"].mode = "ok"
        await anyio.sleep(20)
        assert office.shown("hook") == ["notice notice-1"]


async def test_postman__tried_for_days__is_given_up_on_once() -> None:
    async with alone(PostRules(give_up_ms=3_600_000)).life() as office:
        office.channels["hook"].mode = "hang"
        office.queue("hook")
        await anyio.sleep(3_599)
        assert office.recorded("notice.given_up") == []
        await anyio.sleep(3)
        assert "gave no answer in 15 s" in str(office.events("notice.given_up")[0].message)
        office.channels["hook"].mode = "rejected"
        await anyio.sleep(300)
        assert len(office.recorded("notice.given_up")) == 1
        assert office.recorded("journal.repeated") == []


class Slowly(FakeChannel):
    """Answers after ten seconds."""

    async def send(self, what: Outgoing) -> str:
        await anyio.sleep(10)
        return await super().send(what)


@pytest.mark.parametrize("mode", ["ok", "rejected"])
async def test_postman__given_up_on_while_under_way__is_recorded_as_it_was(mode: str) -> None:
    office = Office(alone=True, post=PostRules(give_up_ms=5_000), tell=TellRules())
    office.channels["hook"] = Slowly("hook", mode)
    async with office.life():
        office.queue("hook")
        await anyio.sleep(20)
        assert len(office.recorded("notice.given_up")) == 1
        assert len(office.recorded("notice.delivered")) == len(office.shown("hook")) == (mode == "ok")
        assert office.recorded("journal.repeated") == []


async def test_postman__given_up_on_while_the_disk_is_waited_for__is_not_tried() -> None:
    async with Office(alone=True, post=PostRules(give_up_ms=1_000), tell=TellRules()).life() as office:
        office.journal.hang()
        office.queue("hook", severity=S1)
        await anyio.sleep(20)
        office.journal.recover()
        await anyio.sleep(SOON_S)
        assert len(office.recorded("notice.given_up")) == 1
        assert office.channels["hook"].tries == []


async def test_postman__held__goes_when_its_time_has_come() -> None:
    async with alone().life() as office:
        office.queue("hook", held_s=3_600)
        office.queue("hook", incident=3)
        await anyio.sleep(3_599)
        assert office.shown("hook") == ["notice notice-2"]
        await anyio.sleep(2)
        assert office.shown("hook") == ["notice notice-2", "notice notice-1"]


# ---------------------------------------------------------------- never twice where a key is told by


@pytest.mark.usefixtures("days")
async def test_postman__taken_without_a_word__is_not_shown_twice() -> None:
    async with alone().life() as office:
        office.channels["line"].mode = "cut"
        office.queue("line")
        await anyio.sleep(3_600)
        office.channels["line"].mode = "ok"
        await anyio.sleep(61)
        assert office.shown("line") == office.shown("hook") == ["notice notice-1"]
        assert [one.data["channel"] for one in office.events("notice.delivered")] == ["hook", "line"]


@pytest.mark.usefixtures("days")
@pytest.mark.parametrize("mode", ["cut", "hang"])
async def test_postman__in_doubt_until_the_key_is_forgotten__is_given_up_on(mode: str) -> None:
    async with alone().life() as office:
        line = office.channels["line"]
        line.mode = mode
        office.queue("line")
        await anyio.sleep(23 * 3_600 + 60)
        assert "it may have told it all the same" in str(office.events("notice.given_up")[0].message)
        assert office.tries("line")[-1] < 23 * 3_600
        line.mode = "ok"
        await anyio.sleep(3 * 3_600)
        assert line.repeats() == []


@pytest.mark.usefixtures("days")
@pytest.mark.parametrize("mode", ["down", "throttled", "refused"])
async def test_postman__certainly_not_taken_for_a_day__is_delivered_all_the_same(mode: str) -> None:
    async with alone().life() as office:
        office.channels["line"].mode = mode
        office.queue("line")
        await anyio.sleep(26 * 3_600)
        office.channels["line"].mode = "ok"
        await anyio.sleep(601)
        assert office.shown("line") == ["notice notice-1"]


@pytest.mark.usefixtures("days")
async def test_postman__once_in_doubt__stays_so_whatever_comes_after() -> None:
    async with alone().life() as office:
        line = office.channels["line"]
        line.mode = "cut"
        office.queue("line")
        await anyio.sleep(1)
        line.mode = "down"
        await anyio.sleep(23 * 3_600 + 60)
        line.mode = "ok"
        await anyio.sleep(3 * 3_600)
        assert line.repeats() == []
        assert len(office.recorded("notice.given_up")) == 1
