"""Signals: what somebody decided, as it came in, before any rule has looked at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import cast

from ultrad.core.events import Json
from ultrad.units import Now

MAX_REASON = 500
"""Characters of a reason that are kept; it is for people."""
MAX_ID = 100
TRIAL = "release-"
"""What the id of a decision begins with that an operator hands in to try the way of all decisions."""
MAX_CONFIDENCE = 100


class Action(StrEnum):
    """What is to be done with the configured asset. BUY supplies more, SELL withdraws, HOLD does nothing."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class Source(StrEnum):
    """Where a signal came from."""

    NOTION = "notion"
    HTTP = "http"
    OPERATOR = "operator"
    RESCUE = "rescue"
    """The watchdog itself, for a position near its liquidation. Nobody outside can give one."""
    REVOCATION = "revocation"
    """An operator who takes an allowance back: no signal, but it goes the same way."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One decision.

    id: unique within its source; the same id is the same decision. confidence: 0 to 100. at_ms: when it was made
    (wall milliseconds, by its source's clock). arrived: when it came here.
    """

    source: Source
    id: str
    action: Action
    confidence: Decimal
    reason: str
    at_ms: int
    arrived: Now

    def __post_init__(self) -> None:
        """Raise ValueError for a confidence that no rule can compare: it would stop the judge each time."""
        if not (self.confidence.is_finite() and 0 <= self.confidence <= MAX_CONFIDENCE):
            raise ValueError(f"a confidence of {self.confidence}")

    @property
    def key(self) -> str:
        """What makes two signals the same."""
        return f"{self.source.value}:{self.id}"

    @property
    def is_trial(self) -> bool:
        """Whether it only tries the way: a HOLD of an operator's that nobody decided on."""
        return self.source is Source.OPERATOR and self.action is Action.HOLD and self.id.startswith(TRIAL)

    def json(self) -> dict[str, Json]:
        """As it stands in the journal."""
        return {
            "source": self.source.value,
            "id": self.id,
            "action": self.action.value,
            "confidence": str(self.confidence),
            "reason": self.reason,
            "at_ms": self.at_ms,
            "arrived": [self.arrived.wall_ms, self.arrived.steady_ms],
        }

    @classmethod
    def from_json(cls, data: object) -> "Signal":
        """Read what `json` wrote. Raises KeyError, TypeError, ValueError on anything else."""
        fields = cast("Mapping[str, Json]", data)
        wall_ms, steady_ms = (int(one) for one in cast("list[int]", fields["arrived"]))
        try:
            confidence = Decimal(str(fields["confidence"]))
        except InvalidOperation as error:  # no ValueError
            raise ValueError(f"a confidence of {fields['confidence']}") from error
        return cls(
            source=Source(str(fields["source"])),
            id=str(fields["id"]),
            action=Action(str(fields["action"])),
            confidence=confidence,
            reason=str(fields["reason"]),
            at_ms=int(cast("int", fields["at_ms"])),
            arrived=Now(wall_ms, steady_ms),
        )
