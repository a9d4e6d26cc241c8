"""The outbox at work: each channel is served by a loop of its own, so that one that hangs delays no other.

A notice is durable, with the key that every try of it bears, before the first try; it is tried until the channel
has taken it, or is given up on, and that is told.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import anyio

from ultrad.channel_line import LAST_PCT, Line, down_finding, quota_finding, scarce
from ultrad.core import outbox as box
from ultrad.core import outbox_events as became
from ultrad.core.events import Event, Finding, Severity
from ultrad.core.outbox import Delivery, Outbox, Told
from ultrad.core.outbox_events import Instead
from ultrad.core.retry import Backoff, pause_s
from ultrad.core.status import ChannelLine
from ultrad.core.superseding import outdated, settled
from ultrad.core.telling import QUEUED, QUIET, TellRules, Why, carriers, fallbacks
from ultrad.errors import Failed, Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import (
    Channel,
    Clock,
    FindingSink,
    Journal,
    Outgoing,
    Quota,
    Refused,
    Throttled,
    Turned,
    Unreached,
)
from ultrad.units import Now

SEND_S = 15.0
"""How long one try may take. Slack and LINE answer within a second; longer is a hang."""
FLUSH_S = 2.0
"""How long a first try waits for the journal's disk. What cannot wait is told without it then."""
UNDURABLE_MS = 300_000
"""So long the disk may refuse; then whatever is meant to be heard goes out without it."""
TICK_S = 1.0
RETRY = Backoff(first_s=1.0, most_s=60.0)
REFUSED_RETRY = Backoff(first_s=30.0, most_s=600.0)
"""A wrong token does not mend itself; it is tried again for the operator who mends it."""
MOST_PAUSE_S = 3_600.0
"""The longest pause that a service is believed to want (Retry-After)."""
QUOTA_AGE_MS = 3_600_000
MOST_AT_ONCE = 50
"""So many notices are given up on, or go to another channel, in one turn: a trip shares the loop with it."""
_SPARED = frozenset({*QUIET, Why.REMINDER, Why.RECOVERED, Why.BACK})
"""What of an S2 a scarce quota never carries: people have heard of it before."""
KEY_MARGIN_S = 3_600.0
"""Trying ends so long before a service forgets the key by which it tells repeats."""

_T = TypeVar("_T")


class Contain(Protocol):
    """The supervisor's boundary: an error comes back as a value, Fatal alone is raised."""

    async def __call__(self, call: Callable[[], Awaitable[_T]]) -> _T | Failed:
        """Await `call()`."""
        ...


@dataclass(frozen=True, slots=True)
class PostRules:
    """How long a channel is waited for.

    give_up_ms: how long a notice is tried. down_ms: how long a channel may keep notices waiting before others
    stand in. spared_pct: the share of a monthly quota (percent) that is kept for S1.
    """

    give_up_ms: int = 72 * 3_600_000
    down_ms: int = 300_000
    spared_pct: int = 25


@dataclass(frozen=True, slots=True)
class PostPorts:
    """What the postman works with. render: title and lines of a notice, in the operators' language.

    key_of: a UUID made of a text, the same each time.
    """

    journal: Journal
    clock: Clock
    sink: FindingSink
    contain: Contain
    report: Callable[[str, Exception], None]
    fraction: Callable[[], float]
    key_of: Callable[[str], str]
    render: Callable[[Told], tuple[str, tuple[str, ...]]]


class Postman:
    """Delivers what `take` was given, for ever."""

    def __init__(
        self, ports: PostPorts, channels: Mapping[str, Channel], rules: PostRules, tell: TellRules, outbox: Outbox
    ) -> None:
        """outbox: what was under way before this start."""
        self._ports = ports
        self._lines = {name: Line(channel) for name, channel in channels.items()}
        self._rules, self._tell = rules, tell
        self._refusing_ms: int | None = None
        self.outbox = outbox

    # -------------------------------------------------------- in

    def take(self, event: Event) -> None:
        """A notice was queued, or something became of one. The event is in the journal's hands already."""
        self.outbox = box.after(self.outbox, event)
        if event.kind == QUEUED:
            for old in outdated(self.outbox, str(event.data["notice"]), event.now):
                self._record(became.superseded_event(old, event.now))
        for line in self._lines.values():
            line.wake.set()

    def settle(self, incident: int, now: Now) -> None:
        """Somebody has resolved it: what waits of it need not be told any more."""
        for old in settled(self.outbox, incident):
            self._record(became.superseded_event(old, now))

    def withdraw(self, notice: str, now: Now) -> None:
        """What waits of this notice need not be told any more."""
        for old in (one for one in self.outbox.waiting if one.told.notice == notice):
            self._record(became.superseded_event(old, now))

    async def test(self, name: str, told: Told) -> Message | None:
        """Send one notice at once, beside the outbox; answers why it was not taken, or None. Raises Permanent."""
        line = self._lines.get(name)
        if line is None:
            raise Permanent(
                msg(
                    "There is no channel {name}; there are: {names}",
                    name=name,
                    names=", ".join(self._lines) or "–",
                )
            )
        key = self._ports.key_of(f"{told.notice}:{name}")
        outcome = await self._send(line, Delivery(told, name, key, 0, 0))
        if isinstance(outcome, Failed):
            return outcome.message
        line.delivered(self._ports.clock.now())
        line.mended.set()  # what waits need not wait for the next try
        return None

    def channels(self) -> tuple[ChannelLine, ...]:
        """Each channel as it is now."""
        return tuple(
            ChannelLine(
                name=name,
                failing_since_ms=line.failing_ms,
                reason=line.reason,
                delivered_ms=line.delivered_ms,
                waiting=sum(one.channel == name for one in self.outbox.waiting),
                quota_left=line.quota.limit - line.quota.used if line.quota else None,
            )
            for name, line in self._lines.items()
        )

    # -------------------------------------------------------- the loops

    async def run(self, turned: Turned) -> None:
        """Serve every channel, give up on what is too old, and let others stand in for a channel that is down."""
        async with anyio.create_task_group() as tasks:
            for line in self._lines.values():
                tasks.start_soon(self._serve, line, name=f"channel {line.channel.name}")
            while True:
                now = self._ports.clock.now()
                self._look(now)
                self._ports.sink.observe("notify", self._findings(now), now)
                turned()
                await anyio.sleep(TICK_S)

    async def _serve(self, line: Line) -> None:
        while True:
            line.wake = anyio.Event()
            now = self._ports.clock.now()
            delivery = self._next(line.channel.name, now)
            if delivery is None:
                held = box.next_due_ms(self.outbox, line.channel.name) is not None
                with anyio.move_on_after(TICK_S if held else None):
                    await line.wake.wait()
            elif line.quota_ms is None or now.steady_ms - line.quota_ms >= QUOTA_AGE_MS:
                await self._ask_quota(line, now)  # takes time: what comes next is looked up again
            elif self._is_spared(line, delivery):
                self._stand_in(delivery, box.addressed(self.outbox)[delivery.told.notice], now, Instead.SPARED)
                self._record(became.spared_event(delivery, now))
            else:
                self._mark(line, delivery)
                if await self._may_be_tried(delivery):
                    await self._deliver(line, delivery)
                else:
                    self.outbox = box.in_doubt(self.outbox, delivery, delivery.unsure_ms)  # it was not tried
                    await anyio.sleep(TICK_S)

    def _next(self, channel: str, now: Now) -> Delivery | None:
        """While the disk refuses, first what may go without it: what may not would only stand in its way."""
        anyhow = None
        if self._refusing_ms is not None:
            anyhow = box.next_for(self.outbox, channel, now, lambda told: self._goes_anyhow(told, now))
        return anyhow or box.next_for(self.outbox, channel, now)

    def _goes_anyhow(self, told: Told, now: Now) -> bool:
        """Whether people are told without the disk. The key stays the same, should they be told again."""
        refused_for_ms = 0 if self._refusing_ms is None else now.steady_ms - self._refusing_ms
        return told.pressing or (told.loud and refused_for_ms >= UNDURABLE_MS)

    async def _may_be_tried(self, delivery: Delivery) -> bool:
        """Whether its key is on the disk, or the disk does not answer and it cannot wait."""
        with anyio.move_on_after(FLUSH_S):
            try:
                await self._ports.journal.flush()
            except Transient:
                pass
            else:
                self._refusing_ms = None
                return True
        now = self._ports.clock.now()
        self._refusing_ms = now.steady_ms if self._refusing_ms is None else self._refusing_ms
        return self._goes_anyhow(delivery.told, now)

    def _mark(self, line: Line, delivery: Delivery) -> None:
        """Note when a service that forgets keys may first have taken it; durable before the first try."""
        now = self._ports.clock.now()
        if line.channel.key_lives_s is None:
            return
        if not delivery.marked:
            self._record(became.unsure_event(delivery, now))
        elif delivery.unsure_ms is None:
            self.outbox = box.in_doubt(self.outbox, delivery, now.steady_ms)

    async def _deliver(self, line: Line, delivery: Delivery) -> None:
        if not box.is_waiting(self.outbox, delivery):
            return  # given up on while the disk was waited for
        outcome = await self._send(line, delivery)
        now = self._ports.clock.now()
        if not isinstance(outcome, Failed):
            line.delivered(now)
            if line.quota is not None:
                line.quota = Quota(line.quota.limit, line.quota.used + line.quota.cost, line.quota.cost)
            self._record(became.delivered_event(delivery, outcome, now))
            return
        if isinstance(outcome.error, Permanent):
            line.rejected(outcome.message, now)
            if box.is_waiting(self.outbox, delivery):
                self._give_up(delivery, outcome.message, now)
            return
        if isinstance(outcome.error, Throttled | Refused | Unreached):
            self.outbox = box.in_doubt(self.outbox, delivery, delivery.unsure_ms)  # as it was before this try
        self.outbox = box.tried(self.outbox, delivery)
        line.failures += 1
        line.failing_ms = now.steady_ms if line.failing_ms is None else line.failing_ms
        line.reason = outcome.message
        line.mended = anyio.Event()
        with anyio.move_on_after(self._pause_s(line, outcome.error)):
            await line.mended.wait()

    async def _send(self, line: Line, delivery: Delivery) -> str | Failed:
        """One try. A foreign error is a fault of ours: reported, and taken as one that may pass."""
        title, lines = self._ports.render(delivery.told)
        incident = delivery.told.incident
        what = Outgoing(
            key=delivery.key,
            at_ms=delivery.told.queued.wall_ms,
            level=delivery.told.level,
            severity=None if delivery.told.why is Why.REPORT else delivery.told.severity,
            title=title,
            lines=lines,
            incident="" if incident is None else str(incident),
            thread=self.outbox.thread(line.channel.name, incident),
            loud=delivery.told.loud,
            picture=delivery.told.picture,
        )
        with anyio.move_on_after(SEND_S):
            outcome = await self._ports.contain(lambda: line.channel.send(what))
            if isinstance(outcome, Failed) and not isinstance(outcome.error, Transient | Permanent):
                self._ports.report(f"channel {line.channel.name}", outcome.error)
            return outcome
        error = Transient(
            msg("{channel} gave no answer in {seconds} s.", channel=line.channel.name, seconds=int(SEND_S))
        )
        return Failed(error, error.message)

    def _pause_s(self, line: Line, error: Exception) -> float:
        if isinstance(error, Throttled):
            return min(MOST_PAUSE_S, max(1.0, error.retry_after_s))
        backoff = REFUSED_RETRY if isinstance(error, Refused) else RETRY
        return pause_s(backoff, line.failures, self._ports.fraction())

    # -------------------------------------------------------- quotas

    async def _ask_quota(self, line: Line, now: Now) -> None:
        """Where the service does not answer, what was known before counts."""
        line.quota_ms = now.steady_ms
        with anyio.move_on_after(SEND_S):
            found = await self._ports.contain(line.channel.quota)
            line.quota = line.quota if isinstance(found, Failed) else found

    def _is_spared(self, line: Line, delivery: Delivery) -> bool:
        """Whether the quota is kept for what is graver. What nobody else tells is told for the first time."""
        line.spared = scarce(line.quota, self._rules.spared_pct)
        told = delivery.told
        if told.severity is Severity.S1:
            return told.why in {Why.REMINDER, Why.RECOVERED} and scarce(line.quota, LAST_PCT)
        if not line.spared or told.why in _SPARED:
            return line.spared
        return told.code != "quota_low" and self._others_tell(delivery)

    def _others_tell(self, delivery: Delivery) -> bool:
        """Whether another channel has told it, is about to, or could."""
        notice, severity = delivery.told.notice, delivery.told.severity
        addressed = box.addressed(self.outbox)[notice]
        others = {one.channel for one in self.outbox.waiting if one.told.notice == notice} - {delivery.channel}
        works = {name for name, line in self._lines.items() if line.failing_ms is None}
        others |= set(fallbacks(severity, self._tell, addressed))
        return box.is_heard(self.outbox, notice) or bool(others & works)

    # -------------------------------------------------------- by the clock

    def _look(self, now: Now) -> None:
        for delivery in box.expired(self.outbox, self._rules.give_up_ms, now)[:MOST_AT_ONCE]:
            line = self._lines.get(delivery.channel)
            self._give_up(delivery, (line.reason if line else None) or _gone(), now)
        for delivery in self._unknown()[:MOST_AT_ONCE]:
            self._give_up(delivery, _gone(), now, Instead.GONE)
        for name, line in self._lines.items():
            if line.channel.key_lives_s is not None:
                lives_ms = round((line.channel.key_lives_s - KEY_MARGIN_S) * 1_000)
                for delivery in box.unrepeatable(self.outbox, name, lives_ms, now)[:MOST_AT_ONCE]:
                    self._give_up(delivery, _may_be_told(), now)
        down = {name: line.failing_ms for name, line in self._lines.items() if line.failing_ms is not None}
        if len(down) == len(self._lines):
            return  # nobody could stand in
        addressed = box.addressed(self.outbox)
        for name, failing_ms in down.items():
            found = box.stranded(self.outbox, name, failing_ms, self._rules.down_ms, now)
            for delivery in sorted(found, key=lambda one: one.told.severity)[:MOST_AT_ONCE]:
                self._stand_in(delivery, addressed[delivery.told.notice], now)

    def _unknown(self) -> tuple[Delivery, ...]:
        """What waits for channels that the configuration no longer names. Without any channel it waits on."""
        return tuple(one for one in self.outbox.waiting if self._lines and one.channel not in self._lines)

    def _give_up(self, delivery: Delivery, why: Message, now: Now, instead: Instead = Instead.REFUSED) -> None:
        """Close it, and say so. What is meant to be heard and was not goes elsewhere first."""
        told = delivery.told
        if told.loud and not box.is_heard(self.outbox, told.notice) and not box.stands_in(self.outbox, delivery):
            addressed = box.addressed(self.outbox)[told.notice]
            present = carriers(told.severity, self._tell) if instead is Instead.GONE else ()
            others = [one for one in present if one in self._lines and one not in addressed]
            for other in others:
                self._reroute(delivery, other, now, instead)
            if not others:
                self._stand_in(delivery, addressed, now, instead)
        self._record(became.given_up_event(delivery, why, now))

    def _stand_in(self, delivery: Delivery, addressed: set[str], now: Now, why: Instead = Instead.DOWN) -> None:
        """Have the next channel told instead, where one works. addressed: those that had their chance with it."""
        for other in fallbacks(delivery.told.severity, self._tell, addressed):
            if other not in self._lines or self._lines[other].failing_ms is not None:
                continue
            if other in self._tell.costly and not delivery.told.loud:
                continue
            self._reroute(delivery, other, now, why)
            addressed.add(other)
            return

    def _reroute(self, delivery: Delivery, other: str, now: Now, why: Instead) -> None:
        key = self._ports.key_of(f"{delivery.told.notice}:{other}")
        self._record(became.rerouted_event(delivery, other, key, now, why))

    def _record(self, event: Event) -> None:
        self._ports.journal.post(event)
        self.take(event)

    def _findings(self, now: Now) -> tuple[Finding, ...]:
        found: list[Finding] = []
        for name, line in self._lines.items():
            if line.failing_ms is not None and now.steady_ms - line.failing_ms >= self._rules.down_ms:
                found.append(down_finding(name, line.reason or msg("no answer.")))
            if line.spared and line.quota is not None:
                found.append(quota_finding(name, line.quota))
        return tuple(found)


def _may_be_told() -> Message:
    return msg("it may have told it all the same, and to try again would by now tell it twice.")


def _gone() -> Message:
    return msg("it is not configured any more.")
