"""Drills: the stop and the ways to people, tried while nothing is wrong; and what each drill amounts to."""

from collections.abc import Mapping
from dataclasses import dataclass

from ultrad.core.events import Event, Finding, Json, Level, Origin, Severity
from ultrad.core.limits import Limits
from ultrad.core.position import Block, Reading
from ultrad.i18n import Message, msg
from ultrad.units import Now, UsdE8

ESTOP = "drill.estop"
NOTIFY = "drill.notify"
TRIP = "drill.trip"
"""The kinds of the journal's events. TRIP is what a drill's stop would have recorded as `estop.on`."""
SUBJECT = "drill"
"""The position of which the drill's reading tells. No real one is touched."""


@dataclass(frozen=True, slots=True)
class DrillRules:
    """How a drill is judged. channels: who hears of a drill of the stop.

    stop_limit_ms: from the bad reading to a durable flag. notice_limit_ms: to the last channel, from its queueing.
    """

    channels: tuple[str, ...] = ()
    stop_limit_ms: int = 2_000
    notice_limit_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One channel in a drill. ms: how long it took; None where it did not take it. spared: it was not asked to."""

    channel: str
    ms: int | None
    why: Message | None = None
    spared: bool = False


@dataclass(frozen=True, slots=True)
class EstopDrill:
    """How a drill of the stop went, in milliseconds from the bad reading; None for what did not happen.

    failure: what of the stop itself did not work. broken_off: a real stop came, and nobody waited for channels.
    """

    detect_ms: int | None = None
    gate_ms: int | None = None
    flag_ms: int | None = None
    journal_ms: int | None = None
    heard: tuple[Heard, ...] = ()
    failure: Message | None = None
    broken_off: bool = False

    @property
    def notice_ms(self) -> int | None:
        """Until the slowest channel had taken it."""
        return max((one.ms for one in self.heard if one.ms is not None), default=None)


def bad_reading(limits: Limits) -> Reading:
    """A reading at which the stop must trip, by the limits as they are."""
    debt_e8 = 10_000 * 10**8
    return Reading(SUBJECT, Block(0, "0x", 0), SUBJECT, limits.trip_hf, UsdE8(2 * debt_e8), UsdE8(debt_e8))


def estop_findings(drill: EstopDrill, rules: DrillRules) -> tuple[Finding, ...]:
    """What the drill found wrong: each an S2."""
    found = []
    if drill.failure is not None:
        found.append(
            _finding("drill_failed", "estop", msg("The drill of the stop failed: {why}", why=drill.failure))
        )
    elif drill.flag_ms is not None and drill.flag_ms > rules.stop_limit_ms:
        text = msg(
            "In the drill the stop took {took} ms to a flag on the disk; more than {limit} ms is slow. Look at "
            "the disk and at the load of the machine.",
            took=drill.flag_ms,
            limit=rules.stop_limit_ms,
        )
        found.append(_finding("drill_slow", "estop", text))
    if not drill.broken_off:
        found += [one for one in (_of_channel(heard, rules) for heard in drill.heard) if one is not None]
    return tuple(found)


def notify_findings(heard: tuple[Heard, ...], rules: DrillRules) -> tuple[Finding, ...]:
    """What a drill of the channels found wrong: each an S2."""
    return tuple(one for one in (_of_channel(one, rules) for one in heard) if one is not None)


def _of_channel(heard: Heard, rules: DrillRules) -> Finding | None:
    if heard.spared:
        return None
    if heard.ms is None:
        why = heard.why or msg("it did not take it in time")
        text = msg(
            "In a drill {channel} was not told: {why} Try it by: ultrad notify test {channel}",
            channel=heard.channel,
            why=why,
        )
        return _finding("drill_untold", heard.channel, text)
    if heard.ms <= rules.notice_limit_ms:
        return None
    text = msg("In a drill {channel} took {took} ms to be told.", channel=heard.channel, took=heard.ms)
    return _finding("drill_slow", heard.channel, text)


def _finding(code: str, subject: str, message: Message) -> Finding:
    return Finding(code, subject, Level.ALERT, Origin.INFRASTRUCTURE, message, Severity.S2)


# ---------------------------------------------------------------- the record


def estop_event(drill: EstopDrill, rules: DrillRules, now: Now) -> Event:
    """The record of a drill of the stop: figures in milliseconds from the bad reading."""
    findings = estop_findings(drill, rules)
    data: dict[str, Json] = {
        "ok": not findings and not drill.broken_off,
        "slow": any(one.code == "drill_slow" for one in findings),
        "broken_off": drill.broken_off,
        "detect_ms": drill.detect_ms,
        "gate_ms": drill.gate_ms,
        "flag_ms": drill.flag_ms,
        "journal_ms": drill.journal_ms,
        "notice_ms": drill.notice_ms,
        "channels": _channels(drill.heard),
    }
    return Event(ESTOP, Level.WARNING if findings else Level.INFO, now, estop_text(drill, findings), data)


def estop_text(drill: EstopDrill, findings: tuple[Finding, ...]) -> Message:
    """The drill in one sentence."""
    if findings:
        return findings[0].message
    if drill.broken_off:
        return msg("The drill of the stop was broken off: a real stop came. The stop itself worked in it.")
    times = msg(
        "detected {detect} ms, gate shut {gate} ms, flag durable {flag} ms, recorded {journal} ms",
        detect=drill.detect_ms or 0,
        gate=drill.gate_ms or 0,
        flag=drill.flag_ms or 0,
        journal=drill.journal_ms or 0,
    )
    if drill.notice_ms is None:
        return msg("Drill of the stop, from the bad reading: {times}; nobody was to be told.", times=times)
    return msg(
        "Drill of the stop, from the bad reading: {times}, told {notice} ms.", times=times, notice=drill.notice_ms
    )


def notify_event(heard: tuple[Heard, ...], rules: DrillRules, now: Now) -> Event:
    """The record of a drill of the channels: figures in milliseconds from the sending."""
    findings = notify_findings(heard, rules)
    slowest = max((one.ms for one in heard if one.ms is not None), default=None)
    data: dict[str, Json] = {
        "ok": not findings,
        "slow": any(one.code == "drill_slow" for one in findings),
        "notice_ms": slowest,
        "channels": _channels(heard),
    }
    return Event(NOTIFY, Level.WARNING if findings else Level.INFO, now, notify_text(heard, findings), data)


def notify_text(heard: tuple[Heard, ...], findings: tuple[Finding, ...]) -> Message:
    """The drill in one sentence."""
    if findings:
        return findings[0].message
    if not heard:
        return msg("Drill of the channels: none is configured, so nobody can be told of anything.")
    told = ", ".join(f"{one.channel} {one.ms} ms" for one in heard)
    return msg("Drill of the channels: each was told ({told}).", told=told)


def _channels(heard: tuple[Heard, ...]) -> dict[str, Json]:
    return {one.channel: one.ms for one in heard}


def passed(data: Mapping[str, Json]) -> bool:
    """Whether a recorded drill went well."""
    return data.get("ok") is True
