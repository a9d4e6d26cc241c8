"""What a report tells of readiness: backups, drills, and how far the positions were from their limits."""

from collections.abc import Iterable
from dataclasses import dataclass

from ultrad.core import drill as drill_of
from ultrad.core.events import Event, Json, Level, Recorded
from ultrad.core.outlook import Outlook
from ultrad.core.wire import WireError, from_json, to_json
from ultrad.i18n import msg
from ultrad.units import Bps, Now

BACKUP_DONE = "backup.made"
"""What says that a backup was made; below it stands where."""
RESTORED = "backup.drilled"
"""The same of a backup that was restored to try it."""
OUTLOOK = "outlook"
"""How far a position is from its limits, as it is recorded from time to time."""
DRILLS_KEPT = 8
"""Of each drill: two months of a weekly one, so that it is seen whether it grows slower."""
_SIZES = ("bytes", "size_bytes", "size")
_TIMES = ("detect_ms", "gate_ms", "flag_ms", "journal_ms", "notice_ms", "elapsed_ms")


@dataclass(frozen=True, slots=True)
class Backup:
    """The newest backup of a target that was made before the period's end.

    size: in bytes; None where it does not say. partial: something is missing in it. target: empty if not said.
    """

    at_ms: int
    size: int | None
    target: str = ""
    partial: bool = False


@dataclass(frozen=True, slots=True)
class DrillRun:
    """One run of a drill: `estop`, `notify`, or `restore` of a target. times: in milliseconds, by what took them.

    unopened: a backup was only compared with its receipt, because there is no key here.
    """

    name: str
    target: str
    at_ms: int
    ok: bool
    times: tuple[tuple[str, int], ...] = ()
    unopened: bool = False


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one position was from its limits.

    newest: as of at_ms. nearest_bps: the smallest move of one price within the period that would have tripped the
    stop, without its sign; 0 where it was passed, None where no price could.
    """

    position: str
    at_ms: int
    newest: Outlook
    nearest_bps: Bps | None


def backups(events: Iterable[Recorded]) -> tuple[Backup, ...]:
    """The newest backup at each target, by the targets' names."""
    found: dict[str, Backup] = {}
    for one in events:
        event, data = one.event, one.event.data
        if not f"{event.kind}.".startswith(f"{BACKUP_DONE}."):
            continue
        sizes = (data.get(name) for name in _SIZES)
        size = next((one for one in sizes if isinstance(one, int) and not isinstance(one, bool)), None)
        target = data.get("target")
        name = target if isinstance(target, str) else ""
        made = Backup(event.now.wall_ms, size, name, data.get("partial") is True)
        known = found.get(name)
        found[name] = made if known is None or made.at_ms >= known.at_ms else known
    return tuple(found[name] for name in sorted(found))


def drills(events: Iterable[Recorded]) -> tuple[DrillRun, ...]:
    """The newest DRILLS_KEPT runs of each drill, by the drills' names, each one's newest first."""
    found: dict[tuple[str, str], list[DrillRun]] = {}
    for one in sorted(events, key=lambda each: each.seq, reverse=True):
        run = _drill(one.event)
        if run is not None and len(runs := found.setdefault((run.name, run.target), [])) < DRILLS_KEPT:
            runs.append(run)
    return tuple(run for key in sorted(found) for run in found[key])


def _drill(event: Event) -> DrillRun | None:
    data = event.data
    if event.kind in (drill_of.ESTOP, drill_of.NOTIFY):
        name, target = event.kind.removeprefix("drill."), ""
    elif event.kind.startswith(f"{RESTORED}."):
        name, target = "restore", event.kind.removeprefix(f"{RESTORED}.")
    else:
        return None
    times = ((each.removesuffix("_ms"), data.get(each)) for each in _TIMES)
    return DrillRun(
        name=name,
        target=target,
        at_ms=event.now.wall_ms,
        ok=drill_of.passed(data),
        times=tuple((each, ms) for each, ms in times if isinstance(ms, int)),
        unopened=data.get("opened") is False,
    )


# ---------------------------------------------------------------- distances


def outlook_event(position: str, outlook: Outlook, now: Now) -> Event:
    """The record of how far a position is from its limits."""
    data: dict[str, Json] = {"position": position, "outlook": to_json(outlook)}
    message = msg("The distances of {position} to its limits are recorded.", position=position)
    return Event(f"{OUTLOOK}.{position}", Level.INFO, now, message, data)


def distances(events: Iterable[Recorded]) -> tuple[Distance, ...]:
    """Of each position, by name. A record that another version wrote in its own way is left out."""
    found: dict[str, Distance] = {}
    for one in events:
        position = one.event.data.get("position")
        try:
            seen = from_json(Outlook, one.event.data.get("outlook"))
        except WireError:
            continue
        if not isinstance(position, str):
            continue
        known, nearest = found.get(position), _nearest(seen)
        if known is not None and known.nearest_bps is not None:
            nearest = known.nearest_bps if nearest is None else min(nearest, known.nearest_bps)
        found[position] = Distance(position, one.event.now.wall_ms, seen, nearest)
    return tuple(found[position] for position in sorted(found))


def _nearest(seen: Outlook) -> Bps | None:
    if seen.to_trip_s == 0:
        return Bps(0)
    moves = [abs(line.trip.distance_bps) for line in seen.prices if line.trip.distance_bps is not None]
    return Bps(min(moves)) if moves else None
