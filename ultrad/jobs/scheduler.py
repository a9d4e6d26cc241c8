"""Runs the jobs when they are due, each in a task of its own, so that a stuck one harms only itself.

A fire is claimed in the journal before the job begins: the fire time is its key there, so that it never comes
twice, whatever the wall clock does or however often the daemon restarts. Only a harmless job runs without.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol, TypeVar

import anyio
from anyio.abc import TaskGroup

from ultrad.core.events import Event, Finding, Json, Level
from ultrad.core.schedule import Due, due, next_fire
from ultrad.core.status import JobLine
from ultrad.errors import Duplicate, Failed, Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.jobs import told
from ultrad.jobs.history import FAILED, FAILURES_KEPT, FINISHED, SKIPPED, STARTED, STOPPED, History, remembered
from ultrad.jobs.spec import JobContext, JobPlan, JobResult
from ultrad.live import Live
from ultrad.ports import FindingSink, Turned
from ultrad.units import Now

LONGEST_S = 15.0
"""Between two looks at the clock: a wall clock that was set, or a job that is stuck, is noticed within this.

Less than schedule.LATE, so that a fire that a set clock brings near is late, not missed. With RESTORE_S it is the
longest between two turns.
"""
WAITING_S = 1.0
"""The same while a due job waits to be claimed."""
CLAIM_S = 5.0
"""How long a harmless job waits for a slow disk before it runs unclaimed."""
RETRY_MS = 15_000
"""A refused claim, or an unreadable journal, is tried again after this."""
STUCK_S = 5.0
"""A job that still runs so long after its time-out heeds no cancellation."""
RESTORE_S = 10.0
_RESCHEDULED = msg("its schedule was changed")
_DAY_MS = 86_400_000
_MS = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_T = TypeVar("_T")


class Contain(Protocol):
    """The supervisor's boundary: an error comes back as a value, Fatal alone is raised."""

    async def __call__(self, call: Callable[[], Awaitable[_T]]) -> _T | Failed:
        """Await `call()`."""
        ...


class _Claim(Enum):
    OURS = "ours"
    TAKEN = "taken"
    REFUSED = "refused"


@dataclass(slots=True)
class _Job:
    """One job's state. settled: fire times up to this are dealt with; next: the first after it.

    limit_s: what the run under way, or the last one, may take.
    """

    plan: JobPlan
    settled: datetime
    next: datetime
    history: History
    running_since_s: float | None = None
    limit_s: float = 0.0
    retry_ms: int = 0
    in_doubt: str = ""
    in_a_row: int = 0
    findings: tuple[Finding, ...] = ()
    failed_ms: deque[int] = field(default_factory=lambda: deque(maxlen=FAILURES_KEPT))

    @property
    def name(self) -> str:
        return self.plan.spec.name

    def begin(self, now_s: float) -> None:
        """A run, or the claim before it, begins; its limit stays as it is now, whatever the plan becomes."""
        self.running_since_s, self.limit_s = now_s, self.plan.timeout_s


class Scheduler:
    """A part of the supervisor (`run`), and what `ultrad jobs` and `ultrad job run` ask.

    contain: the supervisor's boundary. report: told of every error a job raised, for the log.
    """

    def __init__(
        self,
        live: Live[tuple[JobPlan, ...]],
        context: JobContext,
        sink: FindingSink,
        contain: Contain,
        report: Callable[[str, Exception], None],
    ) -> None:
        self._context = context
        self._sink = sink
        self._contain = contain
        self._report = report
        self._live, self._plans = live, live.now
        wall = _wall(context.clock.now())
        self._jobs = {
            plan.spec.name: _Job(plan, wall, next_fire(plan.schedule, wall), History()) for plan in self._plans
        }
        self._restored = False
        self._restore_ms = 0

    # ------------------------------------------------------------ asked from outside

    async def run_now(self, name: str) -> JobResult:
        """Run a job at once, outside its schedule, and wait for it. Raises Permanent: unknown, or running."""
        job = self._jobs.get(name)
        if job is None:
            raise Permanent(
                msg("there is no job {name}; there are: {names}", name=name, names=", ".join(sorted(self._jobs)))
            )
        if job.running_since_s is not None:
            raise Permanent(msg("job {name} is running now; wait until it has finished", name=name))
        job.begin(anyio.current_time())
        self._context.journal.post(self._started(job, None, 0))
        return await self._execute(job)

    def status(self) -> tuple[JobLine, ...]:
        """Each job as it stands, also across restarts. next_ms: None for a disabled one."""
        now = self._context.clock.now()
        return tuple(
            JobLine(
                name=job.name,
                enabled=job.plan.enabled,
                cron=f"{job.plan.schedule.cron} {job.plan.schedule.tz}",
                next_ms=(job.next - _EPOCH) // _MS if job.plan.enabled else None,
                last_started_ms=job.history.started_ms,
                last_ok=job.history.ok,
                last_message=job.history.message,
                last_duration_ms=job.history.duration_ms,
                failures_24h=_failures(job, now),
                running=job.running_since_s is not None,
            )
            for job in self._jobs.values()
        )

    def failures_24h(self) -> int:
        """How many runs failed in the last 24 hours of steady time (`automation_job_failure_count_24h`)."""
        now = self._context.clock.now()
        return sum(_failures(job, now) for job in self._jobs.values())

    # ------------------------------------------------------------ the loop

    async def run(self, turned: Turned) -> None:
        """Begin each job when it is due, for ever. A tick never waits for a job, a disk or a network."""
        async with anyio.create_task_group() as tasks:
            while True:
                now = self._context.clock.now()
                if not self._restored and now.steady_ms >= self._restore_ms:
                    await self._restore(now)
                    now = self._context.clock.now()
                if self._restored:
                    for job in self._jobs.values():
                        self._look(job, now, tasks)
                self._follow_plans(now)
                self._sink.observe("jobs", self._findings(now), now)
                turned()
                with anyio.move_on_after(self._pause_s(now)):
                    await self._live.changed()

    def _follow_plans(self, now: Now) -> None:
        """Take over changed plans, once what was due by the old ones has begun. A run under way is left alone.

        The journal's claims keep a fire time that both schedules have from coming twice.
        """
        if self._live.now is self._plans:
            return
        self._plans, wall = self._live.now, _wall(now)
        for plan in self._plans:
            job = self._jobs[plan.spec.name]
            before, job.plan = job.plan, plan
            if plan.enabled is not before.enabled:
                self._tell(job, now)
            same = (plan.schedule, plan.enabled) == (before.schedule, before.enabled)
            if same or not self._restored:  # before that, nothing is settled
                continue
            left = due(before.schedule, job.settled, wall, before.missed) if before.enabled else None
            if left is not None:  # its claim was refused, and is not tried again
                self._skipped(job, left.newest, left.missed + 1, _RESCHEDULED)
            # From now on: nothing was missed of a schedule that did not hold then.
            job.retry_ms = 0
            self._settle(job, max(job.settled, wall))

    def _pause_s(self, now: Now) -> float:
        waits_s = [(job.next - _wall(now)) / _SECOND for job in self._jobs.values() if job.plan.enabled]
        wait_s = min(waits_s, default=LONGEST_S)
        return min(wait_s, LONGEST_S) if wait_s > 0 else WAITING_S

    async def _restore(self, now: Now) -> None:
        """Take up where the journal says we were. Until it can be read no job runs: one might run twice."""
        self._restore_ms = now.steady_ms + RETRY_MS
        try:
            with anyio.fail_after(RESTORE_S):
                found = {name: await remembered(self._context.journal, name) for name in self._jobs}
        except (Transient, TimeoutError):
            return  # `_findings` tells of it for as long as it lasts
        wall = _wall(now)
        for name, job in self._jobs.items():
            job.history, job.failed_ms = found[name].history, deque(found[name].failed_ms, maxlen=FAILURES_KEPT)
            job.settled = min(
                found[name].settled or wall, wall
            )  # the clock may have been ahead when it was written
            job.next = next_fire(job.plan.schedule, job.settled)
            self._tell(job, now)
        self._restored = True

    def _look(self, job: _Job, now: Now, tasks: TaskGroup) -> None:
        """One job, one look: begin it, pass over what it missed, or leave it."""
        wall = _wall(now)
        if wall < job.settled:  # the clock was set back: go on from here; claims keep old fires from coming again
            self._settle(job, wall)
        if not job.plan.enabled or wall < job.next or now.steady_ms < job.retry_ms:
            return
        found = due(job.plan.schedule, job.settled, wall, job.plan.missed)
        if found is None:
            return
        before = job.settled
        self._settle(job, found.newest)
        if found.fire is not None and job.running_since_s is None:
            job.begin(anyio.current_time())
            tasks.start_soon(self._fire, job, found, before, name=f"job {job.name}")
        elif found.fire is not None:
            self._skipped(job, found.fire, found.missed + 1, msg("the run before it had not ended"))
        else:
            job.retry_ms = 0
            self._skipped(job, found.newest, found.missed, msg("nobody was awake for them"))

    def _settle(self, job: _Job, settled: datetime) -> None:
        job.settled, job.next = settled, next_fire(job.plan.schedule, settled)

    async def _fire(self, job: _Job, found: Due, before: datetime) -> None:
        """One due run, from its claim to its record."""
        claim, schedule = _Claim.REFUSED, job.plan.schedule
        try:
            claim = await self._claim(job, found)
        finally:
            if claim is not _Claim.OURS:
                job.running_since_s = None
        if claim is _Claim.REFUSED and job.plan.schedule != schedule:
            self._skipped(job, found.newest, found.missed + 1, _RESCHEDULED)
        elif claim is _Claim.REFUSED:
            # Nothing has happened: due again at the next try, for as long as the policy lets it be.
            job.retry_ms = self._context.clock.now().steady_ms + RETRY_MS
            self._settle(job, min(before, job.settled))
        else:
            job.retry_ms = 0
        if claim is _Claim.OURS:
            await self._execute(job)

    async def _claim(self, job: _Job, found: Due) -> _Claim:
        """Make the fire ours, durably. A harmless job that cannot runs all the same, recorded when it can be."""
        harmless = job.plan.spec.harmless
        event = self._started(job, found.fire, found.missed)
        key = event.key or ""
        doubted, job.in_doubt = job.in_doubt, key
        with anyio.move_on_after(CLAIM_S if harmless else job.plan.timeout_s):
            try:
                await self._context.journal.append(event)
            except Duplicate:
                job.in_doubt = ""
                # A claim that was cut off while it was written may have been recorded after all: still ours.
                return _Claim.OURS if doubted == key else _Claim.TAKEN
            except Transient:
                job.in_doubt = doubted
            else:
                job.in_doubt = ""
                return _Claim.OURS
        if not harmless:
            return _Claim.REFUSED
        job.in_doubt = ""
        self._context.journal.post(self._started(job, found.fire, found.missed, claimed=False))
        return _Claim.OURS

    async def _execute(self, job: _Job) -> JobResult:
        """One run with its time-out; recorded however it ends."""
        begun = self._context.clock.now()
        job.history = History(started_ms=begun.wall_ms)
        job.begin(anyio.current_time())
        outcome: JobResult | Failed | None = None
        stopped = True
        try:
            with anyio.move_on_after(job.limit_s):
                outcome = await self._contain(lambda: job.plan.spec.run(self._context))
            stopped = False
        finally:
            job.running_since_s = None
            result = self._record(job, begun, outcome, stopped=stopped)
        return result

    # ------------------------------------------------------------ records

    def _started(self, job: _Job, fire: datetime | None, missed: int, *, claimed: bool = True) -> Event:
        """What is recorded at the beginning of a run: a claim where it has a fire time, which is its key then."""
        text = fire.isoformat() if fire else None
        data: dict[str, Json] = {"job": job.name, "fire": text, "missed": missed, "claimed": claimed}
        return Event(
            kind=f"{STARTED}.{job.name}",
            level=Level.INFO,
            now=self._context.clock.now(),
            message=(
                msg("{job} started, due at {fire}", job=job.name, fire=text)
                if text
                else msg("{job} started by hand", job=job.name)
            ),
            data=data,
            key=f"{job.name}@{text}" if text and claimed else None,
        )

    def _skipped(self, job: _Job, newest: datetime, count: int, why: Message) -> None:
        now = self._context.clock.now()
        message = msg(
            "{job} was not run for {count} of its fire times, up to {newest}: {why}",
            job=job.name,
            count=count,
            newest=newest.isoformat(),
            why=why,
        )
        data: dict[str, Json] = {"job": job.name, "fire": newest.isoformat(), "count": count}
        self._context.journal.post(Event(f"{SKIPPED}.{job.name}", Level.WARNING, now, message, data))
        self._context.log.write(job.plan.spec.log_file, Level.WARNING, message)

    def _record(self, job: _Job, begun: Now, outcome: JobResult | Failed | None, *, stopped: bool) -> JobResult:
        """Write down how a run ended, and say what it found."""
        now = self._context.clock.now()
        duration_ms = now.steady_ms - begun.steady_ms
        if isinstance(outcome, Failed):
            self._report(f"job {job.name}", outcome.error)
        result = told.result(outcome, job.limit_s, stopped=stopped)
        kind, level = (FINISHED, Level.INFO) if result.ok else (FAILED, Level.WARNING)
        if stopped:
            kind, level = STOPPED, Level.INFO
        elif result.ok:
            job.in_a_row = 0
        else:
            job.in_a_row += 1
            job.failed_ms.append(now.steady_ms)
        if isinstance(outcome, JobResult):
            job.findings = outcome.findings
        job.history = History(begun.wall_ms, result.ok, result.message, duration_ms)
        message = msg("{job}: {result}", job=job.name, result=result.message)
        data: dict[str, Json] = {"job": job.name, "ok": result.ok, "duration_ms": duration_ms}
        data["figures"] = dict(result.figures)
        self._context.journal.post(Event(f"{kind}.{job.name}", level, now, message, data))
        self._context.log.write(
            job.plan.spec.log_file, level, message, duration_ms=duration_ms, **dict(result.figures)
        )
        self._tell(job, now)
        return result

    def _tell(self, job: _Job, now: Now) -> None:
        """The findings of one job: its own last ones, and that it failed."""
        failed = (told.failed(job.name, job.in_a_row, job.history.message),) if job.history.ok is False else ()
        found = (*job.findings, *failed) if job.plan.enabled else ()  # nobody would ever look again
        self._sink.observe(f"job.{job.name}", found, now)

    def _findings(self, now: Now) -> tuple[Finding, ...]:
        """What is wrong with the running of jobs itself."""
        found = [] if self._restored else [told.waiting()]
        now_s = anyio.current_time()
        for job in self._jobs.values():
            since_s = job.running_since_s
            if since_s is not None and now_s - since_s > job.limit_s + STUCK_S:
                found.append(told.stuck(job.name, now_s - since_s))
            if job.retry_ms:
                found.append(told.unclaimed(job.name))
        if failures := sum(_failures(job, now) for job in self._jobs.values()):
            found.append(told.failures(failures))
        return tuple(found)


def _failures(job: _Job, now: Now) -> int:
    return sum(now.steady_ms - at_ms < _DAY_MS for at_ms in job.failed_ms)


def _wall(now: Now) -> datetime:
    return _EPOCH + now.wall_ms * _MS
