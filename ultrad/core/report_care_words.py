"""What a report tells of readiness, in words."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import reduce
from itertools import groupby

from ultrad.core.outlook_words import edge_text, interest_text, price_text
from ultrad.core.periods import ReportKind
from ultrad.core.report import Report
from ultrad.core.report_care import Backup, Distance, DrillRun
from ultrad.i18n import Message, msg
from ultrad.units import bps_text

_KIB = 1024
_EXPECTED = ("estop", "notify")
"""Drills of this daemon itself; a restore is tried where there are backups."""
_NAMES = {
    "estop": msg("drill of the stop"),
    "notify": msg("drill of the channels"),
    "restore": msg("restore drill"),
}
_TIME_WORDS = {
    "detect": msg("detected"),
    "gate": msg("gate shut"),
    "flag": msg("flag durable"),
    "journal": msg("recorded"),
    "notice": msg("told"),
    "elapsed": msg("restored"),
}


def when(wall_ms: int, zone: tzinfo) -> str:
    """A time for people, to the minute."""
    return f"{datetime.fromtimestamp(wall_ms / 1_000, zone):%Y-%m-%d %H:%M}"


def size_text(size: int) -> str:
    """Bytes for people."""
    unit, units = float(size), iter(("B", "KiB", "MiB", "GiB"))
    name = next(units)
    for bigger in units:
        if unit < _KIB:
            break
        unit, name = unit / _KIB, bigger
    return f"{size} B" if name == "B" else f"{unit:.1f} {name}"


# ---------------------------------------------------------------- backups


def backup_lines(report: Report, zone: tzinfo) -> Iterator[Message]:
    """The newest backup at each target: its age at the period's end, and its size."""
    if not report.backups:
        yield msg("Backup: no backup known")
    for one in report.backups:
        line = _backup(one, report.period.until_ms, zone)
        yield msg("{line}; NOT WHOLE", line=line) if one.partial else line


def _backup(one: Backup, until_ms: int, zone: tzinfo) -> Message:
    size = msg("size unknown") if one.size is None else Message(size_text(one.size))
    time, hours = when(one.at_ms, zone), max(0, until_ms - one.at_ms) // 3_600_000
    if not one.target:
        return msg(
            "Backup: {time} ({hours} h old at the end of the period, {size})", time=time, hours=hours, size=size
        )
    return msg(
        "Backup at {target}: {time} ({hours} h old at the end of the period, {size})",
        target=one.target,
        time=time,
        hours=hours,
        size=size,
    )


# ---------------------------------------------------------------- drills


def drill_lines(report: Report, zone: tzinfo) -> Iterator[Message]:
    """Each drill's newest run beside the one before; in a daily report only those of its day."""
    for _, group in groupby(report.drills, key=lambda one: (one.name, one.target)):
        runs = tuple(group)
        if report.period.kind is ReportKind.WEEKLY or runs[0].at_ms >= report.period.since_ms:
            yield _drill(runs, zone)
    yield from never_run(report)


def never_run(report: Report) -> Iterator[Message]:
    """Of a weekly report: which drills were never run up to its end."""
    if report.period.kind is not ReportKind.WEEKLY:
        return
    known = {one.name for one in report.drills}
    expected = (*_EXPECTED, *(("restore",) if report.backups else ()))
    for name in expected:
        if name not in known:
            yield msg("Drill: {name}: never run", name=_NAMES[name])


def _drill(runs: tuple[DrillRun, ...], zone: tzinfo) -> Message:
    newest = runs[0]
    line = msg(
        "Drill: {name}, {time}: {result}; {times}",
        name=drill_name(newest),
        time=when(newest.at_ms, zone),
        result=result(newest),
        times=times_text(newest),
    )
    if len(runs) > 1:
        return msg("{line} (the time before: {times})", line=line, times=times_text(runs[1]))
    return line


def drill_name(run: DrillRun) -> Message:
    """What the drill is called."""
    name = _NAMES[run.name]
    return msg("{drill} of {target}", drill=name, target=run.target) if run.target else name


def result(run: DrillRun) -> Message:
    """How it went."""
    if not run.ok:
        return msg("NOT PASSED")
    return msg("compared only, not opened (no key here)") if run.unopened else msg("passed")


def times_text(run: DrillRun) -> Message:
    """What took how long."""
    said = [msg("{what} {ms} ms", what=_TIME_WORDS[name], ms=ms) for name, ms in run.times]
    return reduce(lambda one, more: msg("{one}, {more}", one=one, more=more), said) if said else msg("not timed")


# ---------------------------------------------------------------- distances


def distance_lines(report: Report, zone: tzinfo) -> Iterator[Message]:
    """How far each position is from the stop and from liquidation: by each price, and by interest alone."""
    for one in report.distances:
        yield from _distance(one, zone)
    read = {one.position for one in report.distances}
    for span in report.positions:
        if span.position not in read:
            yield msg(
                "{position}: its distances to the limits were not read in this period.", position=span.position
            )


def _distance(one: Distance, zone: tzinfo) -> Iterator[Message]:
    for line in one.newest.prices:
        yield msg(
            "{position}: {asset} {price}; stop at {trip}, liquidation at {liquidation}",
            position=one.position,
            asset=line.symbol,
            price=price_text(line.price_e8),
            trip=edge_text(line.trip, line),
            liquidation=edge_text(line.liquidation, line),
        )
    yield msg(
        "{position}: by interest alone to the stop {trip}, to liquidation {liquidation}; nearest in the period: "
        "{nearest} of a price (as of {time})",
        position=one.position,
        trip=interest_text(one.newest.to_trip_s),
        liquidation=interest_text(one.newest.to_liquidation_s),
        nearest="–" if one.nearest_bps is None else bps_text(one.nearest_bps),
        time=when(one.at_ms, zone),
    )
