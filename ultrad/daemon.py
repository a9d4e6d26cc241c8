"""The running daemon as operators see it: its status, and what they can ask of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import anyio

from ultrad.channel_tests import try_channels
from ultrad.conditions import Conditions
from ultrad.core.account_book import Announcement
from ultrad.core.decisions import Decision
from ultrad.core.estop import describe
from ultrad.core.estop_rules import operator_cause
from ultrad.core.events import Recorded, Severity
from ultrad.core.incidents import STOP_CODES
from ultrad.core.limits import Limits
from ultrad.core.procedure import Verdict
from ultrad.core.resume_facts import LEAK, ResumeFacts, facts_of
from ultrad.core.sights import Sight
from ultrad.core.status import (
    Counts,
    EndpointLine,
    EstopStatus,
    ExpectedLine,
    IncidentLine,
    JobLine,
    JournalStatus,
    PositionStatus,
    StandingLine,
    Status,
    late,
)
from ultrad.core.trade_status import IntentLine
from ultrad.core.whatif import Supposed
from ultrad.desk import Desk
from ultrad.diary import Diary
from ultrad.doctor import Doctor
from ultrad.errors import Permanent, Transient
from ultrad.estop import Estop
from ultrad.gate import Gate
from ultrad.i18n import Catalogue, Message, msg
from ultrad.jobs.scheduler import Scheduler
from ultrad.live import Live
from ultrad.operations import (
    AllowancesAnswer,
    ChannelTest,
    ExpectRequest,
    IncidentRequest,
    Person,
    ProcedureAnswer,
    ProcedureRequest,
    QueueLine,
    ReloadAnswer,
    ResumeAnswer,
    ResumeRequest,
    RevokeRequest,
    SignalAnswer,
    SimulateRequest,
)
from ultrad.outlook import OutlookWatch
from ultrad.ports import Chain, Clock, EventFilter, Journal, JournalHead, Turned
from ultrad.postman import Postman
from ultrad.reload import Reload
from ultrad.resume import Resume
from ultrad.rules import Rules
from ultrad.supervisor import Supervisor
from ultrad.trader import Reception
from ultrad.units import Now, UsdE8, hf_text
from ultrad.watchdog import AccountWatch, MarketWatch, Watchdog

RECENT = 8
"""How many of the last events the status shows."""
REFRESH_S = 1.0
MARK_INTERVAL_MS = 60_000
"""How often the end of the chain is written down beside the journal, to tell an older copy of it by."""
DAY_MS = 86_400_000
MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while the daemon runs. positions: (name, account)."""

    version: str
    environment: str
    network: str
    positions: tuple[tuple[str, str], ...]
    started: Now


@dataclass(frozen=True, slots=True)
class Organs:
    """The parts that the status is read from."""

    clock: Clock
    chain: Chain
    journal: Journal
    gate: Gate
    estop: Estop
    watch: Watchdog
    market: MarketWatch
    conditions: Conditions
    scheduler: Scheduler
    desk: Desk
    postman: Postman
    new_id: Callable[[], str]
    rules: Live[Rules]
    outlook: OutlookWatch
    reception: Reception | None = None


class Daemon:
    """Implements `Operations`."""

    def __init__(self, facts: Facts, organs: Organs, keep_mark: Callable[[JournalHead], Awaitable[None]]) -> None:
        """keep_mark: writes down where the journal's chain ends; raises Transient."""
        self.facts, self._is = facts, organs
        self._keep_mark = keep_mark
        self._recent: tuple[Recorded, ...] = ()
        self._emergencies = 0
        self._head: JournalHead | None = None
        self._marked_ms = 0
        self.supervisor: Supervisor | None = None
        self.resumes: Resume | None = None
        self.reloads: Reload | None = None
        self.account: AccountWatch | None = None
        self.doctor: Doctor | None = None
        self.diary: Diary | None = None

    # -------------------------------------------------------- operations

    def late_parts(self) -> tuple[str, ...]:
        """The critical loops that have not turned within their limits."""
        return late(self.supervisor.parts()) if self.supervisor else ()

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        """Events of the journal."""
        return await self._is.journal.events(which)

    async def stop(self, by: str, reason: str) -> None:
        """Trip the emergency stop."""
        await self._is.estop.trip(operator_cause(by, reason, self._is.clock.now()))

    async def resume(self, person: Person, request: ResumeRequest) -> ResumeAnswer:
        """Go through the checklist and lift the stop where it passes."""
        if self.resumes is None:
            raise Transient(msg("The daemon is still starting: try again in a moment."))
        return await self.resumes.ask(person, request)

    async def reload(self, person: Person) -> ReloadAnswer:
        """Read the configuration again."""
        # The service manager must not hear that a reload has ended before it heard that the start has.
        if self.reloads is None or self.supervisor is None or not self.supervisor.ready:
            raise Transient(msg("The daemon is still starting: try again in a moment."))
        return await self.reloads.ask(person)

    async def run_job(self, name: str) -> JobLine:
        """Run a job now, and say how it went."""
        await self._is.scheduler.run_now(name)
        return next(line for line in self._is.scheduler.status() if line.name == name)

    async def incident(self, person: Person, request: IncidentRequest) -> IncidentLine:
        """What a person says of an incident."""
        desk, by = self._is.desk, person.name
        match request.act:
            case "open":
                if request.severity not in set(Severity) or request.code not in {"", *STOP_CODES}:
                    raise Permanent(msg("An incident is an S1, S2 or S3."))
                return await desk.open(by, Severity(request.severity), request.text, request.code)
            case "ack":
                return await desk.acknowledge(request.number, by)
            case "note":
                return await desk.note(request.number, by, request.text)
            case "resolve":
                return await desk.resolve(request.number, by, request.text)
            case _:
                raise Permanent(msg("An incident can be opened, taken on, noted and resolved."))

    async def test_channels(self, person: Person, name: str) -> tuple[ChannelTest, ...]:
        """Send a test to one channel, or to all at once; each is recorded."""
        parts = self._is
        return await try_channels(parts.postman, parts.journal, parts.clock, parts.new_id(), person.name, name)

    async def signal(self, decision: Decision) -> SignalAnswer:
        """Take a decision in, durably."""
        intent = await self._reception().take(decision.signal(self._is.clock.now()))
        return SignalAnswer(intent.id, intent.stage)

    async def signals(self, limit: int) -> tuple[IntentLine, ...]:
        """The newest signals, and what became of each."""
        return await self._reception().lines(limit)

    async def allowances(self) -> AllowancesAnswer:
        """What others may take of the account's tokens."""
        return AllowancesAnswer(*await self._reception().allowances())

    async def revoke(self, person: Person, request: RevokeRequest) -> tuple[SignalAnswer, ...]:
        """Take allowances back."""
        begun = await self._reception().revoke(person.name, request.asset)
        return tuple(SignalAnswer(one.id, one.stage) for one in begun)

    def _reception(self) -> Reception:
        if self._is.reception is None:
            raise Permanent(msg("Trading is not configured: write [trade]."))
        return self._is.reception

    async def expect(self, person: Person, request: ExpectRequest) -> ExpectedLine:
        """Announce one manual act on the account: by those alone who may lift a stop."""
        if self.account is None or self.resumes is None:
            raise Permanent(msg("The account's history is not looked after: write [trade]."))
        if (why := self.resumes.refuses(person)) is not None:
            raise Permanent(msg("{who} may not announce an act by hand. {why}", who=person.name, why=why))
        most = None if request.max_e8 is None else UsdE8(request.max_e8)
        told = await self.account.announce(person.name, request.kind, most, request.minutes, request.reason)
        return _expected(told, told.at)

    async def examine(self) -> tuple[Sight, ...]:
        """Look at everything now."""
        if self.doctor is None:
            raise Transient(msg("The daemon is still starting: try again in a moment."))
        return await self.doctor.examine()

    async def simulate(self, request: SimulateRequest) -> tuple[Supposed, ...]:
        """What other prices and rates would make of the positions."""
        return await self._is.outlook.suppose(request.position, request.wish)

    async def note(self, person: Person, text: str) -> None:
        """Leave a word for the others."""
        await self._diary().note(person, text)

    async def procedure(self, person: Person, request: ProcedureRequest) -> ProcedureAnswer:
        """Begin, answer, end or show a checklist. To abandon one is as grave as to lift a stop."""
        why = self.resumes.refuses(person) if self.resumes and request.answer == Verdict.ABANDONED else None
        if why is not None:
            raise Permanent(msg("{who} may not abandon it. {why}", who=person.name, why=why))
        return await self._diary().ask(person, request)

    def _diary(self) -> Diary:
        if self.diary is None:
            raise Transient(msg("The daemon is still starting: try again in a moment."))
        return self.diary

    def queue(self) -> tuple[QueueLine, ...]:
        """The notices that no channel has taken yet."""
        now = self._is.clock.now()
        return tuple(
            QueueLine(
                notice=one.told.notice,
                channel=one.channel,
                incident=one.told.incident,
                severity=one.told.severity.value,
                title=one.told.title,
                queued_ms=one.told.queued.wall_ms,
                due_in_ms=max(0, one.due_ms - now.steady_ms),
                tries=one.tries,
                instead_of=one.instead_of,
            )
            for one in self._is.postman.outbox.waiting
        )

    def status(self) -> Status:
        """Everything there is to see, now."""
        parts, now = self._is, self._is.clock.now()
        batch_at = parts.watch.batch_at
        market, limits = parts.market.market, self.limits
        return Status(
            version=self.facts.version,
            environment=self.facts.environment,
            network=self.facts.network,
            now=now,
            started_ms=self.facts.started.wall_ms,
            estop=self._estop_status(),
            positions=self._positions(now),
            reading_age_ms=now.steady_ms - batch_at.steady_ms if batch_at else None,
            lowest_hf=parts.watch.lowest_hf(now),
            warn_hf=limits.warn_hf,
            trip_hf=limits.trip_hf,
            reserves=market.reserves if market else (),
            sequencer_up=market.sequencer.up if market and market.sequencer else None,
            endpoints=self._endpoints(),
            findings=tuple(StandingLine(one.finding, one.since) for one in parts.conditions.standing()),
            parts=self.supervisor.parts() if self.supervisor else (),
            jobs=parts.scheduler.status(),
            journal=self._journal_status(),
            counts=Counts(self._emergencies, parts.scheduler.failures_24h()),
            last_level=parts.conditions.last_level.label,
            loosened=parts.rules.now.loosened,
            recent=self._recent,
            incidents=parts.desk.lines(),
            channels=parts.postman.channels(),
            trade=parts.reception.status() if parts.reception else None,
            expected=tuple(_expected(one, now) for one in self.account.announced()) if self.account else (),
        )

    def _estop_status(self) -> EstopStatus:
        state = self._is.estop.state
        override = state.override
        return EstopStatus(
            mode=state.mode,
            since=state.since,
            causes=state.causes,
            override=override,
            override_ends_ms=override.since.wall_ms + self._is.estop.rules.override_ms if override else None,
            shut_by=self._is.gate.shut_by(),
        )

    def _positions(self, now: Now) -> tuple[PositionStatus, ...]:
        readings, watch = {one.position: one for one in self._is.watch.readings()}, self._is.watch
        return tuple(
            PositionStatus(
                name, account, readings.get(name), watch.value_change(name, now), *self._is.outlook.seen(name)
            )
            for name, account in self.facts.positions
        )

    def _endpoints(self) -> tuple[EndpointLine, ...]:
        return tuple(
            EndpointLine(one.name, one.usable, one.subscribed, one.head_number, one.latency_ms, one.reason)
            for one in self._is.chain.endpoints()
        )

    def _journal_status(self) -> JournalStatus:
        backlog, trouble = self._is.journal.backlog()
        head = self._head
        return JournalStatus(head.seq if head else 0, head.hash if head else "", backlog, trouble)

    # -------------------------------------------------------- for others

    @property
    def limits(self) -> Limits:
        """The limits as they are now."""
        return self._is.rules.now.yardstick.limits

    def status_line(self, catalogue: Catalogue) -> str:
        """One line for `systemctl status`: the lowest health factor, the stop, what is late."""
        watch, now = self._is.watch, self._is.clock.now()
        factors = [one.health_factor for one in watch.readings()]
        hf = Message(hf_text(min(factors)) if factors else "–")
        age_ms = now.steady_ms - watch.batch_at.steady_ms if watch.batch_at else 0
        if factors and age_ms > self._is.rules.now.yardstick.reading_limit_ms:
            hf = msg("{hf} ({seconds} s old)", hf=hf, seconds=age_ms // 1_000)
        line = msg("HF {hf} · estop {estop}", hf=hf, estop=describe(self._is.estop.state))
        parts = self.late_parts()
        if parts:
            line = msg("{line} · late: {parts}", line=line, parts=", ".join(parts))
        return catalogue(line)

    def resume_facts(self) -> ResumeFacts:
        """What the checklist of a resume is held against, now."""
        facts = facts_of(self.status(), self._is.rules.now.yardstick, history_known=self._is.watch.history_known)
        leaks = [one.at for one in self._is.estop.state.causes if one.code == LEAK]
        return replace(facts, rotation=self._diary().after_leak(leaks[-1])) if leaks else facts

    async def run_view(self, turned: Turned) -> None:
        """Keep the last events and the day's counts at hand, and the journal's mark on the disk, for ever."""
        while True:
            try:
                await self._refresh()
            except Transient:
                self._head = None  # the status shows the journal's trouble by itself (`backlog`)
            turned()
            await anyio.sleep(REFRESH_S)

    async def _refresh(self) -> None:
        head = await self._is.journal.head()
        if head == self._head:
            return
        now = self._is.clock.now()
        self._recent = await self._is.journal.events(EventFilter(limit=RECENT, newest_first=True))
        emergencies = await self._is.journal.events(
            # A tripping finding is raised and trips: two events of that level, and one emergency.
            EventFilter(kinds=("estop.on",), since_ms=now.wall_ms - DAY_MS, limit=MOST_COUNTED)
        )
        self._emergencies = len(emergencies)
        self._head = head
        if now.steady_ms - self._marked_ms >= MARK_INTERVAL_MS:
            await self._keep_mark(head)
            self._marked_ms = now.steady_ms

    async def mark_end(self) -> None:
        """Write down where the chain ends, before the journal is closed. Raises Transient where a disk refuses."""
        await self._is.journal.flush()
        await self._keep_mark(await self._is.journal.head())


def _expected(told: Announcement, now: Now) -> ExpectedLine:
    left_ms = told.until_ms - now.steady_ms
    return ExpectedLine(told.id, told.kind, told.max_e8, told.by, told.reason, left_ms)
