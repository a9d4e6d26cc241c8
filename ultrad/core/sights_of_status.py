"""What the daemon's status says, line by line: the stop, parts, jobs, channels, and what stands besides."""

from collections.abc import Iterable, Iterator

from ultrad.core.checklist_codes import JOB_CODES, PROBE_CODES
from ultrad.core.estop import Mode
from ultrad.core.events import Level, Origin, Recorded
from ultrad.core.sights import Area, Sight
from ultrad.core.status import ChannelLine, JobLine, Status
from ultrad.i18n import msg

LATE_MS = 120_000
"""A job that is due for so long is not on time: the scheduler looks each 15 s."""
OWN_CODES = frozenset(
    {
        "disk_low",
        "disk_unseen",
        "clock_off",
        "backup_old",
        "log_errors",
        "credentials_refused",
        "channel_unreached",
        "alerts_inconsistent",
        "check_blind",
        "channel_down",
        "quota_low",
    }
)
"""Findings that have lines of their own here."""
CHANGE_KINDS = ("daemon.started", "version.changed", "config.loaded", "config.changed")
MOST_CHANGES = 5


def status_sights(status: Status) -> tuple[Sight, ...]:
    """Everything that the status says of the daemon itself."""
    return (
        *_stop(status),
        *_parts(status),
        *_jobs(status),
        *_journal(status),
        *_channels(status.channels),
        *_standing(status),
    )


def change_sights(events: Iterable[Recorded]) -> tuple[Sight, ...]:
    """What changed last. events: of CHANGE_KINDS, the newest first."""
    return tuple(
        Sight(
            Area.CHANGES,
            "",
            Level.INFO,
            Origin.CODE,
            msg("#{seq} {what}", seq=one.seq, what=one.event.message),
            figures=(("at_ms", str(one.event.now.wall_ms)),),
        )
        for one in tuple(events)[:MOST_CHANGES]
    )


def _stop(status: Status) -> Iterator[Sight]:
    stop = status.estop
    if stop.mode is Mode.OFF:
        yield Sight(Area.STOP, "", Level.INFO, Origin.CODE, msg("The emergency stop is OFF."))
    elif stop.mode is Mode.OVERRIDDEN:
        yield Sight(
            Area.STOP,
            "",
            Level.WARNING,
            Origin.CODE,
            msg("The emergency stop is overridden: it holds off {causes}.", causes=_causes(status)),
            msg("Finish it: ultrad resume"),
        )
    else:
        yield Sight(
            Area.STOP,
            "",
            Level.ALERT,
            Origin.CODE,
            msg("The emergency stop is ON: {causes}.", causes=_causes(status)),
            msg("Deal with each cause (`ultrad status`), then: ultrad resume"),
        )


def _causes(status: Status) -> str:
    return ", ".join(one.code for one in status.estop.causes) or "–"


def _parts(status: Status) -> Iterator[Sight]:
    late = status.late_parts()
    if not late:
        said = msg("All {count} parts of the daemon turn.", count=len(status.parts))
        yield Sight(Area.PARTS, "", Level.INFO, Origin.CODE, said)
    for name in late:
        yield Sight(
            Area.PARTS,
            name,
            Level.CRITICAL,
            Origin.CODE,
            msg("The part {name} does not turn.", name=name),
            msg("journalctl -u ultrad; restart it where it stays so: systemctl restart ultrad"),
        )


def _jobs(status: Status) -> Iterator[Sight]:
    troubled = tuple(sight for job in status.jobs if (sight := _job(job, status.now.wall_ms)) is not None)
    if not troubled:
        said = msg("All {count} jobs are on time, and their last runs went well.", count=len(status.jobs))
        yield Sight(Area.JOBS, "", Level.INFO, Origin.CODE, said)
    yield from troubled


def _job(job: JobLine, now_ms: int) -> Sight | None:
    if job.enabled and not job.running and job.next_ms is not None and now_ms - job.next_ms > LATE_MS:
        return Sight(
            Area.JOBS,
            job.name,
            Level.ALERT,
            Origin.CODE,
            msg("The job {name} is {seconds} s late.", name=job.name, seconds=(now_ms - job.next_ms) // 1_000),
            msg("See what it waits for: `ultrad status`; a journal that takes nothing holds jobs up."),
        )
    if job.last_ok is False:
        return Sight(
            Area.JOBS,
            job.name,
            Level.WARNING,
            Origin.CODE,
            msg("The last run of {name} failed: {why}", name=job.name, why=job.last_message or "–"),
            msg("Run it again: ultrad job run {name}", name=job.name),
        )
    return None


def _journal(status: Status) -> Iterator[Sight]:
    journal = status.journal
    if journal.trouble is not None:
        yield Sight(
            Area.FILES,
            "journal",
            Level.ALERT,
            Origin.INFRASTRUCTURE,
            msg("The journal takes nothing: {why}", why=journal.trouble),
            msg("Look at its disk (`df`, `dmesg`); do not restart before."),
        )
    else:
        yield Sight(
            Area.FILES,
            "journal",
            Level.INFO,
            Origin.INFRASTRUCTURE,
            msg(
                "The journal holds {seq} events; {count} wait for the disk.",
                seq=journal.seq,
                count=journal.backlog,
            ),
        )


def _channels(channels: tuple[ChannelLine, ...]) -> Iterator[Sight]:
    if not channels:
        yield Sight(
            Area.CHANNELS,
            "",
            Level.WARNING,
            Origin.CODE,
            msg("No channel is configured: nobody is told of anything."),
            msg("Write [[notify.channels]] and [[notify.routes]]."),
        )
    for one in channels:
        if one.failing_since_ms is not None:
            yield Sight(
                Area.CHANNELS,
                one.name,
                Level.ALERT,
                Origin.OUTSIDE,
                msg("The channel {name} takes nothing: {why}", name=one.name, why=one.reason or "–"),
                msg("What waits: ultrad notify queue. Mended? ultrad notify test {name}", name=one.name),
            )
        if one.quota_left is not None:
            yield Sight(
                Area.CHANNELS,
                one.name,
                Level.INFO if one.quota_left else Level.ALERT,
                Origin.OUTSIDE,
                msg("The channel {name} may send {count} more messages.", name=one.name, count=one.quota_left),
                None if one.quota_left else msg("Raise the plan, or wait for the service's next month."),
            )


def _standing(status: Status) -> Iterator[Sight]:
    others = tuple(
        one.finding
        for one in status.findings
        if one.finding.level > Level.INFO and one.finding.code not in OWN_CODES | PROBE_CODES | JOB_CODES
    )
    if not (others or status.incidents):
        said = msg("Nothing else is found, and no incident is open.")
        yield Sight(Area.FINDINGS, "", Level.INFO, Origin.CODE, said)
    for found in others:
        subject = f"{found.code}:{found.subject}" if found.subject else found.code
        yield Sight(Area.FINDINGS, subject, found.level, found.origin, found.message)
    if status.incidents:
        numbers = ", ".join(str(one.number) for one in status.incidents)
        yield Sight(
            Area.FINDINGS,
            "incidents",
            Level.WARNING,
            Origin.CODE,
            msg("Open incidents: {numbers}.", numbers=numbers),
            msg("ultrad incident list; once each is dealt with: ultrad incident resolve N --text …"),
        )
