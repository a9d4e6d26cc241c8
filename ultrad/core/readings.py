"""Readings as they are kept: their order, their hourly seals, and which of them stay when an hour is thinned.

Readings stand outside the chain of events, because they are many and may be thinned. What protects them is an
event in the chain for each hour (of steady time): how many there were, the lowest and highest health factor of
each position, and a digest over all of them in order.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from ultrad.core.events import Event, Json, Level
from ultrad.i18n import msg
from ultrad.units import Now

HOUR_MS = 3_600_000
SLOT_MS = 600_000
"""A thinned hour keeps the outstanding readings of each position for each of these ten-minute slots."""

SEALED = "readings.seal"
THINNED = "readings.thinned"
DAMAGED = "readings.damaged"

_JSON = json.JSONEncoder(separators=(",", ":"))


def ordered(value: int) -> bytes:
    """An integer of up to 126 bytes as bytes that sort as the integers do, short for small ones.

    A health factor is a uint256, which no database integer holds; but a database compares bytes one by one. First
    a byte for sign and length (0x80 + length from zero up, 0x7f - length under it), then the magnitude, big-endian
    without leading zeros, its bits inverted where it is negative. Raises ValueError for anything longer.
    """
    size = (value.bit_length() + 7) // 8
    if size > 126:  # noqa: PLR2004 - what the first byte has room for
        raise ValueError("an integer too long to keep")
    magnitude = abs(value).to_bytes(size, "big")
    if value >= 0:
        return bytes((0x80 + size,)) + magnitude
    return bytes((0x7F - size,)) + bytes(0xFF - byte for byte in magnitude)


def unordered(data: bytes) -> int:
    """The integer of `ordered`; raises ValueError for bytes that it never gives."""
    value = int.from_bytes(data[1:], "big")
    if data and data[0] < 0x80:  # noqa: PLR2004 - see `ordered`
        value -= 256 ** (len(data) - 1) - 1
    if ordered(value) != data:
        raise ValueError("bytes that are no kept integer")
    return value


@dataclass(frozen=True, slots=True)
class Kept:
    """One reading as it is kept. `look` and `place` say its order; `net_e8` is collateral less debt."""

    look: int
    place: int
    steady_ms: int
    wall_ms: int
    position: str
    endpoint: str
    block_number: int
    block_hash: str
    block_time_s: int
    health_factor: int
    collateral_e8: int
    debt_e8: int
    net_e8: int

    def line(self) -> bytes:
        """What the digest covers: every field, in the order above, as one line of JSON in ASCII."""
        fields = (
            *(self.look, self.place, self.steady_ms, self.wall_ms, self.position, self.endpoint),
            *(self.block_number, self.block_hash, self.block_time_s),
            *(self.health_factor, self.collateral_e8, self.debt_e8, self.net_e8),
        )
        return _JSON.encode(fields).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Span:
    """The lowest and highest health factor of one position."""

    position: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class HourFacts:
    """What is sealed of an hour. `digest`: hex sha-256 over the lines of all readings, in order."""

    hour: int
    count: int
    digest: str
    spans: tuple[Span, ...]


def hour_facts(hour: int, rows: Iterable[Kept]) -> HourFacts:
    """The facts of an hour, from its readings in order. Goes through them once, keeps none."""
    count = 0
    digest = sha256()
    spans: dict[str, tuple[int, int]] = {}
    for row in rows:
        count += 1
        digest.update(row.line())
        low, high = spans.get(row.position, (row.health_factor, row.health_factor))
        spans[row.position] = (min(low, row.health_factor), max(high, row.health_factor))
    return HourFacts(hour, count, digest.hexdigest(), tuple(Span(name, *spans[name]) for name in sorted(spans)))


def outstanding(rows: Iterable[Kept]) -> tuple[Kept, ...]:
    """What stays of a thinned hour, in order.

    For each position and slot the first and last reading, and the first of those with the lowest and highest
    health factor and the lowest and highest value. Goes through them once, keeps no others.
    """
    slots: dict[tuple[str, int], tuple[Kept, ...]] = {}
    for row in rows:
        at = (row.position, row.steady_ms // SLOT_MS)
        first, _, low_hf, high_hf, low, high = slots.get(at, (row,) * 6)
        slots[at] = (
            first,
            row,
            row if row.health_factor < low_hf.health_factor else low_hf,
            row if row.health_factor > high_hf.health_factor else high_hf,
            row if row.net_e8 < low.net_e8 else low,
            row if row.net_e8 > high.net_e8 else high,
        )
    staying = {(row.look, row.place): row for picked in slots.values() for row in picked}
    return tuple(staying[place] for place in sorted(staying))


def seal_event(facts: HourFacts, lost: int, now: Now) -> Event:
    """The event that seals an hour. lost: readings that gave way before they could be written."""
    positions: dict[str, Json] = {span.position: [str(span.low), str(span.high)] for span in facts.spans}
    return Event(
        kind=SEALED,
        level=Level.WARNING if lost else Level.INFO,
        now=now,
        message=msg("An hour of readings is sealed: {count} kept, {lost} lost.", count=facts.count, lost=lost),
        data={
            "hour": facts.hour,
            "count": facts.count,
            "lost": lost,
            "digest": facts.digest,
            "positions": positions,
        },
        key=str(facts.hour),
    )


def thinned_event(before: HourFacts, after: HourFacts, now: Now) -> Event:
    """The event that says what is left of a sealed hour."""
    return Event(
        kind=THINNED,
        level=Level.INFO,
        now=now,
        message=msg(
            "An old hour of readings is thinned: {kept} of {count} are left.", kept=after.count, count=before.count
        ),
        data={"hour": after.hour, "before": before.count, "count": after.count, "digest": after.digest},
        key=str(after.hour),
    )


def damaged_event(hour: int, now: Now) -> Event:
    """The event that says that a sealed hour no longer is what was sealed; such an hour is left as it stands."""
    return Event(
        kind=DAMAGED,
        level=Level.CRITICAL,
        now=now,
        message=msg(
            "The readings of hour {hour} are not those that were sealed: somebody changed the journal, or the "
            "disk is failing. Run `ultrad audit verify`, and compare with a backup.",
            hour=hour,
        ),
        data={"hour": hour},
        key=str(hour),
    )


def sealed_facts(event: Event) -> HourFacts:
    """The facts in a seal (or, without spans, in a thinning). Raises ValueError on anything else."""
    match event.data:
        case {"hour": int(hour), "count": int(count), "digest": str(digest), "positions": dict(positions)}:
            return HourFacts(
                hour, count, digest, tuple(_span(name, positions[name]) for name in sorted(positions))
            )
        case {"hour": int(hour), "count": int(count), "digest": str(digest)}:
            return HourFacts(hour, count, digest, ())
        case _:
            raise ValueError("not a seal")


def _span(position: str, figures: Json) -> Span:
    match figures:
        case [str(low), str(high)]:
            return Span(position, int(low), int(high))
        case _:
            raise ValueError("not a span")
