"""What `ultrad doctor` looks at by itself: the unit, the file, the disk; and all it can where no daemon answers.

A composition root above the others: it knows adapters, and what the daemon is made of.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from ultrad import app, channels, config, offline, trading
from ultrad.adapters.disks import StatvfsDisks
from ultrad.adapters.host import HostClock
from ultrad.adapters.http_probe import prober
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.systemd import ServiceState
from ultrad.checks import Checkup
from ultrad.checks.looks import channels_check, disks_check
from ultrad.config import Config, ConfigError, Settings
from ultrad.config.alerts import words_on_alerts
from ultrad.config.check import loosened
from ultrad.config.checks import ChecksSection, capacity_limits
from ultrad.config.facts import fingerprint, texts
from ultrad.core.events import Level, Origin, Recorded
from ultrad.core.sights import Area, Sight
from ultrad.core.sights_of_machine import UNIT, ntp_sight, unit_sights
from ultrad.core.sights_of_status import CHANGE_KINDS, MOST_CHANGES, change_sights
from ultrad.doctor import probe_sights, unread
from ultrad.errors import Failed, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.jobs.probing import ProbeRecord, ask
from ultrad.operating import alert_sights, checks_of
from ultrad.paths import Paths
from ultrad.ports import EventFilter, FlagState
from ultrad.supervisor import contained
from ultrad.surroundings import check_means

LEVELS = {"ok": Level.INFO, "warning": Level.WARNING, "error": Level.ALERT}


@dataclass(frozen=True, slots=True)
class File:
    """What the configuration's file gives. settings: without secrets; config: with them; None where it cannot.

    sights: what is to be said of it.
    """

    settings: Settings | None
    config: Config | None
    sights: tuple[Sight, ...]

    @property
    def fingerprint(self) -> str | None:
        """Of the settings, as the journal records it; None where it cannot be known."""
        return fingerprint(texts(self.config)) if self.config else None


# ---------------------------------------------------------------- beside the daemon


def read_file(path: Path, environ: Mapping[str, str]) -> File:
    """The file, as far as this user may read it."""
    try:
        settings = config.read(path)
    except ConfigError as error:
        remedy = msg("Correct it, then: ultrad check")
        wrong = (_config(Level.ALERT, one, remedy) for one in error.mistakes)
        return File(None, None, tuple(wrong))
    except (UltradError, OSError) as error:
        return File(None, None, (_config(Level.ALERT, _why(error), msg("ultrad check")),))
    try:
        loaded = config.load(path, environ)
        lines = config.check(loaded, environ)
    except (UltradError, OSError):
        return File(settings, None, (*_without_secrets(path), *_loosened(settings)))
    told = {message for _, _, message in words_on_alerts(settings)}
    said = tuple(_said(one) for one in lines if one.message not in told)
    return File(settings, loaded, tuple(one for one in said[1:] if one.level > Level.INFO) or said[:1])


def _without_secrets(path: Path) -> Iterator[Sight]:
    yield _config(Level.INFO, msg("{path} has no mistake in itself.", path=str(path)))
    yield Sight(
        Area.CONFIG,
        "secrets",
        Level.INFO,
        Origin.CODE,
        msg("Its secrets cannot be read from here, so they are not looked at."),
        msg("As root, where it matters: ultrad check"),
        known=False,
    )


def _loosened(settings: Settings) -> Iterator[Sight]:
    for line in loosened(settings):
        yield _said(line)


def _said(line: config.Line) -> Sight:
    level = LEVELS[line.level]
    return _config(
        level, line.message, None if level is Level.INFO else msg("Meant so? Else correct it: ultrad check")
    )


def _config(level: Level, message: Message, remedy: Message | None = None) -> Sight:
    return Sight(Area.CONFIG, "", level, Origin.CODE, message, remedy)


def _why(error: UltradError | OSError) -> Message:
    return error.message if isinstance(error, UltradError) else Message(error.strerror or type(error).__name__)


def machine_sights(file: File, manager: ServiceState | None = None) -> tuple[Sight, ...]:
    """The service manager's word. The devnet's daemon is no service."""
    manager = manager or ServiceState()
    if file.settings is not None and file.settings.environment == "devnet":
        return ()
    return (*unit_sights(manager.unit(UNIT)), *ntp_sight(kept=manager.clock_is_kept()))


def file_sights(paths: Paths, file: File) -> tuple[Sight, ...]:
    """Whether everything stands on the disk as it should; one line where it does."""
    log_dir = Path(file.settings.log_dir) if file.settings else paths.state
    seen = offline.look_at_files(paths, log_dir)
    levels = {True: Level.INFO, None: Level.INFO, False: Level.ALERT}
    lines = tuple(
        Sight(Area.FILES, "", levels[one.good], Origin.INFRASTRUCTURE, one.message, known=one.good is not None)
        for one in seen
        if one.good is not True
    )
    fine = msg("Directories, journal and marker are as they should be.")
    return lines or (Sight(Area.FILES, "", Level.INFO, Origin.INFRASTRUCTURE, fine),)


# ---------------------------------------------------------------- without the daemon


def alone(paths: Paths, file: File, path: Path, environ: Mapping[str, str]) -> tuple[Sight, ...]:
    """All that can be looked at while no daemon answers."""
    return (*_flag(paths), *_changes(paths), *anyio.run(_asked, paths, file, path, environ))


def _flag(paths: Paths) -> tuple[Sight, ...]:
    state = offline.look_at_flag(paths).state
    if state is FlagState.ABSENT:
        return (Sight(Area.STOP, "", Level.INFO, Origin.CODE, msg("There is no flag of the emergency stop.")),)
    said = msg("The flag of the emergency stop stands, or cannot be looked at: the stop is ON.")
    return (Sight(Area.STOP, "", Level.ALERT, Origin.CODE, said, msg("Once the daemon runs: ultrad status")),)


def _changes(paths: Paths) -> tuple[Sight, ...]:
    which = EventFilter(kinds=CHANGE_KINDS, limit=MOST_CHANGES, newest_first=True)
    try:
        return change_sights(offline.events(paths, which))
    except (UltradError, OSError, sqlite3.Error) as error:
        return (unread(error.message if isinstance(error, UltradError) else Message(type(error).__name__)),)


async def _asked(paths: Paths, file: File, path: Path, environ: Mapping[str, str]) -> tuple[Sight, ...]:
    if file.config is not None:
        return await _with_config(paths, file.config)
    async with open_session() as session:
        clock = HostClock(paths.clock, None)
        section = file.settings.checks if file.settings else ChecksSection()
        places = {"state": str(paths.state), **({"logs": file.settings.log_dir} if file.settings else {})}
        checks = [disks_check(StatvfsDisks(), places, capacity_limits(section))]
        try:
            ways = config.ways(path, environ)
        except (UltradError, OSError):
            pass  # its mistakes have lines of their own
        else:
            built = channels.build(ways.channels, session, clock)
            checks.append(channels_check(built, clock, 0))
        said = alert_sights(file.settings) if file.settings else ()
        return (*said, *await Checkup(checks, clock, contained, _ignore).all())


async def _with_config(paths: Paths, loaded: Config) -> tuple[Sight, ...]:
    http = loaded.settings.http
    clock = HostClock(paths.clock, None)
    async with AsyncExitStack() as stack:
        chain = await stack.enter_async_context(app.chain_of(loaded, clock, lambda _: None, paths))
        session = await stack.enter_async_context(open_session())
        rows, bot = await trading.rows_of(loaded, stack), trading.bot_of(loaded, session)
        built = channels.build(loaded.channels, session, clock)

        async def events(which: EventFilter) -> tuple[Recorded, ...]:
            try:
                return await anyio.to_thread.run_sync(offline.events, paths, which)
            except UltradError as error:
                raise Transient(error.message) from error

        checks = checks_of(loaded, check_means(loaded, session, clock), built, clock, events)
        checkup = Checkup(checks, clock, contained, _ignore)
        url = f"http://{app.authority(http.host)}:{http.port}/health"
        probes = await contained(lambda: ask(prober(url), chain.probe, rows, bot))
        answered = (
            (_unasked(probes.message),)
            if isinstance(probes, Failed)
            else probe_sights(probes, ProbeRecord(), clock.now())
        )
        return (*answered, *await checkup.all())


def _unasked(why: Message) -> Sight:
    said = msg("The services could not be asked: {why}", why=why)
    return Sight(Area.PROBES, "", Level.ALERT, Origin.CODE, said, known=False)


def _ignore(_: str, __: Exception) -> None:
    """Its line says that it could not be looked at, and why."""
