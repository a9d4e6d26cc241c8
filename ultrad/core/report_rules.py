"""When and to whom reports go: the rules, and what is owed by them."""

from dataclasses import dataclass

from ultrad.core.events import Event, Finding, Json, Level, Origin, Severity
from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.core.periods import Period, ReportKind
from ultrad.core.report_order import Made
from ultrad.core.telling import Notice, Target, Why, queued_event
from ultrad.i18n import Message, msg
from ultrad.units import Now

MADE = "report.made"
"""Ends in the report's kind, so that the newest is one look; the report's name is its key: it is made once."""
OUT = "report.out"
"""The same once it has gone out."""
_IDS = "report:"


@dataclass(frozen=True, slots=True)
class ReportRules:
    """channels: where reports go. late_ms: so long after its fire time one is late. look_back_ms: of metrics."""

    channels: tuple[str, ...] = ()
    late_ms: int = 90 * MINUTE_MS
    look_back_ms: int = 24 * HOUR_MS


def notice_id(name: str) -> str:
    """The notice by which a report goes out: the same each time, so that the journal takes it once."""
    return f"{_IDS}{name}"


def no_report(name: str) -> Message:
    """Why there is no such report."""
    return msg("{name} is no report: daily-2026-11-22 is, weekly-2026-11-16, situation-1795327200000.", name=name)


def report_named(notice: str) -> str:
    """The report that a notice carries; empty for any other notice."""
    return notice.removeprefix(_IDS) if notice.startswith(_IDS) else ""


def kind_of(name: str) -> ReportKind | None:
    """The kind in a report's name."""
    return next((kind for kind in ReportKind if name.startswith(f"{kind}-")), None)


def made_event(made: Made, period: Period, now: Now) -> Event:
    """The record of a report, with the head that it carries off the machine."""
    data: dict[str, Json] = {
        "report": made.name,
        "since_ms": period.since_ms,
        "until_ms": period.until_ms,
        "seq": made.seq,
        "hash": made.hash,
        "page": made.page,
        "picture": made.picture,
    }
    message = msg("The report {name} is made: {title}", name=made.name, title=made.title)
    return Event(f"{MADE}.{period.kind}", Level.INFO, now, message, data, key=made.name)


def out_event(name: str, kind: ReportKind, channel: str, now: Now) -> Event:
    """The record that a report has reached somebody, or, without a channel, is there to be read."""
    message = msg("The report {name} is out ({channel}).", name=name, channel=channel or "–")
    return Event(f"{OUT}.{kind}", Level.INFO, now, message, {"report": name, "channel": channel}, key=name)


def report_notice(made: Made, kind: ReportKind) -> Notice:
    """What goes out. A situation report goes ahead of all that is no emergency."""
    urgent = kind is ReportKind.SITUATION
    return Notice(
        why=Why.REPORT,
        severity=Severity.S1 if urgent else Severity.S3,
        level=Level.EMERGENCY if urgent else Level.INFO,
        title=made.title,
        lines=made.lines,
        stop=urgent,
    )


def report_queued(
    made: Made, kind: ReportKind, channels: tuple[str, ...], keys: dict[str, str], now: Now
) -> Event:
    """The notice's record, with the picture's file beside it."""
    to = tuple(Target(channel, 0) for channel in channels)
    event = queued_event(report_notice(made, kind), notice_id(made.name), keys, to, now)
    return Event(
        event.kind, event.level, event.now, event.message, {**event.data, "picture": made.picture}, event.key
    )


def late_finding(kind: ReportKind, name: str, minutes: int, why: Message | None) -> Finding:
    """A report that should have gone out and has not."""
    return Finding(
        code="report_late",
        subject=kind.value,
        level=Level.ALERT,
        origin=Origin.INFRASTRUCTURE,
        severity=Severity.S2,
        message=msg(
            "The report {name} has not gone out {minutes} minutes after its time: {why} Look: ultrad jobs, ultrad "
            "notify queue. It is tried again by itself; now by: ultrad job run {job}",
            name=name,
            job=f"monitor_{kind}",
            minutes=minutes,
            why=why or msg("no channel has taken it yet."),
        ),
        figures=(("minutes", str(minutes)),),
    )
