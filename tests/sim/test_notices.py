"""The whole daemon and its ways to people: whatever becomes of these, each notice arrives once or is given up."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import anyio
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import tests.fakes.chain
import tests.fakes.journal
import tests.sim.world
import ultrad.daemon
import ultrad.desk
import ultrad.estop
import ultrad.postman
import ultrad.rules
import ultrad.supervisor
import ultrad.watchdog.age
from tests.sim.promises import assert_journal
from tests.sim.setting import BAD, GOOD, configured, in_virtual_time
from tests.sim.world import World, world
from ultrad.config import ChannelConfig, Config
from ultrad.core.estop import Mode
from ultrad.core.events import Event, Severity
from ultrad.core.telling import SETTLE_MS, Route, TellRules
from ultrad.postman import PostRules

S1, S2, S3 = Severity
MINUTE, HOUR = 60, 3_600
NAMES = ("slack", "line", "hook", "old")
MODES = ("down", "hang", "cut", "throttled", "refused")


def channel(name: str, kind: str) -> ChannelConfig:
    return ChannelConfig(name, kind, "", None, None, None)  # type: ignore[arg-type]


TELL = TellRules(
    routes=(
        Route("always", frozenset({S1}), ("slack", "line", "old"), fallback=("hook",), escalate=("hook",)),
        Route("parts", frozenset({S2}), ("slack", "line"), fallback=("hook", "old"), escalate=("hook",)),
    ),
    costly=frozenset({"line"}),
)


def telling(give_up_h: int = 72) -> Config:
    return replace(
        configured(more="[jobs.health_check]\nenabled = false"),
        channels=(
            channel("slack", "slack-app"),
            channel("line", "line"),
            channel("hook", "webhook"),
            channel("old", "slack-webhook"),
        ),
        tell=TELL,
        post=PostRules(give_up_ms=give_up_h * HOUR * 1_000),
    )


@contextmanager
def unhurried() -> Iterator[None]:
    """Every loop ten times as slow or more, blocks each minute: days cost a tenth."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, seconds in (
            (ultrad.supervisor, "BEAT_S", 15.0),
            (ultrad.supervisor, "BEAT_LIMIT_S", 30.0),
            (ultrad.rules, "MAX_ROUND_S", 45.0),
            (ultrad.estop, "LOOK_INTERVAL_S", 20.0),
            (ultrad.watchdog.age, "LOOK_INTERVAL_S", 20.0),
            (ultrad.daemon, "REFRESH_S", 20.0),
            (ultrad.desk, "TICK_S", 20.0),
            (ultrad.postman, "TICK_S", 20.0),
            (tests.fakes.chain, "TURN_S", 20.0),
            (tests.fakes.journal, "PACE_S", 20.0),
            (tests.sim.world, "SEND_S", 30.0),
            (tests.sim.world, "BLOCK_S", 60.0),
        ):
            patch.setattr(module, name, seconds)
        yield


# ---------------------------------------------------------------- a trip


@pytest.mark.looptime(noop_cycles=0)
async def test_notices__a_trip__reaches_every_channel_within_two_seconds() -> None:
    async with world(telling()) as made:
        await anyio.sleep(120)
        await made.block(BAD)
        await anyio.sleep(2.0)
        for name in ("slack", "line", "old"):
            assert made.channels[name].titles()[0].startswith("EMERGENCY STOP"), name
            assert len(made.channels[name].shown) == 1, name  # and its finding is no second notice
        assert made.channels["hook"].shown == []


async def trip_ms(made: World) -> int:
    """From a bad block to the stop on the disk, in virtual milliseconds."""
    made.flag.delay_s = 0.02
    for node in ("alpha", "beta"):
        made.chain.node(node).takes_s = 0.05
    made.chain.set("main", BAD)
    began = made.clock.now()
    made.chain.mine(time_s=made.true_s())
    while not made.flag.present:  # noqa: ASYNC110 - a file on a disk tells nobody
        await anyio.sleep(0.001)
    return made.clock.now().steady_ms - began.steady_ms


# ---------------------------------------------------------------- a day without any channel


@dataclass(frozen=True)
class Script:
    """A day: how each channel is down in each of four parts of it, and how the three restarts go."""

    modes: tuple[tuple[str, ...], ...]
    crashes: tuple[bool, ...]
    restart_h: tuple[int, ...]
    trip_h: int


scripts = st.builds(
    Script,
    st.tuples(*[st.tuples(*[st.sampled_from(MODES)] * len(NAMES))] * 4),
    st.tuples(*[st.booleans()] * 3),
    st.lists(st.integers(1, 23), min_size=3, max_size=3, unique=True).map(tuple),
    st.integers(1, 23),
)
STEPS = 200
STEP_S = 24 * HOUR / STEPS


async def say_something(made: World, step: int, number: int) -> int:
    """Four steps make two incidents, each of them told; answers the number of the one to go on with."""
    desk = made.life.assembly.organs.desk
    match step % 4:
        case 0:
            return (await desk.open("taro", S2, f"step {step}")).number
        case 1:
            return (await desk.acknowledge(number, "taro")).number
        case 2:
            return (await desk.resolve(number, "taro", "done")).number
        case _:
            return (await desk.open("hanako", S2, f"step {step}, another")).number


async def live_through(made: World, script: Script) -> int:
    """The day; answers how long its trip took."""
    restarts = dict(zip(script.restart_h, script.crashes, strict=True))
    tripped_ms, number = -1, 0
    for step in range(STEPS):
        hour, begins = int(step * 24 / STEPS), step * 24 % STEPS < 24
        for place, name in enumerate(NAMES):
            made.channels[name].mode = script.modes[hour // 6][place]
        if begins and hour in restarts:
            await (made.crash() if restarts[hour] else made.stop())
            await anyio.sleep(30)
            await made.start()
        if begins and hour == script.trip_h:
            tripped_ms = await trip_ms(made)
        number = await say_something(made, step, number)
        await anyio.sleep(STEP_S)
        assert made.life.late() == ()
    return tripped_ms


def assert_once_or_given_up(made: World) -> None:
    """Each notice, at each channel that it was ever meant for."""
    meant: dict[tuple[str, str], str] = {}
    order: dict[str, int] = {}
    about: dict[str, object] = {}
    ended: Counter[tuple[str, str]] = Counter()
    given_up: set[str] = set()
    for one in made.recorded("notice"):
        event = one.event
        name, data = str(event.data["notice"]), event.data
        if event.kind == "notice.queued":
            order[name], about[name] = len(order), data["incident"]
            meant.update(((name, str(row["channel"])), str(row["key"])) for row in _rows(event))
        elif event.kind == "notice.rerouted":
            meant[name, str(data["to"])] = str(data["to_key"])
        elif event.kind in {"notice.delivered", "notice.given_up", "notice.superseded"}:
            ended[name, str(data["channel"])] += 1
            if event.kind != "notice.delivered":
                given_up.add(meant[name, str(data["channel"])])
    assert ended == Counter(meant.keys())
    names = {key: name for (name, _), key in meant.items()}
    for fake in made.channels.values():
        first = list(dict.fromkeys(one.key for one in fake.shown))
        wanted = {key for (_, where), key in meant.items() if where == fake.name}
        assert wanted - given_up <= set(first) <= wanted
        for number in {about[names[key]] for key in first} - {None}:
            own = [order[names[key]] for key in first if about[names[key]] == number]
            assert own == sorted(own), (fake.name, number)


def _rows(event: Event) -> list[dict[str, object]]:
    rows = event.data["deliveries"]
    assert isinstance(rows, list)
    return [row for row in rows if isinstance(row, dict)]  # type: ignore[misc]


async def a_day(script: Script) -> None:
    async with world(telling()) as made:
        with_channels_ms = await live_through(made, script)
        for name in NAMES:
            made.channels[name].mode = "ok"
        await anyio.sleep(HOUR)
        assert made.life.mode is Mode.ON
        assert made.life.assembly.organs.postman.outbox.waiting == ()
        assert len(made.recorded("notice.queued")) >= STEPS
        assert_once_or_given_up(made)
        assert made.channels["line"].repeats() == []
        assert made.reported == []
        assert_journal(made)
    async with world(configured()) as alone:
        assert with_channels_ms == await live_through_alone(alone)


async def live_through_alone(made: World) -> int:
    """An hour, with nobody to be told."""
    await anyio.sleep(HOUR)
    return await trip_ms(made)


MIXED = Script(
    modes=(
        ("hang", "cut", "refused", "down"),
        ("down", "down", "down", "down"),
        ("cut", "hang", "throttled", "hang"),
        ("throttled", "refused", "cut", "cut"),
    ),
    crashes=(True, False, True),
    restart_h=(3, 10, 20),
    trip_h=14,
)


@settings(max_examples=1, deadline=None, phases=[Phase.explicit])
@example(MIXED)
@given(scripts)
def test_notices__every_channel_down_for_a_day__each_arrives_once_or_is_given_up_on(script: Script) -> None:
    with unhurried():
        in_virtual_time(lambda: a_day(script))


@pytest.mark.prove
@settings(max_examples=40, deadline=None)
@given(scripts)
def test_notices__any_day_without_channels__each_arrives_once_or_is_given_up_on(script: Script) -> None:
    with unhurried():
        in_virtual_time(lambda: a_day(script))


# ---------------------------------------------------------------- restarts


@pytest.mark.looptime(noop_cycles=0)
async def test_notices__restarts_while_it_stands__nobody_is_told_again() -> None:
    with unhurried():
        await restart_again_and_again()


def told_but_deaths(made: World) -> dict[str, list[str]]:
    return {
        name: [title for title in made.channels[name].titles() if "ultrad died" not in title] for name in NAMES
    }


async def restart_again_and_again() -> None:
    async with world(telling()) as made:
        await anyio.sleep(60)
        await made.block(BAD)
        await anyio.sleep(5)
        await made.life.assembly.organs.desk.acknowledge(1, "taro")
        await anyio.sleep(5)
        told = told_but_deaths(made)
        assert len(told["line"]) == 1
        for restart in itertools.cycle((made.crash, made.stop)):
            await restart()
            await anyio.sleep(10)
            await made.start()
            await anyio.sleep(SETTLE_MS / 1_000 + 60)
            assert told_but_deaths(made) == told
            if len(made.recorded("daemon.started")) == 4:
                return


@pytest.mark.looptime(noop_cycles=0)
async def test_notices__over_while_the_daemon_was_down__is_told_once_every_look_was_taken() -> None:
    async with world(telling()) as made:
        await anyio.sleep(60)
        await made.block(BAD)
        await anyio.sleep(5)
        await made.life.assembly.organs.desk.acknowledge(1, "taro")
        await made.stop()
        made.chain.set("main", GOOD)
        await anyio.sleep(600)
        await made.start()
        await anyio.sleep(SETTLE_MS / 1_000 - 5)
        assert len(made.channels["line"].shown) == 1
        await anyio.sleep(10)
        (_, recovered) = made.channels["line"].titles()
        assert recovered.startswith("Recovered: ")
        assert made.life.mode is Mode.ON
