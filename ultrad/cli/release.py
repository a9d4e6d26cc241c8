"""`ultrad release check | verify | abandon`: before and after another version is installed."""

import time
import uuid
from collections.abc import Callable

from ultrad.cli import procedures, record
from ultrad.cli.screen import Cell, View
from ultrad.cli.session import Session
from ultrad.core import release as core
from ultrad.core.events import Level, Severity
from ultrad.core.intents import ENDS, Stage
from ultrad.core.items import ItemLine
from ultrad.core.procedure import Kind, Procedure, Verdict
from ultrad.core.release import AfterFacts, BeforeFacts
from ultrad.core.signals import TRIAL
from ultrad.core.status import Status
from ultrad.errors import EXIT_FAILED, Fatal, Permanent, UltradError
from ultrad.i18n import Message, msg
from ultrad.operations import ProcedureAnswer, ProcedureRequest
from ultrad.ports import EventFilter

KIND = Kind.RELEASE.value
WATCH_BEGUN = "release.watch: "
"""What a note begins with that announces the watch; its time is the watch's beginning."""
MOST_EVENTS = 1_000
DECISION_S = 60.0
"""A trader turns each second; a minute is more than any wait of its own."""
PAUSE_S = 1.0


def check(session: Session) -> int:
    """Before: begins one, or goes on with it. 0 where nothing stands against it."""
    args, client = session.args, session.client()
    told = client.procedure(ProcedureRequest("show", KIND))
    if not (told.procedure and told.procedure.is_open):
        if not (args.to and args.reason):
            raise Permanent(msg("No release goes on. Begin one: ultrad release check --to VERSION --reason TEXT"))
        told = client.procedure(
            ProcedureRequest(
                "begin",
                KIND,
                items=core.ITEMS,
                base=((core.VERSION, args.to), (core.WATCH_MINUTES, str(args.minutes))),
                text=procedures.signed(session, args.reason),
            )
        )
    told = procedures.answer(session, KIND, told)
    facts = _before(session, client.status())
    told = procedures.checked(session, KIND, told, core.before_lines(_of(told), facts))
    one = _of(told)
    left = [item for item in one.left() if item in core.BEFORE]
    next_step = (
        msg("Not yet: what is open stands against it. What only you know: --done ITEM")
        if left
        else msg("Install it now, restart, then: ultrad release verify")
    )
    _show(session, one, core.before_lines(one, facts), next_step)
    return EXIT_FAILED if left else 0


def verify(session: Session, pause: Callable[[float], None] = time.sleep) -> int:
    """After: 0 once the watch is over and all is well; 1 before that, or where it failed."""
    client = session.client()
    told = client.procedure(ProcedureRequest("show", KIND))
    one = _of(told)
    if not one.is_open:
        raise Permanent(msg("No release goes on. Begin one: ultrad release check --to VERSION --reason TEXT"))
    told = procedures.answer(session, KIND, told)
    facts = _after(session, client.status(), one, pause)
    told = procedures.checked(session, KIND, told, core.after_lines(one, facts))
    one = _of(told)
    if core.has_failed(one, facts):
        text = session.screen.text(msg("{count} alerts during the watch", count=facts.alerts))
        one = _of(client.procedure(ProcedureRequest("end", KIND, answer=Verdict.FAILED.value, text=text)))
        _show(session, one, core.after_lines(one, facts), msg("FAILED: go back to the version before."))
        return EXIT_FAILED
    if not one.left():
        one = _of(client.procedure(ProcedureRequest("end", KIND, answer=Verdict.COMPLETE.value)))
        _show(session, one, core.after_lines(one, facts), msg("The release is complete."))
        return 0
    if one.left() == (core.WATCH,) and facts.watched_min is None:
        minutes = dict(one.base)[core.WATCH_MINUTES]
        words = session.screen.text(
            msg("release {number}, for {minutes} minutes", number=one.number, minutes=minutes)
        )
        client.note(WATCH_BEGUN + words)
        next_step = msg("The watch has begun. In {minutes} minutes: ultrad release verify", minutes=minutes)
    else:
        next_step = msg("Not over: see what is open, then again: ultrad release verify")
    _show(session, one, core.after_lines(one, facts), next_step)
    return EXIT_FAILED


def abandon(session: Session) -> int:
    """End it without a verdict on the version."""
    one = _of(
        session.client().procedure(
            ProcedureRequest("end", KIND, answer=Verdict.ABANDONED.value, text=session.args.text)
        )
    )
    session.screen.say(msg("Release {number} is abandoned.", number=one.number))
    return 0


def _of(told: ProcedureAnswer) -> Procedure:
    if told.procedure is None:
        raise Permanent(msg("No release goes on. Begin one: ultrad release check --to VERSION --reason TEXT"))
    return told.procedure


# ---------------------------------------------------------------- what is seen


def _before(session: Session, status: Status) -> BeforeFacts:
    grave = {Severity.S1, Severity.S2}
    return BeforeFacts(
        config_errors=_config_errors(session),
        journal_sound=_journal_sound(session),
        backup_age_h=_backup_age_h(status),
        grave=tuple(one.number for one in status.incidents if one.severity in grave),
        stop=status.estop.mode,
    )


def _config_errors(session: Session) -> int | None:
    """As `ultrad check` counts them; None where the secrets are not this user's to read."""
    from ultrad import config, keycare  # noqa: PLC0415 - imports adapters

    environ = keycare.surroundings(session.environ)
    settings = config.read(session.place.config)
    try:
        loaded = config.load(session.place.config, environ)
    except Fatal:
        return None if keycare.any_hidden(settings, environ) else 1
    return sum(line.level == "error" for line in config.check(loaded, environ))


def _journal_sound(session: Session) -> bool | None:
    from ultrad import offline  # noqa: PLC0415 - imports adapters

    try:
        found, _ = offline.verify(session.place.paths, ())
    except UltradError:
        return None
    return found.ok


def _backup_age_h(status: Status) -> int | None:
    job = next((one for one in status.jobs if one.name == "backup_daily"), None)
    if job is None or job.last_started_ms is None or not job.last_ok:
        return None
    return max(0, status.now.wall_ms - job.last_started_ms) // 3_600_000


def _after(session: Session, status: Status, one: Procedure, pause: Callable[[float], None]) -> AfterFacts:
    began_ms = _watch_began(session, one)
    return AfterFacts(
        version=status.version,
        late=status.late_parts(),
        services_ok=_services_ok(status),
        trading=status.trade is not None,
        decision=_decision(session, one, pause) if status.trade is not None else None,
        severe=_count(session, Level.CRITICAL, status.started_ms),
        watched_min=None if began_ms is None else (status.now.wall_ms - began_ms) // 60_000,
        alerts=0 if began_ms is None else _count(session, Level.ALERT, began_ms),
    )


def _services_ok(status: Status) -> bool | None:
    job = next((one for one in status.jobs if one.name == "health_check"), None)
    if job is None or job.last_started_ms is None or job.last_started_ms < status.started_ms:
        return None
    return job.last_ok


def _decision(session: Session, one: Procedure, pause: Callable[[float], None]) -> Stage | None:
    """What becomes of a HOLD: it goes the way of every decision, and moves nothing. Handed in once a release."""
    if core.DECISION not in one.left():
        return Stage.HELD
    client = session.client()
    name = f"{TRIAL}{one.number}-{uuid.uuid4().hex[:8]}"
    reason = session.screen.text(msg("smoke test of release {number}", number=one.number))
    taken = client.signal({"id": name, "action": "HOLD", "confidence": 100, "reason": reason})
    for _ in range(round(DECISION_S / PAUSE_S)):
        found = next((line for line in client.signals(20) if line.id == taken.intent), None)
        if found is not None and found.stage in ENDS:
            return found.stage
        pause(PAUSE_S)
    return None


def _count(session: Session, level: Level, since_ms: int) -> int:
    """Events of that level and above; those of this checklist are not counted."""
    which = EventFilter(min_level=level, since_ms=since_ms, limit=MOST_EVENTS)
    found = session.client().events(which)
    return sum(not one.event.kind.startswith("procedure.") for one in found)


def _watch_began(session: Session, one: Procedure) -> int | None:
    """When the watch of this release was announced."""
    notes = record.events(session, ("note",), one.begun.wall_ms)
    begun = [each.event.now.wall_ms for each in notes if str(each.event.data.get("text")).startswith(WATCH_BEGUN)]
    return begun[0] if begun else None


# ---------------------------------------------------------------- what is shown


def _show(session: Session, one: Procedure, lines: tuple[ItemLine, ...], next_step: Message) -> None:
    screen = session.screen
    if session.args.json:
        screen.json(
            {
                "number": one.number,
                "version": dict(one.base).get(core.VERSION),
                "open": one.is_open,
                "verdict": None if one.verdict is None else one.verdict.value,
                "left": list(one.left()),
                "items": procedures.items_json(lines),
            }
        )
        return
    title = msg(
        "Release {number}, to version {version}, begun by {by}: {reason}",
        number=one.number,
        version=dict(one.base).get(core.VERSION, "?"),
        by=one.by,
        reason=one.reason,
    )
    screen.show(View((Cell(title),), "", (procedures.section(lines),)))
    screen.say("", next_step)
