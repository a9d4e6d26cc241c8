"""Whether other endpoints confirm good readings, and whether endpoints show branches of their own. No I/O."""

from enum import Enum

from ultrad.core.events import Effect, Finding, Level, Origin, Severity
from ultrad.core.position import Block
from ultrad.i18n import msg
from ultrad.units import Now

UNCONFIRMED_CHECKS = 3
UNCONFIRMED_MS = 300_000
"""Nobody may confirm for five minutes: longer than a provider's restart, shorter than a liar needs to do harm."""
FORK_HEADS = 3
"""Endpoints that differ at so many heights in a row are on branches of their own: no short reorganisation."""
KEPT_BLOCKS = 64
"""Blocks that are remembered of each endpoint: more than the lag that is allowed on any network we know."""


class Opinion(Enum):
    """What a second endpoint makes of a reading."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNANSWERED = "unanswered"


class Confirmations:
    """Checks that nobody answered since the last one that was confirmed."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._missed: dict[str, int] = {}
        self._since: Now | None = None

    @property
    def doubtful(self) -> bool:
        """Whether the newest check was not confirmed."""
        return self._since is not None

    def confirmed(self) -> None:
        """Another endpoint agreed."""
        self._missed, self._since = {}, None

    def missed(self, endpoint: str, now: Now) -> None:
        """An endpoint could say nothing of a reading."""
        self._missed[endpoint] = self._missed.get(endpoint, 0) + 1
        self._since = self._since or now

    def finding(self, now: Now) -> Finding | None:
        """That nobody has confirmed for too long."""
        if self._since is None or sum(self._missed.values()) < UNCONFIRMED_CHECKS:
            return None
        age_ms = now.steady_ms - self._since.steady_ms
        if age_ms < UNCONFIRMED_MS:
            return None
        return Finding(
            code="crosscheck_unanswered",
            subject="",
            level=Level.ALERT,
            origin=Origin.OUTSIDE,
            severity=Severity.S2,
            effect=Effect.NO_TRADE,
            message=msg(
                "No other endpoint has confirmed a reading for {seconds} s (asked in vain: {endpoints}): one that "
                "lies would not be found. No new trade until one does; look at those endpoints.",
                seconds=age_ms // 1_000,
                endpoints=", ".join(f"{name} ×{count}" for name, count in self._missed.items()),
            ),
            figures=tuple((name, str(count)) for name, count in self._missed.items()),
        )


class Branches:
    """The blocks that each endpoint showed, by which a fork is told from a lag."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._seen: dict[str, dict[int, str]] = {}
        self._parted: dict[frozenset[str], set[int]] = {}

    @property
    def any_parted(self) -> bool:
        """Whether any two endpoints differ."""
        return bool(self._parted)

    def saw(self, endpoint: str, block: Block) -> None:
        """An endpoint showed this block."""
        blocks = self._seen.setdefault(endpoint, {})
        blocks.pop(block.number, None)  # so that the newest stands last
        blocks[block.number] = block.hash
        if len(blocks) > KEPT_BLOCKS:
            del blocks[next(iter(blocks))]

    def parted(self, one: str, other: str) -> int:
        """At how many heights in a row two endpoints were seen to differ; 0 where they meet, or never met."""
        mine, theirs, pair = self._seen.get(one, {}), self._seen.get(other, {}), frozenset((one, other))
        common = mine.keys() & theirs.keys()
        if common:
            height = max(common)
            if mine[height] == theirs[height]:
                self._parted.pop(pair, None)
            else:
                self._parted.setdefault(pair, set()).add(height)
        return len(self._parted.get(pair, ()))
