"""`ultrad drill estop | notify | list`."""

from ultrad.cli.screen import BAD, DIM, GOOD, NOTHING, Cell, Section, View, When
from ultrad.cli.session import Session
from ultrad.core.drill import ESTOP, NOTIFY, passed
from ultrad.core.events import Recorded
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_FAILED
from ultrad.i18n import msg
from ultrad.ports import EventFilter

_TIMES = ("detect_ms", "gate_ms", "flag_ms", "journal_ms", "notice_ms")


def estop(session: Session) -> int:
    """Drill the stop; 0 where it went well."""
    return _run(session, "estop_drill", ESTOP)


def notify(session: Session) -> int:
    """Drill the channels; 0 where each was told in time."""
    return _run(session, "notify_drill", NOTIFY)


def listed(session: Session) -> int:
    """The last drills."""
    found = session.client().events(
        EventFilter(kinds=(ESTOP, NOTIFY), limit=session.args.limit, newest_first=True)
    )
    if not found and not session.args.json:
        session.screen.say(msg("There has been no drill yet: ultrad drill estop"))
        return 0
    _show(session, found)
    return 0


def _run(session: Session, job: str, kind: str) -> int:
    client = session.client()
    line = client.run_job(job)
    if line.last_ok is not True:
        session.screen.complain(msg("{name} failed: {message}", name=job, message=line.last_message or ""))
        return EXIT_FAILED
    found = client.events(EventFilter(kinds=(kind,), since_ms=line.last_started_ms, limit=1, newest_first=True))
    if not found:  # an older one must not be taken for this one
        session.screen.complain(
            msg(
                "{message} It is not in the journal yet: its disk is slow.",
                message=line.last_message or "",
            )
        )
        return EXIT_FAILED
    _show(session, found)
    return 0 if passed(found[0].event.data) else EXIT_FAILED


def _show(session: Session, found: tuple[Recorded, ...]) -> None:
    screen = session.screen
    if session.args.json:
        screen.json({"drills": to_json(found)})
        return
    head = (
        msg("Time"),
        msg("Drill"),
        msg("Went"),
        msg("Detected"),
        msg("Gate shut"),
        msg("Flag durable"),
        msg("Recorded"),
        msg("Told"),
        msg("Message"),
    )
    rows = tuple(_row(one, screen.when) for one in found)
    screen.show(View((), "", (Section(msg("Drills (milliseconds from the beginning)"), head, rows),)))


def _row(one: Recorded, when: When) -> tuple[Cell, ...]:
    data = one.event.data
    times = (data.get(name) for name in _TIMES)
    return (
        Cell(when(one.event.now.wall_ms), DIM),
        Cell(one.event.kind.removeprefix("drill.")),
        Cell(msg("well"), GOOD) if passed(data) else Cell(msg("failed"), BAD),
        *(NOTHING if ms is None else Cell(f"{ms} ms") for ms in times),
        Cell(one.event.message),
    )
