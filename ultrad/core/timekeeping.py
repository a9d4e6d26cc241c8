"""This machine's clock against what services say the time is.

A `Date` header (RFC 9110 § 6.6.1) has whole seconds, so one says to about half a second and half the way there and
back how far off we are: enough for limits of some seconds. One service alone may be the one that is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ultrad.core.events import Level, Origin, Severity
from ultrad.core.sights import Area, Sight
from ultrad.i18n import Message, msg

HALF_MS = 500
"""A header's second began somewhere within it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one service said. offset_ms: its time less ours (positive: ours is behind); spread_ms: give or take."""

    name: str
    offset_ms: int
    spread_ms: int


def told(name: str, date_s: int, asked_ms: int, answered_ms: int) -> Told:
    """From a `Date` header (Unix seconds), and the wall milliseconds of our question and of its answer."""
    middle_ms = (asked_ms + answered_ms) // 2
    return Told(name, date_s * 1_000 + HALF_MS - middle_ms, HALF_MS + max(0, answered_ms - asked_ms) // 2)


@dataclass(frozen=True, slots=True)
class ClockLimits:
    """How far off our clock may be, either way, before it is a warning, or an alert."""

    warn_ms: int
    alert_ms: int


def timekeeping(answers: Sequence[Told], limits: ClockLimits) -> Sight:
    """How far off this machine's clock is: by the middle one, and of two by the one that accuses us less."""
    if not answers:
        return Sight(
            area=Area.CLOCK,
            subject="",
            level=Level.INFO,
            origin=Origin.INFRASTRUCTURE,
            message=msg("No service told the time: the clock could not be compared."),
            remedy=msg("Look at `timedatectl`."),
            known=False,
        )
    ranked = sorted(answers, key=lambda one: one.offset_ms)
    middle = ranked[(len(ranked) - 1) // 2 : len(ranked) // 2 + 1]
    chosen = min(middle, key=lambda one: abs(one.offset_ms))
    off_ms = max(0, abs(chosen.offset_ms) - chosen.spread_ms)
    level = Level.ALERT if off_ms > limits.alert_ms else Level.WARNING if off_ms > limits.warn_ms else Level.INFO
    remedy: Message | None = None
    if level is not Level.INFO:
        remedy = msg("Have it kept by NTP: `timedatectl`, `timedatectl set-ntp true`.")
    return Sight(
        area=Area.CLOCK,
        subject="",
        level=level,
        origin=Origin.INFRASTRUCTURE,
        message=_words(chosen, len(answers)),
        remedy=remedy,
        code="clock_off",
        severity=Severity.S2 if level is Level.ALERT else Severity.S3,
        figures=(("offset_ms", str(chosen.offset_ms)), ("spread_ms", str(chosen.spread_ms))),
    )


def _words(chosen: Told, count: int) -> Message:
    seconds = f"{abs(chosen.offset_ms) / 1_000:.1f}"
    spread = f"{chosen.spread_ms / 1_000:.1f}"
    if abs(chosen.offset_ms) <= chosen.spread_ms:
        return msg(
            "The clock is right to {spread} s, by {name} ({count} services asked).",
            spread=spread,
            name=chosen.name,
            count=count,
        )
    side = msg("behind") if chosen.offset_ms > 0 else msg("ahead")
    return msg(
        "The clock is {seconds} s {side} (give or take {spread} s), by {name} ({count} services asked).",
        seconds=seconds,
        side=side,
        spread=spread,
        name=chosen.name,
        count=count,
    )
