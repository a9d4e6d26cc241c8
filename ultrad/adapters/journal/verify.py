"""Going through a journal from its first event to its last: is it what was recorded?

What it finds: any event changed, removed, inserted or moved; a tail that was cut or written anew, if a head of
the chain was kept elsewhere (reports carry it off the machine); readings changed, removed or inserted in a sealed
hour. What it cannot find: changes to readings of hours not sealed yet, and a tail written anew with right hashes
where no head was kept elsewhere.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ultrad.adapters.journal.reader import ALL_HOURS, COLUMNS, KEPT, event_row, kept, open_reader
from ultrad.adapters.journal.schema import read_id
from ultrad.core.readings import SEALED, THINNED, HourFacts, hour_facts, sealed_facts
from ultrad.core.record import Row, genesis, link, unpack
from ultrad.i18n import Message, msg
from ultrad.ports import JournalHead


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing found wrong, and at which event (for a reading: the event that seals its hour)."""

    seq: int
    message: Message


@dataclass(frozen=True, slots=True)
class Verification:
    """What was gone through, and the first fault. Times are wall milliseconds, None where there is no event."""

    head: JournalHead
    events: int = 0
    first_wall_ms: int | None = None
    last_wall_ms: int | None = None
    readings: int = 0
    readings_unsealed: int = 0
    hours_sealed: int = 0
    elapsed_ms: int = 0
    fault: Fault | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return self.fault is None


class _Wrong(Exception):
    """Stops the walk at the first fault."""

    def __init__(self, seq: int, message: Message) -> None:
        super().__init__(message)
        self.fault = Fault(seq, message)


@dataclass(slots=True)
class _Walk:
    """Where the walk stands, and what it has learnt."""

    seq: int = 0
    hash: bytes = b""
    first_wall_ms: int | None = None
    last_wall_ms: int | None = None
    readings: int = 0
    readings_unsealed: int = 0


@dataclass(slots=True)
class _Hour:
    """What the chain says of one hour of readings."""

    seal_seq: int
    sealed: HourFacts
    thinned: HourFacts | None = None


def verify(path: Path, external_heads: Sequence[tuple[int, str]] = ()) -> Verification:
    """Go through the whole journal; the daemon may write meanwhile.

    external_heads: `(seq, hash)` of heads that were kept elsewhere (reports, the marker): each must lie in the
    chain. Raises Fatal where there is no journal at all, Transient where the disk refuses.
    """
    started_s = time.monotonic()
    with open_reader(path) as reader:
        db = reader.db
        journal_id, walk = "", _Walk()
        fault: Fault | None = None
        hours: dict[int, _Hour] = {}
        heads = {seq: {kept for at, kept in external_heads if at == seq} for seq, _ in external_heads}
        try:
            db.execute("BEGIN")  # one view of the file from here to the end
            journal_id = _check_file(db, path)
            walk.hash = genesis(journal_id)
            for row in _chain(db, walk, heads):
                _note_seal(hours, row, walk.seq)
            _check_tail(walk, external_heads)
            _check_readings(db, walk, hours)
        except _Wrong as wrong:
            fault = wrong.fault
        except (sqlite3.Error, UnicodeDecodeError) as error:
            fault = Fault(walk.seq + 1, msg("The file cannot be read further: {error}.", error=str(error)))
        return Verification(
            head=JournalHead(journal_id, walk.seq, walk.hash.hex()),
            events=walk.seq,
            first_wall_ms=walk.first_wall_ms,
            last_wall_ms=walk.last_wall_ms,
            readings=walk.readings,
            readings_unsealed=walk.readings_unsealed,
            hours_sealed=len(hours),
            elapsed_ms=round((time.monotonic() - started_s) * 1000),
            fault=fault,
        )


def _check_file(db: sqlite3.Connection, path: Path) -> str:
    """The file's own structure: pages, types, indexes against tables, one identity; which it is. Raises Fatal."""
    (answer,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        raise _Wrong(0, msg("The file is damaged: {error}.", error=str(answer)))
    if db.execute("SELECT count(*) FROM meta").fetchone() != (1,):
        raise _Wrong(0, msg("The journal has no identity, or more than one."))
    return read_id(db, path)


def _chain(db: sqlite3.Connection, walk: _Walk, heads: dict[int, set[str]]) -> Iterator[Row]:
    """Walk the chain, checking each event; hands out those that seal or thin readings."""
    _check_head(walk, heads)
    for columns in db.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq"):  # noqa: S608 - a constant
        seq, row, digest = event_row(columns)
        expected = walk.seq + 1
        if seq > expected:
            raise _Wrong(
                expected,
                msg("Event {seq} is missing: it was removed. The next one is {found}.", seq=expected, found=seq),
            )
        if seq < expected:
            raise _Wrong(seq, msg("Event {seq} was inserted: the chain begins at 1.", seq=seq))
        if _linked(walk.hash, seq, row) != digest:
            raise _Wrong(
                seq,
                msg(
                    "Event {seq} is not what was recorded there: it was changed, replaced or moved, or it was "
                    "written after something before it was.",
                    seq=seq,
                ),
            )
        walk.seq, walk.hash = seq, digest
        walk.first_wall_ms = row.wall_ms if walk.first_wall_ms is None else walk.first_wall_ms
        walk.last_wall_ms = row.wall_ms
        _check_head(walk, heads)
        if row.kind in {SEALED, THINNED}:
            yield row


def _linked(previous: bytes, seq: int, row: Row) -> bytes | None:
    """The hash an event should have; None where the row holds what no row can."""
    try:
        return link(previous, seq, row)
    except TypeError:
        return None


def _check_head(walk: _Walk, heads: dict[int, set[str]]) -> None:
    """A head kept elsewhere must be the chain's own at that place."""
    others = heads.get(walk.seq, set()) - {walk.hash.hex()}
    if others:
        raise _Wrong(
            walk.seq,
            msg(
                "Event {seq} has the hash {found}, but the head that was kept elsewhere says {kept}: the journal "
                "was written anew, or it is another one.",
                seq=walk.seq,
                found=walk.hash.hex(),
                kept=min(others),
            ),
        )


def _check_tail(walk: _Walk, heads: Sequence[tuple[int, str]]) -> None:
    """No head kept elsewhere may lie beyond the end."""
    furthest = max((seq for seq, _ in heads), default=0)
    if furthest > walk.seq:
        raise _Wrong(
            walk.seq + 1,
            msg(
                "The journal ends at event {last}, but a head kept elsewhere is of event {kept}: its end "
                "was cut off.",
                last=walk.seq,
                kept=furthest,
            ),
        )


def _note_seal(hours: dict[int, _Hour], row: Row, seq: int) -> None:
    """Learn from the chain what an hour of readings must be."""
    try:
        facts = sealed_facts(unpack(row))
    except ValueError as error:
        raise _Wrong(seq, msg("Event {seq} is no seal of readings.", seq=seq)) from error
    if row.kind == SEALED:
        hours[facts.hour] = _Hour(seq, facts)
    elif facts.hour in hours:
        hours[facts.hour].thinned = facts
    else:
        raise _Wrong(seq, msg("Event {seq} thins an hour of readings that was never sealed.", seq=seq))


def _check_readings(db: sqlite3.Connection, walk: _Walk, hours: dict[int, _Hour]) -> None:
    """Each sealed hour must hold exactly what its seal, or its thinning, says."""
    unseen = dict(hours)
    last_sealed = max(hours, default=-1)
    stray = db.execute(
        "SELECT hour, id FROM looks WHERE hour <= ? AND id NOT IN (SELECT look FROM readings) LIMIT 1",
        (last_sealed,),
    ).fetchone()
    if stray is not None:
        raise _Wrong(
            hours[stray[0]].seal_seq if stray[0] in hours else 0,
            msg(
                "A look without readings stands in hour {hour}: it was inserted, or its readings removed.",
                hour=stray[0],
            ),
        )
    for hour, columns in groupby(db.execute(KEPT + ALL_HOURS), key=lambda found: found[0]):
        told = unseen.pop(hour, None)
        try:
            facts = hour_facts(hour, map(kept, columns))
        except ValueError as error:
            raise _unlike(hour, told) from error
        if told is None and hour <= last_sealed:
            raise _unlike(hour, told)
        if told is None:
            walk.readings_unsealed += facts.count
        elif _differs(told, facts):
            raise _unlike(hour, told)
        walk.readings += facts.count
    for hour, told in unseen.items():
        if (told.thinned or told.sealed).count:
            raise _unlike(hour, told)


def _differs(told: _Hour, found: HourFacts) -> bool:
    """Whether an hour's readings differ from its seal. Thinning keeps the extremes: they must hold after it."""
    now = told.thinned or told.sealed
    return (now.count, now.digest, told.sealed.spans) != (found.count, found.digest, found.spans)


def _unlike(hour: int, told: _Hour | None) -> _Wrong:
    if told is None:
        return _Wrong(0, msg("Readings stand in hour {hour}, which had none when it was sealed.", hour=hour))
    return _Wrong(
        told.seal_seq,
        msg(
            "The readings of hour {hour} are not those that event {seq} seals: some were changed, removed or "
            "inserted.",
            hour=hour,
            seq=told.seal_seq,
        ),
    )
