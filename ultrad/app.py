"""The composition root: a Config in, a running daemon out. Only this module knows adapters."""

import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio

from ultrad import __version__, startup
from ultrad.adapters import logging as log
from ultrad.adapters import marker
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.adapters.flag import FlagFile
from ultrad.adapters.host import HostClock, ServiceManager, watchdog_s
from ultrad.adapters.http_probe import prober
from ultrad.adapters.joblog import JobLogFiles
from ultrad.adapters.journal.journal import SqliteJournal, open_journal
from ultrad.adapters.journal.reader import Reader, open_reader
from ultrad.adapters.lock import InstanceLock, take_lock
from ultrad.adapters.people import name_of
from ultrad.adapters.recorder import LoggedJournal
from ultrad.conditions import Conditions
from ultrad.config import Config
from ultrad.config.check import loosened
from ultrad.core.estop import Cause, EstopState, fold
from ultrad.core.events import Event, Level, Recorded
from ultrad.core.resume_facts import Yardstick
from ultrad.core.retry import Backoff, pause_s
from ultrad.core.schedule import Missed, parse
from ultrad.daemon import Daemon, Facts, Organs
from ultrad.errors import Fatal, Transient
from ultrad.estop import Estop
from ultrad.estop import Ports as EstopPorts
from ultrad.gate import Gate
from ultrad.i18n import Catalogue, Message, catalogue, msg
from ultrad.jobs import JOBS
from ultrad.jobs.scheduler import Scheduler
from ultrad.jobs.spec import JobContext, JobPlan
from ultrad.paths import Paths
from ultrad.ports import Clock, EventFilter, Journal, JournalHead
from ultrad.resume import People, Resume, ResumePorts, random_id
from ultrad.supervisor import Around, Part, Supervisor, contained
from ultrad.units import Now
from ultrad.watchdog import MarketWatch, Watchdog, WatchPorts, WatchSettings
from ultrad.web.control import ControlPart, ControlSettings
from ultrad.web.server import HttpPart, HttpSettings

RECONNECT = Backoff(first_s=0.5, most_s=30.0)
PAGE = 1_000
MIN_ROUND_S = 2.0
"""The shortest wait for a head before reading without one."""
MAX_ROUND_S = 15.0
"""The longest: four rounds fit into the minute after which silence trips."""
WATCH_LIMIT_S = 60.0
"""A round may fail over through every endpoint and wait for cross-checks; silence beyond that is a hang."""
PART_LIMIT_S = 30.0
SLOW_PART_LIMIT_S = 900.0
"""For parts whose pace is a configured interval of up to ten minutes."""


def run(config: Config) -> int:
    """Run the daemon until it is told to stop; answers the exit code."""
    words = catalogue(config.settings.language)
    secrets = [one.http.reveal() for one in config.endpoints]
    secrets += [one.ws.reveal() for one in config.endpoints if one.ws]
    secrets += [config.estop_token.reveal()] if config.estop_token else []
    log.configure(config.settings.log.format, config.settings.log.level, words, secrets)
    try:
        anyio.run(_main, config, words, backend="asyncio")
    except Fatal as error:
        log.say(Level.EMERGENCY, error.message)
        ServiceManager(os.environ.get("NOTIFY_SOCKET")).notify(f"STATUS={words(error.message)}")
        return error.exit_code
    return 0


async def _main(config: Config, words: Catalogue) -> None:
    paths = Paths.of(config.settings)
    with ExitStack() as stack:
        stack.callback(_locked(paths).release)
        journal = open_journal(paths.journal, thin_after_hours=config.settings.journal.thin_after_days * 24)
        before = _read_before(paths, journal)
        clock = HostClock(paths.clock, before.last)
        logged = LoggedJournal(journal, lambda level, message, kind: log.say(level, message, kind=kind))
        chain = _chain(config, clock, logged, paths)
        async with chain:
            await _run(config, words, _World(paths, clock, logged, chain), before)


@dataclass(frozen=True, slots=True)
class _World:
    """The adapters that everything else stands on."""

    paths: Paths
    clock: Clock
    journal: Journal
    chain: RpcChain


def _locked(paths: Paths) -> InstanceLock:
    try:
        return take_lock(paths.lock)
    except Transient as error:
        raise Fatal(
            msg("{reason} If this is a new installation, run `ultrad init` first.", reason=error.message)
        ) from error


# ------------------------------------------------------------ what was before


@dataclass(frozen=True, slots=True)
class _Before:
    """What the disk tells of the time before this start. make_causes: what of it stands against trading."""

    state: EstopState
    last: Now | None
    make_causes: Callable[[Now], tuple[Cause, ...]]


def _read_before(paths: Paths, journal: SqliteJournal) -> _Before:
    """Fold the stop's history and compare the journal with its marker. What cannot be read counts as ON."""
    _, trouble = journal.backlog()
    if trouble is not None:
        return _Before(EstopState(), None, lambda now: (startup.state_unusable(trouble, now),))
    try:
        with open_reader(paths.journal) as reader:
            head = reader.head()
            newest = reader.events(EventFilter(limit=1, newest_first=True))
            events: list[Recorded] = []
            after = 0
            while page := reader.events(EventFilter(kinds=("estop",), after_seq=after, limit=PAGE)):
                events += page
                after = page[-1].seq
            mark = marker.read(paths.marker)
            found = _hash_at(reader, mark)
    except Transient as error:
        reason = error.message
        return _Before(EstopState(), None, lambda now: (startup.state_unusable(reason, now),))
    return _Before(
        fold(events),
        newest[0].event.now if newest else None,
        lambda now: startup.marker_causes(mark, head, found, now),
    )


def _hash_at(reader: Reader, mark: JournalHead | None) -> str | None:
    """The journal's own hash where the marker was set; None where it is not so long."""
    if mark is None or mark.seq == 0:
        return mark.hash if mark else None  # an empty chain is told by its id alone
    found = reader.events(EventFilter(after_seq=mark.seq - 1, limit=1))
    return found[0].hash if found and found[0].seq == mark.seq else None


# ------------------------------------------------------------ composition


def _chain(config: Config, clock: Clock, journal: Journal, paths: Paths) -> RpcChain:
    section, network = config.settings.chain, config.network
    settings = ChainSettings(
        chain_id=network.chain_id,
        addresses_provider=network.addresses_provider,
        positions=tuple((one.name, one.account) for one in config.settings.positions),
        assets=config.settings.oracle.assets,
        sequencer_feed=network.sequencer_feed,
        feeds=tuple(sorted(config.settings.oracle.feeds.items())),
        call_timeout_s=section.call_timeout_s,
        stale_head_s=network.stale_head_s,
        max_lag_blocks=network.max_lag_blocks,
        poll_interval_s=section.poll_interval_ms / 1_000,
        multicall=section.multicall,
    )
    endpoints = [
        EndpointSettings(one.name, one.http.reveal(), one.ws.reveal() if one.ws else None)
        for one in config.endpoints
    ]

    def tell(message: Message) -> None:
        journal.post(Event("chain.told", Level.WARNING, clock.now(), message))

    return RpcChain(
        settings,
        endpoints,
        clock=clock,
        pauses=lambda failures: pause_s(RECONNECT, failures, random.random()),  # noqa: S311 - jitter
        book_file=BookFile(paths.addresses, network.chain_id, network.addresses_provider),
        tell=tell,
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


def _watch_settings(config: Config) -> WatchSettings:
    section = config.settings.chain
    blocks_s = config.network.block_time_ms * 3 / 1_000
    return WatchSettings(
        limits=config.limits,
        rules=config.estop,
        round_s=min(max(blocks_s, MIN_ROUND_S), MAX_ROUND_S),
        crosscheck_blocks=section.crosscheck_blocks,
        silence_rounds=section.silence_rounds,
        silence_s=section.silence_s,
    )


def _daemon(config: Config, world: _World, before: _Before, facts: Facts) -> tuple[Daemon, Organs]:
    settings, clock, journal = config.settings, world.clock, world.journal
    flag = FlagFile(world.paths.flag)
    flag.put_back()
    conditions = Conditions(journal)
    gate = Gate(flag)
    estop = Estop(EstopPorts(gate, flag, journal, clock, conditions, name_of), config.estop, before.state)
    ports = WatchPorts(world.chain, estop, gate, journal, clock, conditions)
    watch = Watchdog(ports, _watch_settings(config))
    market = MarketWatch(
        world.chain, estop, clock, conditions, limits=config.limits, interval_s=settings.chain.market_interval_s
    )

    def tell(message: Message) -> None:
        log.say(Level.WARNING, message)

    job_log = JobLogFiles(Path(settings.log_dir), clock, catalogue(settings.language), tell)
    probe = prober(f"http://{_authority(settings.http.host)}:{settings.http.port}/health")
    context = JobContext(clock, world.chain, journal, job_log, probe)
    scheduler = Scheduler(_plans(config), context, conditions, contained, log.report)
    organs = Organs(clock, world.chain, journal, gate, estop, watch, market, conditions, scheduler)
    daemon = Daemon(facts, organs, lambda head: marker.write(world.paths.marker, head, clock.now().wall_ms))
    daemon.resumes = Resume(
        ResumePorts(estop, journal, clock, daemon.resume_facts, random_id),
        People(
            two=settings.environment == "production",
            identified=settings.environment != "devnet",
            service_uid=os.geteuid(),
        ),
    )
    return daemon, organs


def _authority(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _parts(config: Config, world: _World, daemon: Daemon, organs: Organs, words: Catalogue) -> tuple[Part, ...]:
    http, settings = config.settings.http, config.settings
    server = HttpPart(
        daemon,
        HttpSettings(
            host=http.host,
            port=http.port,
            estop_token=config.estop_token.reveal() if config.estop_token else None,
            body_limit_bytes=http.body_limit_bytes,
            request_timeout_s=http.request_timeout_s,
            max_connections=http.max_connections,
        ),
        words,
    )
    control = ControlPart(daemon, ControlSettings(world.paths.socket, settings.environment), words, name_of)
    return (
        Part("journal", world.journal.run, PART_LIMIT_S),
        Part("estop", organs.estop.run, PART_LIMIT_S),
        Part("chain", world.chain.run, PART_LIMIT_S),
        Part("watch", organs.watch.run, WATCH_LIMIT_S),
        Part("crosscheck", organs.watch.run_crosscheck, WATCH_LIMIT_S),
        Part("market", organs.market.run, SLOW_PART_LIMIT_S),
        Part("history", organs.watch.run_history, SLOW_PART_LIMIT_S, critical=False),
        Part("jobs", organs.scheduler.run, PART_LIMIT_S),
        Part("control", control.run, PART_LIMIT_S, critical=False),
        Part("http", server.run, PART_LIMIT_S),
        Part("view", daemon.run_view, PART_LIMIT_S, critical=False),
    )


async def _run(config: Config, words: Catalogue, world: _World, before: _Before) -> None:
    started = world.clock.now()
    facts = Facts(
        version=__version__,
        environment=config.settings.environment,
        network=config.network.name,
        positions=tuple((one.name, one.account) for one in config.settings.positions),
        yardstick=Yardstick(
            limits=config.limits,
            look_back_ms=config.estop.look_back_ms,
            reading_limit_ms=config.network.stale_head_s * 1_000,
        ),
        loosened=tuple(line.message for line in loosened(config.settings)),
        started=started,
    )
    daemon, organs = _daemon(config, world, before, facts)
    causes = before.make_causes(started)
    world.journal.post(_started_event(facts, causes))
    await organs.estop.start(causes)
    around = Around(
        clock=world.clock,
        host=ServiceManager(os.environ.get("NOTIFY_SOCKET")),
        journal=world.journal,
        sink=organs.conditions,
        status=lambda: daemon.status_line(words),
        report=log.report,
        abandon=_abandon,
        fraction=random.random,
        watchdog_s=watchdog_s(os.environ, os.getpid()),
    )
    supervisor = Supervisor(
        _parts(config, world, daemon, organs, words), (_goodbye(world), world.journal.close), around
    )
    daemon.supervisor = supervisor
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:

        async def told_to_stop() -> None:
            async for _ in signals:
                return

        await supervisor.run(told_to_stop())


def _started_event(facts: Facts, causes: tuple[Cause, ...]) -> Event:
    return Event(
        "daemon.started",
        Level.INFO,
        facts.started,
        msg(
            "ultrad {version} started: {environment} on {network}.",
            version=facts.version,
            environment=facts.environment,
            network=facts.network,
        ),
        {"version": facts.version, "causes": list(startup.codes(causes))},
    )


def _goodbye(world: _World) -> Callable[[], Awaitable[None]]:
    async def say() -> None:
        world.journal.post(Event("daemon.stopped", Level.INFO, world.clock.now(), msg("ultrad stopped as told.")))

    return say


def _abandon(stuck: tuple[str, ...]) -> None:
    """End at once: what is stuck will not end by itself, and systemd must not have to wait for its own limit."""
    log.say(
        Level.CRITICAL, msg("{parts} could not be stopped in time: the process ends hard.", parts=", ".join(stuck))
    )
    sys.stderr.flush()
    os._exit(1)
