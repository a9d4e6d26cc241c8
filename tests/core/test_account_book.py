"""What is kept of the account's history: the fold, and which announcement covers what."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_intrusion import ASSET, OTHER, PRICES, block
from ultrad.core import account_book as book_of
from ultrad.core.account_book import ANY, KEPT_BLOCKS, KINDS, AccountBook, Announcement
from ultrad.core.events import Event, Level, Recorded
from ultrad.core.intrusion import Act, Deed, Kind, Log, Position, Strange
from ultrad.i18n import msg
from ultrad.units import Now, UsdE8

NOW = Now(1_000_000, 50_000)
LATER = Now(NOW.wall_ms + 60_000, NOW.steady_ms + 60_000)
HERE = Position(block(100), 7)


def told(kind: str = ANY, most: int | None = None, after: int = 100, key: str = "e-1") -> Announcement:
    max_e8 = None if most is None else UsdE8(most)
    return Announcement(key, kind, max_e8, "taro", "to the cold wallet", NOW, LATER.steady_ms, after)


def act(kind: Act = Act.TRANSFER, amount: int = 10**6, at: int = 101, key: str = "0xt") -> Strange:
    return Strange(key, key, at, 7, OTHER, (Deed(kind, ASSET, amount, OTHER),))


def fold(*events: Event) -> AccountBook:
    return book_of.fold(Recorded(at, "", one) for at, one in enumerate(events))


def test_fold__all_that_was_recorded__comes_back() -> None:
    come = Log(Kind.IN, "0xi", 99, 0, ASSET, OTHER, 5)
    events = (
        book_of.explained_event(HERE, NOW),
        book_of.announced_event(told()),
        book_of.announced_event(told("transfer", 5, key="e-2")),
        book_of.intrusion_event(act(), msg("strange"), NOW),
        book_of.expected_event(act(key="0xu", at=102), told(), NOW),
        book_of.inflow_event((come,), replace(HERE, nonce=9), NOW),
        Event("account.other", Level.INFO, NOW, msg("nothing")),
    )
    book = fold(*events)
    assert (book.position, book.origin) == (Position(block(100), 9), 100)
    assert book.keys() == {"0xt", "0xu"}
    assert book.announced == (told("transfer", 5, key="e-2"),)
    assert fold() == AccountBook()


@pytest.mark.parametrize("data", [{}, {"position": 5, "nonce": 1}, {"position": [1, "0x", "x"], "nonce": 1}])
def test_fold__what_does_not_fit__says_which(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="event 0"):
        fold(Event("account.explained", Level.INFO, NOW, msg("x"), data))  # type: ignore[arg-type]


def test_announced__late_ones__give_way() -> None:
    book = fold(book_of.announced_event(told()), book_of.announced_event(replace(told(key="e-2"), at=LATER)))
    assert [one.id for one in book.announced] == ["e-2"]
    assert fold(book_of.announced_event(told())).standing(NOW)
    assert fold(book_of.announced_event(told())).standing(LATER) == ()


def test_moved__far_behind__is_let_go() -> None:
    book = AccountBook(HERE, 100, known=(("0xold", 100), ("0xnew", 101)))
    after = book_of.moved(book, Position(block(101 + KEPT_BLOCKS), 8))
    assert after.keys() == {"0xnew"}
    assert after.origin == 100


def test_fits__block_kind_and_most__at_their_edges() -> None:
    prices = dict(PRICES)
    dollars = 2 * 10**8
    assert told().fits(act(), prices)
    assert not told().fits(act(at=100), prices)
    assert told("transfer").fits(act(), prices)
    assert not told("approve").fits(act(), prices)
    assert not told("transfer").fits(act(Act.OTHER), prices)
    assert told(ANY).fits(act(Act.OTHER), prices)
    assert told(most=dollars).fits(act(), prices)
    assert not told(most=dollars - 1).fits(act(), prices)
    assert not told(most=dollars).fits(act(), {})
    both = replace(act(), deeds=(Deed(Act.TRANSFER, ASSET, 1), Deed(Act.APPROVE, ASSET, 1)))
    assert not told("transfer").fits(both, prices)


ACTS = st.lists(st.tuples(st.sampled_from(Act), st.integers(1, 4), st.integers(99, 103)), max_size=5)
ANNOUNCED = st.lists(st.tuples(st.sampled_from(KINDS), st.none() | st.integers(0, 1000)), max_size=4)


@given(acts=ACTS, announced=ANNOUNCED)
def test_sort_out__whatever_comes__each_announcement_covers_one_that_fits(
    acts: list[tuple[Act, int, int]], announced: list[tuple[str, int | None]]
) -> None:
    found = [act(kind, amount, at, f"0x{number}") for number, (kind, amount, at) in enumerate(acts)]
    standing = tuple(told(kind, most, key=f"e-{number}") for number, (kind, most) in enumerate(announced))
    prices = dict(PRICES)
    out = book_of.sort_out(found, AccountBook(HERE, announced=standing), prices, NOW)
    assert sorted([one.key for one, _ in out.expected] + [one.key for one in out.unexpected]) == sorted(
        one.key for one in found
    )
    used = [by.id for _, by in out.expected]
    assert len(used) == len(set(used))
    assert all(by.fits(one, prices) for one, by in out.expected)
    left = [one for one in standing if one.id not in used]
    assert not any(by.fits(one, prices) for one in out.unexpected for by in left)
    late = book_of.sort_out(found, AccountBook(HERE, announced=standing), prices, LATER)
    assert late.expected == ()
