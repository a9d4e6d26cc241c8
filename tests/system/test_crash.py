"""Daemons killed, or stopped, at every step of a trade, and what chain, OctoBot and journal say afterwards.

The steps are found by letting one trade of each kind through: whatever that comes to is a place to die at. What
only asks changes nothing, and is a place of its own in the long form alone.
"""

import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

import anyio
import anyio.to_thread
import pytest

from tests.fakes.notion import NotionApi
from tests.fakes.octobot import Webhook
from tests.system.crash_rig import Place, Told
from tests.system.crash_scenes import BUY, FEE, REORG, ROW, SELL, Scene
from tests.system.launcher import Launcher
from ultrad.core.intent_steps import Purpose
from ultrad.core.intents import Act, Stage
from ultrad.devnet.build import Build
from ultrad.devnet.devnet import Devnet

pytestmark = pytest.mark.chain

PLACES = 4
"""Chains at once: a trade waits more than it works."""
KILLS = 200
SCENES = (BUY, SELL)
COURSES = (ROW, FEE, REORG)
OWN = {
    ROW: {"intent.proposed 1", "rows.finish 1", "intent.written 1"},
    FEE: {"signer.sign 2", "intent.signed 2", "ledger.send 2"},
    REORG: {"intent.mined 1", "intent.unmined 1", "intent.mined 2"},
}
"""The steps that only this course has, or that mean something else in it."""
ASKING = (
    "rows.open_rows",
    "market.quote", "market.simulate", "market.health_after",
    "ledger.fees", "ledger.nonces", "ledger.receipt", "ledger.confirmed", "ledger.revert_reason",
)  # fmt: skip
"""Changes nothing, here or anywhere: to die around it is to die after the step before it."""
ELSEWHERE = {
    Act.REFUSE, Act.HOLD, Act.REHEARSE, Act.FAIL, Act.CANCEL, Act.USURP, Act.UNMINE,
    Act.YIELD,
}  # fmt: skip
"""Acts that no trade comes to that goes well."""
CALLS = ("before bot.", "before ledger.", "before signer.")
"""Where the flag comes while a call is on its way. Elsewhere, before a step is after the one before it."""
TO_BOT = ("after intent.bot_sending 1", "before bot.send 1", "after bot.send 1", "before intent.bot_accepted 1")
"""Where nobody knows whether OctoBot has it."""


@asynccontextmanager
async def _places(at: Path, build: Build) -> AsyncIterator[list[Place]]:
    """Places with a chain and a Notion of their own, before one OctoBot. Each service was asked as it may be."""
    ids, notions = itertools.count(1), []
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(Webhook().serving())
        launcher = Launcher()
        stack.callback(launcher.close)
        places = []
        for number in range(PLACES):
            notions.append(await stack.enter_async_context(NotionApi().serving()))
            market = Devnet.start(build)
            stack.callback(market.stop)
            (at / str(number)).mkdir()
            places.append(Place.make(at / str(number), market, launcher, (bot, notions[-1]), ids))
        yield places
        assert [bot.faults, *(one.faults for one in notions)] == [[]] * (1 + PLACES)


async def _all(places: list[Place], work: list[Callable[[Place], Told]]) -> list[Told]:
    """Each of them, wherever there is a place for it."""
    waiting: SimpleQueue[Callable[[Place], Told]] = SimpleQueue()
    for one in work:
        waiting.put(one)
    told: list[Told] = []

    def go(place: Place) -> None:
        while True:
            try:
                one = waiting.get_nowait()
            except Empty:
                return
            told.append(one(place))

    async with anyio.create_task_group() as group:
        for place in places:
            group.start_soon(anyio.to_thread.run_sync, go, place)
    return told


def _trade(scene: Scene, *at: str, touch: bool = False) -> Callable[[Place], Told]:
    return lambda place: place.trade(scene, *at, touch=touch)


# ---------------------------------------------------------------- what must hold, wherever it died


def _assert_once(told: Told) -> None:
    """No double send, no lost intent, limits intact, and everybody is told what the chain says."""
    where = (str(told.scene), told.at, told.line.stage.value, told.line.end, told.kinds)
    assert told.sound, where
    assert told.line.stage is told.intent.stage, where
    mined = [step.version(one) for step in told.intent.steps for one in told.mined if step.version(one)]
    assert told.nonces == len(told.intent.steps) == len(mined), where  # a nonce a step, and none beside
    assert all(told.mined.values()), where
    traded = told.line.stage is Stage.SETTLED
    assert [(action, amount) for action, amount, _ in told.moved] == (
        [(told.scene.action, told.intent.amount)] if traded else []
    ), where
    ordered = told.intent.ordered  # OctoBot may have it: that counts as well
    assert ordered or not told.orders, where
    assert Act.BOT_SEND in told.kinds or not ordered, where
    assert told.used_e8 == (told.intent.value_e8 if traded or ordered else 0), where
    assert told.intent.end is not None, where
    assert all(tx_hash in str(told.line.end) for _, _, tx_hash in told.moved), where
    if told.row is not None:
        status, result = told.row
        assert (status, result) == ("処理済", str(told.line.end)), where
        assert told.kinds.count("intent.written") == 1, where
    if told.scene.bot:
        accepted = Act.BOT_ACCEPT in told.kinds
        assert told.orders == 1 if accepted else told.orders <= (Act.BOT_SEND in told.kinds), where
        assert accepted or not told.intent.steps, where


def _assert_ended(told: Told) -> None:
    """A kill costs nothing but the certainty about OctoBot; somebody is told of both, and nothing stops."""
    where = (str(told.scene), told.at, told.line.stage.value, told.line.end, told.incidents)
    died = [("S2", "died")] if told.kills else []
    if Act.BOT_SEND in told.kinds and Act.BOT_ACCEPT not in told.kinds:
        assert told.line.stage is Stage.FAILED, where
        assert sorted(told.incidents) == [*died, ("S2", "octobot_leg")], where
    else:
        assert told.line.stage is Stage.SETTLED, where
        assert told.incidents == died, where


# ---------------------------------------------------------------- killed


def _boundaries(dry: Told) -> list[str]:
    (steps,) = dry.steps
    return [name for name, _ in steps if name.split()[1] not in ASKING]


def _assert_bounded(told: Told) -> Counter[str]:
    """Every step of its life has a boundary on either side. How often there is one, by the step."""
    found = Counter(" ".join(name.split()[:2]) for name in _boundaries(told))
    for kind, times in Counter(told.kinds).items():
        assert found[f"before {kind}"] == found[f"after {kind}"] == times, (str(told.scene), kind)
    return found


def _assert_complete(dry: list[Told]) -> None:
    """Every act is either come to, with a boundary on either side, or is named as one that is not."""
    passed = {kind for told in dry for kind in told.kinds}
    assert passed == set(Act) - ELSEWHERE
    for told in dry:
        found = _assert_bounded(told)
        sent = len(told.intent.steps)
        for call, times in (("signer.sign", sent), ("ledger.send", sent), ("bot.send", int(told.scene.bot))):
            assert found[f"before {call}"] == found[f"after {call}"] == times


async def test_trade__daemon_killed_at_each_step__ends_once_and_as_told(
    tmp_path: Path, devnet_build: Build
) -> None:
    async with _places(tmp_path, devnet_build) as places:
        dry = await _all(places, [_trade(scene) for scene in SCENES])
        _assert_complete(dry)
        told = await _all(places, [_trade(one.scene, name) for one in dry for name in _boundaries(one)])
    for one in (*dry, *told):
        _assert_once(one)
        _assert_ended(one)
    assert all(one.kills == 1 for one in told)
    unknown = {one.at[0]: one.orders for one in told if one.line.stage is Stage.FAILED}
    assert unknown == dict(zip(TO_BOT, (0, 0, 1, 1), strict=True))


# ---------------------------------------------------------------- out of the ordinary


def _assert_course(told: Told) -> None:
    """It went the way that it is meant to go."""
    where = (str(told.scene), told.at, told.kinds)
    (step,) = told.intent.steps
    if told.scene is FEE:
        first, second = step.versions
        assert step.mined is not None, where
        assert step.mined.hash == second.hash, where
        assert second.max_fee_wei * 100 >= first.max_fee_wei * 110, where
        assert second.tip_wei * 100 >= first.tip_wei * 110, where
        assert (first.purpose, second.purpose) == (Purpose.OWN, Purpose.OWN), where
    else:
        assert len(step.versions) == 1, where
    assert told.kinds.count(Act.UNMINE) == (told.scene is REORG), where
    assert (told.row is not None) is (told.scene is ROW), where


async def _killed_on_its_course(tmp_path: Path, build: Build, which: Callable[[Scene, str], bool]) -> list[Told]:
    async with _places(tmp_path, build) as places:
        dry = await _all(places, [_trade(scene) for scene in COURSES])
        for one in dry:
            _assert_bounded(one)
            assert OWN[one.scene] <= {name.split(" ", 1)[1] for name in _boundaries(one)}, str(one.scene)
        work = [(one.scene, name) for one in dry for name in _boundaries(one) if which(one.scene, name)]
        told = await _all(places, [_trade(scene, name) for scene, name in work])
    for one in (*dry, *told):
        _assert_once(one)
        _assert_ended(one)
        _assert_course(one)
    assert len(told) == len(work)
    assert all(one.kills == 1 for one in told)
    return told


async def test_trade__written_back_or_raised_or_thrown_out__daemon_killed_there__ends_once_and_as_told(
    tmp_path: Path, devnet_build: Build
) -> None:
    own = await _killed_on_its_course(
        tmp_path, devnet_build, lambda scene, name: name.split(" ", 1)[1] in OWN[scene]
    )
    assert len(own) == 2 * sum(map(len, OWN.values()))


@pytest.mark.prove
async def test_trade__written_back_or_raised_or_thrown_out__daemon_killed_anywhere__ends_once_and_as_told(
    tmp_path: Path, devnet_build: Build
) -> None:
    every = await _killed_on_its_course(tmp_path, devnet_build, lambda *_: True)
    assert len(every) > 40


# ---------------------------------------------------------------- stopped


def _assert_stopped(told: Told) -> None:
    """Nothing more of the strategy is sent once the flag is there, and what is pending is cancelled."""
    where = (str(told.scene), told.at, told.line.stage.value, told.line.end)
    (steps,) = told.steps
    names = [name for name, _ in steps]
    place = names.index(told.at[0])
    own = {one.raw for step in told.intent.steps for one in step.versions if one.purpose is Purpose.OWN}
    later = steps[place + 1 :]
    assert not [name for name, note in later if name.startswith("before ledger.send") and note in own], where
    assert not [name for name, _ in later if name.startswith("before bot.send")], where
    signed = sum(name.startswith("before signer.sign") for name, _ in later)
    assert signed == sum(
        one.purpose is Purpose.CANCELLATION for step in told.intent.steps for one in step.versions
    )
    last = told.intent.steps[-1] if told.intent.steps else None
    sent = last is not None and any(note == last.versions[0].raw for _, note in steps[: place + 1])
    was_mined = f"before intent.mined {len(told.intent.steps)}" in names[: place + 1]
    if sent and not was_mined:
        assert told.line.stage is Stage.CANCELLED, where
    assert (told.line.stage is Stage.CANCELLED) is _cancels(told), where


def _cancels(told: Told) -> bool:
    return any(
        one.purpose is Purpose.CANCELLATION and one.hash in told.mined
        for step in told.intent.steps
        for one in step.versions
    )


async def test_trade__stopped_at_each_step__sends_nothing_more_and_cancels_what_is_pending(
    tmp_path: Path, devnet_build: Build
) -> None:
    async with _places(tmp_path, devnet_build) as places:
        dry = await _all(places, [_trade(scene) for scene in SCENES])
        told = await _all(
            places,
            [
                _trade(one.scene, name, touch=True)
                for one in dry
                for name in _boundaries(one)
                if name.startswith(("after", *CALLS))
            ],
        )
    for one in told:
        _assert_once(one)
        _assert_stopped(one)
    ends = Counter(one.line.stage for one in told)
    assert set(ends) == {Stage.REFUSED, Stage.FAILED, Stage.CANCELLED, Stage.SETTLED}


# ---------------------------------------------------------------- the long form


def _drawn(chance: random.Random, dry: list[Told]) -> Callable[[Place], Told]:
    """A trade through one to four daemons, each killed at any step that it comes to, asking ones as well."""
    one = chance.choice(dry)
    most = len(one.steps[0])
    return _trade(one.scene, *(f"#{chance.randint(1, most)}" for _ in range(chance.randint(1, 4))))


@pytest.mark.prove
async def test_trade__daemon_killed_and_killed_again_at_drawn_steps__ends_once_and_as_told(
    tmp_path: Path, devnet_build: Build
) -> None:
    seed = int(time.time())
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    told: list[Told] = []
    async with _places(tmp_path, devnet_build) as places:
        dry = await _all(places, [_trade(scene) for scene in (*SCENES, *COURSES)])
        while sum(one.kills for one in told) < KILLS:
            told += await _all(places, [_drawn(chance, dry) for _ in range(20)])
    for one in told:
        _assert_once(one)
        _assert_ended(one)
    assert {one.scene for one in told} == {*SCENES, *COURSES}, seed
    assert max(one.kills for one in told) > 1, seed
