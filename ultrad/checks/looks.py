"""The checks there are: from what they need to what they look at."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio

from ultrad.checks.means import Backups, Disks, Logs, TimeTellers
from ultrad.checks.spec import Check
from ultrad.core.backup_age import BackupLimits, backup_age
from ultrad.core.capacity import CapacityLimits, capacity
from ultrad.core.events import Level, Origin, Recorded, Severity
from ultrad.core.log_scan import WINDOW_MS, log_scan, of_events
from ultrad.core.sights import Area, Sight
from ultrad.core.timekeeping import ClockLimits, timekeeping
from ultrad.errors import Permanent, Transient, UltradError
from ultrad.i18n import msg
from ultrad.ports import Channel, Clock, EventFilter, Refused

OFTEN_S = 60.0
"""For what costs a system call."""
AT_TIMES_S = 600.0
"""For what reads files, or asks services that are not ours."""
MOST_EVENTS = 500
"""Warnings of an hour that are read; more of them say nothing more."""
LOOKED_THROUGH = 5_000
"""The newest events among which they are looked for: a bad hour has some hundreds, and years need not be read."""
CHANNEL_S = 20.0
"""Each channel has a limit of its own (10 s by default) for a request."""

Events = Callable[[EventFilter], Awaitable[tuple[Recorded, ...]]]


def disks_check(disks: Disks, places: Mapping[str, str], limits: CapacityLimits) -> Check:
    """Room under each directory. places: its directory by a short name."""

    async def one(place: str, directory: str) -> Sight:
        try:
            return capacity(place, directory, await disks.use(directory), limits)
        except Transient as error:
            return Sight(
                area=Area.CAPACITY,
                subject=place,
                level=Level.WARNING,
                origin=Origin.INFRASTRUCTURE,
                message=error.message,
                known=False,
                code="disk_unseen",
            )

    async def look() -> tuple[Sight, ...]:
        return tuple([await one(place, directory) for place, directory in places.items()])

    return Check("disks", Area.CAPACITY, OFTEN_S, look)


def clock_check(tellers: TimeTellers, limits: ClockLimits) -> Check:
    """This machine's clock against what services say the time is."""

    async def look() -> tuple[Sight, ...]:
        return (timekeeping(await tellers.ask(), limits),)

    return Check("clock", Area.CLOCK, AT_TIMES_S, look)


def logs_check(logs: Logs, events: Events, clock: Clock) -> Check:
    """The last hour of the journal and of the log files."""

    async def look() -> tuple[Sight, ...]:
        now_ms = clock.now().wall_ms
        since_ms = now_ms - WINDOW_MS
        newest = await events(EventFilter(limit=1, newest_first=True))
        which = EventFilter(
            min_level=Level.WARNING,
            since_ms=since_ms,
            after_seq=max(0, newest[0].seq - LOOKED_THROUGH) if newest else 0,
            limit=MOST_EVENTS,
            newest_first=True,
        )
        return log_scan((*of_events(await events(which)), *await logs.recent(since_ms)), now_ms)

    return Check("logs", Area.LOGS, AT_TIMES_S, look)


def backups_check(backups: Backups | None, clock: Clock, limits: BackupLimits) -> Check:
    """The age of the newest backup."""

    async def look() -> tuple[Sight, ...]:
        if backups is None:
            said = msg("No backup is configured, so nobody knows of any.")
            return (Sight(Area.BACKUPS, "", Level.INFO, Origin.INFRASTRUCTURE, said, known=False),)
        return (backup_age(await backups.newest(), clock.now().wall_ms, limits),)

    return Check("backups", Area.BACKUPS, OFTEN_S, look)


def channels_check(channels: Mapping[str, Channel], clock: Clock, every_s: float) -> Check:
    """Whether each channel's credentials are good, sending nothing."""

    async def look() -> tuple[Sight, ...]:
        seen: dict[str, Sight] = {}

        async def one(name: str, channel: Channel) -> None:
            seen[name] = await channel_sight(name, channel, clock)

        async with anyio.create_task_group() as tasks:
            for name, channel in channels.items():
                tasks.start_soon(one, name, channel)
        return tuple(seen[name] for name in channels)

    return Check("channels", Area.CHANNELS, every_s, look)


async def channel_sight(name: str, channel: Channel, clock: Clock) -> Sight:
    """What one channel says to our credentials."""
    begun_ms = clock.now().steady_ms
    error: UltradError = Transient(msg("No answer from channel {name}.", name=name))
    try:
        with anyio.fail_after(CHANNEL_S):
            unknown = await channel.check()
    except TimeoutError:
        pass
    except (Transient, Permanent) as failure:
        error = failure
    else:
        elapsed_ms = clock.now().steady_ms - begun_ms
        said = (
            msg("The channel {name} knows our credentials.", name=name)
            if unknown is None
            else msg("The channel {name} can be reached. {unknown}", name=name, unknown=unknown)
        )
        return Sight(
            area=Area.CHANNELS,
            subject=name,
            level=Level.INFO,
            origin=Origin.OUTSIDE,
            message=said,
            remedy=None if unknown is None else msg("ultrad notify test {name}", name=name),
            elapsed_ms=elapsed_ms,
            known=unknown is None,
        )
    refused = isinstance(error, Refused | Permanent)
    return Sight(
        area=Area.CHANNELS,
        subject=name,
        level=Level.ALERT if refused else Level.WARNING,
        origin=Origin.CODE if refused else Origin.OUTSIDE,
        message=error.message,
        remedy=msg("Mend its secret or address, then: ultrad notify test {name}", name=name),
        elapsed_ms=clock.now().steady_ms - begun_ms,
        code="credentials_refused" if refused else "channel_unreached",
        severity=Severity.S2 if refused else Severity.S3,
    )


def alerts_check(said: Sequence[Sight]) -> Check:
    """Whether the alerts are configured and agree with each other; said: what the configuration amounts to."""
    everything = tuple(said)

    async def look() -> tuple[Sight, ...]:
        return everything

    return Check("alerts", Area.ALERTS, AT_TIMES_S, look)
