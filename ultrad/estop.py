"""The emergency stop at work: the flag file, the journal and the gate kept in step.

A trip goes gate (memory) → flag (durable) → journal → everything else. The way back goes the other way round:
the journal holds the override or the resume, durably, before the gate opens.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import anyio
import orjson

from ultrad.core import estop as state_of
from ultrad.core import estop_rules as decide
from ultrad.core.estop import Cause, EstopState, Mode, Override
from ultrad.core.events import Effect, Event, Finding, Json, Level, Origin, Severity
from ultrad.core.limits import EstopRules
from ultrad.core.messages import FOREIGN_DEPTH
from ultrad.core.record import pack
from ultrad.errors import Transient
from ultrad.gate import Gate
from ultrad.i18n import Message, msg
from ultrad.live import Live
from ultrad.ports import Clock, EstopFlag, FindingSink, FlagLook, FlagState, Journal, Turned
from ultrad.units import Now, Wad

LOOK_INTERVAL_S = 1.0
"""How often the flag is looked at for journal and notices. The gate looks for itself, each time."""
FLAG_TIMEOUT_S = 5.0
"""How long a trip waits for the flag's disk. The memory latch holds meanwhile, and writing is tried again."""
JOURNAL_TIMEOUT_S = 10.0
"""How long the way back waits for the journal's disk: a hung one must not stop the look at the flag."""
SOURCE = "estop"


@dataclass(frozen=True, slots=True)
class Ports:
    """What the stop works on."""

    gate: Gate
    flag: EstopFlag
    journal: Journal
    clock: Clock
    sink: FindingSink
    name_of: Callable[[int], str]
    """A user's name for a uid."""


class Estop:
    """The one owner of the stop's state."""

    def __init__(self, ports: Ports, rules: Live[EstopRules], state: EstopState) -> None:
        """Take the state as the journal tells it; the gate stays latched until `start`."""
        self._gate, self._flag, self._journal = ports.gate, ports.flag, ports.journal
        self._clock, self._sink, self._name_of = ports.clock, ports.sink, ports.name_of
        self._rules = rules
        self.state = state
        self._hf: dict[str, Wad] = {}
        self._tripping = 0
        self._unrecorded: list[Cause] = []
        self._overriding: Override | None = None
        # Turns and resumes exclude each other. A trip waits for neither.
        self._lock = anyio.Lock()
        self._trouble: dict[str, Finding] = {}

    @property
    def rules(self) -> EstopRules:
        """The rules as they are now."""
        return self._rules.now

    # -------------------------------------------------------- in

    async def start(self, causes: Iterable[Cause]) -> None:
        """Bring flag, journal and gate in step after a start. causes: what already stands against trading."""
        await self._trip(*causes)
        await self.turn()
        if self.state.mode is not Mode.ON:
            self._gate.unlatch()

    async def trip(self, cause: Cause) -> None:
        """Stop, for a cause that no override holds off. On return the gate is shut and no send can begin.

        The flag is durable on return unless its disk refuses or takes more than FLAG_TIMEOUT_S; then the latch in
        memory holds, an S1 finding says so, and writing is tried again.

        Also where that cause stands already: whoever stops again may know more, the flag may be gone by now,
        and what was asked for before (an override, a resume) was not asked for in the face of this.
        """
        await self._trip(cause)

    def must_trip(self, finding: Finding) -> bool:
        """Whether this finding would trip now, given what is overridden and what stands already."""
        state = self.state
        if self._overriding is not None:  # it opens the gate the moment it is recorded: judged as if it were
            state = state_of.overridden(state, self._overriding)
        return decide.must_trip(state, finding, self.rules)

    async def judge(self, findings: Iterable[Finding], hf_by_position: dict[str, Wad], now: Now) -> None:
        """Trip for each finding that must, given what is overridden, and remember the health factors."""
        self._hf.update(hf_by_position)
        causes = tuple(decide.cause_of(finding, now) for finding in findings if self.must_trip(finding))
        # A disk that is known to hang holds up the watch no further: the next look writes the flag.
        known_bad = self.state.mode is Mode.ON and "flag_unwritable" in self._trouble
        await self._trip(*causes, write=not known_bad)

    async def run(self, turned: Turned) -> None:
        """Look at the flag each second, for ever."""
        while True:
            await self.turn()
            turned()
            await anyio.sleep(LOOK_INTERVAL_S)

    # -------------------------------------------------------- one look

    async def turn(self) -> None:
        """One look at the flag and at the clock, and what follows from them."""
        async with self._lock:
            if not self._tripping:  # a trip under way has yet to write its flag and its record
                await self._turn()

    async def _turn(self) -> None:
        now = self._clock.now()
        sighted = self._gate.take_sighting()
        look = self._flag.look()
        seen = sighted if look.state is FlagState.ABSENT and sighted is not None else look
        self._forget_trouble(look)
        if self.state.mode is Mode.ON:
            await self._turn_on(look, now)
        elif seen.state is not FlagState.ABSENT:
            await self._trip(self._cause_of_flag(seen, now))
        elif decide.override_is_over(self.state, self.rules, now):
            await self._end_override(now)
        self._sink.observe(SOURCE, tuple(self._trouble.values()), now)

    def _forget_trouble(self, look: FlagLook) -> None:
        """What is no longer so: it would stand against every resume."""
        on = self.state.mode is Mode.ON
        if not on or look.state is not FlagState.ABSENT:
            self._trouble.pop("override_unrecorded", None)
        if not on or (look.state is FlagState.PRESENT and self.state.flag_stood):
            self._trouble.pop("flag_unwritable", None)

    async def _turn_on(self, look: FlagLook, now: Now) -> None:
        if look.state is FlagState.UNREADABLE:
            # Once its disk can be examined again, no flag there means lost, not removed: it is written anew.
            self.state = state_of.flag_doubted(self.state)
            return
        if not self.state.flag_stood:
            # Also where it is there: it was made, but nobody knows yet that it lasts.
            if await self._write_flag(self.state.causes[-1]):
                self._stood(now)
            return
        if look.state is FlagState.PRESENT:
            return
        standing = decide.uncovered(self.state, self._hf, self.rules, now)
        if standing:
            await self._trip(decide.still_standing_cause(standing[-1], self.rules))
            return
        await self._override(now)

    def _stood(self, now: Now) -> None:
        self.state = state_of.flag_stood(self.state)
        self._journal.post(state_of.flag_stood_event(now))

    async def _override(self, now: Now) -> None:
        before = self.state
        override = self._overriding = decide.override_of(before, self._hf, state_of.UNKNOWN, now)
        try:
            hung = await self._append(state_of.override_event(override, now, self.rules))
        except Transient as error:
            self._tell("override_unrecorded", _override_unrecorded(error.message))
            return
        finally:
            self._overriding = None
        self._trouble.pop("override_unrecorded", None)
        if hung or self.state is not before:
            return  # a further cause came while the journal wrote: it stands after the override there, and here
        self.state = state_of.overridden(before, override)
        self._gate.unlatch()

    async def _end_override(self, now: Now) -> None:
        if self.rules.lapses:
            await self._trip(decide.lapse_cause(now, self.rules))
            return
        self.state = state_of.override_ended(self.state, now)
        self._journal.post(state_of.override_end_event(now))

    def _cause_of_flag(self, look: FlagLook, now: Now) -> Cause:
        if look.state is FlagState.UNREADABLE:
            return decide.unreadable_cause(look.error, now)
        try:
            # Our own flag, from a trip whose journal entry was lost with the process, or made by hand to look so.
            cause = Cause.from_json(orjson.loads(self._flag.content()), FOREIGN_DEPTH)
            pack(state_of.trip_event(cause, now, flag=True))
        except ValueError:
            by = state_of.UNKNOWN if look.owner_uid is None else self._name_of(look.owner_uid)
            return decide.touched_cause(by, now)
        return cause

    # -------------------------------------------------------- trip

    async def _trip(self, *causes: Cause, write: bool = True) -> None:
        """Trip for all of them with one flag. Nothing happens where there are none."""
        if not causes:
            return
        self._gate.latch()
        self._overriding = None
        self._trouble.pop("override_unrecorded", None)
        # ON from here, before the first suspension: an override or a resume under way finds the state changed.
        for cause in causes:
            self.state = state_of.tripped(self.state, cause, flag_stood=False)
        self._gate.beside.look()
        self._tripping += 1
        self._unrecorded.extend(causes)
        try:
            with anyio.CancelScope(shield=True):
                stands = write and await self._write_flag(causes[0])
        finally:
            self._tripping -= 1
        if stands:
            self.state = state_of.flag_stood(self.state)
        self._record(causes, flag=stands)

    def _record(self, causes: Iterable[Cause], *, flag: bool) -> None:
        now = self._clock.now()
        for cause in causes:
            if cause in self._unrecorded:
                self._unrecorded.remove(cause)
                self._journal.post(state_of.trip_event(cause, now, flag=flag))

    async def finish(self) -> None:
        """At the end: a trip that still waits for the flag's disk is recorded without it, or it would be lost."""
        self._record(tuple(self._unrecorded), flag=False)

    async def _write_flag(self, cause: Cause) -> bool:
        failure: Message = msg("no answer within {seconds} s", seconds=int(FLAG_TIMEOUT_S))
        with anyio.move_on_after(FLAG_TIMEOUT_S):
            try:
                await self._flag.write(orjson.dumps(cause.json(), option=orjson.OPT_APPEND_NEWLINE))
            except Transient as error:
                failure = error.message
            else:
                self._trouble.pop("flag_unwritable", None)
                return True
        self._tell("flag_unwritable", _flag_unwritable(failure))
        return False

    def _tell(self, code: str, message: Message) -> None:
        self._trouble[code] = Finding(
            code, "", Level.EMERGENCY, Origin.INFRASTRUCTURE, message, Severity.S1, Effect.NO_TRADE
        )
        self._sink.observe(SOURCE, tuple(self._trouble.values()), self._clock.now())

    # -------------------------------------------------------- resume

    async def resume(
        self, by: tuple[str, ...], checklist: list[Json], holds: Callable[[], Message | None] = lambda: None
    ) -> Message | None:
        """Lift the stop; the checklist has passed. Answers why it could not be lifted, or None.

        holds: what stands against it by now, if anything. Time passes before the lock is ours, and while the
        journal writes; it is asked after each, without a suspension before what follows.
        Raises Transient where the journal refuses: nothing has changed then.
        """
        async with self._lock:
            return await self._resume(by, checklist, holds)

    async def _resume(
        self, by: tuple[str, ...], checklist: list[Json], holds: Callable[[], Message | None]
    ) -> Message | None:
        before, now = self.state, self._clock.now()
        if before.mode is Mode.ON:
            self._gate.take_sighting()  # of the flag as it stood until now
        seen = self._flag.look()
        if (obstacle := self._obstacle(seen) or holds()) is not None:
            return obstacle
        if (hung := await self._append(state_of.resume_event(by, checklist, now))) is not None:
            self._record_again(before.causes)
            return hung
        if self.state is not before:
            self.state = state_of.resumed_in_vain(before, self.state, now)
            return msg("A new cause came in between: the stop stays ON.")
        late = holds()
        self.state = state_of.resumed(before, now)
        if late is not None:  # the record says resumed: what undoes it must be recorded as well
            await self._trip(decide.resume_undone_cause(late, now))
            return late
        return await self._open(seen, now)

    async def _open(self, seen: FlagLook, now: Now) -> Message | None:
        """Remove the flag that was seen, and open the gate; or stop again, and say why."""
        try:
            removed = self._flag.remove(seen)
        except Transient as error:
            await self._trip(decide.unreadable_cause(str(error.message), now))
            return error.message
        # What the gate saw last may be the flag that is gone now, with our leave; any other was a touch since.
        sighted = self._gate.take_sighting()
        touched = sighted is not None and sighted != seen
        if touched or not removed or not self._gate.unlatch():
            await self._trip(self._cause_of_touch(sighted if touched else None, now))
            return msg("Somebody touched the flag in between: the stop stays ON.")
        return None

    async def _append(self, event: Event) -> Message | None:
        """Have the way back recorded, or trip where the journal hangs and say so. Raises Transient."""
        with anyio.move_on_after(JOURNAL_TIMEOUT_S):
            await self._journal.append(event)
            return None
        # The journal may yet record what it was given; a trip recorded after that undoes it there as well.
        cause = decide.journal_hung_cause(self._clock.now(), int(JOURNAL_TIMEOUT_S))
        await self._trip(cause)
        return cause.message

    def _record_again(self, causes: Iterable[Cause]) -> None:
        """For a journal that may yet take a resume which is answered as failed: the stop keeps its causes."""
        now = self._clock.now()
        for cause in causes:
            self._journal.post(state_of.trip_event(cause, now, flag=self.state.flag_stood))

    def _obstacle(self, seen: FlagLook) -> Message | None:
        if self._tripping:
            return msg("A stop is being written at this moment: try again.")
        if self.state.mode is Mode.OFF:
            return msg("The stop is OFF already: there is nothing to resume.")
        if seen.state is FlagState.UNREADABLE:
            return msg("The flag cannot be examined ({error}). Mend its directory first.", error=seen.error)
        return None

    def _cause_of_touch(self, sighted: FlagLook | None, now: Now) -> Cause:
        look = sighted or self._flag.look()
        by = state_of.UNKNOWN if look.owner_uid is None else self._name_of(look.owner_uid)
        return decide.touched_cause(by, now)


def _flag_unwritable(reason: Message) -> Message:
    return msg(
        "The flag file cannot be written ({reason}). The stop holds in memory only: do not restart the daemon. "
        "Mend the disk; writing is tried again each second.",
        reason=reason,
    )


def _override_unrecorded(reason: Message) -> Message:
    return msg(
        "The flag was removed, but the override cannot be recorded ({reason}): the stop stays ON. Mend the disk.",
        reason=reason,
    )
