from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrad.core.backups import (
    DAY_MS,
    LEFTOVER_MS,
    PART,
    RECEIPT,
    Backup,
    JournalFacts,
    Keeping,
    Manifest,
    Receipt,
    at_of,
    inventory,
    is_encrypted,
    leftovers,
    name_of,
    newest_good,
    receipt_json,
    receipt_of,
    surplus,
)
from ultrad.i18n import msg

TOKYO = ZoneInfo("Asia/Tokyo")
KEEPING = Keeping(30, 6, TOKYO)
NOW_MS = round(datetime(2026, 11, 25, 15, tzinfo=UTC).timestamp() * 1_000)
"""Midnight of the 26th in Tokyo."""
MANIFEST = Manifest(
    1, "0.1.0", "staging", NOW_MS, JournalFacts("id", 7, "ab", 7, 3), (), 2, (msg("{why}", why="no Notion"),)
)


def receipt(name: str, size: int = 10) -> Receipt:
    return Receipt(name, size, "00" * 32, MANIFEST)


def backup(at_ms: int, *, good: bool = True) -> Backup:
    name = name_of("staging", at_ms, encrypted=False)
    return Backup(name, at_ms, 10, receipt(name) if good else None)


def local(year: int, month: int, day: int) -> int:
    return round(datetime(year, month, day, tzinfo=TOKYO).timestamp() * 1_000)


# ---------------------------------------------------------------- names


@given(st.integers(0, 2**42), st.booleans())
def test_name__of_a_moment__tells_it_again(at_ms: int, encrypted: bool) -> None:  # noqa: FBT001 - drawn
    name = name_of("production", at_ms, encrypted=encrypted)
    assert at_of(name, "production") == at_ms
    assert at_of(name, "staging") is None
    assert is_encrypted(name) is encrypted


def test_name__in_order__as_the_moments() -> None:
    moments = [0, 1, 999, 1_000, 60_000, NOW_MS]
    assert sorted(name_of("staging", one, encrypted=False) for one in moments) == [
        name_of("staging", one, encrypted=False) for one in moments
    ]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "journal.db",
        "ultrad-staging-20261125T150000000Z.tar.zst.part",
        "ultrad-staging-20261125T150000000Z.tar.zst.age.age",
        "ultrad-staging-20261325T150000000Z.tar.zst",
        "ultrad-staging-20261125T156000000Z.tar.zst",
        "old-ultrad-staging-20261125T150000000Z.tar.zst",
        "ultrad-staging-２0261125T150000000Z.tar.zst",
    ],
)
def test_name__anything_else__is_none_of_ours(name: str) -> None:
    assert at_of(name, "staging") is None


# ---------------------------------------------------------------- what is there


def test_receipt__written_and_read__is_the_same() -> None:
    one = receipt("x")
    assert receipt_of(receipt_json(one)) == one
    assert receipt_of({"name": "x"}) is None
    assert receipt_of(None) is None


def test_inventory__archives_with_fitting_receipts__are_good_and_no_others() -> None:
    names = [name_of("staging", NOW_MS + number, encrypted=number % 2 == 1) for number in range(6)]
    good, alone, short, gone, other, foreign = names
    sizes = {
        **dict.fromkeys((good, alone, other, foreign), 10),
        short: 9,
        **{name + RECEIPT: 300 for name in (good, short, gone, other)},
        good + PART: 3,
        "lost+found": 0,
        name_of("production", NOW_MS, encrypted=False): 10,
    }
    receipts: Mapping[str, Receipt | None] = {
        good: receipt(good), short: receipt(short), gone: receipt(gone), other: receipt(good), foreign: None,
    }  # fmt: skip
    found = inventory(sizes, receipts, "staging")
    assert [(one.name, one.good, one.bytes) for one in found] == [
        (good, True, 10), (alone, False, 10), (short, False, 9), (gone, False, 0), (other, False, 10),
        (foreign, False, 10),
    ]  # fmt: skip
    newest = newest_good(found)
    assert newest is not None
    assert newest.name == good
    assert newest_good(()) is None


# ---------------------------------------------------------------- what is let go


def test_surplus__a_year_of_days__leaves_thirty_days_and_the_firsts_of_six_months() -> None:
    days = tuple(backup(NOW_MS - number * DAY_MS) for number in reversed(range(400)))
    gone = set(surplus(days, NOW_MS, KEEPING))
    left = [one.at_ms for one in days if one.name not in gone]
    firsts = [local(2026, month, 1) for month in range(5, 12)]
    assert left == sorted({*(NOW_MS - number * DAY_MS for number in range(31)), *firsts})


def test_surplus__first_of_a_month_came_late__it_is_kept_as_the_first() -> None:
    late, later = backup(local(2026, 8, 9)), backup(local(2026, 8, 10))
    assert surplus((late, later, backup(NOW_MS)), NOW_MS, KEEPING) == (later.name,)


def test_surplus__last_good_one__is_kept_however_old() -> None:
    old = backup(NOW_MS - 900 * DAY_MS)
    assert surplus((old, backup(NOW_MS, good=False)), NOW_MS, KEEPING) == ()
    assert surplus((old, backup(NOW_MS)), NOW_MS, KEEPING) == (old.name,)


def test_surplus__one_that_is_not_good__goes_after_the_days_if_a_good_one_is_younger() -> None:
    bad = backup(NOW_MS - 31 * DAY_MS, good=False)
    assert surplus((bad,), NOW_MS, KEEPING) == ()
    assert surplus((bad, backup(NOW_MS)), NOW_MS, KEEPING) == (bad.name,)
    assert surplus((backup(NOW_MS - 29 * DAY_MS, good=False), backup(NOW_MS)), NOW_MS, KEEPING) == ()


def test_surplus__clock_far_ahead__lets_everything_old_go_but_the_newest_good() -> None:
    days = tuple(backup(NOW_MS - number * DAY_MS) for number in reversed(range(5)))
    assert set(surplus(days, NOW_MS + 5_000 * DAY_MS, KEEPING)) == {one.name for one in days[:-1]}


BACKUPS = st.lists(
    st.builds(
        lambda at_ms, good: backup(at_ms, good=good),
        st.integers(NOW_MS - 800 * DAY_MS, NOW_MS + 3 * DAY_MS),
        st.booleans(),
    ),
    max_size=60,
    unique_by=lambda one: one.at_ms,
).map(lambda found: tuple(sorted(found, key=lambda one: one.at_ms)))
KEEPINGS = st.builds(Keeping, st.integers(7, 60), st.integers(0, 12), st.just(TOKYO))


@given(BACKUPS, KEEPINGS)
def test_surplus__whatever_is_there__keeps_what_must_be_kept(
    backups: tuple[Backup, ...], keeping: Keeping
) -> None:
    gone = set(surplus(backups, NOW_MS, keeping))
    left = tuple(one for one in backups if one.name not in gone)
    assert gone <= {one.name for one in backups}
    assert newest_good(left) == newest_good(backups)
    assert all(one in left for one in backups if one.at_ms >= NOW_MS - keeping.days * DAY_MS)
    months = {_month(one) for one in backups if one.good}
    for year, month in months:
        if (2026 * 12 + 11) - (year * 12 + month) <= keeping.months:
            first = next(one for one in backups if one.good and _month(one) == (year, month))
            assert first in left
    assert surplus(left, NOW_MS, keeping) == ()


@given(BACKUPS, KEEPINGS)
def test_surplus__whatever_is_there__leaves_a_bounded_number(
    backups: tuple[Backup, ...], keeping: Keeping
) -> None:
    gone = set(surplus(backups, NOW_MS, keeping))
    newest = newest_good(backups)
    old = [
        one
        for one in backups
        if newest and one.name not in gone and one.at_ms < min(NOW_MS - keeping.days * DAY_MS, newest.at_ms)
    ]
    assert len(old) <= keeping.months + 1


@given(BACKUPS, KEEPINGS, st.integers(1, 40))
def test_surplus__day_by_day__never_loses_a_month_that_it_kept(
    backups: tuple[Backup, ...], keeping: Keeping, days: int
) -> None:
    """Letting go each day leaves the same firsts as letting go once."""
    daily = backups
    for day in range(days + 1):
        gone = set(surplus(daily, NOW_MS + day * DAY_MS, keeping))
        daily = tuple(one for one in daily if one.name not in gone)
    once = set(surplus(backups, NOW_MS + days * DAY_MS, keeping))
    assert {one.name for one in backups} - once <= {one.name for one in daily}


def _month(one: Backup) -> tuple[int, int]:
    at = datetime.fromtimestamp(one.at_ms / 1_000, TOKYO)
    return at.year, at.month


def test_leftovers__parts_of_dead_uploads__are_named_and_nothing_else() -> None:
    old, new = (name_of("staging", NOW_MS - LEFTOVER_MS - one, encrypted=True) for one in (1, -1))
    sizes = dict.fromkeys(
        (old, old + RECEIPT, old + PART, old + RECEIPT + PART, new + PART, "notes.txt.part", "x" + PART), 1
    )
    assert leftovers(sizes, NOW_MS, "staging") == (old + RECEIPT + PART, old + PART)
    assert leftovers(sizes, NOW_MS, "production") == ()


def test_backup__its_receipt__makes_it_good() -> None:
    one = backup(NOW_MS)
    assert one.good
    assert not replace(one, receipt=None).good
