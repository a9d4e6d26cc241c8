"""A daemon that answers what a test sets, and remembers what it was asked to do."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.fakes.foresight import situation
from ultrad.core.allowances import Allowance, AllowancesAt
from ultrad.core.checklist import Line, Mark
from ultrad.core.decisions import Decision
from ultrad.core.estop import Cause, Mode
from ultrad.core.events import Effect, Event, Finding, Level, Origin, Recorded, Severity
from ultrad.core.incidents import Stage
from ultrad.core.intents import Stage as IntentStage
from ultrad.core.limits import Limits
from ultrad.core.position import Block, Reading, Reserve
from ultrad.core.sights import Sight
from ultrad.core.status import (
    ChannelLine,
    Counts,
    EndpointLine,
    EstopStatus,
    ExpectedLine,
    IncidentLine,
    JobLine,
    JournalStatus,
    PartStatus,
    PositionStatus,
    StandingLine,
    Status,
)
from ultrad.core.trade_status import IntentLine
from ultrad.core.whatif import Supposed, Yard, check_symbols, suppose
from ultrad.errors import Duplicate
from ultrad.i18n import Message, msg
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
from ultrad.ports import EventFilter
from ultrad.units import INFINITE_HF, Address, Bps, Now, UsdE8, Wad

ACCOUNT = "0xAbCdEf0123456789aBcDeF0123456789ABCDEF01"
NOW = Now(wall_ms=1_772_452_800_000, steady_ms=5_000_000)
OFF = EstopStatus(mode=Mode.OFF, since=None, causes=(), override=None, override_ends_ms=None, shut_by=())
CAUSE = Cause(
    code="hf_trip",
    subject="main",
    at=Now(NOW.wall_ms - 60_000, NOW.steady_ms - 60_000),
    by="ultrad",
    message=msg("main: the health factor fell to {hf}", hf="1.5845"),
    figures=(("hf", "1.5845"),),
    health_factor=Wad(1_584_500_000_000_000_000),
)
ON = EstopStatus(
    mode=Mode.ON, since=CAUSE.at, causes=(CAUSE,), override=None, override_ends_ms=None, shut_by=("estop",)
)


def reading(name: str = "main", hf: int = 1_886_400_000_000_000_000) -> Reading:
    return Reading(
        position=name,
        block=Block(21_000_000, "0x" + "ab" * 32, NOW.wall_ms // 1000),
        endpoint="alpha",
        health_factor=Wad(hf),
        collateral_e8=UsdE8(25_000_00000000),
        debt_e8=UsdE8(11_000_00000000),
    )


def finding(text: str = "alpha answers slowly", level: Level = Level.WARNING, code: str = "slow") -> StandingLine:
    found = Finding(
        code=code,
        subject="alpha",
        level=level,
        origin=Origin.OUTSIDE,
        message=msg("{what}", what=text),
        severity=Severity.S3,
        effect=Effect.NONE,
    )
    return StandingLine(found, NOW)


def part(name: str = "watchdog", *, late: bool = False) -> PartStatus:
    return PartStatus(name, late=late, age_ms=41_500 if late else 300, limit_ms=30_000, restarts=0)


def job(name: str = "health_check") -> JobLine:
    return JobLine(
        name=name,
        enabled=True,
        cron="* * * * *",
        next_ms=NOW.wall_ms + 60_000,
        last_started_ms=NOW.wall_ms,
        last_ok=True,
        last_message=msg("all {count} endpoints answered", count=2),
        last_duration_ms=120,
        failures_24h=0,
        running=False,
    )


def recorded(seq: int = 1, level: Level = Level.INFO, message: Message | None = None) -> Recorded:
    event = Event("daemon.started", level, NOW, message or msg("ultrad started"), {"figure": 2**70, "list": [1]})
    return Recorded(seq, "cd" * 32, event)


def incident(number: int = 3) -> IncidentLine:
    return IncidentLine(
        number=number,
        severity=Severity.S2,
        stage=Stage.OPEN,
        code="channel_down",
        subject="line",
        since_ms=NOW.wall_ms - 60_000,
        message=msg("The channel {name} takes no notices.", name="line"),
        stands=True,
        by="",
    )


def status() -> Status:
    """A daemon that has nothing to complain of: one ordinary position and one without debt."""
    return Status(
        version="0.1.0",
        environment="staging",
        network="base-sepolia",
        now=NOW,
        started_ms=NOW.wall_ms - 3_600_000,
        estop=OFF,
        positions=(
            PositionStatus("main", ACCOUNT, reading(), Bps(-250)),
            PositionStatus("savings", ACCOUNT, reading("savings", INFINITE_HF), None),
        ),
        reading_age_ms=1_200,
        lowest_hf=Wad(1_810_900_000_000_000_000),
        reserves=(
            Reserve(
                symbol="WETH",
                asset=Address(ACCOUNT),
                decimals=18,
                active=True,
                frozen=False,
                paused=False,
                supply_cap=0,
                supplied=10 * 10**18,
                available=10**18,
                price_e8=UsdE8(2_500_00000000),
                price_updated_s=NOW.wall_ms // 1000,
            ),
        ),
        sequencer_up=True,
        endpoints=(
            EndpointLine(
                "alpha", usable=True, subscribed=True, head_number=21_000_000, latency_ms=12, reason=None
            ),
            EndpointLine(
                "beta",
                usable=False,
                subscribed=False,
                head_number=None,
                latency_ms=None,
                reason=msg("it answers for chain {id}", id=1),
            ),
        ),
        findings=(finding(),),
        parts=(part("watchdog"), part("chain")),
        jobs=(job(),),
        journal=JournalStatus(seq=42, hash="cd" * 32, backlog=0, trouble=None),
        counts=Counts(emergency_events=1, job_failures=0),
        last_level="warning",
        loosened=(msg("the value rule is switched off"),),
        recent=(recorded(),),
        incidents=(incident(),),
        channels=(
            ChannelLine("infra", None, None, NOW.wall_ms - 5_000, 0, None),
            ChannelLine("line", 1_000, msg("no answer in {seconds} s", seconds=15), None, 2, 12),
        ),
    )


def _matches(one: Recorded, which: EventFilter) -> bool:
    event = one.event
    kinds = tuple(f"{kind}." for kind in which.kinds)
    since = which.since_ms is None or event.now.wall_ms >= which.since_ms
    return since and event.level >= which.min_level and (not kinds or f"{event.kind}.".startswith(kinds))


@dataclass
class FakeOperations:
    """Implements `Operations`. `error`: raised by whatever is asked next that can fail.

    strict: whether `events` goes by the filter; else it gives all that come after.
    """

    shown: Status = field(default_factory=status)
    journal: tuple[Recorded, ...] = ()
    error: Exception | None = None
    asked: list[EventFilter] = field(default_factory=list)
    stops: list[tuple[str, str]] = field(default_factory=list)
    resumes: list[tuple[Person, ResumeRequest]] = field(default_factory=list)
    reloads: list[Person] = field(default_factory=list)
    reloaded: ReloadAnswer = field(default_factory=lambda: ReloadAnswer(done=True, message=msg("nothing changed")))
    runs: list[str] = field(default_factory=list)
    said: list[tuple[Person, IncidentRequest]] = field(default_factory=list)
    tested: list[tuple[Person, str]] = field(default_factory=list)
    sights: tuple[Sight, ...] = ()
    waiting: tuple[QueueLine, ...] = ()
    looks: int = 0
    decisions: list[Decision] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    lines: tuple[IntentLine, ...] = ()
    announced: list[tuple[Person, ExpectRequest]] = field(default_factory=list)
    supposed: list[SimulateRequest] = field(default_factory=list)
    allowed: tuple[Allowance, ...] = ()
    busy: tuple[str, ...] = ()
    revoked: list[tuple[Person, RevokeRequest]] = field(default_factory=list)
    notes: list[tuple[Person, str]] = field(default_factory=list)
    procedures: list[tuple[Person, ProcedureRequest]] = field(default_factory=list)
    shown_procedure: ProcedureAnswer = field(default_factory=lambda: ProcedureAnswer(None))
    strict: bool = False
    follow: Callable[[Person, ProcedureRequest], ProcedureAnswer] | None = None

    def be_late(self, *names: str) -> None:
        parts = tuple(part(one.name, late=one.name in names) for one in self.shown.parts)
        self.shown = replace(self.shown, parts=parts)

    def status(self) -> Status:
        self.looks += 1
        if isinstance(self.error, ZeroDivisionError):
            raise self.error
        return self.shown

    def late_parts(self) -> tuple[str, ...]:
        return self.shown.late_parts()

    async def events(self, which: EventFilter) -> tuple[Recorded, ...]:
        self._fail()
        self.asked.append(which)
        found = tuple(one for one in self.journal if one.seq > which.after_seq)
        return tuple(one for one in found if _matches(one, which)) if self.strict else found

    async def stop(self, by: str, reason: str) -> None:
        self._fail()
        self.stops.append((by, reason))
        self.shown = replace(self.shown, estop=ON)

    async def resume(self, person: Person, request: ResumeRequest) -> ResumeAnswer:
        self._fail()
        self.resumes.append((person, request))
        line = Line("cause", Mark.ASK, msg("what caused the stop?"), waivable=False)
        return ResumeAnswer(done=False, lines=(line,), message=msg("say the cause"), confirm_id="A1B2")

    async def reload(self, person: Person) -> ReloadAnswer:
        self._fail()
        self.reloads.append(person)
        return self.reloaded

    async def run_job(self, name: str) -> JobLine:
        self._fail()
        self.runs.append(name)
        return job(name)

    async def incident(self, person: Person, request: IncidentRequest) -> IncidentLine:
        self._fail()
        self.said.append((person, request))
        return replace(incident(max(1, request.number)), by=person.name if request.act == "ack" else "")

    async def examine(self) -> tuple[Sight, ...]:
        self._fail()
        return self.sights

    async def test_channels(self, person: Person, name: str) -> tuple[ChannelTest, ...]:
        self._fail()
        self.tested.append((person, name))
        return (
            ChannelTest("infra", None, 120),
            ChannelTest("line", msg("no answer in {seconds} s", seconds=15), 15_000),
        )

    async def expect(self, person: Person, request: ExpectRequest) -> ExpectedLine:
        self._fail()
        self.announced.append((person, request))
        return ExpectedLine(
            "e-1", request.kind, request.max_e8, person.name, request.reason, request.minutes * 60_000
        )

    async def simulate(self, request: SimulateRequest) -> tuple[Supposed, ...]:
        self._fail()
        self.supposed.append(request)
        here, limits = situation(), Limits()
        check_symbols((here,), request.wish)
        yard = Yard(limits.warn_hf, limits.trip_hf, limits.max_value_change_bps)
        return (suppose(here, request.wish, yard, 3_000),)

    async def allowances(self) -> AllowancesAnswer:
        self._fail()
        return AllowancesAnswer(
            AllowancesAt(Block(21_000_000, "0x" + "ab" * 32, NOW.wall_ms // 1000), "alpha", self.allowed),
            self.busy,
        )

    async def revoke(self, person: Person, request: RevokeRequest) -> tuple[SignalAnswer, ...]:
        self._fail()
        self.revoked.append((person, request))
        return (SignalAnswer("revocation:1", IntentStage.ADMITTED),)

    async def note(self, person: Person, text: str) -> None:
        self._fail()
        self.notes.append((person, text))

    async def procedure(self, person: Person, request: ProcedureRequest) -> ProcedureAnswer:
        self._fail()
        self.procedures.append((person, request))
        return self.follow(person, request) if self.follow else self.shown_procedure

    def queue(self) -> tuple[QueueLine, ...]:
        return self.waiting

    async def signal(self, decision: Decision) -> SignalAnswer:
        self._fail()
        key = decision.signal(NOW).key
        if key in {one.signal(NOW).key for one in self.decisions}:
            raise Duplicate(msg("The signal {id} came before: {outcome}", id=key, outcome="done"))
        self.decisions.append(decision)
        return SignalAnswer(key, IntentStage.PROPOSED)

    async def signals(self, limit: int) -> tuple[IntentLine, ...]:
        self._fail()
        self.limits.append(limit)
        return self.lines

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error
