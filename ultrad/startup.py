"""What the disk says at a start, and what of it stands against trading."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self, cast

from ultrad.core import account_book, ends, estop, incidents, intents, outbox, procedure
from ultrad.core.account_book import AccountBook
from ultrad.core.ends import Ends
from ultrad.core.estop import BY_ULTRAD, Cause, EstopState, Step
from ultrad.core.events import Event, Json, Recorded, Severity
from ultrad.core.incidents import BACK, OVER, Act, Book
from ultrad.core.intents import Blotter
from ultrad.core.outbox import GIVEN_UP, Outbox
from ultrad.core.procedure import Procedures
from ultrad.core.signs import signs_of
from ultrad.core.telling import QUEUED
from ultrad.i18n import Message, msg
from ultrad.ports import Denied, JournalHead
from ultrad.units import Now

_TOLD_BY_THEMSELVES = (GIVEN_UP, intents.Act.FAIL.value)
"""What an incident follows from beside findings and stops."""
Read = Callable[[tuple[str, ...]], Iterable[Recorded]]
"""The events of these kinds, and of those below them, oldest first."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the journal tells of the time before: the stop, the incidents, the notices and intents under way.

    missed: what people were to be told of and are not yet, because the process ended first. account: how far its
    history on chain is explained. unread: why nobody knows what is in the air; nothing may be traded then. None:
    it is known.
    """

    stop: EstopState = field(default_factory=EstopState)
    book: Book = field(default_factory=Book)
    outbox: Outbox = field(default_factory=Outbox)
    missed: tuple[Event, ...] = ()
    blotter: Blotter = field(default_factory=Blotter)
    account: AccountBook = field(default_factory=AccountBook)
    ends: Ends = field(default_factory=Ends)
    procedures: Procedures = field(default_factory=Procedures)
    unread: Message | None = None

    @classmethod
    def of(cls, read: Read, last: Now | None) -> Self:
        """From the journal, each kind by itself and one event at a time: it may hold more than fits into memory.

        last: when anything was recorded last.
        """
        blotter, account, unread = Blotter(), AccountBook(), None
        try:
            blotter = intents.fold(read(("intent",)))
            account = account_book.fold(read(("account",)))
        except ValueError as error:
            unread = msg("the record of intents does not fit together ({error})", error=str(error))
        stop = estop.fold(read(("estop",)))
        return cls(
            stop=stop,
            book=incidents.fold(read(("incident", QUEUED))),
            outbox=outbox.fold(read(("notice",))),
            missed=_missed(read(("estop", "incident", QUEUED, *_TOLD_BY_THEMSELVES)), stop),
            blotter=blotter,
            account=account,
            ends=ends.fold(read(("daemon",)), last),
            procedures=procedure.fold(read(("procedure",))),
            unread=unread,
        )


def of_kinds(events: Sequence[Recorded]) -> Read:
    """How events at hand are read."""

    def read(kinds: tuple[str, ...]) -> Iterator[Recorded]:
        beginnings = tuple(f"{kind}." for kind in kinds)
        return (one for one in events if f"{one.event.kind}.".startswith(beginnings))

    return read


@dataclass(slots=True)
class _Untold:
    """What people have not been told of yet, event by event.

    trips: those that no incident followed from, by their cause. owed: what tells of itself and opened no incident
    yet, by its condition, whatever else was told since. tail: what else came after everything that followed from
    something. stops: the incidents that are causes of the stop by now; about: what each is about; by number.
    """

    trips: dict[tuple[str, str], Recorded] = field(default_factory=dict)
    owed: dict[tuple[str, str], Recorded] = field(default_factory=dict)
    tail: list[Recorded] = field(default_factory=list)
    stops: dict[int, tuple[str, str]] = field(default_factory=dict)
    about: dict[int, tuple[str, str]] = field(default_factory=dict)

    def hear(self, recorded: Recorded) -> None:
        """One event more. Raises KeyError, TypeError or ValueError on one that does not fit."""
        event = recorded.event
        data = cast("dict[str, Json]", event.data)
        if event.kind == Step.TRIP:
            key = Cause.from_json(data["cause"]).key
            if key not in self.stops.values():  # else nothing new is to follow from it
                self.trips[key] = recorded
        elif event.kind in {Step.RESUME, Step.OVERRIDE_END}:
            self.trips, self.tail = {}, [recorded]
        elif event.kind in _TOLD_BY_THEMSELVES:
            self.owed |= {sign.key: recorded for sign in signs_of(event)}
        elif event.kind.startswith("estop."):
            self.tail.append(recorded)
        else:
            self.tail = []
            self._follow(event.kind, data)

    def _follow(self, kind: str, data: dict[str, Json]) -> None:
        if kind in _BEGINS:
            number, key = cast("int", data["incident"]), (str(data["code"]), str(data["subject"]))
            self.about[number] = key
            self.owed.pop(key, None)
            if data["stop"] is True:
                self.stops[number] = key
                self.trips.pop(key, None)
        elif kind in {Act.RESOLVE, OVER}:
            number = cast("int", data["incident"])
            self.stops.pop(number, None)
            # What came while its incident stood opened none of its own; whoever resolves that one knows of it.
            self.owed.pop(self.about.get(number, _NOTHING), None)


_BEGINS = frozenset({Act.OPEN, Act.REOPEN, BACK})
_NOTHING = ("", "")


def _missed(events: Iterable[Recorded], stop: EstopState) -> tuple[Event, ...]:
    """What nothing followed from: trips for causes of the stop as it stands, what tells of itself, and the rest.

    events: of the stop, incidents and notices, oldest first. What does not fit is passed over: the stop that it
    amounts to has its own cause.
    """
    untold = _Untold()
    for recorded in events:
        try:
            untold.hear(recorded)
        except (KeyError, TypeError, ValueError):
            continue
    trips = (recorded for key, recorded in untold.trips.items() if stop.has(key))
    return tuple(
        one.event for one in sorted((*trips, *untold.owed.values(), *untold.tail), key=lambda one: one.seq)
    )


def marker_causes(
    marker: JournalHead | None, head: JournalHead, hash_at_marker: str | None, now: Now
) -> tuple[Cause, ...]:
    """Why the journal is not the one that was here before; empty where it is.

    marker: the end of the chain as it was last written down beside the journal; None where the file is missing.
    hash_at_marker: the journal's own hash at that place; None where it is not so long.
    """
    if marker is None:
        return (
            _cause(
                "marker_missing",
                msg(
                    "The marker file is missing from the state directory: the disk may have been lost or "
                    "exchanged. Find out what happened to it; `ultrad resume` accepts the journal as it is."
                ),
                now,
            ),
        )
    if marker.journal_id != head.journal_id:
        return (
            _cause(
                "journal_new",
                msg(
                    "The journal is another one than before (marker: {was}, journal: {found}). Find out who "
                    "exchanged it; limits and history before it are unknown.",
                    was=marker.journal_id[:8],
                    found=head.journal_id[:8],
                ),
                now,
            ),
        )
    if hash_at_marker != marker.hash:
        return (
            _cause(
                "journal_restored",
                msg(
                    "The journal is not a continuation of what it was (event {seq} is {state}): an older copy was "
                    "restored, or it was changed. Run `ultrad audit verify`.",
                    seq=marker.seq,
                    state=msg("missing") if hash_at_marker is None else msg("different"),
                ),
                now,
            ),
        )
    return ()


def marker_damaged(reason: Message, now: Now) -> Cause:
    """The marker is there and says nothing: nobody knows whether the journal is the one of before."""
    return _cause(
        "marker_damaged",
        msg(
            "{reason} So it cannot say whether the journal is the one of before. Run `ultrad audit verify` with a "
            "head from a report; `ultrad resume` accepts the journal as it is.",
            reason=reason,
        ),
        now,
    )


def state_unusable(reason: Message, now: Now) -> Cause:
    """The journal could not be read or written at the start: what was decided before is not known."""
    return _cause(
        "state_unusable",
        msg(
            "The journal cannot be used, so the stop is ON, and only `ultrad resume` lifts it. {reason} The watch "
            "goes on; what happens waits in memory, and in the log. Put it right with the daemon stopped, then "
            "start. If there is no backup: move the state directory away, keep it, and run `ultrad init`.",
            reason=reason,
        ),
        now,
    )


def intents_unread(reason: Message, now: Now) -> Cause:
    """What was traded before cannot be told: a transaction may be in the air that nobody looks after."""
    return _cause(
        "intents_unread",
        msg(
            "Nothing is traded: {reason}. Run `ultrad audit verify`, and look at the account's transactions.",
            reason=reason,
        ),
        now,
    )


def denied_causes(
    version: str, configured: Iterable[str], denied: Iterable[Denied], now: Now
) -> tuple[Cause, ...]:
    """Why this version starts with the stop ON; empty where it may run."""
    named = next((one for one in denied if one.version == version), None)
    if named is not None:
        message = msg(
            "Version {version} is denied by {by}: {reason} Install another one, or take it back by `ultrad "
            "version allow {version}`.",
            version=version,
            by=named.by,
            reason=named.reason,
        )
    elif version in set(configured):
        message = msg(
            "Version {version} stands in denied_versions of the configuration. Install another one.",
            version=version,
        )
    else:
        return ()
    return (_cause("version_denied", message, now),)


def denied_unreadable(reason: Message, now: Now) -> Cause:
    """Which versions are denied cannot be told."""
    return _cause(
        "denied_unreadable", msg("Whether this version is denied is unknown: {reason}", reason=reason), now
    )


def codes(causes: Iterable[Cause]) -> tuple[str, ...]:
    """The causes' codes, for the record of the start."""
    return tuple(cause.code for cause in causes)


def _cause(code: str, message: Message, now: Now) -> Cause:
    severity = Severity.S1 if code in _MAYBE_TAMPERED else Severity.S2
    return Cause(code, "", now, BY_ULTRAD, message, severity=severity)


_MAYBE_TAMPERED = frozenset({"journal_new", "journal_restored", "intents_unread"})
"""Somebody may have been at the record: funds count as at risk until it is known who."""
