"""How one endpoint does: what it was last seen to say, and what is wrong with it. No I/O."""

from dataclasses import dataclass
from enum import IntEnum

from ultrad.core.position import Block
from ultrad.errors import Transient
from ultrad.i18n import Message, msg
from ultrad.ports import EndpointFault

FUTURE_S = 60
"""A head this far ahead of the host's clock is a lie (consensus clients allow far less)."""
PROBATION_S = 30.0
"""An endpoint that failed stands behind the others this long for each failure since it last served a reading:
one that answers polls but no readings must not delay every other block."""
MAX_PROBATION_S = 600.0
SMOOTHING = 0.2
"""Weight of the newest latency in the smoothed one."""


class Standing(IntEnum):
    """How far an endpoint is to be used; the lower the better."""

    GOOD = 0
    PROBATION = 1
    STALE = 2
    FAILED = 3
    REFUSED = 4


class Unfit(Transient):
    """An endpoint that is not to be used now, and why."""

    def __init__(self, message: Message, fault: EndpointFault) -> None:
        """Keep the fault beside the message."""
        super().__init__(message)
        self.fault = fault


@dataclass(slots=True)
class Health:
    """One endpoint's state. Times are seconds of the event loop's clock, unless they say `wall`."""

    name: str
    stale_head_s: int
    head: Block | None = None
    strikes: int = 0
    failure: Message | None = None
    wrong_chain: Message | None = None
    aside: Message | None = None
    limit: Message | None = None
    rest_until_s: float = 0.0
    probation_until_s: float = 0.0
    latency_s: float | None = None
    smoothed_s: float | None = None

    def read_in(self, took_s: float) -> None:
        """It read all positions in that time: what endpoints are compared by."""
        self.smoothed_s = (
            took_s if self.smoothed_s is None else self.smoothed_s + SMOOTHING * (took_s - self.smoothed_s)
        )

    def failed(self, why: Message, now_s: float) -> None:
        """It failed us: not to be used until it answers again, and behind the others for a while after that."""
        self._strike(now_s)
        self.failure = why

    def limited(self, why: Message, now_s: float, rest_s: float) -> None:
        """It is not to be asked while it rests."""
        self._strike(now_s)
        self.limit, self.rest_until_s = why, now_s + rest_s

    def _strike(self, now_s: float) -> None:
        self.strikes += 1
        self.probation_until_s = now_s + min(self.strikes * PROBATION_S, MAX_PROBATION_S)

    def recovered(self) -> None:
        """It answered a poll for its right chain: it may be used, on probation."""
        self.failure = None
        self.wrong_chain = None

    def served(self) -> None:
        """It served a reading: nothing is held against it any longer."""
        self.recovered()
        self.strikes, self.probation_until_s = 0, 0.0

    def refusal(self, now_s: float) -> Unfit | None:
        """Why it must not even be asked, or None."""
        if self.aside is not None:
            return Unfit(self.aside, EndpointFault.SET_ASIDE)
        return self.resting(now_s)

    def resting(self, now_s: float) -> Unfit | None:
        """Whether it asked for a rest that is not over."""
        if self.limit is None or now_s >= self.rest_until_s:
            return None
        return Unfit(self.limit, EndpointFault.LIMITED)

    def old_head(self, wall_s: float) -> Unfit | None:
        """Why its head cannot be used by the host's clock, or None."""
        if self.head is None:
            return None
        age_s = round(wall_s - self.head.time_s)
        if -age_s > FUTURE_S:
            text = msg(
                "The head of endpoint {endpoint} (block {block}) is {seconds} s in the future. Either the endpoint"
                " lies, or this machine's clock is wrong: check the clock first.",
                endpoint=self.name,
                block=self.head.number,
                seconds=-age_s,
            )
        elif age_s > self.stale_head_s:
            text = msg(
                "The head of endpoint {endpoint} (block {block}) is {seconds} s old; the limit is {limit} s. The"
                " node is behind, the chain stands still, or this machine's clock is wrong.",
                endpoint=self.name,
                block=self.head.number,
                seconds=age_s,
                limit=self.stale_head_s,
            )
        else:
            return None
        return Unfit(text, EndpointFault.STALE)

    def counts(self, wall_s: float) -> bool:
        """Whether its head shows how far the chain is."""
        return self.aside is None and self.wrong_chain is None and self.old_head(wall_s) is None

    def fault(self, now_s: float, wall_s: float, behind: Unfit | None) -> Unfit | None:
        """What is wrong with it now, the gravest first; `behind`: what the comparison with the others says."""
        refusal = self.refusal(now_s)
        if refusal is not None:
            return refusal
        if self.wrong_chain is not None:
            return Unfit(self.wrong_chain, EndpointFault.WRONG_CHAIN)
        if self.failure is not None:
            return Unfit(self.failure, EndpointFault.FAILED)
        return self.old_head(wall_s) or behind


_STANDINGS = {
    EndpointFault.STALE: Standing.STALE,
    EndpointFault.FAILED: Standing.FAILED,
    EndpointFault.WRONG_CHAIN: Standing.REFUSED,
    EndpointFault.LIMITED: Standing.REFUSED,
    EndpointFault.SET_ASIDE: Standing.REFUSED,
}


def standing(health: Health, fault: Unfit | None, now_s: float) -> Standing:
    """Where its fault, or the lack of one, puts it."""
    if fault is not None:
        return _STANDINGS[fault.fault]
    unproved = health.head is None or now_s < health.probation_until_s
    return Standing.PROBATION if unproved else Standing.GOOD


def behind(name: str, head: Block | None, others: list[Block], max_lag_blocks: int) -> Unfit | None:
    """Whether an endpoint's head lags the others' by more than the limit.

    With two or more others, two of them must be that far ahead: one alone that is far ahead may be the liar.
    """
    if head is None or not others:
        return None
    numbers = sorted((other.number for other in others), reverse=True)
    lag = numbers[min(1, len(numbers) - 1)] - head.number
    if lag <= max_lag_blocks:
        return None
    return Unfit(
        msg(
            "Endpoint {endpoint} (block {block}) is {lag} blocks behind the others; the limit is {limit}.",
            endpoint=name,
            block=head.number,
            lag=lag,
            limit=max_lag_blocks,
        ),
        EndpointFault.STALE,
    )
