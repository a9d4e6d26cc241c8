import itertools
from collections import Counter
from dataclasses import replace

import pytest

from tests.core.make import reading
from ultrad.core.crosscheck import AGREE_BPS, Outcome, Verdict, Vote, weigh
from ultrad.units import INFINITE_HF, USD, WAD

VIEWS = {
    "fine": (False, 2 * WAD),
    "Fine": (False, 3 * WAD),  # as fine, with other figures
    "bad": (True, WAD),
    "Bad": (True, WAD // 2),
}
PATTERNS = [
    pattern for count in range(1, 6) for pattern in itertools.product(VIEWS, repeat=count)
]  # all vote patterns up to five endpoints


def vote(name: str, view: str) -> Vote:
    bad, hf = VIEWS[view]
    return Vote(name, (reading(hf, endpoint=name),), bad)


def outcome(pattern: tuple[str, ...]) -> Outcome:
    return weigh(tuple(vote(f"{n}", view) for n, view in enumerate(pattern)))


def majority(pattern: tuple[str, ...]) -> str | None:
    view, count = Counter(pattern).most_common(1)[0]
    return view if count > 1 and 2 * count > len(pattern) else None


def test_weigh__bad_and_unanswered_or_confirmed__is_bad() -> None:
    for pattern in PATTERNS:
        bad = [view for view in pattern if VIEWS[view][0]]
        if len(bad) == len(pattern) or len(bad) > 1:
            assert outcome(pattern).verdict is Verdict.BAD, pattern


def test_weigh__one_bad_at_most__the_majority_decides_else_it_is_disputed() -> None:
    for pattern in PATTERNS:
        bad = sum(VIEWS[view][0] for view in pattern)
        if bad > 1 or bad == len(pattern):
            continue
        expected = Verdict.FINE if majority(pattern) else Verdict.DISPUTED
        assert outcome(pattern).verdict is expected, pattern


def test_weigh__two_that_contradict__are_disputed_and_nobody_is_a_liar() -> None:
    for pattern in itertools.product(VIEWS, repeat=2):
        if pattern[0] != pattern[1] and not all(VIEWS[view][0] for view in pattern):
            assert outcome(pattern) == Outcome(Verdict.DISPUTED), pattern


def test_weigh__fine_and_nobody_else__is_no_end_of_a_dispute() -> None:
    assert outcome(("fine",)) == Outcome(Verdict.DISPUTED)


def test_weigh__any_pattern__fine_only_where_two_agree_that_it_is() -> None:
    for pattern in PATTERNS:
        if outcome(pattern).verdict is Verdict.FINE:
            view = majority(pattern)
            assert view is not None, pattern
            assert not VIEWS[view][0], pattern


def test_weigh__any_pattern__liars_are_those_that_a_majority_contradicts() -> None:
    for pattern in PATTERNS:
        found, view = outcome(pattern), majority(pattern)
        outvoted = {f"{n}" for n, one in enumerate(pattern) if view is not None and one != view}
        if found.verdict is Verdict.DISPUTED:
            assert found.liars == (), pattern
        elif found.verdict is Verdict.BAD and view is not None and not VIEWS[view][0]:
            assert found.liars == (), pattern  # two against three: they may be right
        else:
            assert set(found.liars) == outvoted, pattern


def test_weigh__any_pattern__leaves_somebody_to_believe() -> None:
    for pattern in PATTERNS:
        found = outcome(pattern)
        if found.verdict is Verdict.DISPUTED:
            continue
        wanted = found.verdict is Verdict.BAD
        assert any(VIEWS[view][0] is wanted and f"{n}" not in found.liars for n, view in enumerate(pattern)), (
            pattern
        )


def test_weigh__any_order__is_the_same_outcome() -> None:
    for pattern in (one for one in PATTERNS if len(one) <= 4):
        votes = [vote(f"{n}", view) for n, view in enumerate(pattern)]
        first = weigh(tuple(votes))
        for order in itertools.permutations(votes):
            found = weigh(order)
            assert (found.verdict, set(found.liars)) == (first.verdict, set(first.liars)), pattern


@pytest.mark.parametrize("field", ["health_factor", "collateral_e8", "debt_e8"])
@pytest.mark.parametrize(("off", "verdict"), [(AGREE_BPS, Verdict.FINE), (AGREE_BPS + 1, Verdict.DISPUTED)])
def test_weigh__figures_differ__agree_up_to_the_tolerance(field: str, off: int, verdict: Verdict) -> None:
    whole = reading(2 * WAD, 10_000 * USD, 10_000 * USD)
    lower = replace(whole, **{field: getattr(whole, field) * (10_000 - off) // 10_000})
    votes = (Vote("a", (whole,), bad=False), Vote("b", (lower,), bad=False))
    assert weigh(votes).verdict is verdict
    assert weigh(votes[::-1]).verdict is verdict


def test_weigh__infinite_on_both_sides__agree() -> None:
    votes = tuple(Vote(name, (reading(INFINITE_HF, 10, 0),), bad=False) for name in "ab")
    assert weigh(votes).verdict is Verdict.FINE


def test_weigh__one_says_no_debt__contradicts() -> None:
    votes = (
        Vote("a", (reading(2 * WAD, 10, 5),), bad=False),
        Vote("b", (reading(INFINITE_HF, 10, 0),), bad=False),
    )
    assert weigh(votes).verdict is Verdict.DISPUTED


def test_weigh__same_figures_but_only_one_trips__contradict() -> None:
    same = (reading(),)
    assert weigh((Vote("a", same, bad=True), Vote("b", same, bad=False))).verdict is Verdict.DISPUTED


def test_weigh__positions_both_could_read__are_the_ones_compared() -> None:
    both = (reading(), reading(position="second"))
    votes = (Vote("a", both, bad=False), Vote("b", both[:1], bad=False))
    assert weigh(votes).verdict is Verdict.FINE
    assert weigh((Vote("a", both[1:], bad=False), votes[1])).verdict is Verdict.DISPUTED


def test_weigh__second_position_differs__contradicts() -> None:
    one = (reading(), reading(position="second"))
    other = (reading(), reading(3 * WAD, position="second"))
    assert weigh((Vote("a", one, bad=False), Vote("b", other, bad=False))).verdict is Verdict.DISPUTED
