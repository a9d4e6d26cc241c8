"""Backups: what one is called, when it counts as good, how old the newest is, and which of them are let go.

A backup is an archive and, once it was read back and found whole, a receipt beside it. An archive without a
receipt that fits is not good: it was cut off, or somebody put it there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from ultrad.core.wire import from_json, to_json
from ultrad.errors import Permanent
from ultrad.i18n import Message

FORMAT = 1
"""Of archives. What a later program cannot read any more gets another number."""
RECEIPT = ".json"
PART = ".part"
"""What an upload under way is called; it is renamed when it was read back."""
LEFTOVER_MS = 48 * 3_600_000
"""No upload takes two days: a part so old was left by one that died."""
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"ultrad-([a-z]+)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z\.tar\.zst(\.age)?", re.ASCII)


class Spoilt(Permanent):
    """A backup is not what was packed and read back: it counts as good no more."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of an archive."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """The journal as it was backed up: which one, where its chain ends, and how many rows it has."""

    journal_id: str
    head_seq: int
    head_hash: str
    events: int
    readings: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds: its last file. rows: of Notion; None where there are none in it.

    missing: what should be in it and is not, and why.
    """

    format: int
    version: str
    environment: str
    at_ms: int
    journal: JournalFacts
    files: tuple[FileFacts, ...]
    rows: int | None = None
    missing: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Says that an archive was read back whole. bytes, sha256: of the archive as it lies there."""

    name: str
    bytes: int
    sha256: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup at a target. receipt: None where it is not good. bytes: of the archive; 0 where that is gone."""

    name: str
    at_ms: int
    bytes: int
    receipt: Receipt | None = None

    @property
    def good(self) -> bool:
        """Whether it was read back whole."""
        return self.receipt is not None


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long backups are kept: all for so many days, and the first of each month for so many months."""

    days: int
    months: int
    zone: tzinfo


# ---------------------------------------------------------------- names


def name_of(environment: str, at_ms: int, *, encrypted: bool) -> str:
    """What the archive of that moment (wall milliseconds) is called."""
    at = _EPOCH + timedelta(milliseconds=at_ms)
    stamp = f"{at:%Y%m%dT%H%M%S}{at_ms % 1_000:03}Z"
    return f"ultrad-{environment}-{stamp}.tar.zst{'.age' if encrypted else ''}"


def at_of(name: str, environment: str) -> int | None:
    """When an archive of that name was made, in wall milliseconds; None where it is none of this environment."""
    found = _NAME.fullmatch(name)
    if found is None or found[1] != environment:
        return None
    try:
        at = datetime(*map(int, found.group(2, 3, 4, 5, 6, 7)), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    return (at - _EPOCH) // timedelta(milliseconds=1) + int(found[8])


def is_encrypted(name: str) -> bool:
    """Whether an archive of that name needs a key."""
    return name.endswith(".age")


# ---------------------------------------------------------------- what is there


def receipt_json(receipt: Receipt) -> object:
    """The receipt as JSON."""
    return to_json(receipt)


def receipt_of(data: object) -> Receipt | None:
    """Read what `receipt_json` made; None where it is none."""
    try:
        return from_json(Receipt, data)
    except Permanent:
        return None


def inventory(
    sizes: Mapping[str, int], receipts: Mapping[str, Receipt | None], environment: str
) -> tuple[Backup, ...]:
    """The backups among a target's files, the oldest first. receipts: by the archive's name."""
    archives = {name.removesuffix(RECEIPT) for name in sizes}
    found = [
        Backup(name, at_ms, sizes.get(name, 0), _fitting(receipts.get(name), name, sizes))
        for name in archives
        if (at_ms := at_of(name, environment)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.at_ms, one.name)))


def _fitting(receipt: Receipt | None, name: str, sizes: Mapping[str, int]) -> Receipt | None:
    return receipt if receipt and receipt.name == name and sizes.get(name) == receipt.bytes else None


def newest_good(backups: tuple[Backup, ...]) -> Backup | None:
    """The newest that can be restored; None where there is none."""
    return max((one for one in backups if one.good), key=lambda one: one.at_ms, default=None)


# ---------------------------------------------------------------- what is let go


def surplus(backups: tuple[Backup, ...], now_ms: int, keeping: Keeping) -> tuple[str, ...]:
    """The names of those that are let go, the oldest first.

    Never the newest good one, and nothing that is younger than the days. What is not good goes after them as well,
    but only where a good one is younger.
    """
    newest = newest_good(backups)
    if newest is None:
        return ()
    firsts = _firsts(backups, now_ms, keeping)
    return tuple(
        one.name
        for one in backups
        if one.at_ms < min(now_ms - keeping.days * DAY_MS, newest.at_ms) and one.name not in firsts
    )


def _firsts(backups: tuple[Backup, ...], now_ms: int, keeping: Keeping) -> set[str]:
    """The first good one of each month that is kept, by the operators' months."""
    oldest = _month(now_ms, keeping.zone) - keeping.months
    firsts: dict[int, Backup] = {}
    for one in backups:
        month = _month(one.at_ms, keeping.zone)
        if one.good and month >= oldest:
            first = firsts.setdefault(month, one)
            firsts[month] = min(first, one, key=lambda backup: (backup.at_ms, backup.name))
    return {one.name for one in firsts.values()}


def _month(at_ms: int, zone: tzinfo) -> int:
    at = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)
    return at.year * 12 + at.month


def leftovers(sizes: Mapping[str, int], now_ms: int, environment: str) -> tuple[str, ...]:
    """The files of uploads that died long ago."""
    return tuple(sorted(_leftovers(sizes, now_ms, environment)))


def _leftovers(sizes: Mapping[str, int], now_ms: int, environment: str) -> Iterator[str]:
    for name in sizes:
        archive = name.removesuffix(PART).removesuffix(RECEIPT)
        at_ms = at_of(archive, environment) if name.endswith(PART) else None
        if at_ms is not None and at_ms < now_ms - LEFTOVER_MS:
            yield name
