"""Channels that a test drives: they take notices, refuse them, hang, or take them without a word."""

import math
from dataclasses import dataclass, field

import anyio

from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Outgoing, Quota, Refused, Throttled, Unreached


@dataclass
class FakeChannel:
    """Implements `Channel`.

    mode: ok, down (not reached), hang, cut (taken, but nobody says so), throttled, refused, rejected, broken (a
    fault of the adapter's own).

    key_lives_s: as LINE has it, a repeat within it is told by its key and not shown again.
    """

    name: str
    mode: str = "ok"
    key_lives_s: float | None = None
    left: Quota | None = None
    threads: bool = False
    unchecked: Message | None = None
    checks: int = 0
    shown: list[Outgoing] = field(default_factory=list)
    tries: list[tuple[float, str]] = field(default_factory=list)
    _seen: dict[str, float] = field(default_factory=dict)

    async def send(self, what: Outgoing) -> str:
        now_s = anyio.current_time()
        self.tries.append((now_s, what.key))
        match self.mode:
            case "down":
                raise Unreached(msg("No connection to {who}.", who=self.name))
            case "hang":
                await anyio.sleep(math.inf)
            case "throttled":
                raise Throttled(msg("Too many requests."), 120.0)
            case "refused":
                raise Refused(msg("Refused."))
            case "rejected":
                raise Permanent(msg("Rejected."))
            case "broken":
                raise KeyError("a fault of the adapter")
        self._show(what, now_s)
        if self.mode == "cut":
            raise Transient(msg("The connection broke."))
        return what.thread or f"ts-{len(self.shown)}" if self.threads else ""

    def _show(self, what: Outgoing, now_s: float) -> None:
        seen_s = self._seen.get(what.key)
        if self.key_lives_s is not None and seen_s is not None and now_s - seen_s < self.key_lives_s:
            return
        self._seen[what.key] = now_s
        self.shown.append(what)

    async def quota(self) -> Quota | None:
        return self.left

    async def check(self) -> Message | None:
        self.checks += 1
        match self.mode:
            case "down":
                raise Unreached(msg("No connection to {who}.", who=self.name))
            case "hang":
                await anyio.sleep(math.inf)
            case "refused":
                raise Refused(msg("Refused."))
            case "broken":
                raise KeyError("a fault of the adapter")
        return self.unchecked

    def titles(self) -> list[str]:
        return [one.title for one in self.shown]

    def repeats(self) -> list[str]:
        """Notices that people saw more than once."""
        keys = [one.key for one in self.shown]
        return sorted({key for key in keys if keys.count(key) > 1})


@dataclass
class FakeMonitor:
    """Implements `Deadman`."""

    down: bool = False
    pings: list[tuple[float, str]] = field(default_factory=list)

    async def ping(self, what: str) -> None:
        if self.down:
            raise Transient(msg("The monitor does not answer."))
        self.pings.append((anyio.current_time(), what))
