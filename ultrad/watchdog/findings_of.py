"""Findings about the watch's own sources: endpoints, market, history."""

from ultrad.core.crosscheck import Dispute, Vote
from ultrad.core.events import Effect, Finding, Level, Origin, Severity
from ultrad.core.limits import EstopRules
from ultrad.errors import Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import EndpointFault, EndpointStatus
from ultrad.units import INFINITE_HF, Now, hf_text


def dispute(what: Dispute, now: Now, rules: EstopRules) -> Finding:
    """Endpoints contradict each other; unresolved for too long it trips."""
    seconds = (now.steady_ms - what.since.steady_ms) // 1_000
    unresolved = seconds >= rules.unresolved_s
    return Finding(
        code="endpoints_disagree",
        subject="",
        level=Level.EMERGENCY if unresolved else Level.CRITICAL,
        origin=Origin.OUTSIDE,
        severity=Severity.S1 if unresolved else Severity.S2,
        effect=Effect.TRIP if unresolved else Effect.NO_TRADE,
        message=msg(
            "The endpoints {names} contradict each other about the position, or about which blocks there are, for "
            "{seconds} s now. The gate is shut; after {limit} s that trips. Find out which one is wrong and take "
            "it out.",
            names=", ".join(one.endpoint for one in what.votes),
            seconds=seconds,
            limit=rules.unresolved_s,
        ),
        figures=tuple((one.endpoint, _lowest(one)) for one in what.votes),
    )


def _lowest(vote: Vote) -> str:
    """The lowest health factor that an endpoint shows."""
    return hf_text(min((one.health_factor for one in vote.readings), default=INFINITE_HF))


def contradicted(name: str, reason: Message) -> Finding:
    """An endpoint that a majority contradicted."""
    return Finding("endpoint_contradicted", name, Level.CRITICAL, Origin.OUTSIDE, reason, Severity.S2)


def branched(name: str) -> Finding:
    """An endpoint that shows other blocks than a majority."""
    return Finding(
        "endpoint_branched",
        name,
        Level.ALERT,
        Origin.OUTSIDE,
        msg(
            "The endpoint {endpoint} does not have the blocks that the majority agrees on: it confirms nothing "
            "until it has. Ask its provider.",
            endpoint=name,
        ),
        Severity.S2,
    )


def market_unreadable(error: Transient, *, lasting: bool) -> Finding:
    """Reserves and prices could not be read: no trade. lasting: again and again."""
    return Finding(
        "market_unreadable",
        "",
        Level.ALERT if lasting else Level.WARNING,
        Origin.OUTSIDE,
        msg("Reserves and prices cannot be read: {reason} No new trade until they can.", reason=error.message),
        Severity.S2 if lasting else Severity.S3,
        Effect.NO_TRADE,
    )


def not_yet(code: str, message: Message) -> Finding:
    """Something that trading needs has not been read since the start.

    A warning, because each start begins with it; what keeps it from being read is told by its own finding.
    """
    return Finding(code, "", Level.WARNING, Origin.OUTSIDE, message, Severity.S3, Effect.NO_TRADE)


def no_reading_yet() -> Finding:
    """No position was read since the start."""
    return not_yet(
        "no_reading_yet",
        msg("No position has been read since the start: the gate is shut until the first good reading."),
    )


def market_unread() -> Finding:
    """No reserve and no price was read since the start."""
    return not_yet(
        "market_unread",
        msg("Reserves and prices have not been read since the start. No new trade until they are."),
    )


def history_unread() -> Finding:
    """The journal has not yet told the day's values."""
    return not_yet(
        "history_unread",
        msg("The values of the last day have not been read from the journal yet. No new trade until they are."),
    )


def reading_old(age_s: int, limit_s: int) -> Finding:
    """Nothing was accepted for too long, whatever the reason: the gate is held shut."""
    return Finding(
        "reading_old",
        "",
        Level.ALERT,
        Origin.INFRASTRUCTURE,
        msg(
            "The newest accepted reading is {age} s old (limit {limit} s): the gate is shut until there is a "
            "newer one. The other findings, or the log, say what keeps the watch from reading.",
            age=age_s,
            limit=limit_s,
        ),
        Severity.S2,
        Effect.NO_TRADE,
        (("age_s", str(age_s)), ("limit_s", str(limit_s))),
    )


def history_unknown(error: UltradError) -> Finding:
    """The day's values are not known: no trade."""
    return Finding(
        "history_unknown",
        "",
        Level.ALERT,
        Origin.INFRASTRUCTURE,
        msg(
            "The values of the last day cannot be read from the journal: {reason} A change over the day is not "
            "seen whole until they can; reading is tried again.",
            reason=error.message,
        ),
        Severity.S2,
        Effect.NO_TRADE,
    )


_ENDPOINT_RANK = {
    EndpointFault.FAILED: (Level.WARNING, Severity.S3),
    EndpointFault.LIMITED: (Level.INFO, Severity.S3),
    EndpointFault.STALE: (Level.ALERT, Severity.S2),
    EndpointFault.WRONG_CHAIN: (Level.CRITICAL, Severity.S2),
    EndpointFault.SET_ASIDE: (Level.CRITICAL, Severity.S2),
}


def endpoint(status: EndpointStatus) -> Finding | None:
    """An endpoint that is not used, and why."""
    if status.fault is None or status.reason is None:
        return None
    level, severity = _ENDPOINT_RANK[status.fault]
    return Finding(f"endpoint_{status.fault.value}", status.name, level, Origin.OUTSIDE, status.reason, severity)
