"""One channel as the postman knows it: how it has been doing, what its quota allows, and what is said of it."""

from dataclasses import dataclass, field

import anyio

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.i18n import Message, msg
from ultrad.ports import Channel, Quota
from ultrad.units import Now

LAST_PCT = 10
"""The share of a monthly quota that is kept for the first notices of an S1."""
MOST_REJECTIONS = 3
"""So many different notices rejected in a row, and it is the channel that is at fault."""


@dataclass(slots=True)
class Line:
    """One channel and how it has been doing.

    failing_ms: since when it takes nothing (steady time). rejections: how many notices it rejected in a row.
    """

    channel: Channel
    wake: anyio.Event = field(default_factory=anyio.Event)
    mended: anyio.Event = field(default_factory=anyio.Event)
    failures: int = 0
    rejections: int = 0
    failing_ms: int | None = None
    reason: Message | None = None
    delivered_ms: int | None = None
    quota: Quota | None = None
    quota_ms: int | None = None
    spared: bool = False

    def delivered(self, now: Now) -> None:
        """It takes notices."""
        self.failures, self.rejections, self.failing_ms, self.reason = 0, 0, None, None
        self.delivered_ms = now.wall_ms

    def rejected(self, reason: Message, now: Now) -> None:
        """It took one notice not at all. One may be at fault itself; several are not."""
        self.rejections += 1
        if self.rejections >= MOST_REJECTIONS and self.failing_ms is None:
            self.failing_ms, self.reason = now.steady_ms, reason


def scarce(quota: Quota | None, kept_pct: int) -> bool:
    """Whether one message more would eat into the share (percent) that is kept. An unknown quota is plenty."""
    return quota is not None and (quota.limit - quota.used - quota.cost) * 100 < quota.limit * kept_pct


def down_finding(name: str, reason: Message) -> Finding:
    """That a channel takes nothing."""
    return Finding(
        code="channel_down",
        subject=name,
        level=Level.ALERT,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,
        message=msg(
            "The channel {name} takes no notices: {reason} They wait, and go to the next channel where there is "
            "one. Try it: ultrad notify test {name}",
            name=name,
            reason=reason,
        ),
    )


def quota_finding(name: str, quota: Quota) -> Finding:
    """That a channel is spared."""
    return Finding(
        code="quota_low",
        subject=name,
        level=Level.WARNING,
        origin=Origin.OUTSIDE,
        severity=Severity.S2,
        message=msg(
            "The channel {name} has {left} of its {limit} messages left this month: only S1 goes there from here "
            "on. Enlarge the plan, or wait for the next month.",
            name=name,
            left=max(0, quota.limit - quota.used),
            limit=quota.limit,
        ),
        figures=(("used", str(quota.used)), ("limit", str(quota.limit))),
    )
