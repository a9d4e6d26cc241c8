"""A report in words: its title and lines, as the channels get them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from ultrad.core import situation
from ultrad.core.estop import describe
from ultrad.core.events import Level, Severity
from ultrad.core.periods import ReportKind, title
from ultrad.core.report import JobSpan, PositionSpan, Report, gravest
from ultrad.core.report_care_words import backup_lines, distance_lines, drill_lines, size_text, when
from ultrad.i18n import Message, msg
from ultrad.units import bps_text, hf_text, short_address, usd_text

TOLD_HIGHLIGHTS = 5
"""A phone shows no more; the file has the others."""
TOLD_INCIDENTS = 5
TOLD_NOTES = 5
TOLD_SKIPS = 8
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{40}\b")


@dataclass(frozen=True, slots=True)
class About:
    """What a report says of where it was made. accounts: of each position, by its name.

    loosened: what the configuration switched off or loosened.
    """

    zone: tzinfo
    place: str
    version: str
    accounts: tuple[tuple[str, str], ...] = ()
    loosened: tuple[Message, ...] = ()


def report_title(report: Report, about: About) -> Message:
    """Which report, and the one thing to know first."""
    called = title(report.period, about.zone)
    if report.period.kind is ReportKind.SITUATION:
        return _shortened(msg("{report}: {what}", report=called, what=situation.what(report)))
    grave = sum(one.severity is Severity.S1 for one in report.incidents)
    if report.paused or grave:
        return msg("{report}: emergency stop or S1, see below", report=called)
    if gravest(report) > Level.WARNING or report.incidents or report.unreadable or report.gaps:
        return msg("{report}: something to look at", report=called)
    if not report.positions:
        return msg("{report}: nothing was watched in this time", report=called)
    return msg("{report}: all quiet", report=called)


def report_lines(report: Report, about: About) -> tuple[Message, ...]:
    """Everything in short, the most important first. Accounts in it are shortened: it leaves the machine."""
    return tuple(_shortened(line) for line in _lines(report, about))


def shortened(text: str) -> str:
    """Every account in a text as its first 6 and last 4 characters."""
    return _ADDRESS.sub(lambda found: short_address(found[0]), text)


def _shortened(message: Message) -> Message:
    def figure(value: str | int | Message) -> str | int | Message:
        if isinstance(value, Message):
            return _shortened(value)
        return shortened(value) if isinstance(value, str) else value

    return Message(shortened(message.text), tuple((name, figure(value)) for name, value in message.args))


def _lines(report: Report, about: About) -> tuple[Message, ...]:
    first, last = when(report.period.since_ms, about.zone), when(report.period.until_ms, about.zone)
    period = msg("Period: {first} to {last} ({zone})", first=first, last=last, zone=str(about.zone))
    if report.period.kind is ReportKind.SITUATION:
        return (
            *situation.lines(report, about.zone),
            *_positions(report),
            *distance_lines(report, about.zone),
            head_line(report),
        )
    return (
        period,
        msg("Emergency stop: {state}; trips: {count}", state=describe(report.stop), count=report.trips),
        *_highlights(report, about.zone),
        *_incidents(report),
        *_positions(report),
        *gap_lines(report, about.zone),
        *distance_lines(report, about.zone),
        *_trade(report),
        *_jobs(report),
        levels_line(report),
        notices_line(report),
        *backup_lines(report, about.zone),
        *drill_lines(report, about.zone),
        sizes_line(report),
        *_notes(report, about.zone),
        *unreadable_lines(report),
        *(msg("Loosened: {what}", what=one) for one in about.loosened),
        head_line(report),
    )


# ---------------------------------------------------------------- lines that the page shows as well


def levels_line(report: Report) -> Message:
    """Events by level."""
    counts = dict(report.levels)
    return msg(
        "Events: emergency {emergency}, critical {critical}, alert {alert}, warning {warning}, info {info}",
        **{level.label: counts.get(level, 0) for level in Level},
    )


def notices_line(report: Report) -> Message:
    """What went out to people."""
    return msg("Notices: delivered {sent}, given up {lost}", sent=report.delivered, lost=report.given_up)


def sizes_line(report: Report) -> Message:
    """How much room logs and journal take."""
    unknown = "–"
    return msg(
        "Size: logs {logs}, journal {journal}",
        logs=unknown if report.log_bytes is None else size_text(report.log_bytes),
        journal=unknown if report.journal_bytes is None else size_text(report.journal_bytes),
    )


def head_line(report: Report) -> Message:
    """What a rewritten journal is found by."""
    return msg("Head of the journal: {seq}:{hash}", seq=report.seq, hash=report.hash)


def unreadable_lines(report: Report) -> tuple[Message, ...]:
    """What is missing in the figures, where something is."""
    if not report.unreadable:
        return ()
    return (
        msg(
            "{count} events of the journal cannot be read and are not counted: ultrad audit verify",
            count=report.unreadable,
        ),
    )


def gap_lines(report: Report, zone: tzinfo) -> Iterator[Message]:
    """Where nobody watched: the figures know nothing of that time."""
    for one in report.gaps:
        yield msg(
            "{position}: NOT READ from {first} to {last}; the figures know nothing of that time",
            position=one.position,
            first=when(one.since_ms, zone),
            last=when(one.until_ms, zone),
        )


def value_text(one: PositionSpan) -> str:
    """A position's value from first to last, and the change."""
    change = "–" if one.change_bps is None else signed(one.change_bps)
    return f"{usd_text(one.net_first_e8)} → {usd_text(one.net_last_e8)} ({change})"


def signed(change_bps: int) -> str:
    """A change with its sign."""
    return f"{'+' if change_bps > 0 else ''}{bps_text(change_bps)}"


def account_text(name: str, about: About) -> str:
    """A position's account, as it may leave the machine."""
    return short_address(dict(about.accounts).get(name, ""))


# ---------------------------------------------------------------- the parts


def _highlights(report: Report, zone: tzinfo) -> Iterator[Message]:
    for one in report.highlights[:TOLD_HIGHLIGHTS]:
        times = f" ×{one.count}" if one.count > 1 else ""
        yield msg(
            "• [{level}] {time}{times} {what}",
            level=one.level.label,
            time=when(one.at_ms, zone),
            times=times,
            what=one.message,
        )
    more = len(report.highlights) - TOLD_HIGHLIGHTS + report.more_highlights
    if more > 0:
        yield msg("• and {count} more: ultrad log --level warning", count=more)


def _incidents(report: Report) -> Iterator[Message]:
    if not report.incidents:
        yield msg("Open incidents: none")
        return
    counts = {severity: sum(one.severity is severity for one in report.incidents) for severity in Severity}
    yield msg(
        "Open incidents: {count} (S1 {s1}, S2 {s2})",
        count=len(report.incidents),
        s1=counts[Severity.S1],
        s2=counts[Severity.S2],
    )
    for one in report.incidents[:TOLD_INCIDENTS]:
        yield msg(
            "• {number} ({severity}) {what}", number=one.number, severity=one.severity.value, what=one.message
        )


def _positions(report: Report) -> Iterator[Message]:
    if not report.positions:
        yield msg("No reading of any position in this period.")
    for one in report.positions:
        yield msg(
            "{position}: HF min {low}, max {high}, last {last}; value {value}; {count} readings",
            position=one.position,
            low=hf_text(one.hf_low),
            high=hf_text(one.hf_high),
            last=hf_text(one.hf_last),
            value=value_text(one),
            count=one.count,
        )


def _trade(report: Report) -> Iterator[Message]:
    trade = report.trade
    yield msg(
        "Signals {signals}: carried out {done}, rehearsed {dry}, failed {failed}, HOLD {held}, skipped or "
        "rejected {refused}; rescues {rescues}",
        signals=trade.signals,
        done=trade.carried_out,
        dry=trade.rehearsed,
        failed=trade.failed,
        held=trade.held,
        refused=trade.refused,
        rescues=trade.rescues,
    )
    if trade.skips:
        rules = ", ".join(f"{rule} {count}" for rule, count in trade.skips[:TOLD_SKIPS])
        yield msg("Skipped or rejected by rule: {rules}", rules=rules)


def _jobs(report: Report) -> Iterator[Message]:
    if not report.jobs:
        yield msg("Jobs: none ran")
        return
    bad = [one for one in report.jobs if one.failed or one.skipped]
    runs = sum(one.finished + one.failed for one in report.jobs)
    if not bad:
        yield msg("Jobs: {runs} runs, all succeeded", runs=runs)
        return
    yield msg(
        "Jobs: {runs} runs; {failed} failed: {names}",
        runs=runs,
        failed=sum(one.failed for one in bad),
        names=", ".join(_job(one) for one in bad),
    )


def _job(one: JobSpan) -> str:
    return f"{one.name} {one.failed}/{one.finished + one.failed}" + (f" (-{one.skipped})" if one.skipped else "")


def _notes(report: Report, zone: tzinfo) -> Iterator[Message]:
    for one in report.notes[-TOLD_NOTES:]:
        yield msg("Note of {by}, {time}: {text}", by=one.by or "–", time=when(one.at_ms, zone), text=one.text)
