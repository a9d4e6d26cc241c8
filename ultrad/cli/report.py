"""`ultrad report daily | weekly | situation | make | list`: by the daemon, or from the files where it is down."""

import time
from datetime import UTC, date, datetime

from ultrad.cli.screen import DIM, Cell, Section, View
from ultrad.cli.session import Session
from ultrad.control_client import Unreachable
from ultrad.core import periods
from ultrad.core.estop import Step
from ultrad.core.events import Recorded
from ultrad.core.periods import ReportKind
from ultrad.core.report_care_words import size_text
from ultrad.core.report_order import Kept, Made, Order
from ultrad.core.report_rules import no_report
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_USAGE, Permanent
from ultrad.i18n import msg
from ultrad.ports import EventFilter
from ultrad.units import Now


def daily(session: Session) -> int:
    """A day's report."""
    return _of_date(session, ReportKind.DAILY)


def weekly(session: Session) -> int:
    """A week's report."""
    return _of_date(session, ReportKind.WEEKLY)


def situation(session: Session) -> int:
    """The report of the newest trip."""
    which = EventFilter(kinds=(Step.TRIP,), limit=1, newest_first=True)
    try:
        found = session.client().events(which)
    except Unreachable:
        found = _from_file(session, which)
    if not found:
        raise Permanent(msg("The emergency stop was never ON here: there is no situation to report."))
    return _show(session, periods.situation(found[0].event.now.wall_ms).name)


def make(session: Session) -> int:
    """A report by its name."""
    return _show(session, session.args.name)


def listed(session: Session) -> int:
    """The reports that are kept."""
    screen = session.screen
    try:
        kept = session.client().reports()
    except Unreachable:
        kept = _kept(session)
    if session.args.json:
        screen.json({"directory": str(session.place.paths.reports), "reports": to_json(kept)})
        return 0
    if not kept:
        screen.say(msg("No report was made yet."))
        return 0
    rows = tuple(
        (
            Cell(one.name),
            Cell(screen.when(one.made_ms), DIM),
            Cell(size_text(one.size)),
            Cell(_place(session, one.name)),
        )
        for one in kept
    )
    head = (msg("Report"), msg("Made"), msg("Size"), msg("File"))
    screen.show(View((), "", (Section(msg("Reports"), head, rows),)))
    return 0


def _of_date(session: Session, kind: ReportKind) -> int:
    zone, given = session.place.zone, session.args.date
    if given is None:
        return _show(session, periods.before(kind, datetime.now(UTC), zone).name)
    try:
        of = date.fromisoformat(given)
    except ValueError:
        session.screen.complain(msg("{given} is no date. Write it as 2026-11-22.", given=given))
        return EXIT_USAGE
    if of.year not in periods.YEARS:
        session.screen.complain(no_report(f"{kind}-{of}"))
        return EXIT_USAGE
    period = periods.day(of, zone) if kind is ReportKind.DAILY else periods.week(of, zone)
    if period.since_ms > time.time() * 1_000:
        session.screen.complain(msg("{given} has not come yet.", given=given))
        return EXIT_USAGE
    return _show(session, period.name)


def _show(session: Session, name: str) -> int:
    screen = session.screen
    try:
        made = session.client().make_report(name)
    except Unreachable as error:
        screen.complain(error.message, msg("The report is made from the journal's file."))
        made = _make(session, name)
    if session.args.json:
        screen.json(to_json(made))
        return 0
    screen.say(made.title)
    for line in made.lines:
        screen.say(line)
    if made.page:
        screen.say(msg("With charts: {path}", path=_place(session, name)))
    return 0


def _place(session: Session, name: str) -> str:
    return str(session.place.paths.reports / f"{name}.html")


# ---------------------------------------------------------------- without the daemon


def _make(session: Session, name: str) -> Made:
    from ultrad import config, reporting  # noqa: PLC0415 - only where the daemon does not answer
    from ultrad.config.check import loosened  # noqa: PLC0415 - the same

    period = periods.named(name, session.place.zone)
    if period is None:
        raise Permanent(no_report(name))
    settings = config.read(session.place.config)
    said = tuple(line.message for line in loosened(settings))
    now = Now(round(time.time() * 1_000), 0)
    return reporting.make(reporting.where_of(session.place.config), Order(period, now, said))


def _from_file(session: Session, which: EventFilter) -> tuple[Recorded, ...]:
    from ultrad import offline  # noqa: PLC0415 - only where the daemon does not answer

    return offline.events(session.place.paths, which)


def _kept(session: Session) -> tuple[Kept, ...]:
    from ultrad import reporting  # noqa: PLC0415 - only where the daemon does not answer

    return reporting.kept(session.place.paths.reports)
