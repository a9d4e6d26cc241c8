"""`ultrad handover`: one page for the next person on duty."""

import time
from collections.abc import Iterator

from ultrad.cli import record
from ultrad.cli.options_shift import MOST_HOURS
from ultrad.cli.screen import BAD, DIM, GOOD, LEVEL_STYLES, NOTHING, Cell, Section, View
from ultrad.cli.session import Session
from ultrad.cli.view import incidents_section
from ultrad.control_client import Unreachable
from ultrad.core import handover as core
from ultrad.core.estop import Mode
from ultrad.core.events import Json, Recorded
from ultrad.core.handover import Chapter, Handover, HfLine, Standing, Waiting
from ultrad.core.intents import Act
from ultrad.core.status import Status
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_USAGE
from ultrad.i18n import Message, msg
from ultrad.operations import QueueLine
from ultrad.units import Now, hf_text

HOUR_MS = 3_600_000
_ENDS = {
    Act.SETTLE.value: msg("executed"),
    Act.FAIL.value: msg("failed"),
    Act.CANCEL.value: msg("cancelled"),
    Act.USURP.value: msg("its nonce was used by another"),
    Act.YIELD.value: msg("gave way to another"),
    Act.REHEARSE.value: msg("dry run"),
}


def handover(session: Session) -> int:
    """The last hours; from the journal's file where the daemon is down."""
    args, screen = session.args, session.screen
    if not 1 <= args.hours <= MOST_HOURS:
        screen.complain(msg("--hours {given}: give 1 to {most}.", given=args.hours, most=MOST_HOURS))
        return EXIT_USAGE
    now = Now(wall_ms=round(time.time() * 1_000), steady_ms=0)
    since_ms = now.wall_ms - args.hours * HOUR_MS
    client = session.client()
    try:
        standing = _live(client.status(), client.queue())
        events = record.events(session, core.KINDS, since_ms)
    except Unreachable as error:
        screen.complain(error.message, msg("What follows is from the journal's file."))
        standing, events = _left(session), record.from_file(session, core.KINDS, since_ms)
    page = core.handover(events, standing, since_ms, now)
    if args.json:
        screen.json(_json(page))
    else:
        screen.show(_view(session, page))
    return 0


def _left(session: Session) -> Standing:
    from ultrad import hindsight  # noqa: PLC0415 - imports adapters

    return hindsight.standing(session.place.paths)


def _live(status: Status, queue: tuple[QueueLine, ...]) -> Standing:
    return Standing(
        live=True,
        version=status.version,
        mode=status.estop.mode,
        since_ms=status.estop.since.wall_ms if status.estop.since else None,
        causes=tuple(one.message for one in status.estop.causes),
        flag=None,
        positions=tuple(
            HfLine(
                one.name,
                one.reading.health_factor if one.reading else None,
                one.reading.block.time_s * 1_000 if one.reading else None,
            )
            for one in status.positions
        ),
        dry_run=status.trade.dry_run if status.trade else None,
        incidents=status.incidents,
        waiting=tuple(Waiting(one.channel, one.title, one.queued_ms) for one in queue),
    )


# ---------------------------------------------------------------- the page


def _view(session: Session, page: Handover) -> View:
    when = session.screen.when
    standing = page.standing
    sections = (
        Section(msg("How it stands"), (), tuple(_standing(session, standing))),
        incidents_section(standing.incidents, when),
        Section(
            msg("Notices that nobody has yet"),
            (),
            tuple(
                (Cell(when(one.queued_ms), DIM), Cell(one.channel), Cell(one.title)) for one in standing.waiting
            ),
        ),
        Section(msg("What became of signals"), (), tuple(_counts(page))),
        *(_chapter(session, one) for one in page.chapters),
    )
    title = msg("Hand-over: {since} to {now}", since=when(page.since_ms), now=when(page.now_ms))
    return View((Cell(title, "bold"),), "", tuple(one for one in sections if one.rows))


def _standing(session: Session, of: Standing) -> Iterator[tuple[Cell, ...]]:
    when = session.screen.when
    word = msg("ultrad {version} is up", version=of.version)
    if not of.live:
        word = msg("The daemon is DOWN. As ultrad {version} left it:", version=of.version)
    yield Cell(msg("Daemon")), Cell(word, "" if of.live else BAD)
    since = when(of.since_ms)
    yield Cell(msg("Stop")), _mode(of.mode, since)
    if of.flag is not None:
        flag = Cell(msg("the file stands"), BAD) if of.flag else Cell(msg("no file"))
        yield Cell(msg("Flag")), flag
    for cause in of.causes:
        yield Cell(msg("Cause")), Cell(cause, BAD)
    for one in of.positions:
        said = NOTHING if one.hf is None else Cell(f"{hf_text(one.hf)} ({when(one.at_ms)})")
        yield Cell(msg("Health factor of {name}", name=one.name)), said
    if of.dry_run is not None:
        trading = msg("DRY RUN: nothing is sent") if of.dry_run else msg("transactions are sent")
        yield Cell(msg("Trading")), Cell(trading)


def _mode(mode: Mode, since: str) -> Cell:
    match mode:
        case Mode.OFF:
            return Cell(msg("OFF"), GOOD)
        case Mode.ON:
            return Cell(msg("ON since {since}", since=since), BAD)
        case Mode.OVERRIDDEN:
            return Cell(msg("OVERRIDDEN since {since}", since=since), "bold yellow")


def _counts(page: Handover) -> Iterator[tuple[Cell, ...]]:
    for kind, count in page.traded:
        yield Cell(_ENDS.get(kind, kind)), Cell(str(count))
    for rule, count in page.skipped:
        yield Cell(msg("stopped by the rule {rule}", rule=rule)), Cell(str(count))


def _chapter(session: Session, chapter: Chapter) -> Section:
    rows = [row for one in chapter.events for row in _rows(session, one)]
    if chapter.earlier:
        more = msg("… and {count} before these: ultrad log", count=chapter.earlier)
        rows.insert(0, (NOTHING, NOTHING, Cell(more, DIM)))
    return Section(chapter.title, (), tuple(rows))


def _rows(session: Session, one: Recorded) -> Iterator[tuple[Cell, ...]]:
    event = one.event
    at = Cell(session.screen.when(event.now.wall_ms), DIM)
    level = Cell(event.level.label, LEVEL_STYLES[event.level])
    changed = core.changed_keys(one)
    if not changed:
        yield at, level, Cell(event.message)
    for key, old, new, looser in changed:
        yield at, level, Cell(_change(key, old or "–", new or "–", looser=looser), "yellow" if looser else "")


def _change(key: str, old: str, new: str, *, looser: bool) -> Message:
    if looser:
        return msg("{key}: {old} → {new} (looser than before)", key=key, old=old, new=new)
    return msg("{key}: {old} → {new}", key=key, old=old, new=new)


# ---------------------------------------------------------------- for programs


def _json(page: Handover) -> Json:
    standing = page.standing
    return {
        "since_ms": page.since_ms,
        "now_ms": page.now_ms,
        "live": standing.live,
        "version": standing.version,
        "estop": standing.mode.value,
        "estop_since_ms": standing.since_ms,
        "flag": standing.flag,
        "causes": [str(one) for one in standing.causes],
        "positions": [
            {"name": one.name, "hf": None if one.hf is None else hf_text(one.hf), "at_ms": one.at_ms}
            for one in standing.positions
        ],
        "dry_run": standing.dry_run,
        "incidents": to_json(standing.incidents),
        "undelivered": [
            {"channel": one.channel, "title": str(one.title), "queued_ms": one.queued_ms}
            for one in standing.waiting
        ],
        "traded": dict(page.traded),
        "skipped": dict(page.skipped),
        "chapters": {one.name: _chapter_json(one) for one in page.chapters},
    }


def _chapter_json(chapter: Chapter) -> Json:
    events: list[Json] = [
        {
            "seq": one.seq,
            "wall_ms": one.event.now.wall_ms,
            "kind": one.event.kind,
            "level": one.event.level.label,
            "message": str(one.event.message),
            "changes": [
                {"key": key, "old": old, "new": new, "looser": looser}
                for key, old, new, looser in core.changed_keys(one)
            ],
        }
        for one in chapter.events
    ]
    return {"earlier": chapter.earlier, "events": events}
