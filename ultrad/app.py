"""The composition root: a Config in, a running daemon out. Only this module knows adapters."""

import os
import random
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.to_thread
from aiohttp import ClientSession

from ultrad import __version__, channels, startup, trading
from ultrad.adapters import denied, marker
from ultrad.adapters import logging as log
from ultrad.adapters.aside import CHILD, WorkAside
from ultrad.adapters.chain.book import BookFile
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.settings import ChainSettings, EndpointSettings
from ultrad.adapters.chain.situations import AaveSituations
from ultrad.adapters.flag import FlagFile
from ultrad.adapters.host import HostClock, ServiceManager, uncollected, watchdog_s
from ultrad.adapters.http_probe import prober
from ultrad.adapters.joblog import JobLogFiles
from ultrad.adapters.journal.journal import SqliteJournal, open_journal
from ultrad.adapters.journal.reader import Reader, open_reader
from ultrad.adapters.journal.schema import UnusableError
from ultrad.adapters.lock import InstanceLock, take_lock
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.people import login_of, name_of
from ultrad.adapters.scratch import scratch_flag
from ultrad.assembly import PART_LIMIT_S, assemble
from ultrad.config import Config, sound
from ultrad.core.estop import Cause
from ultrad.core.events import Event, Level
from ultrad.core.retry import Backoff, pause_s
from ultrad.daemon import Daemon
from ultrad.errors import Fatal, Permanent, Transient
from ultrad.heard import HeardJournal
from ultrad.i18n import Catalogue, Message, catalogue, msg
from ultrad.outside import Outside, TradeOutside
from ultrad.paths import Paths
from ultrad.ports import Clock, EventFilter, Journal, JournalHead
from ultrad.startup import Past
from ultrad.supervisor import Part
from ultrad.surroundings import check_means
from ultrad.units import Now
from ultrad.web.control import ControlPart, ControlSettings
from ultrad.web.server import HttpPart, HttpSettings
from ultrad.web.signals import SignalDoor

GROUP = "ultrad"
"""Its members may reach the control socket and the flag."""
NAMESPACE = uuid.UUID("6e0f4c1a-6f0e-4d7b-9c57-0c2b7a0f5f11")
"""Of the keys that notices bear on each channel (RFC 9562, name-based)."""
RECONNECT = Backoff(first_s=0.5, most_s=30.0)
JOB_LOG_S = 1.0
"""How long the end waits for the last lines of the jobs' logs."""
ALL = 2**62
"""What was before is read whole: to leave out its newest events would be to forget a stop."""


def run(config: Config) -> int:
    """Run the daemon until it is told to stop; answers the exit code."""
    words = catalogue(config.settings.language)
    secrets = [one.http.reveal() for one in config.endpoints]
    secrets += [one.ws.reveal() for one in config.endpoints if one.ws]
    secrets += [config.estop_token.reveal()] if config.estop_token else []
    secrets += channels.secrets_of(config)
    secrets += trading.secrets_of(config)
    log.configure(config.settings.log.format, config.settings.log.level, words, secrets)
    try:
        anyio.run(_main, config, words, backend="asyncio")
    except Fatal as error:
        log.say(Level.EMERGENCY, error.message)
        ServiceManager(os.environ.get("NOTIFY_SOCKET")).notify(f"STATUS={words(error.message)}")
        return error.exit_code
    return 0


def refuse(reason: str, exit_code: int) -> int:
    """Say why the daemon cannot even begin, on the terminal and in `systemctl status`; answers the exit code."""
    log.complain(Level.EMERGENCY, reason)
    ServiceManager(os.environ.get("NOTIFY_SOCKET")).notify(f"STATUS={reason}")
    return exit_code


async def _main(config: Config, words: Catalogue) -> None:
    paths = Paths.of(config.settings)
    with ExitStack() as stack:
        stack.callback(_locked(paths).release)
        journal = open_journal(paths.journal, thin_after_hours=config.settings.journal.thin_after_days * 24)
        before = _read_before(paths, journal)
        clock = HostClock(paths.clock, before.last)
        logged = HeardJournal(journal, lambda event: log.say(event.level, event.message, kind=event.kind))
        _remember(clock, logged)

        def tell(message: Message) -> None:
            logged.post(Event("chain.told", Level.WARNING, clock.now(), message))

        chain = chain_of(config, clock, tell, paths)
        async with chain, open_session() as session, trading.opened(config, chain, session) as means:
            await _run(config, words, _World(paths, clock, logged, chain, session, means), before)


@dataclass(frozen=True, slots=True)
class _World:
    """The adapters that everything else stands on."""

    paths: Paths
    clock: Clock
    journal: Journal
    chain: RpcChain
    session: ClientSession
    means: TradeOutside | None


def _remember(clock: HostClock, journal: Journal) -> None:
    try:
        clock.remember()
    except Transient as error:
        journal.post(Event("clock.unanchored", Level.ALERT, clock.now(), error.message))


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
    """What the disk tells of the time before this start.

    compared: whether the journal could be held against its marker. make_causes: what stands against trading.
    """

    past: Past
    last: Now | None
    compared: bool
    make_causes: Callable[[Now], tuple[Cause, ...]]


def _read_before(paths: Paths, journal: SqliteJournal) -> _Before:
    """Fold what was before, and compare the journal with its marker.

    What can be read counts, whatever cannot be beside it: a key leak must not be forgotten for a damaged marker.
    What cannot be read counts as ON.
    """
    _, trouble = journal.backlog()
    mark, mark_trouble = _read_marker(paths)
    past, last, head, found = Past(), None, None, None
    try:
        with open_reader(paths.journal) as reader:
            newest = reader.events(EventFilter(limit=1, newest_first=True))
            last = newest[0].event.now if newest else None
            readable = reader.readable()
            with uncollected():
                past = Past.of(lambda kinds: readable.events(EventFilter(kinds=kinds, limit=ALL)), last)
            trouble = trouble or readable.damage
            found = _hash_at(reader, mark)
            head = reader.head()
    except (Transient, Permanent, UnusableError) as error:
        trouble = trouble or error.message

    if trouble is not None:  # what is in the air may be among what cannot be read
        past = replace(past, unread=trouble)

    def causes(now: Now) -> Iterator[Cause]:
        if trouble is not None:
            yield startup.state_unusable(trouble, now)
        if mark_trouble is not None:
            yield startup.marker_damaged(mark_trouble, now)
        elif head is not None:
            yield from startup.marker_causes(mark, head, found, now)

    return _Before(past, last, head is not None, lambda now: tuple(causes(now)))


def _read_marker(paths: Paths) -> tuple[JournalHead | None, Message | None]:
    """The marker, and why it cannot be read."""
    try:
        return marker.read(paths.marker), None
    except (Transient, Permanent) as error:
        return None, error.message


def _denied(config: Config, paths: Paths, now: Now) -> tuple[Cause, ...]:
    """Why this version starts with the stop ON, if it is denied or nobody can say."""
    try:
        named = denied.read(paths.denied)
    except (Transient, Permanent) as error:
        return (startup.denied_unreadable(error.message, now),)
    return startup.denied_causes(__version__, config.settings.denied_versions, named, now)


def _hash_at(reader: Reader, mark: JournalHead | None) -> str | None:
    """The journal's own hash where the marker was set; None where it is not so long."""
    if mark is None or mark.seq == 0:
        return mark.hash if mark else None  # an empty chain is told by its id alone
    found = reader.events(EventFilter(after_seq=mark.seq - 1, limit=1))
    return found[0].hash if found and found[0].seq == mark.seq else None


# ------------------------------------------------------------ composition


def chain_of(config: Config, clock: Clock, tell: Callable[[Message], None], paths: Paths) -> RpcChain:
    """The endpoints behind one face, and nothing opened yet. tell: what is worth knowing of them."""
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

    return RpcChain(
        settings,
        endpoints,
        clock=clock,
        pauses=lambda failures: pause_s(RECONNECT, failures, random.random()),  # noqa: S311 - jitter
        book_file=BookFile(paths.addresses, network.chain_id, network.addresses_provider),
        tell=tell,
    )


def authority(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _doors(config: Config, world: _World, daemon: Daemon, words: Catalogue) -> tuple[Part, ...]:
    """The two ways in: HTTP and the control socket."""
    settings, http = config.settings, config.settings.http
    server = HttpPart(
        daemon,
        HttpSettings(
            limits=lambda: daemon.limits,
            zone=config.zone,
            host=http.host,
            port=http.port,
            token=config.estop_token.reveal() if config.estop_token else None,
            connections=http.max_connections,
            signals=_signal_door(config),
        ),
        words,
    )
    group = "" if settings.environment == "devnet" else GROUP
    control = ControlPart(daemon, ControlSettings(world.paths.socket, group), name_of)
    return (
        Part("control", control.run, PART_LIMIT_S, critical=False),
        Part("http", server.run, PART_LIMIT_S),
    )


def _signal_door(config: Config) -> SignalDoor | None:
    """How signals come in over HTTP, where they may."""
    section, secrets = config.settings.signals, config.secrets
    if section is None or config.trade is None:
        return None
    token, key = secrets.get("signals.token"), secrets.get("signals.hmac_key")
    return SignalDoor(
        token=token.reveal().encode() if token else None,
        key=key.reveal().encode() if key else None,
        most_bytes=section.max_body_bytes,
    )


async def _run(config: Config, words: Catalogue, world: _World, before: _Before) -> None:
    flag = FlagFile(world.paths.flag)
    flag.put_back()
    http, clock = config.settings.http, world.clock
    job_log = JobLogFiles(
        Path(config.settings.log_dir), clock, words, lambda message: log.say(Level.WARNING, message)
    )
    outside = Outside(
        clock=clock,
        chain=world.chain,
        journal=world.journal,
        flag=flag,
        host=ServiceManager(os.environ.get("NOTIFY_SOCKET")),
        job_log=job_log,
        probe_http=prober(f"http://{authority(http.host)}:{http.port}/health"),
        name_of=name_of,
        login_of=login_of,
        report=log.report,
        keep_mark=lambda head: _keep_mark(world.paths, head, clock.now(), before),
        abandon=_abandon,
        fraction=random.random,
        new_id=lambda: str(uuid.uuid4()),
        key_of=lambda text: str(uuid.uuid5(NAMESPACE, text)),
        service_uid=os.geteuid(),
        channels=channels.build(config.channels, world.session, clock),
        deadman=channels.deadman(config, world.session),
        trade=world.means,
        aside=WorkAside(world.paths.aside, CHILD, config.path, os.environ),
        scratch=lambda: scratch_flag(Path(config.settings.state_dir)),
        situations=AaveSituations(
            world.chain,
            tuple((one.name, one.account) for one in config.settings.positions),
            config.settings.chain.multicall,
        ),
        read_config=lambda: _read_again(config),
        log_level=log.set_level,
        watchdog_s=watchdog_s(os.environ, os.getpid()),
        checks=check_means(config, world.session, clock),
    )
    assembly = assemble(config, outside, before.past)
    now = clock.now()
    await assembly.start((*before.make_causes(now), *_denied(config, world.paths, now)))
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:

        async def told_to_stop() -> None:
            async for _ in signals:
                return

        await assembly.run(_doors(config, world, assembly.daemon, words), words, told_to_stop())
    job_log.flush(JOB_LOG_S)  # nothing else runs any more that this could hold up


async def _read_again(config: Config) -> Config:
    """The same file with the same credentials. In a thread, which is left behind where the disk hangs."""
    return await anyio.to_thread.run_sync(sound, config.path, os.environ, abandon_on_cancel=True)


async def _keep_mark(paths: Paths, head: JournalHead, now: Now, before: _Before) -> None:
    """In a thread: a slow disk must not hold up the loop.

    Not where the marker has yet to be compared: a journal that appears while the daemon runs may be an older one.
    """
    if before.compared:
        await anyio.to_thread.run_sync(marker.write, paths.marker, head, now.wall_ms)


def _abandon(stuck: tuple[str, ...]) -> None:
    """End at once: what is stuck will not end by itself, and systemd must not have to wait for its own limit."""
    log.say(
        Level.CRITICAL, msg("{parts} could not be stopped in time: the process ends hard.", parts=", ".join(stuck))
    )
    sys.stderr.flush()
    os._exit(1)
