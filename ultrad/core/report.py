"""What a report holds, made from what the journal tells of a period. No figure of it is kept anywhere else."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

from ultrad.core import estop as stop_of
from ultrad.core import incidents as book_of
from ultrad.core import report_care as care
from ultrad.core.estop import EstopState, Mode
from ultrad.core.events import Event, Json, Level, Recorded, level_of
from ultrad.core.incidents import Incident
from ultrad.core.intents import Act
from ultrad.core.limits import MINUTE_MS
from ultrad.core.metrics import Tally, tallies_of
from ultrad.core.periods import Period
from ultrad.core.report_care import Backup, Distance, DrillRun
from ultrad.core.signals import Source
from ultrad.i18n import Message
from ultrad.units import ALL_BPS, Bps, Wad

MOST_HIGHLIGHTS = 12
MOST_NOTES = 20
POINTS = 288
"""Of a chart: a day by five minutes."""
GAP_MS = 30 * MINUTE_MS
"""So long without a reading is told of; where old hours are thinned, ten minutes hold one."""
GAP_POINTS = 3
"""In a long period a stretch shorter than so many points of the chart may be none."""
_QUIET_KINDS = ("incident.", "notice.", "journal.", "metrics.")
"""What only follows from another event that stands in the journal itself, at its own level."""
_CARRIED_OUT, _CAME_TO_NOTHING = (Act.SETTLE,), (Act.FAIL, Act.CANCEL, Act.USURP, Act.YIELD)
_JOB_KINDS = ("job.finished", "job.failed", "job.skipped", "job.stopped")
NOTES = frozenset({"note", "note.added", "incident.note"})


@dataclass(frozen=True, slots=True)
class Point:
    """One stretch of time of a chart: the extremes within it. net: collateral less debt (USD × 10^8)."""

    at_ms: int
    hf_low: int
    hf_high: int
    net_low_e8: int
    net_high_e8: int


@dataclass(frozen=True, slots=True)
class PositionSpan:
    """One position over the period, as it was read. count: of readings. points: for the chart, in order."""

    position: str
    count: int
    hf_low: Wad
    hf_high: Wad
    hf_last: Wad
    net_first_e8: int
    net_last_e8: int
    net_low_e8: int
    net_high_e8: int
    points: tuple[Point, ...] = ()

    def gap(self, since_ms: int, until_ms: int) -> tuple[int, int]:
        """The longest stretch of the period in which it was not read: from when to when, to a chart's point."""
        times = (since_ms, *(one.at_ms for one in self.points), until_ms)
        return max(pairwise(times), key=lambda stretch: stretch[1] - stretch[0])

    @property
    def change_bps(self) -> Bps | None:
        """From the first value to the last, rounded toward zero; None where nothing was there to begin with."""
        return _change(self.net_first_e8, self.net_last_e8)


def _change(first_e8: int, last_e8: int) -> Bps | None:
    if first_e8 <= 0:
        return None
    size = abs(last_e8 - first_e8) * ALL_BPS // first_e8
    return Bps(size if last_e8 >= first_e8 else -size)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is read of a period.

    counts: how many events of each kind and level. told: those above info, the gravest first, then the oldest, cut
    at a bound; intents, notes, tallies, outlooks: the events `intent.*`, notes, `metrics.tally` and `outlook.*` of
    the period. incidents, stops, backups, drills: `incident.*`, `estop.*`, `backup.*` and `drill.*` up to its end.
    seq, hash: the end of the chain as the facts were read. unreadable: events that somebody damaged.
    log_bytes, journal_bytes: None where nobody could look. began_ms, made_ms: when the journal begins, and
    when it is read; the period may begin before and go on after.
    """

    period: Period
    counts: Mapping[tuple[str, Level], int] = field(default_factory=dict)
    told: tuple[Recorded, ...] = ()
    intents: tuple[Recorded, ...] = ()
    notes: tuple[Recorded, ...] = ()
    tallies: tuple[Recorded, ...] = ()
    incidents: tuple[Recorded, ...] = ()
    stops: tuple[Recorded, ...] = ()
    backups: tuple[Recorded, ...] = ()
    drills: tuple[Recorded, ...] = ()
    outlooks: tuple[Recorded, ...] = ()
    positions: tuple[PositionSpan, ...] = ()
    seq: int = 0
    hash: str = ""
    unreadable: int = 0
    log_bytes: int | None = None
    journal_bytes: int | None = None
    began_ms: int = 0
    made_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Highlight:
    """One thing that happened, and how often. at_ms: first."""

    level: Level
    at_ms: int
    message: Message
    count: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest stretch within the period in which a position was not read."""

    position: str
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class TradeSpan:
    """Trading within the period. Rescues are counted apart. skips: how often each rule stood against a signal."""

    signals: int = 0
    admitted: int = 0
    carried_out: int = 0
    rehearsed: int = 0
    failed: int = 0
    held: int = 0
    refused: int = 0
    rescues: int = 0
    skips: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class JobSpan:
    """One job's runs within the period. skipped: how often fire times were passed over."""

    name: str
    finished: int
    failed: int
    skipped: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Note:
    """What an operator wrote down."""

    at_ms: int
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report. levels: the gravest first. incidents: open at the period's end, the gravest first."""

    period: Period
    levels: tuple[tuple[Level, int], ...]
    highlights: tuple[Highlight, ...]
    more_highlights: int
    stop: EstopState
    trips: int
    positions: tuple[PositionSpan, ...]
    trade: TradeSpan
    jobs: tuple[JobSpan, ...]
    delivered: int
    given_up: int
    backups: tuple[Backup, ...]
    incidents: tuple[Incident, ...]
    notes: tuple[Note, ...]
    metrics: tuple[tuple[str, Tally], ...]
    seq: int
    hash: str
    unreadable: int
    log_bytes: int | None
    journal_bytes: int | None
    drills: tuple[DrillRun, ...]
    distances: tuple[Distance, ...]
    gaps: tuple[Gap, ...]

    @property
    def change_bps(self) -> Bps | None:
        """How the value of all positions together changed, from each one's first reading to its last."""
        first = sum(one.net_first_e8 for one in self.positions)
        return _change(first, sum(one.net_last_e8 for one in self.positions))

    @property
    def paused(self) -> bool:
        """Whether the stop was ON at the period's end."""
        return self.stop.mode is Mode.ON


def compose(facts: Facts) -> Report:
    """The report of these facts. What does not fit together is left out: a report goes out all the same."""
    kinds: Counter[str] = Counter()
    levels: Counter[Level] = Counter()
    for (kind, level), count in facts.counts.items():
        kinds[kind] += count
        levels[level] += count
    highlights = _highlights(facts.told)
    return Report(
        period=facts.period,
        levels=tuple((level, levels[level]) for level in sorted(Level, reverse=True)),
        highlights=highlights[:MOST_HIGHLIGHTS],
        more_highlights=max(0, len(highlights) - MOST_HIGHLIGHTS),
        stop=stop_of.fold(facts.stops),
        trips=kinds[stop_of.Step.TRIP],
        positions=facts.positions,
        trade=_trade(facts.intents),
        jobs=_jobs(kinds),
        delivered=kinds["notice.delivered"],
        given_up=kinds["notice.given_up"],
        backups=care.backups(facts.backups),
        incidents=book_of.fold(facts.incidents).open(),
        notes=tuple(_notes(facts.notes)),
        metrics=tallies_of(one.event for one in facts.tallies),
        seq=facts.seq,
        hash=facts.hash,
        unreadable=facts.unreadable,
        log_bytes=facts.log_bytes,
        journal_bytes=facts.journal_bytes,
        drills=care.drills((*facts.drills, *facts.backups)),
        distances=care.distances(facts.outlooks),
        gaps=tuple(_gaps(facts)),
    )


# ---------------------------------------------------------------- parts


def _gaps(facts: Facts) -> Iterator[Gap]:
    period = facts.period
    until_ms = period.until_ms if facts.made_ms is None else min(period.until_ms, facts.made_ms)
    coarse_ms = GAP_POINTS * (period.until_ms - period.since_ms) // POINTS
    for one in facts.positions:
        since_ms, end_ms = one.gap(max(period.since_ms, facts.began_ms), until_ms)
        if end_ms - since_ms >= max(GAP_MS, coarse_ms):
            yield Gap(one.position, since_ms, end_ms)


def _highlights(told: Iterable[Recorded]) -> tuple[Highlight, ...]:
    """Each thing once, the gravest first, then the earliest. What an incident or a notice repeats is left out."""
    found: dict[tuple[str, str, str], Highlight] = {}
    for one in told:
        event = one.event
        if event.kind.startswith(_QUIET_KINDS) and event.kind != "notice.given_up":
            continue
        key = _thing(event)
        known = found.get(key)
        found[key] = Highlight(
            level=max(event.level, known.level if known else event.level),
            at_ms=min(event.now.wall_ms, known.at_ms if known else event.now.wall_ms),
            message=known.message if known and known.level >= event.level else event.message,
            count=known.count + 1 if known else 1,
        )
    return tuple(sorted(found.values(), key=lambda one: (-one.level, one.at_ms)))


def _thing(event: Event) -> tuple[str, str, str]:
    """What makes two events the same thing: a condition and a stop for it are one."""
    data = event.data
    cause = data.get("cause")
    named = cause if isinstance(cause, dict) else data
    code, subject = named.get("code"), named.get("subject")
    if isinstance(code, str) and isinstance(subject, str):
        return ("", code, subject)
    return (event.kind, event.message.text, str(data.get("intent") or data.get("job") or ""))


def _trade(events: Iterable[Recorded]) -> TradeSpan:
    acts: Counter[str] = Counter()
    skips: Counter[str] = Counter()
    rescues = 0
    for one in events:
        event = one.event
        if str(event.data.get("intent")).startswith(f"{Source.RESCUE}:"):
            rescues += event.kind == Act.PROPOSE
            continue
        acts[event.kind] += 1
        if event.kind == Act.REFUSE:
            skips.update(_rules(event.data.get("rules")))
    return TradeSpan(
        signals=acts[Act.PROPOSE],
        admitted=acts[Act.ADMIT],
        carried_out=sum(acts[act] for act in _CARRIED_OUT),
        rehearsed=acts[Act.REHEARSE],
        failed=sum(acts[act] for act in _CAME_TO_NOTHING),
        held=acts[Act.HOLD],
        refused=acts[Act.REFUSE],
        rescues=rescues,
        skips=tuple(sorted(skips.items(), key=lambda one: (-one[1], one[0]))),
    )


def _rules(rules: object) -> Iterator[str]:
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict):
            yield str(rule.get("rule"))


def _jobs(kinds: Counter[str]) -> tuple[JobSpan, ...]:
    names = {kind.removeprefix(f"{one}.") for kind in kinds for one in _JOB_KINDS if kind.startswith(f"{one}.")}
    return tuple(
        JobSpan(
            name,
            kinds[f"job.finished.{name}"],
            kinds[f"job.failed.{name}"],
            kinds[f"job.skipped.{name}"],
            kinds[f"job.stopped.{name}"],
        )
        for name in sorted(names)
    )


def _notes(events: Iterable[Recorded]) -> Iterator[Note]:
    """The newest, in order. A note on an incident is one as well."""
    kept = [one.event for one in events if one.event.kind in NOTES][-MOST_NOTES:]
    for event in kept:
        data = cast("dict[str, Json]", event.data)
        text = data.get("text")
        number = data.get("incident")
        about = f"#{number} " if isinstance(number, int) else ""
        yield Note(
            event.now.wall_ms,
            str(data.get("by") or ""),
            f"{about}{text if isinstance(text, str) else event.message}",
        )


def gravest(report: Report) -> Level:
    """The gravest level of the period."""
    return next((level for level, count in report.levels if count), level_of("info"))
