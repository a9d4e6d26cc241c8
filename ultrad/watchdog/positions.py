"""The watch: head → reading → assess → trip."""

from collections.abc import Iterable
from dataclasses import dataclass

import anyio

from ultrad.core import assess, crosscheck
from ultrad.core.crosscheck import Dispute, Outcome, Verdict, Vote
from ultrad.core.events import Finding
from ultrad.core.limits import EstopRules, Limits
from ultrad.core.position import Batch, Reading
from ultrad.core.rounds import ChainUnavailable, Silence, silence_finding, unavailable_finding
from ultrad.core.window import RollingExtremes
from ultrad.distress import Distress
from ultrad.errors import Permanent, Transient
from ultrad.estop import Estop
from ultrad.gate import Gate
from ultrad.i18n import msg
from ultrad.live import Live
from ultrad.ports import Chain, Clock, EndpointFault, FindingSink, Journal, Turned
from ultrad.units import Bps, Now, Wad
from ultrad.watchdog import findings_of
from ultrad.watchdog.age import NO_READING
from ultrad.watchdog.second import SecondOpinion, counts

DISPUTED = "disputed"
HISTORY_RETRY_S = 30.0
"""How often reading the value history is tried again; without it a day's change is not seen whole."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How the watch goes about it. round_s: how long it waits for a head before it reads without one.

    market_interval_s: how often the market is read.
    """

    limits: Limits
    rules: EstopRules
    round_s: float
    crosscheck_blocks: int
    silence_rounds: int
    silence_s: int
    market_interval_s: float


@dataclass(frozen=True, slots=True)
class WatchPorts:
    """What the watch works on. distress: None where nothing is rescued."""

    chain: Chain
    estop: Estop
    gate: Gate
    journal: Journal
    clock: Clock
    sink: FindingSink
    distress: Distress | None = None


def watches_closer(estop: Estop, now: Now) -> bool:
    """Whether the stop was lifted so recently that the watch is closer."""
    resumed = estop.state.resumed_at
    return resumed is not None and now.steady_ms - resumed.steady_ms < estop.rules.closer_watch_ms


class Watchdog:
    """Reads every position at every head and has the stop tripped."""

    def __init__(self, ports: WatchPorts, live: Live[WatchSettings]) -> None:
        """Hold the gate shut until the first good reading."""
        self._chain, self._estop, self._gate = ports.chain, ports.estop, ports.gate
        self._journal, self._clock, self._sink = ports.journal, ports.clock, ports.sink
        self._distress = ports.distress
        self._live, self._settings = live, live.now
        self._silence = Silence()
        self._dispute: Dispute | None = None
        self._suspects: tuple[Vote, ...] = ()
        self._second = SecondOpinion(ports.chain, self._vote_now, lambda: self._settings.rules.crosscheck_wait_s)
        self._accepted = anyio.Event()
        self._liars: dict[str, Finding] = {}
        self._values: dict[str, RollingExtremes] = {}
        self._lowest: dict[str, RollingExtremes] = {}
        self._resumed_at = ports.estop.state.resumed_at
        self.batch: Batch | None = None
        self.batch_at: Now | None = None
        self.history_known = False
        ports.gate.hold(NO_READING)

    # -------------------------------------------------------- the loops

    async def run(self, turned: Turned) -> None:
        """Read at every head, or each `round_s` where none comes, for ever."""
        if self.batch is None:
            self._sink.observe("start", (findings_of.no_reading_yet(),), self._clock.now())
        while True:
            with anyio.move_on_after(self._settings.round_s):
                await self._chain.next_head()
            await self.round()
            turned()

    async def run_crosscheck(self, turned: Turned) -> None:
        """Have a second endpoint check good readings, so that one which says "fine" and lies is found."""
        checked, turn = 0, 0
        while True:
            with anyio.move_on_after(self._settings.round_s):
                await self._accepted.wait()
            turned()
            self._accepted = anyio.Event()
            batch, now = self.batch, self._clock.now()
            self._sink.observe("confirmation", self._second.findings(now), now)
            if batch is None or self._suspects:
                continue
            self._second.saw(batch)
            closer = watches_closer(self._estop, now) or self._second.doubtful
            if abs(batch.block.number - checked) < (1 if closer else self._settings.crosscheck_blocks):
                continue
            checked, turn = batch.block.number, turn + 1
            await self._check(batch, turn, now)

    async def _check(self, batch: Batch, turn: int, now: Now) -> None:
        """Have the next of the others check a reading. A contradiction holds the gate; the next round asks all."""
        others = self._others(batch.endpoint)
        if not others:
            if len(self._chain.endpoints()) > 1:
                self._second.nobody(now)
            return
        contradicts = await self._second.ask(others[turn % len(others)], batch, now)
        if contradicts is not None:
            self._suspects = (contradicts,)
            self._gate.hold(DISPUTED)

    async def run_history(self, turned: Turned) -> None:
        """Fetch the values of the last day from the journal, as soon as it can be read."""
        if not self.history_known:
            self._sink.observe("history", (findings_of.history_unread(),), self._clock.now())
        while True:
            if not self.history_known:
                await self._fetch_history()
            turned()
            await anyio.sleep(HISTORY_RETRY_S)

    # -------------------------------------------------------- one round

    async def round(self) -> None:
        """One reading of all positions, and what follows from it. However it ends early, the gate is held."""
        whole = False
        try:
            await self._round()
            whole = True
        finally:
            if not whole:
                self._gate.hold(NO_READING)

    async def _round(self) -> None:
        self._follow_settings()
        try:
            batch = await self._chain.read()
        except ChainUnavailable as error:
            await self._unavailable(error)
            return
        now = self._clock.now()
        self._silence = Silence()
        self._forget_before_resume()
        findings = self._assess(batch, now)
        vote = self._vote(batch, findings)
        if vote.bad or self._suspects or self._dispute:
            await self._crosscheck(batch, findings, vote, now)
        else:
            await self._believe(batch, findings, now)
        self._sink.observe("chain", (), now)
        self._observe_endpoints(now)

    def _follow_settings(self) -> None:
        """What was changed counts for a whole round: from its reading to what follows from it."""
        before, self._settings = self._settings, self._live.now
        if self._settings is before:
            return
        limits, rules = self._settings.limits, self._settings.rules
        for window in self._values.values():
            window.window_ms = limits.value_window_ms
        for window in self._lowest.values():
            window.window_ms = rules.look_back_ms
        if (
            limits.value_window_ms > before.limits.value_window_ms
            or rules.look_back_ms > before.rules.look_back_ms
        ):
            self.history_known = False  # what a longer window holds beyond the shorter one is in the journal alone

    async def _believe(self, batch: Batch, findings: tuple[Finding, ...], now: Now) -> None:
        """Trip where it must be; then the gate, as far as readings go, and what may wait until then."""
        await self._estop.judge(findings, _health_factors(batch), now)
        if batch.unreadable:
            self._gate.hold(NO_READING)
        else:
            self._gate.release(NO_READING)
            self._sink.observe("start", (), now)
        self.batch, self.batch_at = batch, now
        if self._distress is not None:
            self._distress.accepted(batch.readings)
        self._accepted.set()
        self._journal.telemetry(batch.readings, now)
        for reading in batch.readings:
            if not assess.is_empty(reading):
                self._window(self._values, reading.position, self._settings.limits.value_window_ms).add(
                    now.steady_ms, reading.net_value_e8, reading.net_value_e8
                )
            self._window(self._lowest, reading.position, self._settings.rules.look_back_ms).add(
                now.steady_ms, reading.health_factor, reading.health_factor
            )
        self._sink.observe("position", findings, now)
        self._sink.observe("crosscheck", (), now)

    async def _unavailable(self, error: ChainUnavailable) -> None:
        now = self._clock.now()
        self._gate.hold(NO_READING)
        self._silence = self._silence.longer(now) if error.silent else Silence()
        silent = silence_finding(self._silence, self._settings.silence_rounds, self._settings.silence_s, now)
        findings = (unavailable_finding(error), *((silent,) if silent else ()))
        await self._estop.judge(findings, {}, now)
        self._sink.observe("chain", findings, now)
        if self._dispute:
            await self._disagree(self._dispute, now)
        self._observe_endpoints(now)

    def _assess(self, batch: Batch, now: Now) -> tuple[Finding, ...]:
        findings = [assess.unreadable(one) for one in batch.unreadable]
        for reading in batch.readings:
            window = self._values.get(reading.position)
            extremes = window.extremes(now.steady_ms) if window else None
            findings += assess.reading_findings(reading, extremes, self._settings.limits)
        return tuple(findings)

    # -------------------------------------------------------- several endpoints

    def _vote_now(self, batch: Batch) -> Vote:
        return self._vote(batch, self._assess(batch, self._clock.now()))

    def _vote(self, batch: Batch, findings: Iterable[Finding]) -> Vote:
        """What calls for a rescue is bad each time, not only where it trips: it is never one endpoint's word."""
        calls = self._distress is not None and self._distress.calls(batch.readings)
        return Vote(batch.endpoint, batch.readings, calls or any(self._estop.must_trip(one) for one in findings))

    async def _crosscheck(self, batch: Batch, findings: tuple[Finding, ...], vote: Vote, now: Now) -> None:
        """Weigh what all endpoints say of this block, with the gate shut, and go by what is to be believed."""
        self._gate.hold(DISPUTED)
        views = {batch.endpoint: (batch, findings)}
        votes = [vote]
        async with anyio.create_task_group() as group:
            group.cancel_scope.deadline = anyio.current_time() + self._settings.rules.crosscheck_wait_s

            async def ask(endpoint: str) -> None:
                try:
                    other = await self._chain.read_at(endpoint, batch.block)
                except Transient:
                    return  # unanswered: it has no vote, and the pool keeps its own account of failures
                found = self._assess(other, now)
                answer = self._vote(other, found)
                if not counts(answer, batch):
                    return
                views[endpoint] = (other, found)
                votes.append(answer)
                if sum(one.bad for one in votes) > 1:
                    group.cancel_scope.cancel()  # confirmed: nothing to wait for

            for endpoint in self._others(batch.endpoint):
                group.start_soon(ask, endpoint)
        outcome = crosscheck.weigh(tuple(votes))
        self._set_aside(outcome, batch)
        if outcome.verdict is Verdict.DISPUTED:
            told = (*votes, *self._absent(votes))
            await self._disagree(Dispute(self._dispute.since if self._dispute else now, told), now)
            return
        if outcome.verdict is Verdict.FINE:
            for one in self._absent(votes):
                self._second.outvoted(one.endpoint)
        bad = outcome.verdict is Verdict.BAD
        believed = next(one for one in votes if one.bad is bad and one.endpoint not in outcome.liars)
        await self._believe(*views[believed.endpoint], now)
        if bad and self._distress is not None:
            self._distress.heard(votes, len(self._chain.endpoints()), now)
        self._dispute, self._suspects = None, ()
        self._gate.release(DISPUTED)

    def _absent(self, votes: Iterable[Vote]) -> tuple[Vote, ...]:
        """Those who contradicted a reading, and do not have the block that all are asked about."""
        voted = {one.endpoint for one in votes}
        return tuple(one for one in self._suspects if one.endpoint not in voted)

    async def _disagree(self, dispute: Dispute, now: Now) -> None:
        """Nobody is believed: no reading is accepted, and the gate stays shut until it is resolved or trips."""
        self._dispute = dispute
        if self._distress is not None:
            self._distress.doubted()
        finding = findings_of.dispute(dispute, now, self._settings.rules)
        await self._estop.judge((finding,), {}, now)
        self._sink.observe("crosscheck", (finding,), now)

    def _set_aside(self, outcome: Outcome, batch: Batch) -> None:
        for endpoint in outcome.liars:
            reason = msg(
                "The endpoint {endpoint} said something else of block {block} than the majority, and is set aside "
                "until the next start. Replace it.",
                endpoint=endpoint,
                block=batch.block.number,
            )
            self._chain.set_aside(endpoint, reason)
            self._liars[endpoint] = findings_of.contradicted(endpoint, reason)

    def _others(self, endpoint: str) -> tuple[str, ...]:
        return tuple(
            one.name
            for one in self._chain.endpoints()
            if one.name != endpoint and one.fault not in (EndpointFault.SET_ASIDE, EndpointFault.WRONG_CHAIN)
        )

    def _observe_endpoints(self, now: Now) -> None:
        faults = tuple(findings_of.endpoint(one) for one in self._chain.endpoints() if one.name not in self._liars)
        found = tuple(one for one in faults if one is not None)
        self._sink.observe("endpoints", (*self._liars.values(), *found), now)

    # -------------------------------------------------------- history

    async def _fetch_history(self) -> None:
        now = self._clock.now()
        resumed = self._estop.state.resumed_at
        settings = self._settings
        limits, rules = settings.limits, settings.rules
        since_ms = now.steady_ms - max(limits.value_window_ms, rules.look_back_ms)
        if resumed is not None:
            since_ms = max(since_ms, resumed.steady_ms)
        try:
            rows = await self._journal.value_extremes(since_ms)
        except (Transient, Permanent) as error:
            self._sink.observe("history", (findings_of.history_unknown(error),), now)
            return
        if self._estop.state.resumed_at != resumed or self._settings is not settings:
            return  # lifted while the journal was read: what came before is no baseline any more; ask again
        for name in {row.position for row in rows}:
            own = [row for row in rows if row.position == name]
            self._window(self._values, name, limits.value_window_ms).prepend(
                (row.minute_start_ms, row.low_e8, row.high_e8) for row in own
            )
            self._window(self._lowest, name, rules.look_back_ms).prepend(
                (row.minute_start_ms, row.low_hf, row.low_hf) for row in own
            )
        self.history_known = True
        self._sink.observe("history", (), now)

    def _forget_before_resume(self) -> None:
        """Resuming starts the value's baseline anew."""
        if self._estop.state.resumed_at != self._resumed_at:
            self._resumed_at = self._estop.state.resumed_at
            for window in self._values.values():
                window.clear()

    @staticmethod
    def _window(windows: dict[str, RollingExtremes], position: str, window_ms: int) -> RollingExtremes:
        if position not in windows:
            windows[position] = RollingExtremes(window_ms)
        return windows[position]

    # -------------------------------------------------------- what it knows

    def value_change(self, position: str, now: Now) -> Bps | None:
        """The net value's largest move within its window; None where it is not known."""
        reading = next((one for one in self.readings() if one.position == position), None)
        window = self._values.get(position)
        extremes = window.extremes(now.steady_ms) if window else None
        if reading is None or extremes is None:
            return None
        return assess.change_bps(reading.net_value_e8, extremes)

    def lowest_hf(self, now: Now) -> Wad | None:
        """The lowest health factor of any position within the look-back time."""
        seen = [window.extremes(now.steady_ms) for window in self._lowest.values()]
        return min((Wad(one[0]) for one in seen if one is not None), default=None)

    def readings(self) -> tuple[Reading, ...]:
        """The newest accepted readings."""
        return self.batch.readings if self.batch else ()


def _health_factors(batch: Batch) -> dict[str, Wad]:
    return {one.position: one.health_factor for one in batch.readings}
