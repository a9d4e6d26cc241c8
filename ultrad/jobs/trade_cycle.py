"""Takes decisions from Notion's open rows, and writes back what became of them. One row's fault stops no other."""

from collections import Counter
from dataclasses import dataclass, field

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.core.intents import Intent
from ultrad.core.schedule import Missed
from ultrad.core.signals import MAX_REASON, Signal, Source
from ultrad.errors import Duplicate, Permanent, Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.jobs.spec import Complaint, JobContext, JobResult, JobSpec, SignalDesk
from ultrad.ports import Refused
from ultrad.trade_ports import BadRow, Row, Rows
from ultrad.units import Now

LOG_FILE = "trade_cycle.log"
UNREACHED = "notion rows"
"""In `silent_runs`: how many runs in a row could not read the rows."""
UNREACHED_RUNS = 3
"""So many in a row are no hiccup any more."""
GIVE_UP_MS = 86_400_000
"""So long after its end an outcome is still written onto a row that does not take it. One that is open takes it
whenever it is seen again (`_again`): nothing is lost."""
MOST_FINDINGS = 20
"""Rows that are named one by one."""


@dataclass(slots=True)
class _Run:
    """One run: what it did and found."""

    context: JobContext
    rows: Rows
    desk: SignalDesk
    done: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def say(self, level: Level, message: Message) -> None:
        self.context.log.write(LOG_FILE, level, message)

    def tell(self, finding: Finding) -> None:
        self.say(finding.level, finding.message)
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)


async def _run(context: JobContext) -> JobResult:
    rows, desk = context.rows, context.desk
    if rows is None or desk is None:
        return JobResult(ok=True, message=msg("no database of decisions is configured"))
    run = _Run(context, rows, desk)
    await _write_back(run)
    try:
        found = await rows.open_rows()
    except (Transient, Permanent) as error:
        run.tell(_unread(context, error))
    else:
        context.silent_runs[UNREACHED] = 0
        await _take_all(run, found)
    done = run.done
    return JobResult(
        ok=True,
        message=msg(
            "rows taken: {taken}, written back: {written}, not usable: {bad}",
            taken=done["taken"],
            written=done["written"],
            bad=done["bad"],
        ),
        figures=tuple(sorted(done.items())),
        findings=tuple(run.findings),
    )


# ---------------------------------------------------------------- back


async def _write_back(run: _Run) -> None:
    """Tell each row what became of it, until it is told."""
    for intent in run.desk.untold():
        if intent.end is None:
            continue
        try:
            await run.rows.finish(intent.signal.id, run.context.text(intent.end))
            await run.desk.written(intent.id)
        except (Transient, Permanent) as error:
            run.tell(_unwritten(intent.signal.id, error))
            if _is_hopeless(intent, error, run.context.clock.now()):
                await _give_up(run, intent)
        else:
            run.done["written"] += 1
            run.say(Level.INFO, msg("{id}: written back.", id=intent.signal.id))


def _is_hopeless(intent: Intent, error: UltradError, now: Now) -> bool:
    """Whether it is the row alone that does not take it, and has not for long: it is in the trash, say."""
    lasts = intent.ended is not None and now.steady_ms - intent.ended.steady_ms >= GIVE_UP_MS
    return lasts and isinstance(error, Permanent)


async def _give_up(run: _Run, intent: Intent) -> None:
    try:
        await run.desk.written(intent.id)
    except (Transient, Permanent):
        return  # the next run does
    run.say(Level.WARNING, msg("{id}: its outcome is written onto its row no more.", id=intent.signal.id))


# ---------------------------------------------------------------- in


async def _take_all(run: _Run, found: tuple[Row | BadRow, ...]) -> None:
    bad = {one.page_id for one in found if isinstance(one, BadRow)}
    for page_id in set(run.context.complaints) - bad:
        del run.context.complaints[page_id]
    for one in found:
        try:
            await (_complain(run, one) if isinstance(one, BadRow) else _take(run, one))
        except (Transient, Permanent) as error:
            run.tell(_failed(one.page_id, error))


async def _take(run: _Run, row: Row) -> None:
    signal = Signal(
        source=Source.NOTION,
        id=row.page_id,
        action=row.action,
        confidence=row.confidence,
        reason=_reason(row),
        at_ms=row.at_ms,
        arrived=run.context.clock.now(),
    )
    try:
        intent = await run.desk.take(signal)
    except Duplicate:
        await _again(run, signal)
        return
    run.done["taken"] += 1
    run.say(Level.INFO, msg("{id}: {action} taken.", id=intent.id, action=signal.action.value))


async def _again(run: _Run, signal: Signal) -> None:
    """A row that came before. One that is worked on stays open; a settled one gets its outcome again."""
    outcome = await run.desk.outcome(signal.key)
    if outcome is None:
        return
    await run.rows.finish(signal.id, run.context.text(outcome))
    await run.desk.written(signal.key)
    run.done["written"] += 1
    run.say(Level.INFO, msg("{id} was opened again: its outcome is written again.", id=signal.id))


def _reason(row: Row) -> str:
    """For people: the summary, else where the news stands; one printable line."""
    text = " ".join((row.summary or row.url).split())
    return "".join(one for one in text if one.isprintable())[:MAX_REASON]


async def _complain(run: _Run, row: BadRow) -> None:
    """Write the fault on the row, once an edit. Our own writing is an edit too: the first one seen after it."""
    run.done["bad"] += 1
    run.tell(_bad(row))
    text, known = run.context.text(row.message), run.context.complaints.get(row.page_id)
    if known is not None and known.text == text:
        if known.edited_ms is None:
            run.context.complaints[row.page_id] = Complaint(text, row.edited_ms)
            return
        if known.edited_ms == row.edited_ms:
            return
    await run.rows.complain(row.page_id, text)
    run.context.complaints[row.page_id] = Complaint(text)


# ---------------------------------------------------------------- what is told


def _unread(context: JobContext, error: UltradError) -> Finding:
    """One that is wrong until somebody mends it, or lasts, is more than noise."""
    context.silent_runs[UNREACHED] += 1
    lasts = context.silent_runs[UNREACHED] >= UNREACHED_RUNS or isinstance(error, Refused | Permanent)
    return Finding(
        "notion_unread",
        "",
        Level.ALERT if lasts else Level.WARNING,
        Origin.OUTSIDE,
        msg("Notion's rows cannot be read: {why}", why=error.message),
        Severity.S2 if lasts else Severity.S3,
    )


def _bad(row: BadRow) -> Finding:
    return Finding(
        "row_bad",
        row.page_id,
        Level.WARNING,
        Origin.OUTSIDE,
        msg("The row {id} cannot be taken: {why}", id=row.page_id, why=row.message),
    )


def _failed(page_id: str, error: UltradError) -> Finding:
    return Finding(
        "row_failed",
        page_id,
        Level.WARNING,
        Origin.OUTSIDE,
        msg("The row {id} could not be dealt with; it is tried again: {why}", id=page_id, why=error.message),
    )


def _unwritten(page_id: str, error: UltradError) -> Finding:
    """Nothing is lost: the journal has the outcome, and the row is written when it can be."""
    never = isinstance(error, Permanent)
    return Finding(
        "row_unwritten",
        page_id,
        Level.ALERT if never else Level.WARNING,
        Origin.OUTSIDE,
        msg(
            "What became of the row {id} could not be written back; it is tried again: {why}",
            id=page_id,
            why=error.message,
        ),
        Severity.S2 if never else Severity.S3,
    )


TRADE_CYCLE = JobSpec(
    name="trade_cycle",
    cron="* * * * *",
    timeout_s=55,  # ends before the next minute's run
    missed=Missed.SKIP,
    log_file=LOG_FILE,
    harmless=False,
    run=_run,
)
