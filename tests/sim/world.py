"""The whole daemon in virtual time: a machine, a chain and people that a test drives, and restarts."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.abc

from tests.fakes.chain import Account, FakeChain
from tests.fakes.channel import FakeChannel, FakeMonitor
from tests.fakes.clock import START, FakeClock
from tests.fakes.flag import FakeFlag
from tests.fakes.foresight import FakeScratch, FakeSituations
from tests.fakes.host import FakeHost
from tests.fakes.journal import FakeJournal
from tests.fakes.reports import FakeReports
from tests.sim.life import EXITED, CountedLog, Life, Seen, flag_after, journal_after, outgrown
from tests.sim.setting import GOOD, HANAKO, LIKE, SAID, SERVICE_UID, TARO, configured
from ultrad import startup
from ultrad.assembly import assemble
from ultrad.config import Config
from ultrad.core.estop import Cause, EstopState, Mode, fold
from ultrad.core.events import Recorded
from ultrad.core.report_words import About
from ultrad.errors import Fatal, UltradError
from ultrad.gate import GateShutError, MaybeSentError
from ultrad.i18n import ENGLISH
from ultrad.operations import IncidentRequest, Person, ResumeAnswer, ResumeRequest
from ultrad.outside import CheckMeans, Outside, TradeOutside
from ultrad.ports import JournalHead, Probe
from ultrad.startup import Past
from ultrad.units import Now

BLOCK_S = 12.0
SEND_S = 1.0
"""How often the strategy tries to send something."""
BLIND_MS = 21_000
"""A head is waited for 15 s, and a round of calls of the usual limit fails within the rest: so long may an outage
go unseen."""
LAPSE_MS = 12_000
"""The end of an override is seen within a second, or after a resume that waits 10 s for a hung journal."""


class World:
    """What outlives the daemon: clock, chain, disk, service manager, people. Enter it by `world(...)`."""

    def __init__(self, config: Config, tasks: anyio.abc.TaskGroup, wall: datetime) -> None:
        self.means: TradeOutside | None = None
        self.config = config
        self.written: Config | UltradError = config
        self.read_takes_s = 0.0
        self.log_levels: list[str] = []
        self.clock = FakeClock(wall)
        names = tuple(one.name for one in config.endpoints)
        self.chain = FakeChain(
            self.clock,
            names,
            stale_head_s=config.network.stale_head_s,
            max_lag_blocks=config.network.max_lag_blocks,
        )
        self.chain.set("main", GOOD)
        self.host = FakeHost()
        self.log = CountedLog()
        self.journal = FakeJournal(thin_after_hours=30 * 24)
        self.flag = FakeFlag(owner_uid=TARO.uid)
        self.channels = {one.name: FakeChannel(one.name, **LIKE[one.kind]) for one in config.channels}
        self.monitor = FakeMonitor()
        self.reports = FakeReports(lambda: self.journal, About(config.zone, "staging/sepolia", "1"))
        self.situations, self.scratch = FakeSituations(), FakeScratch()
        self._ids = itertools.count(1)
        self.mark: JournalHead | None = None
        self.sent = 0
        self.probed = 0
        self.http = Probe("http", 1, None)
        self.checks: CheckMeans | None = None
        self.broken: list[str] = []
        self.reported: list[tuple[str, str]] = []
        self.mining = True
        self.blind_ms = BLIND_MS
        self._life: Life | None = None
        self._tasks = tasks
        self._began = self.clock.now()
        self._dark_since: Now | None = None
        self._seen = Seen(self.journal)

    @property
    def life(self) -> Life:
        assert self._life is not None, "the daemon is not running"
        return self._life

    # ------------------------------------------------------------ the daemon

    async def start(self) -> Life:
        """Start the daemon on what the disk holds, as the composition root does."""
        assert self._life is None
        for one in self.config.endpoints:
            self.chain.node(one.name).aside = None  # it was only for that process
        events = tuple(self.journal.recorded)
        past = Past.of(startup.of_kinds(events), events[-1].event.now if events else None)
        head = await self.journal.head()
        if self.mark is None and not events:
            self.mark = head  # as `ultrad init` leaves it
        found = self.mark.hash if self.mark and self.mark.seq == 0 else None
        if self.mark and 0 < self.mark.seq <= len(events):
            found = events[self.mark.seq - 1].hash
        life = Life(assemble(self.config, self._outside(), past), self.journal, self.flag)
        causes = startup.marker_causes(self.mark, head, found, self.clock.now())
        self._life = life
        self._tasks.start_soon(self._live, life, causes)
        await anyio.sleep(0.01)
        return life

    async def _live(self, life: Life, causes: tuple[Cause, ...]) -> None:
        try:
            with life.scope:
                await life.assembly.start(causes)
                await life.assembly.run((), ENGLISH, life.ending.wait())
        except Fatal as error:
            life.fatal = error
        except Exception:
            if not life.abandoned:  # else there is no process any more that could fail
                raise
        finally:
            life.ended.set()

    def _outside(self) -> Outside:
        return Outside(
            clock=self.clock,
            chain=self.chain,
            journal=self.journal,
            flag=self.flag,
            host=self.host,
            job_log=self.log,
            probe_http=self._probe,
            name_of=lambda uid: {TARO.uid: TARO.name, HANAKO.uid: HANAKO.name}.get(uid, str(uid)),
            login_of={TARO.uid: TARO.name, HANAKO.uid: HANAKO.name}.get,
            report=self._report,
            keep_mark=self._keep_mark,
            abandon=self._abandon,
            fraction=lambda: 0.5,
            new_id=lambda: f"notice-{next(self._ids)}",
            key_of=lambda text: f"key of {text}",
            service_uid=SERVICE_UID,
            channels=self.channels,
            trade=self.means,
            deadman=self.monitor,
            read_config=self._read_config,
            log_level=self.log_levels.append,
            scratch=self.scratch,
            situations=self.situations,
            watchdog_s=30.0,
            reports=self.reports,
            checks=self.checks,
        )

    async def _read_config(self) -> Config:
        await anyio.sleep(self.read_takes_s)
        if isinstance(self.written, UltradError):
            raise self.written
        return self.written

    def _report(self, place: str, error: Exception) -> None:
        if self._life is None or not self._life.abandoned:
            self.reported.append((place, repr(error)))

    async def _probe(self) -> Probe:
        self.probed += 1
        return self.http

    async def _keep_mark(self, head: JournalHead) -> None:
        if self._life is not None and self._life.journal is self.journal:  # else its disk is read by nobody
            self.mark = head

    def _abandon(self, stuck: tuple[str, ...]) -> None:
        """The process ends hard: nothing of it may touch the disk from here on."""
        self.life.abandoned = stuck
        self._cut_off(self.life)

    async def stop(self) -> None:
        """`systemctl stop`: an orderly end, or a hard one where something is stuck."""
        life = self.life
        life.ending.set()
        await life.ended.wait()
        self._leave(life)

    async def crash(self) -> None:
        """SIGKILL, or the power fails: the disk stays as it is at this moment."""
        life = self.life
        self._cut_off(life)
        life.scope.cancel()
        await life.ended.wait()
        self._leave(life)

    def _leave(self, life: Life) -> None:
        if life.journal is self.journal:
            self._cut_off(life)
        self._life = None
        self.host.notify(EXITED)

    def _cut_off(self, life: Life) -> None:
        """From here on this life writes to a disk that nobody reads; a hung one is let go, so that it can end."""
        old, flag = life.journal, life.flag
        self.journal = journal_after(old)
        self.flag = flag_after(flag)
        old.recover()
        flag.full, flag.hung, flag.delay_s = False, False, 0.0

    @property
    def runs(self) -> bool:
        return self._life is not None and not self._life.ended.is_set()

    def heal(self) -> None:
        """Chain and disks are well again."""
        for name in (one.name for one in self.config.endpoints):
            node = self.chain.node(name)
            node.fault, node.frozen, node.takes_s = None, False, 0.0
            node.lies.clear()
        self.journal.recover()
        self.flag.full, self.flag.hung, self.flag.delay_s, self.flag.unreadable = False, False, 0.0, ""

    # ------------------------------------------------------------ time

    async def block(self, main: Account | None = None) -> None:
        """A block, and time for what follows from it at once."""
        if main is not None:
            self.chain.set("main", main)
        self.chain.mine(time_s=self.true_s())
        await anyio.sleep(0.01)

    def true_s(self) -> int:
        """What a right clock would show: the time in blocks."""
        now = self.clock.now()
        return (self._began.wall_ms + now.steady_ms - self._began.steady_ms) // 1_000

    async def mine(self) -> None:
        while True:
            if self.mining:
                self.chain.mine(time_s=self.true_s())
            await anyio.sleep(BLOCK_S)

    async def pass_by(self, span: timedelta) -> None:
        await anyio.sleep(span / timedelta(seconds=1))

    # ------------------------------------------------------------ people

    def rm(self) -> None:
        self.flag.rm()

    def touch(self) -> None:
        self.flag.touch()

    async def resume(self, *people: Person, waive: tuple[str, ...] = ()) -> ResumeAnswer:
        """As many people as it takes, one after the other; the last one waives."""
        daemon = self.life.assembly.daemon
        excused = tuple((name, "looked into") for name in waive)
        answer = await daemon.resume(
            people[0], ResumeRequest(**{**_said(), "waive": excused if len(people) == 1 else ()})
        )
        for person in people[1:]:
            answer = await daemon.resume(person, ResumeRequest(confirm=answer.confirm_id, waive=excused))
        return answer

    async def resolve(self, person: Person) -> None:
        """Every open incident that nothing stands behind any more."""
        daemon = self.life.assembly.daemon
        for one in daemon.status().incidents:
            if not one.stands:
                await daemon.incident(person, IncidentRequest("resolve", one.number, SAID.cause))

    # ------------------------------------------------------------ the strategy, which tries to send

    async def trade(self) -> None:
        for _ in itertools.count():
            if self._life is not None and not self._life.ended.is_set():
                await self._try(self._life)
            await anyio.sleep(SEND_S)

    async def _try(self, life: Life) -> None:
        async def call() -> None:
            self.sent += 1
            self.broken += self._wrong_with_sending(life)

        self._see_darkness(life)
        with suppress(GateShutError, MaybeSentError):
            await life.assembly.organs.gate.send(call)

    def _wrong_with_sending(self, life: Life) -> list[str]:
        """Everything that forbids a send at this very moment, by the promises."""
        now = self.clock.now()
        durable = self._durable(life)
        rules = {
            "the stop is ON": life.mode is Mode.ON,
            "the flag stands": life.flag.present or bool(life.flag.unreadable),
            "the journal says ON": durable.mode is Mode.ON,
            "no reading was ever accepted": life.assembly.organs.watch.batch is None,
            "nothing could be read for long": self._dark_since is not None
            and now.steady_ms - self._dark_since.steady_ms > self.blind_ms,
            "the daemon stops": self.host.told[-1:] != [] and self.host.told[-1][1] == "STOPPING=1",
            "the life is over": life.ended.is_set(),
            "a health factor is known to be under the floor": any(
                one.health_factor < life.assembly.organs.estop.rules.hard_floor_hf
                for one in life.assembly.organs.watch.readings()
            ),
            "a health factor is worse than the override covers": outgrown(life),
            "the override's time is over": life.state.override is not None
            and now.steady_ms - life.state.override.since.steady_ms
            > life.assembly.organs.estop.rules.override_ms + LAPSE_MS,
        }
        at_s = (now.steady_ms - self._began.steady_ms) / 1_000
        return [f"sent at {at_s} s although {rule}" for rule, broken in rules.items() if broken]

    def _see_darkness(self, life: Life) -> None:
        serving = any(one.usable for one in self.chain.endpoints())
        read_at, dark = life.assembly.organs.watch.batch_at, self._dark_since
        # A head that is just not too old may be so for a moment between two looks.
        if serving or (dark and read_at and read_at.steady_ms > dark.steady_ms):
            self._dark_since = None
        elif self._dark_since is None:
            self._dark_since = self.clock.now()

    def _durable(self, life: Life) -> EstopState:
        """The stop as the journal tells it at this moment."""
        seen = self._seen
        if seen.of is not life.journal:
            seen = self._seen = Seen(life.journal)
        fresh = life.journal.recorded[seen.length :]
        seen.length += len(fresh)
        found = [one for one in fresh if one.event.kind.startswith("estop.")]
        if found:
            seen.stops += found
            seen.state = fold(seen.stops)
        return seen.state

    # ------------------------------------------------------------ what the journal holds

    def recorded(self, *kinds: str) -> tuple[Recorded, ...]:
        return tuple(
            one
            for one in self.journal.recorded
            if any(f"{one.event.kind}.".startswith(f"{kind}.") for kind in kinds)
        )

    def kinds(self, prefix: str = "estop") -> list[str]:
        return [one.event.kind for one in self.recorded(prefix)]


def _said() -> dict[str, Any]:
    return {"cause": SAID.cause, "rollback": SAID.rollback, "staging": True, "backups": True}


@asynccontextmanager
async def world(
    config: Config | None = None,
    wall: datetime = START,
    prepare: Callable[[World], None] = lambda _: None,
) -> AsyncIterator[World]:
    """A machine with the daemon running on it, blocks coming and a strategy that never stops trying.

    prepare: before the first start.
    """
    async with anyio.create_task_group() as tasks:
        made = World(config or configured(), tasks, wall.astimezone(UTC))
        prepare(made)
        tasks.start_soon(made.mine)
        tasks.start_soon(made.trade)
        await made.start()
        try:
            yield made
        finally:
            if made._life is not None:
                await made.crash()
            tasks.cancel_scope.cancel()
    assert made.broken == []
