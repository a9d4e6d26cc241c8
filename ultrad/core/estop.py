"""The emergency stop as a table: what turns it on, what holds it off, what turns it off.

OFF         nothing stands against trading.
ON          no transaction of the strategy is signed or sent.
OVERRIDDEN  somebody removed the flag while ON: trading is allowed, the causes of then are held off for a while.

The state is a fold over the journal's `estop.*` events, so what was decided before a restart holds after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never, cast

from ultrad.core.events import Event, Json, Level, Recorded, Severity
from ultrad.core.limits import EstopRules
from ultrad.core.messages import MAX_DEPTH, message_from_json, message_json
from ultrad.i18n import Message, msg
from ultrad.units import Now, Wad

NEVER_COVERED = frozenset(
    {
        # Somebody else may be at the keys, and at the flag.
        "key_leak",
        "intrusion",
        # What a second person must agree to; else one alone could override again after each lapse, ever lower.
        "override_lapsed",
        "first_start",
        # What was decided before is not known: it may have been one of the above.
        "state_unusable",
        "marker_missing",
        "marker_damaged",
        "journal_new",
        "journal_restored",
        "journal_inconsistent",
    }
)
"""Causes that removing the flag never holds off: only a resume lifts them."""
BY_ULTRAD = "ultrad"
UNKNOWN = "unknown"


class Mode(StrEnum):
    """Whether the stop is in force."""

    OFF = "off"
    ON = "on"
    OVERRIDDEN = "overridden"


class Step(StrEnum):
    """What can happen to the stop. The value is the kind of the journal's event."""

    TRIP = "estop.on"
    OVERRIDE = "estop.override"
    OVERRIDE_END = "estop.override_end"
    RESUME = "estop.resume"
    FLAG_STOOD = "estop.flag_stood"


TABLE: dict[tuple[Mode, Step], Mode] = {
    (Mode.OFF, Step.TRIP): Mode.ON,
    (Mode.ON, Step.TRIP): Mode.ON,  # one more cause
    (Mode.ON, Step.OVERRIDE): Mode.OVERRIDDEN,
    (Mode.ON, Step.RESUME): Mode.OFF,
    (Mode.ON, Step.FLAG_STOOD): Mode.ON,
    (Mode.OVERRIDDEN, Step.TRIP): Mode.ON,
    (Mode.OVERRIDDEN, Step.OVERRIDE_END): Mode.OFF,
    (Mode.OVERRIDDEN, Step.RESUME): Mode.OFF,
}


class IllegalStepError(Exception):
    """A step that the table does not have: a fault of the program, never of the operator."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why the stop is ON. `by` names a person or ultrad itself.

    severity: how the incident that it is must be handled; a trip need not be an S1.
    """

    code: str
    subject: str
    at: Now
    by: str
    message: Message
    figures: tuple[tuple[str, str], ...] = ()
    health_factor: Wad | None = None
    severity: Severity = Severity.S1

    @property
    def key(self) -> tuple[str, str]:
        """What makes two causes the same."""
        return (self.code, self.subject)

    def json(self) -> dict[str, Json]:
        """As it stands in the flag file and in the journal."""
        return {
            "code": self.code,
            "subject": self.subject,
            "wall_ms": self.at.wall_ms,
            "steady_ms": self.at.steady_ms,
            "by": self.by,
            "message": message_json(self.message),
            "reason": str(self.message),
            "figures": dict(self.figures),
            "health_factor": None if self.health_factor is None else str(self.health_factor),
            "severity": self.severity.value,
        }

    @classmethod
    def from_json(cls, data: object, depth: int = MAX_DEPTH) -> "Cause":
        """Read what `json` wrote, with messages nested so deep. Raises ValueError on anything else."""
        if not isinstance(data, dict):
            raise ValueError("not an object")  # noqa: TRY004 - the same
        try:
            figures = cast("dict[str, str]", data["figures"])
            return cls(
                code=_text(data["code"]),
                subject=_text(data["subject"]),
                at=Now(_number(data["wall_ms"]), _number(data["steady_ms"])),
                by=_text(data["by"]),
                message=message_from_json(data["message"], depth),
                figures=tuple((_text(name), _text(value)) for name, value in figures.items()),
                health_factor=_wad(data["health_factor"]),
                severity=Severity(_text(data["severity"])),
            )
        except (KeyError, AttributeError, TypeError) as error:
            raise ValueError(f"not a cause: {error!r}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - one kind of error for one kind of mistake
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not a whole number")  # noqa: TRY004 - the same
    return value


def _wad(value: object) -> Wad | None:
    return None if value is None else Wad(int(_text(value)))


@dataclass(frozen=True, slots=True)
class Override:
    """A removed flag, and the causes that it holds off.

    covered: the keys of those causes, each with the health factor at which the override began (None where the
    cause is not about one).
    """

    since: Now
    by: str
    covered: tuple[tuple[str, str, Wad | None], ...]

    def json(self) -> dict[str, Json]:
        """As it stands in the journal."""
        return {
            "wall_ms": self.since.wall_ms,
            "steady_ms": self.since.steady_ms,
            "by": self.by,
            "covered": [[code, subject, None if hf is None else str(hf)] for code, subject, hf in self.covered],
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> "Override":
        """Read what `json` wrote. Raises ValueError on anything else."""
        try:
            rows = cast("list[tuple[str, str, str | None]]", data["covered"])
            return cls(
                since=Now(_number(data["wall_ms"]), _number(data["steady_ms"])),
                by=_text(data["by"]),
                covered=tuple((_text(code), _text(subject), _wad(hf)) for code, subject, hf in rows),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an override: {error!r}") from error


@dataclass(frozen=True, slots=True)
class EstopState:
    """The stop as it is.

    flag_stood: whether the flag of this stop is known to have stood durably. Until then an absent flag is one that
    could not be written yet, not one that somebody removed.
    since: when the mode last changed; None before anything happened.
    """

    mode: Mode = Mode.OFF
    causes: tuple[Cause, ...] = ()
    override: Override | None = None
    flag_stood: bool = False
    since: Now | None = None
    resumed_at: Now | None = None

    def has(self, key: tuple[str, str]) -> bool:
        """Whether this cause is among those that stand."""
        return any(cause.key == key for cause in self.causes)


def _target(state: EstopState, step: Step) -> Mode:
    try:
        return TABLE[state.mode, step]
    except KeyError:
        raise IllegalStepError(f"{step.value} while {state.mode.value}") from None


def tripped(state: EstopState, cause: Cause, *, flag_stood: bool) -> EstopState:
    """ON, with this cause among the others. An override ends. flag_stood: whether the flag is durable for it."""
    mode = _target(state, Step.TRIP)
    fresh = state.mode is not Mode.ON
    return replace(
        state,
        mode=mode,
        causes=(cause,) if state.mode is Mode.OFF else _with(state.causes, cause),
        override=None,
        flag_stood=flag_stood,
        since=cause.at if fresh else state.since,
    )


def _with(causes: tuple[Cause, ...], cause: Cause) -> tuple[Cause, ...]:
    return (*(one for one in causes if one.key != cause.key), cause)


def flag_stood(state: EstopState) -> EstopState:
    """The flag of this stop is durable."""
    _target(state, Step.FLAG_STOOD)
    return replace(state, flag_stood=True)


def flag_doubted(state: EstopState) -> EstopState:
    """The flag cannot be examined any more: it is not known to stand."""
    return replace(state, flag_stood=False)


def overridden(state: EstopState, override: Override) -> EstopState:
    """Held off for a while."""
    mode = _target(state, Step.OVERRIDE)
    return replace(state, mode=mode, override=override, since=override.since, flag_stood=False)


def override_ended(state: EstopState, now: Now) -> EstopState:
    """OFF, because the time of the override is over where it does not lapse to ON."""
    mode = _target(state, Step.OVERRIDE_END)
    return EstopState(mode=mode, since=now, resumed_at=state.resumed_at)


def resumed(state: EstopState, now: Now) -> EstopState:
    """OFF by the checklist: every cause is dealt with, and the value's baseline starts anew."""
    mode = _target(state, Step.RESUME)
    return EstopState(mode=mode, since=now, resumed_at=now)


def resumed_in_vain(before: EstopState, after: EstopState, now: Now) -> EstopState:
    """What the journal tells where a resume was recorded while further causes came: ON, for those alone.

    A cause that stood before and came again is one of them.
    """
    fresh = tuple(cause for cause in after.causes if cause not in before.causes) or after.causes[-1:]
    return replace(after, causes=fresh, since=fresh[0].at, resumed_at=now)


def fold(events: Iterable[Recorded]) -> EstopState:
    """The state after the journal's `estop.*` events, oldest first. What does not fit together counts as ON."""
    state = EstopState()
    for recorded in events:
        try:
            state = _after(state, recorded.event)
        except (IllegalStepError, ValueError, KeyError) as error:
            # Nobody knows whether a flag stood: an absent one is not a removed one, and will be written.
            state = tripped(state, _inconsistent(recorded, error), flag_stood=False)
    return state


def _after(state: EstopState, event: Event) -> EstopState:
    data = cast("dict[str, Json]", event.data)
    match Step(event.kind):
        case Step.TRIP:
            return tripped(state, Cause.from_json(data["cause"]), flag_stood=data["flag"] is True)
        case Step.FLAG_STOOD:
            return flag_stood(state)
        case Step.OVERRIDE:
            return overridden(state, Override.from_json(data))
        case Step.OVERRIDE_END:
            return override_ended(state, event.now)
        case Step.RESUME:
            return resumed(state, event.now)
        case never:
            assert_never(never)


def _inconsistent(recorded: Recorded, error: Exception) -> Cause:
    return Cause(
        "journal_inconsistent",
        "",
        recorded.event.now,
        BY_ULTRAD,
        msg(
            "The journal's event {seq} does not fit the emergency stop's history ({error}). "
            "Run `ultrad audit verify`.",
            seq=recorded.seq,
            error=str(error),
        ),
    )


# ---------------------------------------------------------------- events


def trip_event(cause: Cause, now: Now, *, flag: bool) -> Event:
    """The record of a trip. flag: whether the flag file is known to stand."""
    return Event(Step.TRIP, Level.EMERGENCY, now, cause.message, {"cause": cause.json(), "flag": flag})


def flag_stood_event(now: Now) -> Event:
    """The record that a flag which could not be written at first now stands."""
    return Event(Step.FLAG_STOOD, Level.INFO, now, msg("The stop's flag file is written now."))


def override_event(override: Override, now: Now, rules: EstopRules) -> Event:
    """The record of a removed flag. It must be durable before the gate opens."""
    minutes = rules.override_ms // 60_000
    text = (
        msg(
            "The flag was removed (by: {by}): the stop is overridden for {minutes} minutes. "
            "It comes back unless `ultrad resume` completes within them.",
            by=override.by,
            minutes=minutes,
        )
        if rules.lapses
        else msg(
            "The flag was removed (by: {by}): the stop is overridden, its causes are held off for "
            "{minutes} minutes.",
            by=override.by,
            minutes=minutes,
        )
    )
    return Event(Step.OVERRIDE, Level.CRITICAL, now, text, override.json())


def override_end_event(now: Now) -> Event:
    """The record that an override's time is over and nothing stood against it."""
    return Event(
        Step.OVERRIDE_END, Level.WARNING, now, msg("The time of the override is over: every rule applies again.")
    )


def resume_event(by: tuple[str, ...], checklist: list[Json], now: Now) -> Event:
    """The record of a resume: who, and what the checklist said."""
    return Event(
        Step.RESUME,
        Level.CRITICAL,
        now,
        msg("The stop was lifted by {who}. Values count from here anew.", who=", ".join(by)),
        {"by": list(by), "checklist": checklist},
    )


def describe(state: EstopState) -> Message:
    """One line about the stop."""
    if state.mode is Mode.OFF:
        return msg("OFF")
    if state.mode is Mode.OVERRIDDEN:
        return msg("OVERRIDDEN (flag removed; held off: {causes})", causes=_codes(state))
    return msg("ON ({causes})", causes=_codes(state))


def _codes(state: EstopState) -> str:
    names = (f"{cause.code}:{cause.subject}" if cause.subject else cause.code for cause in state.causes)
    return ", ".join(names)
