"""What can happen to a machine with the daemon on it, as steps that Hypothesis draws."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import anyio
from hypothesis import settings
from hypothesis import strategies as st

from tests.fakes.flag import FakeFlag
from tests.fakes.journal import FakeJournal
from tests.sim.promises import assert_now
from tests.sim.setting import BAD, DEEP, GOOD, HANAKO, NEAR, TARO, WORSE, configured
from tests.sim.world import World
from ultrad.errors import Permanent, Transient
from ultrad.ports import EndpointFault

SHORT = settings(max_examples=40)
LONG = settings(max_examples=400)

CALL_S = 3.0
"""A call without an answer fails after so long."""
ROUND_S = 15.0 + 2 * CALL_S
"""The longest round of an outage: a head is waited for, then each of two endpoints fails slowly."""
SEEN_S = 10.0
"""From a low block to the stop: two endpoints that fail over, and 2 s for the other one's word."""
PATIENCE_S = 30.0
"""How long a person at the command line waits for an answer."""
OVERRIDE_S = 240.0
SHORT_OVERRIDE = "[estop]\noverride_minutes = 4"
"""Virtual time costs real time: what holds of four minutes holds of thirty."""

LEVELS = {"good": GOOD, "near": NEAR, "bad": BAD, "worse": WORSE, "deep": DEEP}
NODES: dict[str, dict[str, Any]] = {
    "well": {},
    "fails": {"fault": EndpointFault.FAILED},
    "hangs": {"fault": EndpointFault.FAILED, "takes_s": CALL_S},
    "limited": {"fault": EndpointFault.LIMITED},
    "wrong": {"fault": EndpointFault.WRONG_CHAIN},
    "slow": {"takes_s": 1.5},
    "freezes": {"frozen": True},
    "says good": {"lies": {"main": GOOD}},
    "says bad": {"lies": {"main": BAD}},
    "cannot": {"lies": {"main": None}},
}
JOURNALS: dict[str, Callable[[FakeJournal], object]] = {
    "well": lambda _: None,
    "full": lambda journal: setattr(journal, "full", True),
    "slow": lambda journal: setattr(journal, "slow_s", 4.0),
    "hung": lambda journal: journal.hang(),
}
FLAGS: dict[str, Callable[[FakeFlag], object]] = {
    "well": lambda _: None,
    "full": lambda flag: setattr(flag, "full", True),
    "slow": lambda flag: setattr(flag, "delay_s", 4.0),
    "hung": lambda flag: setattr(flag, "hung", True),
    "unreadable": lambda flag: setattr(flag, "unreadable", "Permission denied"),
}

Step = tuple[str, Any]


# ---------------------------------------------------------------- what can happen


async def node(made: World, arg: tuple[str, str]) -> None:
    names = [one.name for one in made.config.endpoints]
    for name in names if arg[0] == "all" else [arg[0]]:
        one = made.chain.node(name)
        one.fault, one.takes_s, one.frozen = None, 0.0, False
        one.lies = {}
        for field, value in NODES[arg[1]].items():
            setattr(one, field, value)


async def journal(made: World, how: str) -> None:
    made.journal.recover()
    JOURNALS[how](made.journal)


async def flag(made: World, how: str) -> None:
    made.flag.full, made.flag.hung, made.flag.delay_s, made.flag.unreadable = False, False, 0.0, ""
    FLAGS[how](made.flag)


async def resume(made: World, two: bool) -> None:  # noqa: FBT001 - drawn
    people = (TARO, HANAKO) if two else (TARO,)
    with anyio.move_on_after(PATIENCE_S):
        try:
            await made.resolve(TARO)
            await made.resume(*people, waive=("low_readings", "value_change", "probes", "jobs"))
        except (Transient, Permanent):
            return  # the journal refuses, or its part is just being started


async def again(made: World, arg: tuple[str, float, str]) -> None:
    """An end, some time, and a start; meanwhile somebody may be at the flag."""
    how, down_s, deed = arg
    await (made.stop() if how == "stop" else made.crash())
    await anyio.sleep(down_s)
    if deed:
        PEOPLE[deed](made)
    await made.start()


async def people(made: World, deed: str) -> None:
    PEOPLE[deed](made)


async def jump(made: World, by: timedelta) -> None:
    made.clock.jump(by)


async def level(made: World, name: str) -> None:
    await made.block(LEVELS[name])


async def wait(made: World, span_s: float) -> None:
    await made.pass_by(timedelta(seconds=span_s))


PEOPLE: dict[str, Callable[[World], None]] = {"touch": World.touch, "rm": World.rm}
DO: dict[str, Callable[[World, Any], Awaitable[None]]] = {
    "node": node,
    "journal": journal,
    "flag": flag,
    "resume": resume,
    "again": again,
    "people": people,
    "jump": jump,
    "level": level,
    "wait": wait,
}


async def act(made: World, step: Step) -> None:
    await DO[step[0]](made, step[1])
    assert_now(made)
    # What cannot be written at the end is said; any other error is a fault of the program.
    assert [one for one in made.reported if one[0] != "closing"] == []
    assert made.life.fatal is None


def step(name: str, *args: object) -> st.SearchStrategy[Step]:
    return st.sampled_from([(name, arg) for arg in args])


WAITS = step("wait", 0.5, 3.0, 12.0, 20.0, 45.0, 70.0, 280.0)
BREATHS = step("wait", 0.5, 3.0, 12.0, 20.0, 70.0)
JOURNAL = step("journal", *JOURNALS)
FLAG = step("flag", *FLAGS)
JUMPS = st.timedeltas(timedelta(days=-3), timedelta(days=3)) | st.timedeltas(
    timedelta(minutes=-3), timedelta(minutes=3)
)
JUMP = st.tuples(st.just("jump"), JUMPS)
SLIPS = st.tuples(st.just("jump"), st.timedeltas(timedelta(seconds=-100), timedelta(seconds=-30)))
"""So little back that a minute comes again, and heads are still believed."""
ENDS = step("again", *((how, down, "") for how in ("stop", "crash") for down in (0.1, 30.0)))
AGAIN = step(
    "again", *((how, down, deed) for how in ("stop", "crash") for down in (0.1, 90.0) for deed in ("", *PEOPLE))
)
NODE = step("node", *((who, how) for who in ("alpha", "beta", "all") for how in NODES))
STORM = st.lists(
    WAITS
    | NODE
    | JOURNAL
    | FLAG
    | JUMP
    | AGAIN
    | step("level", *LEVELS)
    | step("people", *PEOPLE)
    | step("resume", False, True),
    min_size=4,
    max_size=25,
)
PLACES = st.builds(
    configured,
    environment=st.sampled_from(("staging", "production")),
    endpoints=st.sampled_from((("alpha", "beta"), ("alpha", "beta", "gamma"))),
    more=st.just(SHORT_OVERRIDE),
)
