"""Reports made in memory from a journal in memory: its figures are counted one by one, by plain loops."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import anyio

from tests.fakes.journal import FakeJournal
from ultrad.core.events import Recorded
from ultrad.core.periods import Period
from ultrad.core.readings import Kept as KeptReading
from ultrad.core.report import Facts, Point, PositionSpan, Report, compose
from ultrad.core.report_order import Kept, Made
from ultrad.core.report_words import About, report_lines, report_title
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.units import Now, Wad


def within(journal: FakeJournal, period: Period) -> tuple[Recorded, ...]:
    return tuple(one for one in journal.recorded if period.since_ms <= one.event.now.wall_ms < period.until_ms)


def readings_within(journal: FakeJournal, period: Period) -> list[KeptReading]:
    rows = [row for hour in journal.kept.values() for row in hour]
    rows = [row for row in rows if period.since_ms <= row.wall_ms < period.until_ms]
    return sorted(rows, key=lambda row: (row.look, row.place))


def facts_in_memory(journal: FakeJournal, period: Period) -> Facts:
    inside = within(journal, period)
    before = tuple(one for one in journal.recorded if one.event.now.wall_ms < period.until_ms)

    def of(events: Iterable[Recorded], *kinds: str) -> tuple[Recorded, ...]:
        return tuple(one for one in events if any(f"{one.event.kind}.".startswith(f"{kind}.") for kind in kinds))

    last = journal.recorded[-1] if journal.recorded else None
    return Facts(
        period=period,
        counts=Counter((one.event.kind, one.event.level) for one in inside),
        told=tuple(sorted((one for one in inside if one.event.level > 0), key=lambda one: -one.event.level)),
        intents=of(inside, "intent"),
        notes=of(inside, "note", "incident.note"),
        tallies=of(inside, "metrics.tally"),
        incidents=of(before, "incident"),
        stops=of(before, "estop"),
        backups=of(before, "backup"),
        drills=of(before, "drill"),
        outlooks=of(inside, "outlook"),
        began_ms=journal.recorded[0].event.now.wall_ms if journal.recorded else 0,
        positions=_spans(readings_within(journal, period)),
        seq=last.seq if last else 0,
        hash=last.hash if last else "",
    )


def _spans(rows: list[KeptReading]) -> tuple[PositionSpan, ...]:
    spans = []
    for name in sorted({row.position for row in rows}):
        own = [row for row in rows if row.position == name]
        factors, nets = [row.health_factor for row in own], [row.net_e8 for row in own]
        spans.append(
            PositionSpan(
                name,
                len(own),
                Wad(min(factors)),
                Wad(max(factors)),
                Wad(factors[-1]),
                nets[0],
                nets[-1],
                min(nets),
                max(nets),
                tuple(
                    Point(row.wall_ms, row.health_factor, row.health_factor, row.net_e8, row.net_e8) for row in own
                ),
            )
        )
    return tuple(spans)


@dataclass
class FakeReports:
    """Implements `ReportMaker`. broken: every report fails. takes_s: so long each takes."""

    journal: Callable[[], FakeJournal]
    about: About
    broken: bool = False
    takes_s: float = 0.5
    made: list[tuple[Now, Report]] = field(default_factory=list)
    pruned: int = 0

    async def make(self, period: Period, now: Now, loosened: tuple[Message, ...]) -> Made:  # noqa: ARG002
        await anyio.sleep(self.takes_s)
        if self.broken:
            raise Transient(msg("The worker died."))
        report = compose(facts_in_memory(self.journal(), period))
        self.made.append((now, report))
        return Made(
            name=period.name,
            title=report_title(report, self.about),
            lines=report_lines(report, self.about),
            seq=report.seq,
            hash=report.hash,
            page=f"{period.name}.html",
            picture=f"{period.name}.png",
        )

    async def kept(self) -> tuple[Kept, ...]:
        return tuple(Kept(report.period.name, now.wall_ms, 1_000) for now, report in reversed(self.made))

    async def page(self, name: str) -> bytes | None:
        return b"<!doctype html>" if any(one.period.name == name for _, one in self.made) else None

    async def prune(self, now: Now) -> None:  # noqa: ARG002
        self.pruned += 1
