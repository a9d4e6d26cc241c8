"""What tells of itself opens its incident whatever was told in between, and wherever the process ends."""

from collections.abc import Iterable

import anyio
import pytest

from tests.core.make_trades import intent
from tests.fakes.bot import FakeBot
from tests.sim.office import S2, SOON_S, Office
from tests.sim.trading import Bench, bench
from ultrad.core.events import Event, Level, Severity
from ultrad.core.incidents import Stage, opened_event
from ultrad.core.intent_events import bot_failed_event
from ultrad.core.intents import Stage as IntentStage
from ultrad.core.signs import Sign
from ultrad.i18n import msg
from ultrad.trade_ports import Order

pytestmark = pytest.mark.looptime(noop_cycles=0)


def _failed(office: Office, name: str = "1") -> Event:
    return bot_failed_event(intent(name), msg("Nobody knows."), office.clock.now(), known=False)


def _given_up(office: Office) -> Event:
    data = {"notice": "n1", "channel": "slack", "why": "Gone."}
    return Event("notice.given_up", Level.ALERT, office.clock.now(), msg("Given up."), data)


def _another(office: Office, number: int) -> Event:
    sign = Sign(("disk_full", ""), S2, Level.ALERT, msg("The disk is full."))
    return opened_event(number, sign, office.clock.now())


def _about(office: Office, code: str) -> list[Stage]:
    return [one.stage for one in office.desk.book.incidents if one.key[0] == code]


async def _recorded(office: Office, events: Iterable[Event]) -> None:
    """As a process left them that was killed right after."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(office.journal.run, lambda: None)
        for one in events:
            await office.journal.append(one)
        tasks.cancel_scope.cancel()


async def test_owed__killed_after_another_incident_came_between__opened_and_told_once() -> None:
    office = Office()
    await _recorded(office, (_failed(office), _another(office, 1)))
    async with office.life():
        await anyio.sleep(SOON_S)
        assert _about(office, "octobot_leg") == [Stage.OPEN]
        assert len([one for one in office.shown("slack") if "Nobody knows." in one]) == 1
    async with office.life():
        await anyio.sleep(SOON_S)
        assert _about(office, "octobot_leg") == [Stage.OPEN]
    assert len([one for one in office.shown("slack") if "Nobody knows." in one]) == 1


async def test_owed__several_legs_and_a_notice__an_incident_each() -> None:
    office = Office()
    events = (_failed(office, "1"), _another(office, 1), _given_up(office), _failed(office, "2"))
    await _recorded(office, events)
    async with office.life():
        await anyio.sleep(SOON_S)
        assert sorted(one.key for one in office.desk.book.incidents) == [
            ("disk_full", ""),
            ("notice_given_up", "slack"),
            ("octobot_leg", "notion:1"),
            ("octobot_leg", "notion:2"),
        ]


async def test_owed__resolved_by_somebody__not_opened_again_by_a_restart() -> None:
    office = Office()
    async with office.life():
        await office.heard.append(_given_up(office))
        await anyio.sleep(SOON_S)
        await office.heard.append(_given_up(office))  # its incident stands: none of its own
        await anyio.sleep(SOON_S)
        (one,) = office.desk.book.incidents
        await office.desk.resolve(one.number, "taro", "the channel works again")
    async with office.life():
        await anyio.sleep(SOON_S)
        assert _about(office, "notice_given_up") == [Stage.RESOLVED]


class LateBot(FakeBot):
    """It takes the signal, and the journal refuses whatever is recorded then."""

    there: Bench

    async def send(self, order: Order) -> None:
        await super().send(order)
        self.there.made.journal.full = True


async def test_octobot__journal_refuses_its_answer__unknown_once_it_can_be_written_and_never_sent_again() -> None:
    bot = LateBot()
    async with bench(bot=bot) as there:
        bot.there = there
        taken = await there.send()
        await anyio.sleep(60)
        assert there.intent(taken.intent).stage is IntentStage.BOT_SENDING
        there.made.journal.full = False
        ended = await there.ends(taken.intent)
        assert ended.stage is IntentStage.FAILED
        assert "whether OctoBot has it is unknown" in str(ended.end)
        assert len(bot.orders) == 1
        await anyio.sleep(2)
        (told,) = (one for one in there.made.life.assembly.daemon.status().incidents if one.code == "octobot_leg")
        assert (told.severity, told.subject) == (Severity.S2, ended.id)
