"""Puts the daemon together from a Config and what it needs from the world. Knows no adapter: tests use fakes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ultrad import __version__
from ultrad.conditions import Conditions
from ultrad.config import Config
from ultrad.config.check import loosened
from ultrad.core.estop import Cause, EstopState
from ultrad.core.events import Event, Level
from ultrad.core.resume_facts import Yardstick
from ultrad.core.rounds import READ_LIMIT_S
from ultrad.core.schedule import Missed, parse
from ultrad.daemon import Daemon, Facts, Organs
from ultrad.estop import Estop
from ultrad.estop import Ports as EstopPorts
from ultrad.gate import Gate
from ultrad.i18n import Catalogue, msg
from ultrad.jobs import JOBS
from ultrad.jobs.scheduler import Scheduler
from ultrad.jobs.spec import JobContext, JobPlan
from ultrad.ports import Chain, Clock, EstopFlag, Host, JobLog, Journal, JournalHead, Probe
from ultrad.resume import People, Resume, ResumePorts, random_id
from ultrad.supervisor import Around, Part, Supervisor, contained
from ultrad.watchdog import MarketWatch, ReadingAge, Watchdog, WatchPorts, WatchSettings

MIN_ROUND_S = 2.0
"""The shortest wait for a head before reading without one."""
MAX_ROUND_S = 15.0
"""The longest: four rounds fit into the minute after which silence trips."""
WATCH_MARGIN_S = 20.0
"""What a round may take besides waiting for a head, for endpoints and for cross-checks: a slow disk's trips."""
PART_LIMIT_S = 30.0
POLL_CALLS = 3
"""So many calls make one poll of an endpoint, on a new connection."""
SLOW_PART_LIMIT_S = 900.0
"""For parts whose pace is a configured interval of up to ten minutes."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that the daemon needs and is not itself. See `ultrad.ports` and `ultrad.supervisor.Around`.

    keep_mark: writes the end of the chain down beside the journal; raises Transient.
    """

    clock: Clock
    chain: Chain
    journal: Journal
    flag: EstopFlag
    host: Host
    job_log: JobLog
    probe_http: Callable[[], Awaitable[Probe]]
    name_of: Callable[[int], str]
    report: Callable[[str, Exception], None]
    keep_mark: Callable[[JournalHead], Awaitable[None]]
    abandon: Callable[[tuple[str, ...]], None]
    fraction: Callable[[], float]
    service_uid: int
    watchdog_s: float | None = None


@dataclass(frozen=True, slots=True)
class PartLimits:
    """How long parts may be silent that wait for endpoints, from how long the configuration lets them wait.

    What no outage can bring about is a hang: only that may withhold the heartbeat.
    """

    chain_s: float
    watch_s: float


@dataclass(frozen=True, slots=True)
class Assembly:
    """The daemon, put together and not yet running."""

    outside: Outside
    daemon: Daemon
    organs: Organs
    age: ReadingAge
    limits: PartLimits

    async def start(self, causes: tuple[Cause, ...]) -> None:
        """Record the start and bring flag, journal and gate in step. causes: what stands against trading."""
        facts, journal = self.daemon.facts, self.outside.journal
        message = msg(
            "ultrad {version} started: {environment} on {network}.",
            version=facts.version,
            environment=facts.environment,
            network=facts.network,
        )
        data = {"version": facts.version, "environment": facts.environment, "network": facts.network}
        journal.post(Event("daemon.started", Level.INFO, facts.started, message, dict(data)))
        await self.organs.estop.start(causes)

    async def run(self, doors: tuple[Part, ...], words: Catalogue, shutdown: Awaitable[None]) -> None:
        """Run until `shutdown` is done. doors: the ways in. Raises the Fatal of a part that gave up."""
        outside, organs, limits = self.outside, self.organs, self.limits
        around = Around(
            clock=outside.clock,
            host=outside.host,
            journal=outside.journal,
            sink=organs.conditions,
            status=lambda: self.daemon.status_line(words),
            report=outside.report,
            abandon=outside.abandon,
            fraction=outside.fraction,
            watchdog_s=outside.watchdog_s,
        )
        parts = (
            Part("journal", outside.journal.run, PART_LIMIT_S),
            Part("estop", organs.estop.run, PART_LIMIT_S),
            Part("chain", outside.chain.run, limits.chain_s),
            Part("age", self.age.run, PART_LIMIT_S),
            Part("watch", organs.watch.run, limits.watch_s),
            Part("crosscheck", organs.watch.run_crosscheck, limits.watch_s),
            Part("market", organs.market.run, SLOW_PART_LIMIT_S),
            Part("history", organs.watch.run_history, SLOW_PART_LIMIT_S, critical=False),
            Part("jobs", organs.scheduler.run, PART_LIMIT_S),
            *doors,
            Part("view", self.daemon.run_view, PART_LIMIT_S, critical=False),
        )
        supervisor = Supervisor(parts, (self._say_goodbye, self.daemon.mark_end, outside.journal.close), around)
        self.daemon.supervisor = supervisor
        await supervisor.run(shutdown)

    async def _say_goodbye(self) -> None:
        now = self.outside.clock.now()
        self.outside.journal.post(Event("daemon.stopped", Level.INFO, now, msg("ultrad stopped in order.")))


def assemble(config: Config, outside: Outside, state: EstopState) -> Assembly:
    """Put the daemon together. state: the stop as the journal tells it."""
    settings, clock, journal, chain = config.settings, outside.clock, outside.journal, outside.chain
    conditions = Conditions(journal)
    gate = Gate(outside.flag)
    estop = Estop(EstopPorts(gate, outside.flag, journal, clock, conditions, outside.name_of), config.estop, state)
    watch = Watchdog(WatchPorts(chain, estop, gate, journal, clock, conditions), _watch_settings(config))
    age = ReadingAge(lambda: watch.batch_at, gate, clock, conditions, limit_s=config.network.stale_head_s)
    market = MarketWatch(
        chain, estop, clock, conditions, limits=config.limits, interval_s=settings.chain.market_interval_s
    )
    context = JobContext(clock, chain, journal, outside.job_log, outside.probe_http)
    scheduler = Scheduler(_plans(config), context, conditions, contained, outside.report)
    organs = Organs(clock, chain, journal, gate, estop, watch, market, conditions, scheduler)
    daemon = Daemon(_facts(config, clock), organs, outside.keep_mark)
    people = People(
        two=settings.environment == "production",
        identified=settings.environment != "devnet",
        service_uid=outside.service_uid,
    )
    daemon.resumes = Resume(ResumePorts(estop, journal, clock, daemon.resume_facts, random_id), people)
    return Assembly(outside, daemon, organs, age, _part_limits(config))


def _facts(config: Config, clock: Clock) -> Facts:
    settings = config.settings
    return Facts(
        version=__version__,
        environment=settings.environment,
        network=config.network.name,
        positions=tuple((one.name, one.account) for one in settings.positions),
        yardstick=Yardstick(
            limits=config.limits,
            look_back_ms=config.estop.look_back_ms,
            reading_limit_ms=config.network.stale_head_s * 1_000,
        ),
        loosened=tuple(line.message for line in loosened(settings)),
        started=clock.now(),
    )


def _plans(config: Config) -> tuple[JobPlan, ...]:
    plans = []
    for spec in JOBS:
        section = getattr(config.settings.jobs, spec.name)
        plans.append(
            JobPlan(
                spec=spec,
                schedule=parse(section.cron or spec.cron, config.settings.timezone),
                timeout_s=section.timeout_s or spec.timeout_s,
                missed=Missed(section.missed) if section.missed else spec.missed,
                enabled=section.enabled,
            )
        )
    return tuple(plans)


def _part_limits(config: Config) -> PartLimits:
    watch = _watch_settings(config)
    return PartLimits(
        chain_s=PART_LIMIT_S + POLL_CALLS * config.settings.chain.call_timeout_s,
        watch_s=watch.round_s + READ_LIMIT_S + watch.rules.crosscheck_wait_s + WATCH_MARGIN_S,
    )


def _watch_settings(config: Config) -> WatchSettings:
    section = config.settings.chain
    blocks_s = config.network.block_time_ms * 3 / 1_000
    return WatchSettings(
        limits=config.limits,
        rules=config.estop,
        # Twice within the time after which a reading is too old, whatever a configuration makes of that.
        round_s=min(max(blocks_s, MIN_ROUND_S), MAX_ROUND_S, config.network.stale_head_s / 2),
        crosscheck_blocks=section.crosscheck_blocks,
        silence_rounds=section.silence_rounds,
        silence_s=section.silence_s,
    )
