from tests.core.make import at
from ultrad.core.confirmation import FORK_HEADS, KEPT_BLOCKS, UNCONFIRMED_MS, Branches, Confirmations
from ultrad.core.events import Effect, Level
from ultrad.core.position import Block

BOUND_S = UNCONFIRMED_MS // 1_000


def block(number: int, branch: str = "a") -> Block:
    return Block(number, f"0x{branch}{number}", 1_700_000_000)


def test_confirmations__nobody_for_the_bound_and_three_checks__both_are_needed() -> None:
    assert Confirmations().doubtful is False
    found = Confirmations()
    assert found.finding(at(9_999)) is None
    found.missed("beta", at(0))
    found.missed("gamma", at(10))
    assert found.doubtful
    assert found.finding(at(BOUND_S)) is None
    found.missed("beta", at(20))
    assert found.finding(at(BOUND_S - 1)) is None
    told = found.finding(at(BOUND_S))
    assert told is not None
    assert (told.level, told.effect, told.figures) == (
        Level.ALERT,
        Effect.NO_TRADE,
        (("beta", "2"), ("gamma", "1")),
    )
    assert "for 300 s (asked in vain: beta ×2, gamma ×1)" in str(told.message)


def test_confirmations__one_agrees__everything_begins_anew() -> None:
    found = Confirmations()
    for second in range(3):
        found.missed("beta", at(second))
    found.confirmed()
    assert not found.doubtful
    found.missed("beta", at(BOUND_S))
    assert found.finding(at(BOUND_S + 1)) is None


def test_branches__same_height_other_hash__counts_each_height_once() -> None:
    seen = Branches()
    assert seen.parted("alpha", "beta") == 0
    for height in range(1, FORK_HEADS + 1):
        seen.saw("alpha", block(height))
        seen.saw("beta", block(height, "b"))
        assert seen.parted("alpha", "beta") == seen.parted("beta", "alpha") == height
    assert seen.any_parted
    seen.saw("beta", block(FORK_HEADS))  # it left its own branch
    assert seen.parted("alpha", "beta") == 0
    assert not seen.any_parted


def test_branches__one_is_only_late__meets_the_other_below() -> None:
    seen = Branches()
    for height in range(1, 4):
        seen.saw("alpha", block(height))
    seen.saw("beta", block(2))
    assert seen.parted("alpha", "beta") == 0


def test_branches__heights_without_end__keeps_the_newest() -> None:
    seen = Branches()
    for height in range(KEPT_BLOCKS + 1):
        seen.saw("alpha", block(height))
    seen.saw("beta", block(0, "b"))
    assert seen.parted("alpha", "beta") == 0
    seen.saw("beta", block(1, "b"))
    assert seen.parted("alpha", "beta") == 1
