"""What a report is made from, counted by SQL, against the same counted by plain loops over everything."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters.reports.days import BEGIN, MINUTE, TOKYO, keep, now_at
from tests.cli.conftest import apart
from ultrad.adapters.journal.reader import open_reader
from ultrad.adapters.journal.span import MOST_POINTS, facts_of
from ultrad.core import periods
from ultrad.core.events import Level, Recorded
from ultrad.core.intents import Act
from ultrad.core.periods import Period
from ultrad.core.readings import Kept
from ultrad.core.report import Report, compose
from ultrad.errors import Transient
from ultrad.ports import EventFilter
from ultrad.units import INFINITE_HF

ALL = 10**9
DAY = periods.day(BEGIN.date(), TOKYO)
NEXT = periods.day(BEGIN.date() + timedelta(days=1), TOKYO)
WEEK = periods.week(BEGIN.date(), TOKYO)
HOUR = periods.situation(now_at(BEGIN + 900 * MINUTE).wall_ms)
EMPTY = periods.day(BEGIN.date() - timedelta(days=5), TOKYO)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reports") / "journal.db"
    apart(keep, path, 2)
    return path


def everything(path: Path, period: Period) -> tuple[list[Recorded], list[Kept]]:
    """The other way: all events and readings one by one, and picked by hand."""
    with open_reader(path) as reader:
        events = reader.events(EventFilter(limit=ALL))
        hours = [hour for (hour,) in reader.db.execute("SELECT DISTINCT hour FROM looks ORDER BY hour")]
        rows = [row for hour in hours for row in reader.hour(hour)]
    inside = [one for one in events if period.since_ms <= one.event.now.wall_ms < period.until_ms]
    return inside, [row for row in rows if period.since_ms <= row.wall_ms < period.until_ms]


def report(path: Path, period: Period) -> Report:
    with open_reader(path) as reader:
        return compose(facts_of(reader, period))


@pytest.mark.parametrize("period", [DAY, NEXT, WEEK, HOUR, EMPTY], ids=lambda one: one.name)
async def test_facts__any_period__reconcile_with_plain_loops(journal: Path, period: Period) -> None:
    made = report(journal, period)
    events, rows = everything(journal, period)
    levels = Counter(one.event.level for one in events)
    assert dict(made.levels) == {level: levels[level] for level in Level}
    kinds = Counter(one.event.kind for one in events)
    assert made.trips == kinds["estop.on"]
    assert made.trade.signals == kinds[Act.PROPOSE]
    assert made.trade.carried_out == kinds[Act.SETTLE]
    assert made.trade.refused == kinds[Act.REFUSE]
    rules: Counter[str] = Counter()
    for one in events:
        if one.event.kind == Act.REFUSE:
            listed = one.event.data["rules"]
            assert isinstance(listed, list)
            rules.update(str(rule["rule"]) for rule in listed if isinstance(rule, dict))
    assert dict(made.trade.skips) == rules
    for job in made.jobs:
        assert (job.finished, job.failed) == (kinds[f"job.finished.{job.name}"], kinds[f"job.failed.{job.name}"])
    for span in made.positions:
        own = [row for row in rows if row.position == span.position]
        assert span.count == len(own)
        assert span.hf_low == min(row.health_factor for row in own)
        assert span.hf_high == max(row.health_factor for row in own)
        assert span.hf_last == own[-1].health_factor
        assert (span.net_first_e8, span.net_last_e8) == (own[0].net_e8, own[-1].net_e8)
        assert span.net_low_e8 == min(row.net_e8 for row in own)
        assert len(span.points) <= MOST_POINTS + 1
        assert sum(period.since_ms <= one.at_ms < period.until_ms for one in span.points) == len(span.points)
    assert {one.position for one in made.positions} == {row.position for row in rows}
    assert dict(made.metrics).keys() == (
        {"signals_per_10min", "emergency_stop_flag"} if kinds["metrics.tally"] else set()
    )


async def test_facts__day__says_what_happened_in_it(journal: Path) -> None:
    made = report(journal, DAY)
    assert [one.position for one in made.positions] == ["main", "spare"]
    assert made.positions[1].hf_low == INFINITE_HF
    assert [(one.target, one.size) for one in made.backups] == [("local", 48_123_904)]
    assert [(one.name, one.target, one.ok) for one in made.drills] == [
        ("estop", "", True),
        ("restore", "local", True),
    ]
    assert [(one.position, one.nearest_bps) for one in made.distances] == [("main", 1_518)]
    assert report(journal, NEXT).distances == ()
    assert made.notes[0].by == "taro"
    assert [one.number for one in made.incidents] == [1]
    assert made.highlights[0].level is Level.EMERGENCY
    assert not made.paused
    assert report(journal, HOUR).paused
    with open_reader(journal) as reader:
        head = reader.head()
    assert (made.seq, made.hash) == (head.seq, head.hash)


async def test_facts__somebody_damaged_an_event__counted_and_left_out(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "journal.db"
    copy.write_bytes(journal.read_bytes())
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("UPDATE events SET data = '[' WHERE kind = 'note'")
        db.execute("UPDATE events SET args = '{}' WHERE kind = 'estop.on'")
    made = report(copy, DAY)
    assert made.unreadable == 2
    assert made.notes == ()
    assert dict(made.levels)[Level.EMERGENCY] == 1


async def test_facts__readings_are_damaged__refused_with_the_reason(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "journal.db"
    copy.write_bytes(journal.read_bytes())
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("UPDATE readings SET net = x'00'")
    with pytest.raises(Transient, match="kept integer"):
        report(copy, DAY)
