"""One life of the daemon, and what it leaves behind: what it logged, its journal and its flag."""

from collections import Counter
from dataclasses import dataclass, field

import anyio
import anyio.abc

from tests.fakes.flag import FakeFlag
from tests.fakes.journal import FakeJournal
from ultrad.assembly import Assembly
from ultrad.core.estop import EstopState, Mode
from ultrad.core.events import Level, Recorded
from ultrad.errors import Fatal
from ultrad.i18n import Message

EXITED = "EXITED=1"
"""What the service manager sees by itself, noted among what it is told."""


class CountedLog:
    """Implements `JobLog`: how many lines went to each file."""

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()

    def write(self, name: str, level: Level, message: Message, **figures: str | int) -> None:  # noqa: ARG002
        self.lines[name] += 1


@dataclass
class Life:
    """The daemon from one start to its end, with the disk as it was at that start."""

    assembly: Assembly
    journal: FakeJournal
    flag: FakeFlag
    ending: anyio.Event = field(default_factory=anyio.Event)
    ended: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    fatal: Fatal | None = None
    abandoned: tuple[str, ...] = ()

    @property
    def state(self) -> EstopState:
        return self.assembly.organs.estop.state

    @property
    def mode(self) -> Mode:
        return self.state.mode

    @property
    def causes(self) -> tuple[str, ...]:
        return tuple(one.code for one in self.state.causes)

    def shut_by(self) -> tuple[str, ...]:
        return self.assembly.organs.gate.shut_by()

    def told(self) -> set[str]:
        """The codes of all standing findings."""
        return {one.finding.code for one in self.assembly.organs.conditions.standing()}

    def late(self) -> tuple[str, ...]:
        """The one fact behind `/health` and the heartbeat."""
        return self.assembly.daemon.late_parts()


@dataclass
class Seen:
    """How much of a journal was folded."""

    of: FakeJournal
    length: int = 0
    stops: list[Recorded] = field(default_factory=list)
    state: EstopState = field(default_factory=EstopState)


def journal_after(journal: FakeJournal) -> FakeJournal:
    """The journal as the next life finds it; what the last one still writes does not reach it."""
    return FakeJournal(
        thin_after_hours=journal.thin_after_hours,
        full=journal.full,
        slow_s=journal.slow_s,
        recorded=list(journal.recorded),
        kept={hour: list(rows) for hour, rows in journal.kept.items()},
        probes=list(journal.probes),
        _keys=set(journal._keys),
        _sealed=set(journal._sealed),
        _thinned=set(journal._thinned),
        _looks_written=journal._looks_written,
    )


def flag_after(flag: FakeFlag) -> FakeFlag:
    """The flag as the next life finds it."""
    return FakeFlag(
        flag.present,
        flag.text,
        flag.owner_uid,
        full=flag.full,
        unreadable=flag.unreadable,
        delay_s=flag.delay_s,
        created_first=flag.created_first,
        durable=flag.durable,
        _identity=flag._identity,
    )


def outgrown(life: Life) -> bool:
    estop, readings = life.assembly.organs.estop, life.assembly.organs.watch.readings()
    covered = estop.state.override.covered if estop.state.override else ()
    then = {subject: hf for _, subject, hf in covered if hf is not None}
    return any(
        one.position in then and one.health_factor <= then[one.position] - estop.rules.override_step
        for one in readings
    )
