"""One task group that keeps every part running, notices the silent ones, and ends in order.

A part that raises is restarted with growing pauses; one that fails too often ends the process, because only a
fresh start can help then. A part that hangs cannot be told from a healthy one by waiting for errors: each reports
its turns, and the heartbeat to the service manager is withheld while a critical one has been silent for longer
than its limit. Turned, not succeeded: an outage outside is a finding, never a reason to be killed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from ultrad.core.clocks import jump_ms
from ultrad.core.events import Event, Finding, Level, Origin, Severity
from ultrad.core.retry import Backoff, RestartLimit, may_restart, pause_s, recent
from ultrad.core.status import PartStatus
from ultrad.errors import Failed, Fatal, UltradError
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, FindingSink, Host, Journal, Turned
from ultrad.units import Now

RESTARTS = RestartLimit(restarts=5, window_s=120.0)
"""Five tries span over 15 s of pauses: longer than a service restart beside us, shorter than doubt allows."""
PAUSES = Backoff(first_s=0.5, most_s=10.0)
BEAT_S = 1.0
"""The longest pause between two beats: /health and findings are at most this old."""
BEAT_LIMIT_S = 10.0
STOP_S = 5.0
"""Everything is stopped and closed within this; the unit's TimeoutStopSec= must be longer."""
STOP_PARTS_S = 3.0
STOP_PART_S = 1.0
"""One stuck part may not use up the time in which the others end and the journal is closed."""
JUMP_STANDS_MS = 600_000
"""A set clock stays a finding for ten minutes, so that a reader of the status sees it."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Part:
    """A loop that never ends by itself. limit_s: the longest it may go without reporting a turn.

    critical: whether its silence withholds the heartbeat from the service manager.
    """

    name: str
    run: Callable[[Turned], Awaitable[None]]
    limit_s: float
    critical: bool = True


@dataclass(frozen=True, slots=True)
class Around:
    """What the supervisor needs beside its parts.

    shut: called first of all when the end begins: from then on nothing of the strategy may be sent.
    status: the line that `systemctl status` shows. report: told of every caught error with its place, for the log.
    abandon: ends the process when something cannot be stopped (named); it is not expected to return.
    fraction: a fresh random number in [0, 1). watchdog_s: the service manager's limit, where it has one.
    """

    clock: Clock
    host: Host
    journal: Journal
    sink: FindingSink
    shut: Callable[[], None]
    status: Callable[[], str]
    report: Callable[[str, Exception], None]
    abandon: Callable[[tuple[str, ...]], None]
    fraction: Callable[[], float]
    watchdog_s: float | None = None


async def contained(call: Callable[[], Awaitable[_T]]) -> _T | Failed:
    """Await `call()`; an error comes back as a value. Raises Fatal alone, dug out of a group if need be.

    The one place that catches broadly: whoever needs an error kept from others goes through here.
    """
    try:
        return await call()
    except Exception as error:
        cause = _cause(error)
        if isinstance(cause, Fatal):
            raise cause from error
        return Failed(cause, _told(cause))


@dataclass(slots=True)
class _Kept:
    """A part and what became of it so far."""

    part: Part
    turned_s: float = 0.0
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)
    failed_at_s: tuple[float, ...] = ()
    why: Message = Message("")  # noqa: RUF009 - it is frozen


class Supervisor:
    """Runs the parts until told to stop or until one of them gives up.

    Parts start in the given order and stop in the reverse one, each before the next; then the closers run.
    """

    def __init__(
        self, parts: Sequence[Part], closers: Sequence[Callable[[], Awaitable[None]]], around: Around
    ) -> None:
        self._around = around
        self._closers = tuple(closers)
        self._beat_s = min(BEAT_S, around.watchdog_s / 2) if around.watchdog_s else BEAT_S
        self._kept = [_Kept(part) for part in (*parts, Part("heartbeat", self._beat, BEAT_LIMIT_S))]
        self._ready = False
        self._said = ""
        self._looked: Now | None = None
        self._jump: tuple[int, Now] | None = None
        self._fatal: Fatal | None = None
        self._stop = anyio.Event()

    async def run(self, shutdown: Awaitable[None]) -> None:
        """Run until `shutdown` is done. Raises the Fatal of a part that gave up, after the same ordered end."""
        async with anyio.create_task_group() as tasks:
            for kept in self._kept:
                kept.turned_s = anyio.current_time()
                tasks.start_soon(self._keep, kept, name=kept.part.name)
            tasks.start_soon(self._await_end, shutdown)
            try:
                await self._stop.wait()
            finally:
                with anyio.CancelScope(shield=True):
                    await self._end()
                tasks.cancel_scope.cancel()
        if self._fatal is not None:
            raise self._fatal

    @property
    def ready(self) -> bool:
        """Whether every part has begun, and the service manager knows."""
        return self._ready

    def parts(self) -> tuple[PartStatus, ...]:
        """Each part as it is now: the fact behind WATCHDOG=1 and `/health`. restarts: within the last window."""
        now_s = anyio.current_time()
        return tuple(
            PartStatus(
                name=kept.part.name,
                late=_silent_s(kept) > kept.part.limit_s,
                age_ms=round(_silent_s(kept) * 1000),
                limit_ms=round(kept.part.limit_s * 1000),
                restarts=len(recent(RESTARTS, kept.failed_at_s, now_s)),
                critical=kept.part.critical,
            )
            for kept in self._kept
        )

    async def _await_end(self, shutdown: Awaitable[None]) -> None:
        await shutdown
        self._stop.set()

    # ------------------------------------------------------------ keeping

    async def _keep(self, kept: _Kept) -> None:
        try:
            with kept.scope:
                await self._run_again_and_again(kept)
        except Fatal as error:
            self._fatal = self._fatal or error
            self._stop.set()
        finally:
            kept.done.set()

    async def _run_again_and_again(self, kept: _Kept) -> None:
        def turned() -> None:
            kept.turned_s = anyio.current_time()

        while True:  # ends by the restart limit, or when the scope is cancelled
            outcome = await contained(lambda: kept.part.run(turned))
            if not isinstance(outcome, Failed):
                error = UltradError(msg("it ended, which it never should"))
                outcome = Failed(error, error.message)
            self._note(kept, outcome)
            if not may_restart(RESTARTS, kept.failed_at_s, anyio.current_time()):
                raise Fatal(
                    msg(
                        "{part} failed {count} times within {seconds} s, the last time: {why}; "
                        "the daemon ends so that the service manager starts it afresh",
                        part=kept.part.name,
                        count=len(kept.failed_at_s),
                        seconds=round(RESTARTS.window_s),
                        why=outcome.message,
                    )
                )
            await anyio.sleep(pause_s(PAUSES, len(kept.failed_at_s), self._around.fraction()))

    def _note(self, kept: _Kept, failed: Failed) -> None:
        now_s = anyio.current_time()
        kept.failed_at_s = (*recent(RESTARTS, kept.failed_at_s, now_s), now_s)
        kept.why = failed.message
        self._around.report(kept.part.name, failed.error)
        self._around.journal.post(
            Event(
                kind="part.failed",
                level=Level.ALERT,
                now=self._around.clock.now(),
                message=msg("{part} failed: {why}; it is started again", part=kept.part.name, why=failed.message),
                data={
                    "part": kept.part.name,
                    "failures": len(kept.failed_at_s),
                    "error": type(failed.error).__name__,
                },
            )
        )

    # ------------------------------------------------------------ the heartbeat

    async def _beat(self, turned: Turned) -> None:
        host = self._around.host
        if not self._ready:  # being the last to start, it runs when every part has begun
            host.notify("READY=1")
            self._ready = True
        while True:
            now = self._around.clock.now()
            late = tuple(kept for kept in self._kept if _silent_s(kept) > kept.part.limit_s)
            if not any(kept.part.critical for kept in late):
                host.notify("WATCHDOG=1")
            status = self._around.status()
            if status != self._said:
                host.notify(f"STATUS={status}")
                self._said = status
            self._watch_clock(now)
            self._around.sink.observe("supervisor", self._findings(late, now), now)
            turned()
            await anyio.sleep(self._beat_s)

    def _watch_clock(self, now: Now) -> None:
        if self._looked is not None and (by_ms := jump_ms(self._looked, now)):
            self._jump = (by_ms, now)
        self._looked = now

    def _findings(self, late: tuple[_Kept, ...], now: Now) -> tuple[Finding, ...]:
        now_s = anyio.current_time()
        failed = (one for one in self._kept if recent(RESTARTS, one.failed_at_s, now_s))
        found = [*map(_late_finding, late), *map(_failed_finding, failed)]
        if self._jump is not None and now.steady_ms - self._jump[1].steady_ms < JUMP_STANDS_MS:
            found.append(_jump_finding(self._jump[0]))
        return tuple(found)

    # ------------------------------------------------------------ the end

    async def _end(self) -> None:
        self._around.shut()
        self._around.host.notify("STOPPING=1")
        begun_s = anyio.current_time()
        for kept in reversed(self._kept):
            kept.scope.cancel()
            deadline_s = min(begun_s + STOP_PARTS_S, anyio.current_time() + STOP_PART_S)
            with anyio.CancelScope(deadline=deadline_s):
                await kept.done.wait()
        closed = anyio.Event()
        # In a task of its own: a closer that does not even heed cancellation must not hold up the end. And in a
        # group of its own, within the shield: what is around this may be cancelled already.
        async with anyio.create_task_group() as closing:
            closing.start_soon(self._close, closed)
            with anyio.CancelScope(deadline=begun_s + STOP_S):
                await closed.wait()
            stuck = tuple(kept.part.name for kept in self._kept if not kept.done.is_set())
            if stuck or not closed.is_set():
                self._around.abandon(stuck if closed.is_set() else (*stuck, "closing"))
            closing.cancel_scope.cancel()

    async def _close(self, closed: anyio.Event) -> None:
        for close in self._closers:
            outcome = await contained(close)
            if isinstance(outcome, Failed):
                self._around.report("closing", outcome.error)
        closed.set()


def _cause(error: Exception) -> Exception:
    """The error to tell of: a Fatal anywhere in a group, else its first."""
    if not isinstance(error, ExceptionGroup):
        return error
    causes = [_cause(one) for one in error.exceptions]
    return next((one for one in causes if isinstance(one, Fatal)), causes[0])


def _told(error: Exception) -> Message:
    """What an operator is told. A foreign error may hold a secret: that is left to the log, which hides it."""
    if isinstance(error, UltradError):
        return error.message
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return msg(
        "an unexpected {error} at {place}: a fault in ultrad; the log has its trace",
        error=type(error).__name__,
        place=place,
    )


def _silent_s(kept: _Kept) -> float:
    return anyio.current_time() - kept.turned_s


def _late_finding(kept: _Kept) -> Finding:
    silent_s, limit_s = round(_silent_s(kept)), round(kept.part.limit_s)
    return Finding(
        code="part_late",
        subject=kept.part.name,
        level=Level.CRITICAL if kept.part.critical else Level.ALERT,
        origin=Origin.CODE,
        severity=Severity.S2,
        message=msg(
            "{part} has not turned for {silent} s (limit {limit} s); look at the log now: the service manager "
            "restarts the daemon when a critical part stays silent",
            part=kept.part.name,
            silent=silent_s,
            limit=limit_s,
        ),
        figures=(("silent_s", str(silent_s)), ("limit_s", str(limit_s))),
    )


def _failed_finding(kept: _Kept) -> Finding:
    return Finding(
        code="part_failed",
        subject=kept.part.name,
        level=Level.ALERT,
        origin=Origin.CODE,
        severity=Severity.S2,
        message=msg(
            "{part} failed {count} times in {seconds} s and was started again; last: {why}",
            part=kept.part.name,
            count=len(kept.failed_at_s),
            seconds=round(RESTARTS.window_s),
            why=kept.why,
        ),
        figures=(("failures", str(len(kept.failed_at_s))),),
    )


def _jump_finding(by_ms: int) -> Finding:
    return Finding(
        code="clock_jump",
        subject="",
        level=Level.WARNING,
        origin=Origin.INFRASTRUCTURE,
        message=msg(
            "the wall clock was set by {seconds} s; windows and ages are not affected, but check the host's time "
            "synchronisation (timedatectl)",
            seconds=f"{by_ms / 1000:+.1f}",
        ),
        figures=(("by_ms", str(by_ms)),),
    )
