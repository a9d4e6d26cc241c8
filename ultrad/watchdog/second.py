"""A second endpoint's opinion of a good reading, so that one which says "fine" and lies is found."""

from collections.abc import Awaitable, Callable

import anyio

from ultrad.core import crosscheck
from ultrad.core.confirmation import FORK_HEADS, Branches, Confirmations, Opinion
from ultrad.core.crosscheck import Verdict, Vote
from ultrad.core.events import Finding
from ultrad.core.position import Batch
from ultrad.errors import Transient
from ultrad.ports import Chain
from ultrad.units import Now
from ultrad.watchdog import findings_of


def counts(vote: Vote, batch: Batch) -> bool:
    """Whether a view can confirm or contradict a batch: what could not be read contradicts nothing."""
    readable = {one.position for one in vote.readings}
    return vote.bad or (bool(batch.readings) and all(one.position in readable for one in batch.readings))


class SecondOpinion:
    """Asks one other endpoint, and keeps account of the answers."""

    def __init__(self, chain: Chain, vote: Callable[[Batch], Vote], wait_s: Callable[[], float]) -> None:
        """vote: what a view amounts to now. wait_s: how long each question may take, as it is now."""
        self._chain, self._vote, self._wait_s = chain, vote, wait_s
        self._confirmations = Confirmations()
        self._branches = Branches()
        self._outvoted: set[str] = set()

    @property
    def doubtful(self) -> bool:
        """Whether the next check should not wait."""
        return self._confirmations.doubtful or self._branches.any_parted

    def saw(self, batch: Batch) -> None:
        """A reading was accepted."""
        self._branches.saw(batch.endpoint, batch.block)

    def outvoted(self, endpoint: str) -> None:
        """A majority agreed on a block that this endpoint has not got: it contradicts no more until it has."""
        self._outvoted.add(endpoint)

    def nobody(self, now: Now) -> None:
        """There was nobody who could be asked."""
        self._confirmations.missed("–", now)

    async def ask(self, endpoint: str, batch: Batch, now: Now) -> Vote | None:
        """Have the endpoint check a reading; its vote where that contradicts it."""
        opinion, vote = await self._opinion(endpoint, batch)
        if opinion is Opinion.AGREES:
            self._confirmations.confirmed()
        else:  # a contradiction is no confirmation either
            self._confirmations.missed(endpoint, now)
        return vote if opinion is Opinion.CONTRADICTS else None

    async def _opinion(self, endpoint: str, batch: Batch) -> tuple[Opinion, Vote | None]:
        other = await self._read(lambda: self._chain.read_at(endpoint, batch.block))
        if other is None:
            # It may be late, or on another branch: then what it shows at its own head tells more than its silence.
            other = await self._read(lambda: self._chain.read_head(endpoint))
        if other is None:
            return Opinion.UNANSWERED, None
        own, answer = self._vote(batch), self._vote(other)
        self._branches.saw(endpoint, other.block)
        parted = self._branches.parted(batch.endpoint, endpoint)
        if other.block.hash == batch.block.hash:
            self._outvoted.discard(endpoint)
            if not counts(answer, batch):
                return Opinion.UNANSWERED, None
            agrees = crosscheck.weigh((own, answer)).verdict is Verdict.FINE
            return (Opinion.AGREES if agrees else Opinion.CONTRADICTS), answer
        if not counts(answer, batch) or endpoint in self._outvoted:
            return Opinion.UNANSWERED, None
        if own.bad is not answer.bad or parted >= FORK_HEADS:
            return Opinion.CONTRADICTS, answer
        return (Opinion.UNANSWERED if parted else Opinion.AGREES), answer

    async def _read(self, question: Callable[[], Awaitable[Batch]]) -> Batch | None:
        """The answer, or None: failures count in the pool, and a late answer counts as none here."""
        with anyio.move_on_after(self._wait_s()):
            try:
                return await question()
            except Transient:
                return None
        return None

    def findings(self, now: Now) -> tuple[Finding, ...]:
        """What is wrong with how readings are confirmed."""
        unanswered = self._confirmations.finding(now)
        branched = tuple(findings_of.branched(name) for name in sorted(self._outvoted))
        return (*((unanswered,) if unanswered else ()), *branched)
