"""What several endpoints say of one block, weighed against each other."""

from dataclasses import dataclass
from enum import Enum

from ultrad.core.position import Reading
from ultrad.units import ALL_BPS, Now

AGREE_BPS = 10
"""Readings of one block that differ by less agree: nodes may accrue interest to slightly different seconds."""


class Verdict(Enum):
    """What the endpoints amount to. DISPUTED: the gate stays shut until it is resolved."""

    FINE = "fine"
    BAD = "bad"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Vote:
    """One endpoint's view of the block: its readings, and whether they trip."""

    endpoint: str
    readings: tuple[Reading, ...]
    bad: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict, and the endpoints that a majority contradicted."""

    verdict: Verdict
    liars: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dispute:
    """What endpoints say against each other, and since when they have."""

    since: Now
    votes: tuple[Vote, ...]


def weigh(votes: tuple[Vote, ...]) -> Outcome:
    """Weigh the views of one block by hash; only endpoints that answered for just this block have a vote.

    A vote for "bad" that nobody answers stands; "fine" takes two, because it is asked here only where somebody has
    said otherwise. Two that find the position bad are believed, whatever others say. A majority of at least two
    decides, and the others are liars. Anything else is a dispute.
    """
    camps = _camps(votes)
    bad = tuple(vote for vote in votes if vote.bad)
    largest = max(camps, key=len)
    has_majority = len(largest) > 1 and len(largest) * 2 > len(votes)
    outvoted = tuple(vote.endpoint for vote in votes if vote not in largest) if has_majority else ()
    if len(bad) == len(votes) or len(bad) > 1:
        # Where the majority says "fine", none of those that said "bad" is set aside: two of them may be right.
        return Outcome(Verdict.BAD, outvoted if largest[0].bad else ())
    if not has_majority:
        return Outcome(Verdict.DISPUTED)
    return Outcome(Verdict.FINE, outvoted)


def _camps(votes: tuple[Vote, ...]) -> list[list[Vote]]:
    """Group the votes that agree with the first of their camp."""
    camps: list[list[Vote]] = []
    for vote in votes:
        camp = next((one for one in camps if _agree(one[0], vote)), None)
        if camp is None:
            camps.append([vote])
        else:
            camp.append(vote)
    return camps


def _agree(one: Vote, other: Vote) -> bool:
    """Whether two views give the positions that both of them could read the same figures."""
    theirs = {reading.position: reading for reading in other.readings}
    both = [(own, theirs[own.position]) for own in one.readings if own.position in theirs]
    return one.bad == other.bad and bool(both) and all(_same(a, b) for a, b in both)


def _same(a: Reading, b: Reading) -> bool:
    return (
        _close(a.collateral_e8, b.collateral_e8)
        and _close(a.debt_e8, b.debt_e8)
        and _close(a.health_factor, b.health_factor)
    )


def _close(a: int, b: int) -> bool:
    return abs(a - b) * ALL_BPS <= AGREE_BPS * max(a, b)
