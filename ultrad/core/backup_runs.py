"""What came of a backup, a look at the targets, and a restore drill; and what of it people are told."""

from collections.abc import Iterator
from dataclasses import dataclass

from ultrad.core.backups import Backup, newest_good
from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.i18n import Message, msg

MADE, DRILLED = "backup.made", "backup.drilled"
"""The kinds of events that record both, each followed by the target's name."""
HOUR_MS = 3_600_000
AHEAD_MS = HOUR_MS
"""A backup dated further ahead was made by a clock that was wrong; what is newer than it would count for older."""
ROOM_FOR = 3
"""A directory should have room for so many more of the newest size."""
UNSEEN_RUNS = 3
"""Looks in a row that failed: no hiccup any more."""


@dataclass(frozen=True, slots=True)
class TargetLook:
    """One target as it is. error: why it could not be looked at. free_bytes: None where nobody can say."""

    name: str
    error: Message | None = None
    good: int = 0
    newest_name: str = ""
    newest_at_ms: int | None = None
    newest_bytes: int = 0
    free_bytes: int | None = None
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """All targets. configured: whether there are any. max_age_ms: how old the newest good one may be."""

    configured: bool
    max_age_ms: int = 0
    targets: tuple[TargetLook, ...] = ()


@dataclass(frozen=True, slots=True)
class Brought:
    """What one target got. kept: whether it has the backup; error: why not, or what else went wrong there."""

    target: str
    name: str
    bytes: int
    kept: bool
    removed: int = 0
    error: Message | None = None


@dataclass(frozen=True, slots=True)
class BackupRun:
    """One backup. missing: what is not in it, and why. head: of the journal's chain, `SEQ:HASH`."""

    look: Look
    at_ms: int = 0
    head: str = ""
    events: int = 0
    readings: int = 0
    rows: int | None = None
    brought: tuple[Brought, ...] = ()
    missing: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Drilled:
    """One target's newest backup, restored. opened: without a key it was only compared with its receipt."""

    target: str
    name: str = ""
    error: Message | None = None
    opened: bool = True
    events: int = 0
    readings: int = 0
    elapsed_ms: int = 0


@dataclass(frozen=True, slots=True)
class DrillRun:
    """One restore drill."""

    configured: bool
    drilled: tuple[Drilled, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of `ultrad backup list`."""

    target: str
    name: str
    at_ms: int
    bytes: int
    good: bool
    events: int = 0
    readings: int = 0
    rows: int | None = None
    missing: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """All backups. errors: of the targets that could not be looked at."""

    backups: tuple[Listed, ...]
    errors: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and from where."""

    target: str
    name: str
    to: str
    at_ms: int
    events: int
    readings: int
    rows: int | None
    missing: tuple[Message, ...]
    elapsed_ms: int


def look_of(name: str, backups: tuple[Backup, ...], free_bytes: int | None) -> TargetLook:
    """What there is to say of a target."""
    newest = newest_good(backups)
    return TargetLook(
        name=name,
        good=sum(one.good for one in backups),
        newest_name=newest.name if newest else "",
        newest_at_ms=newest.at_ms if newest else None,
        newest_bytes=newest.bytes if newest else 0,
        free_bytes=free_bytes,
        total_bytes=sum(one.bytes for one in backups),
    )


def listed(target: str, backup: Backup) -> Listed:
    """One backup's line."""
    if backup.receipt is None:
        return Listed(target, backup.name, backup.at_ms, backup.bytes, good=False)
    manifest = backup.receipt.manifest
    return Listed(
        target=target,
        name=backup.name,
        at_ms=backup.at_ms,
        bytes=backup.bytes,
        good=True,
        events=manifest.journal.events,
        readings=manifest.journal.readings,
        rows=manifest.rows,
        missing=manifest.missing,
    )


# ---------------------------------------------------------------- findings


def look_findings(look: Look, now_ms: int, unseen_runs: dict[str, int]) -> tuple[Finding, ...]:
    """What is wrong with the targets. unseen_runs: how many looks in a row each has failed, with this one."""
    return tuple(
        finding for one in look.targets for finding in _of_target(one, look.max_age_ms, now_ms, unseen_runs)
    )


def _of_target(one: TargetLook, max_age_ms: int, now_ms: int, unseen_runs: dict[str, int]) -> Iterator[Finding]:
    if one.error is not None:
        lasts = unseen_runs.get(one.name, 0) >= UNSEEN_RUNS
        yield Finding(
            "backup_unseen",
            one.name,
            Level.ALERT if lasts else Level.WARNING,
            Origin.OUTSIDE,
            msg("The backups at {target} cannot be looked at: {why}", target=one.name, why=one.error),
            Severity.S2 if lasts else Severity.S3,
        )
        return
    if one.newest_at_ms is None:
        yield _broken(
            "backup_old",
            one.name,
            msg("There is no good backup at {target}. Make one: ultrad backup now", target=one.name),
        )
    elif one.newest_at_ms - now_ms > AHEAD_MS:
        message = msg(
            "The newest backup at {target} ({name}) is dated {hours} hours ahead: while it lies there, nobody "
            "would see that none is made. Look at the clock, then move it away by hand and: ultrad backup now",
            target=one.name,
            name=one.newest_name,
            hours=(one.newest_at_ms - now_ms) // HOUR_MS,
        )
        yield _broken("backup_ahead", one.name, message)
    elif now_ms - one.newest_at_ms > max_age_ms:
        hours = (now_ms - one.newest_at_ms) // HOUR_MS
        message = msg(
            "The newest good backup at {target} is {hours} hours old. See backup_daily.log; then: ultrad backup "
            "now",
            target=one.name,
            hours=hours,
        )
        yield _broken("backup_old", one.name, message, ("age_h", str(hours)))
    if one.free_bytes is not None and one.free_bytes < ROOM_FOR * one.newest_bytes:
        message = msg(
            "The target {target} has room for {free} MB, and a backup takes {size} MB: make room.",
            target=one.name,
            free=one.free_bytes // 1_000_000,
            size=one.newest_bytes // 1_000_000,
        )
        yield _broken("backup_room", one.name, message, ("free_bytes", str(one.free_bytes)))


def run_findings(run: BackupRun) -> tuple[Finding, ...]:
    """What went wrong with a backup."""
    failed = tuple(
        _broken(
            "backup_failed",
            one.target,
            msg("The backup did not get to {target}: {why}", target=one.target, why=one.error)
            if not one.kept
            else msg(
                "The backup is at {target}, but old ones are not let go: {why}", target=one.target, why=one.error
            ),
        )
        for one in run.brought
        if one.error is not None
    )
    partial = tuple(
        Finding(
            "backup_partial", "", Level.WARNING, Origin.OUTSIDE, msg("The backup is not whole: {why}", why=why)
        )
        for why in run.missing[:1]
    )
    return (*failed, *partial)


def drill_findings(run: DrillRun) -> tuple[Finding, ...]:
    """What went wrong with a restore drill."""
    return tuple(
        _broken(
            "restore_failed",
            one.target,
            msg("The newest backup at {target} cannot be restored: {why}", target=one.target, why=one.error),
        )
        for one in run.drilled
        if one.error is not None
    )


def brought_sentence(one: Brought) -> Message:
    """What a target got, for people."""
    return msg(
        "{name} is at {target}, read back ({size} bytes).", name=one.name, target=one.target, size=one.bytes
    )


def drill_sentence(one: Drilled) -> Message:
    """How it went, for people."""
    if one.error is not None:
        return msg(
            "{target}: {name} cannot be restored: {why}", target=one.target, name=one.name or "–", why=one.error
        )
    if not one.opened:
        return msg(
            "{target}: {name} is what was brought there; without backup.drill_key it was not opened.",
            target=one.target,
            name=one.name,
        )
    return msg(
        "{target}: {name} was restored in {elapsed} ms: {events} events, {readings} readings, the chain is whole.",
        target=one.target,
        name=one.name,
        elapsed=one.elapsed_ms,
        events=one.events,
        readings=one.readings,
    )


def _broken(code: str, target: str, message: Message, *figures: tuple[str, str]) -> Finding:
    return Finding(code, target, Level.ALERT, Origin.INFRASTRUCTURE, message, Severity.S2, figures=figures)
