"""What trips the stop, what an override holds off, and the causes that are not findings."""

from dataclasses import replace

from ultrad.core.estop import BY_ULTRAD, NEVER_COVERED, Cause, EstopState, Mode, Override
from ultrad.core.events import Effect, Finding, Severity
from ultrad.core.limits import EstopRules
from ultrad.i18n import Message, msg
from ultrad.units import Now, Wad


def cause_of(finding: Finding, now: Now) -> Cause:
    """The cause that a tripping finding is."""
    return Cause(
        code=finding.code,
        subject=finding.subject,
        at=now,
        by=BY_ULTRAD,
        message=finding.message,
        figures=finding.figures,
        health_factor=finding.health_factor,
        severity=finding.severity,
    )


def must_trip(state: EstopState, finding: Finding, rules: EstopRules) -> bool:
    """Whether a finding trips, given what is overridden. While ON it does where it is a cause not yet named."""
    if finding.effect is not Effect.TRIP:
        return False
    if state.mode is Mode.OFF:
        return True
    if state.mode is Mode.ON:
        return not state.has(finding.key)
    return not held_off(state.override, finding, rules)


def held_off(override: Override | None, finding: Finding, rules: EstopRules) -> bool:
    """Whether an override covers this finding as bad as it is now."""
    if override is None or finding.code in NEVER_COVERED:
        return False
    began_at = {(code, subject): hf for code, subject, hf in override.covered}
    if finding.key not in began_at:
        return False
    hf = finding.health_factor
    return hf is None or not _too_bad(hf, began_at[finding.key], rules)


def _too_bad(hf: Wad, hf_then: Wad | None, rules: EstopRules) -> bool:
    worse = hf_then is not None and hf <= hf_then - rules.override_step
    return worse or hf < rules.hard_floor_hf


def uncovered(state: EstopState, hf_by_position: dict[str, Wad], rules: EstopRules, now: Now) -> tuple[Cause, ...]:
    """The causes that a flag removed now would not hold off: too young, under the hard floor, or never."""

    def stands(cause: Cause) -> bool:
        hf = hf_by_position.get(cause.subject, cause.health_factor)
        return (
            cause.code in NEVER_COVERED
            or now.steady_ms - cause.at.steady_ms < rules.cover_age_ms
            or (hf is not None and hf < rules.hard_floor_hf)
        )

    return tuple(cause for cause in state.causes if stands(cause))


def override_of(state: EstopState, hf_by_position: dict[str, Wad], by: str, now: Now) -> Override:
    """The override that a removed flag amounts to, from the health factors as they are now."""
    return Override(
        since=now,
        by=by,
        covered=tuple(
            (cause.code, cause.subject, hf_by_position.get(cause.subject, cause.health_factor))
            for cause in state.causes
        ),
    )


def override_is_over(state: EstopState, rules: EstopRules, now: Now) -> bool:
    """Whether the time of the override has run out."""
    return state.override is not None and now.steady_ms - state.override.since.steady_ms >= rules.override_ms


def lapse_cause(now: Now, rules: EstopRules) -> Cause:
    """Why the stop is back after an override in production."""
    return Cause(
        "override_lapsed",
        "",
        now,
        BY_ULTRAD,
        msg(
            "The override's {minutes} minutes are over and no `ultrad resume` was completed.",
            minutes=rules.override_ms // 60_000,
        ),
        severity=Severity.S2,
    )


def still_standing_cause(cause: Cause, rules: EstopRules) -> Cause:
    """The same cause again: its flag was removed, but it cannot be held off."""
    return replace(
        cause,
        message=msg(
            "The flag was removed, and is back: this cause is younger than {seconds} s, under the hard floor, or "
            "never held off. {cause}",
            seconds=rules.cover_age_ms // 1_000,
            cause=innermost(cause.message),
        ),
    )


NO_RESCUE = (NEVER_COVERED - {"override_lapsed", "first_start"}) | {"rescue_off"}
"""Causes after which ultrad signs nothing of its own: the key may be in other hands, or what was decided before is
not known, or the last rescue did not do what it should have."""


def rescue_forbidden(state: EstopState) -> tuple[str, ...]:
    """What stands against a rescue, by the codes of its causes."""
    return tuple(cause.code for cause in state.causes if cause.code in NO_RESCUE)


def innermost(message: Message) -> Message:
    """The message inside those that only repeat it."""
    inner = dict(message.args).get("cause")
    return innermost(inner) if isinstance(inner, Message) else message


def operator_cause(by: str, reason: str, now: Now) -> Cause:
    """A stop by a person, by command, control socket or HTTP."""
    return Cause(
        "operator",
        by,
        now,
        by,
        msg("Stopped by {by}: {reason}", by=by, reason=reason) if reason else msg("Stopped by {by}.", by=by),
        severity=Severity.S2,
    )


def touched_cause(by: str, now: Now) -> Cause:
    """A stop by whoever made the flag file."""
    return Cause("flag", "", now, by, msg("The flag file was made by {by}.", by=by), severity=Severity.S2)


def resume_undone_cause(reason: Message, now: Now) -> Cause:
    """A stop that was about to be lifted, when the checklist failed at the last moment."""
    return Cause(
        "resume_undone",
        "",
        now,
        BY_ULTRAD,
        msg(
            "The stop is back: its checklist passed, and failed again while it was being lifted. {reason}",
            reason=reason,
        ),
        severity=Severity.S2,
    )


def journal_hung_cause(now: Now, seconds: int) -> Cause:
    """A stop that was about to be lifted or overridden, when the journal did not answer."""
    return Cause(
        "journal_hung",
        "",
        now,
        BY_ULTRAD,
        msg(
            "The journal has not answered for {seconds} s, so that the stop could not be lifted: it stays ON. "
            "Mend the disk, then begin again.",
            seconds=seconds,
        ),
        severity=Severity.S2,
    )


def unreadable_cause(error: str, now: Now) -> Cause:
    """A flag that cannot be examined counts as standing."""
    return Cause(
        "flag_unreadable",
        "",
        now,
        BY_ULTRAD,
        msg(
            "The flag file cannot be examined ({error}), so it counts as standing. Mend its directory.",
            error=error,
        ),
        severity=Severity.S2,
    )


def trade_cause(code: str, message: Message, now: Now, severity: Severity = Severity.S1) -> Cause:
    """A stop for what a signal, a trade or the account's chain history showed."""
    return Cause(code, "", now, BY_ULTRAD, message, severity=severity)
