"""The checklist of `ultrad resume`: what must be so before the stop is lifted.

Three kinds of lines. What only a person knows is asked. What is checked and can never be waived: the watch, fresh
readings, health factors, nothing with funds at risk. What is checked and may be waived, by name and with a reason:
the record of the last hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from ultrad.core.checklist_codes import (
    BACKUP_CODES,
    DEATH_CODES,
    JUDGED_BY_THEIR_OWN_LINES,
    NO_FAULT_OF_THE_WATCH,
    PROBE_CODES,
)
from ultrad.core.events import Finding, Level, Severity
from ultrad.core.resume_facts import ResumeFacts
from ultrad.i18n import Message, msg
from ultrad.units import bps_text, hf_text

ROLLBACK_ANSWERS = ("done", "not-needed")
PEOPLE_NEEDED = 2
"""How many people have to agree in production."""
NAMED_AT_MOST = 5
"""How many findings a line names; the status has them all."""


class Mark(Enum):
    """How one line of the checklist stands."""

    PASS = "pass"  # noqa: S105 - a mark, no password
    FAIL = "fail"
    ASK = "ask"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name (as `--waive` takes it), its mark, what it says, and whether it may be waived."""

    name: str
    mark: Mark
    message: Message
    waivable: bool


class Said(Protocol):
    """What the person who wants to resume says: see `ultrad.operations.ResumeRequest`."""

    @property
    def cause(self) -> str:
        """What caused the stop, in their words."""
        ...

    @property
    def rollback(self) -> str:
        """One of ROLLBACK_ANSWERS, or empty."""
        ...

    @property
    def staging(self) -> bool:
        """Whether staging has passed its test flow."""
        ...

    @property
    def backups(self) -> bool:
        """Whether backups are known to be sound."""
        ...


def checklist(facts: ResumeFacts, said: Said, people: tuple[str, ...], *, production: bool) -> tuple[Line, ...]:
    """Every line. people: who has agreed so far, in production, where two must."""
    return (
        *_asked(said, production=production),
        _backups(facts, said),
        _watching(facts),
        _fresh_readings(facts),
        _health_factors(facts),
        _funds_at_risk(facts),
        *_rotation(facts),
        _low_readings(facts),
        _value_change(facts),
        _probes(facts),
        _jobs(facts),
        _deaths(facts),
        *((_people(people),) if production else ()),
    )


def unmet(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines that stand against lifting the stop."""
    return tuple(line for line in lines if line.mark in {Mark.FAIL, Mark.ASK})


# ---------------------------------------------------------------- waivers


def refused_waiver(lines: tuple[Line, ...], waive: tuple[tuple[str, str], ...]) -> Message | None:
    """Why one of these waivers cannot be taken; None where all can."""
    by_name = {line.name: line for line in lines}
    waivable = ", ".join(line.name for line in lines if line.waivable)
    for name, reason in waive:
        if name not in by_name:
            return msg(
                "The checklist has no line {name}. Lines that may be waived: {waivable}.",
                name=name,
                waivable=waivable,
            )
        if not by_name[name].waivable:
            return msg(
                "The line {name} is never waived: put right what it says. Lines that may be waived: {waivable}.",
                name=name,
                waivable=waivable,
            )
        if not reason.strip():
            return msg("The waiver of {name} needs a reason: it stands in the journal for good.", name=name)
    return None


def waived(lines: tuple[Line, ...], waive: tuple[tuple[str, str], ...], by: str) -> tuple[Line, ...]:
    """The lines with those waived that fail, may be waived and are named. A line that passes stays as it is."""
    reasons = dict(waive)

    def after(line: Line) -> Line:
        if line.mark is not Mark.FAIL or not line.waivable or line.name not in reasons:
            return line
        return replace(
            line,
            mark=Mark.WAIVED,
            message=msg(
                "{fact} Waived by {who}: {reason}", fact=line.message, who=by, reason=reasons[line.name].strip()
            ),
        )

    return tuple(after(line) for line in lines)


# ---------------------------------------------------------------- what is asked


def _asked(said: Said, *, production: bool) -> Iterator[Line]:
    cause = said.cause.strip()
    yield (
        _line("cause", Mark.PASS, msg("The cause is known: {cause}", cause=cause))
        if cause
        else _line("cause", Mark.ASK, msg("Is the cause known? Say it: --cause TEXT"))
    )
    yield _rollback(said.rollback)
    if production:  # a staging that is stopped cannot pass its own test flow before it is resumed
        yield (
            _line("staging", Mark.PASS, msg("Staging has passed its test flow, as was said."))
            if said.staging
            else _line("staging", Mark.ASK, msg("Has staging passed its test flow? Say so: --staging-passed"))
        )


def _backups(facts: ResumeFacts, said: Said) -> Line:
    bad = tuple(one for one in facts.findings if one.code in BACKUP_CODES and one.level >= Level.ALERT)
    if bad:
        text = msg("The backups have faults: {names}. Mend them, or waive.", names=_names(bad))
        return _record("backups", text, passed=False)
    if said.backups:
        return _line("backups", Mark.PASS, msg("The backups are sound, as was said."))
    question = msg("Are the backups fresh and without fault? Look, then say so: --backups-sound")
    return _line("backups", Mark.ASK, question)


def _rollback(answer: str) -> Line:
    if answer == "done":
        return _line("rollback", Mark.PASS, msg("A rollback or redeployment was done, as was said."))
    if answer == "not-needed":
        return _line("rollback", Mark.PASS, msg("No rollback or redeployment was needed, as was said."))
    question = msg("Was a rollback or redeployment needed, and is it done? Say: --rollback done or not-needed")
    return _line("rollback", Mark.ASK, question)


def _people(people: tuple[str, ...]) -> Line:
    if len(people) >= PEOPLE_NEEDED:
        return _line("people", Mark.PASS, msg("Two people agree: {names}", names=", ".join(people)))
    return _line("people", Mark.ASK, msg("Two people must agree. So far: {names}", names=", ".join(people)))


# ---------------------------------------------------------------- what is checked, and never waived


def _watching(facts: ResumeFacts) -> Line:
    if facts.late_parts:
        return _line(
            "watching",
            Mark.FAIL,
            msg(
                "Parts of the daemon do not turn: {parts}. See its log; restart it where they stay so.",
                parts=", ".join(facts.late_parts),
            ),
        )
    faults = tuple(
        one
        for one in facts.findings
        if one.level >= Level.ALERT
        and one.severity is not Severity.S1
        and one.key not in facts.causes
        and one.code not in JUDGED_BY_THEIR_OWN_LINES | NO_FAULT_OF_THE_WATCH
    )
    if faults:
        return _line(
            "watching", Mark.FAIL, msg("Faults stand: {names}. `ultrad status` says more.", names=_names(faults))
        )
    return _line("watching", Mark.PASS, msg("The watch has no fault."))


def _fresh_readings(facts: ResumeFacts) -> Line:
    unread = tuple(one.name for one in facts.positions if one.hf is None)
    if facts.reading_age_ms is None or unread or not facts.positions:
        names = ", ".join(unread or (one.name for one in facts.positions))
        return _line(
            "readings", Mark.FAIL, msg("There is no reading yet of: {names}. Wait, or mend the RPC.", names=names)
        )
    seconds, limit = -(-facts.reading_age_ms // 1_000), facts.reading_limit_ms // 1_000
    if facts.reading_age_ms > facts.reading_limit_ms:
        return _line(
            "readings",
            Mark.FAIL,
            msg(
                "The newest readings are {seconds} s old; {limit} s are allowed. Check the endpoints.",
                seconds=seconds,
                limit=limit,
            ),
        )
    return _line(
        "readings",
        Mark.PASS,
        msg("The readings are fresh ({seconds} s; limit {limit} s).", seconds=seconds, limit=limit),
    )


def _health_factors(facts: ResumeFacts) -> Line:
    limit = facts.limits.resume_hf
    low = ", ".join(
        f"{one.name} {'?' if one.hf is None else hf_text(one.hf)}"
        for one in facts.positions
        if one.hf is None or one.hf <= limit
    )
    if low or not facts.positions:
        return _line(
            "health_factor",
            Mark.FAIL,
            msg(
                "Health factor not above {limit}: {low}. Repay debt or add collateral first.",
                limit=hf_text(limit, 2),
                low=low,
            ),
        )
    return _line("health_factor", Mark.PASS, msg("Every health factor is above {limit}.", limit=hf_text(limit, 2)))


def _funds_at_risk(facts: ResumeFacts) -> Line:
    at_risk = tuple(
        one for one in facts.findings if one.severity is Severity.S1 and one.code not in JUDGED_BY_THEIR_OWN_LINES
    )
    if at_risk:
        return _line(
            "no_s1", Mark.FAIL, msg("Funds are at risk (S1): {names}. Deal with it first.", names=_names(at_risk))
        )
    still_open = tuple(number for number, code in facts.incidents if code not in JUDGED_BY_THEIR_OWN_LINES)
    if still_open:
        return _line(
            "no_s1",
            Mark.FAIL,
            msg(
                "Incidents with funds at risk (S1) are open: {numbers}. Once each is dealt with: "
                "ultrad incident resolve {first} --text …",
                numbers=", ".join(map(str, still_open[:NAMED_AT_MOST])),
                first=still_open[0],
            ),
        )
    return _line("no_s1", Mark.PASS, msg("Nothing stands that puts funds at risk (S1)."))


def _rotation(facts: ResumeFacts) -> Iterator[Line]:
    """After a leak alone: a stop for it is not lifted on the keys that leaked."""
    if facts.rotation is not None:
        done, message = facts.rotation
        yield _line("rotation", Mark.PASS if done else Mark.FAIL, message)


# ---------------------------------------------------------------- what is checked, and may be waived


def _low_readings(facts: ResumeFacts) -> Line:
    minutes, limit = facts.look_back_ms // 60_000, facts.limits.trip_hf
    if not facts.history_known or facts.lowest_hf is None:
        return _unknown("low_readings")
    passed = facts.lowest_hf > limit
    text = (
        msg(
            "No health factor at or under {limit} in {minutes} minutes (lowest {lowest}).",
            limit=hf_text(limit, 2),
            minutes=minutes,
            lowest=hf_text(facts.lowest_hf),
        )
        if passed
        else msg(
            "A health factor at or under {limit} was read within {minutes} minutes (lowest {lowest}). "
            "Wait, or waive.",
            limit=hf_text(limit, 2),
            minutes=minutes,
            lowest=hf_text(facts.lowest_hf),
        )
    )
    return _record("low_readings", text, passed=passed)


def _value_change(facts: ResumeFacts) -> Line:
    limit = facts.limits.max_value_change_bps
    if not facts.history_known or any(one.change_bps is None and not one.empty for one in facts.positions):
        return _unknown("value_change")
    moved = ", ".join(
        f"{one.name} {bps_text(one.change_bps)}"
        for one in facts.positions
        if one.change_bps is not None and abs(one.change_bps) > limit
    )
    text = (
        msg(
            "A value moved by more than {limit}: {moved}. Find out why; wait, or waive.",
            limit=bps_text(limit),
            moved=moved,
        )
        if moved
        else msg("No value moved by more than {limit}.", limit=bps_text(limit))
    )
    return _record("value_change", text, passed=not moved)


def _probes(facts: ResumeFacts) -> Line:
    bad = tuple(one for one in facts.findings if one.code in PROBE_CODES)
    text = (
        msg("Probes are slow or fail: {names}. See healthcheck.log; wait, or waive.", names=_names(bad))
        if bad
        else msg("Probe times and errors are normal.")
    )
    return _record("probes", text, passed=not bad)


def _jobs(facts: ResumeFacts) -> Line:
    failures = facts.job_failures
    text = (
        msg("Job failures in 24 hours: {failures}. See `ultrad jobs`; wait, or waive.", failures=failures)
        if failures
        else msg("No job failed in 24 hours.")
    )
    return _record("jobs", text, passed=not failures)


def _deaths(facts: ResumeFacts) -> Line:
    died = any(one.code in DEATH_CODES for one in facts.findings)
    text = (
        msg("ultrad died a short while ago. Find out why (journalctl -u ultrad); wait, or waive.")
        if died
        else msg("ultrad has not died of late.")
    )
    return _record("deaths", text, passed=not died)


def _unknown(name: str) -> Line:
    return _record(
        name, msg("The record of the last hours has not been read yet: unknown counts as bad."), passed=False
    )


def _record(name: str, text: Message, *, passed: bool) -> Line:
    return Line(name, Mark.PASS if passed else Mark.FAIL, text, waivable=True)


def _line(name: str, mark: Mark, message: Message) -> Line:
    return Line(name, mark, message, waivable=False)


def _names(findings: tuple[Finding, ...]) -> str:
    names = [f"{one.code}:{one.subject}" if one.subject else one.code for one in findings[:NAMED_AT_MOST]]
    return ", ".join((*names, *(("…",) if len(findings) > NAMED_AT_MOST else ())))
