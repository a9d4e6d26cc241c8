"""The outbox: which notice goes to which channel next, as a fold over the journal's `notice.*` events.

A delivery waits until its channel has taken it or it is given up on, and says so. Within an incident the order is
kept; between incidents the gravest goes first; a notice that a channel never takes gives way to others in between.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import cast

from ultrad.core.events import Event, Json, Level, Recorded, Severity, level_of
from ultrad.core.messages import message_from_json
from ultrad.core.telling import QUIET, Why
from ultrad.i18n import Message
from ultrad.units import Now

DELIVERED = "notice.delivered"
GIVEN_UP = "notice.given_up"
REROUTED = "notice.rerouted"
SPARED = "notice.spared"
SUPERSEDED = "notice.superseded"
UNSURE = "notice.unsure"
ABOUT_THE_DISK = frozenset({"journal_unwritable", "state_unusable", "flag_unwritable"})
"""What would never be told, were it to wait for the disk."""
TRIES_IN_A_ROW = 5
"""After so many failures of one notice another one has a turn: it may be the notice, not the channel."""
KEPT_THREADS = 2_000
"""Incidents whose thread on a channel is remembered."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a notice says, as the journal holds it."""

    notice: str
    why: Why
    severity: Severity
    level: Level
    incident: int | None
    title: Message
    lines: tuple[Message, ...]
    queued: Now
    code: str = ""
    stop: bool = False

    @property
    def pressing(self) -> bool:
        """Whether it goes out before it is on the disk, where the disk refuses: people may be told twice then."""
        return self.severity is Severity.S1 or self.stop or self.code in ABOUT_THE_DISK

    @property
    def loud(self) -> bool:
        """Whether it is meant to be heard, not only to be found."""
        return self.why not in QUIET


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way to one channel. place: its order; due_ms: from when on it may be sent (steady time).

    instead_of: the channel that it stands in for, where there is one. tries: since the last start.
    unsure_ms: when it was first handed over so that it may have been taken (steady time). marked: whether the
    journal knows of that. stand_ins: the channels that were told instead, so far.
    """

    told: Told
    channel: str
    key: str
    place: int
    due_ms: int
    instead_of: str = ""
    tries: int = 0
    unsure_ms: int | None = None
    marked: bool = False
    stand_ins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outbox:
    """All deliveries under way, by place; and the thread of each incident on each channel.

    heard, done: (notice, channel) that were delivered, and that were closed in any way, while others of the same
    notice still wait. overtaken: the notices still waiting whose incident was told of anew since.
    """

    waiting: tuple[Delivery, ...] = ()
    threads: tuple[tuple[str, int, str], ...] = ()
    heard: tuple[tuple[str, str], ...] = ()
    done: tuple[tuple[str, str], ...] = ()
    overtaken: tuple[str, ...] = ()
    places: int = 0

    def thread(self, channel: str, incident: int | None) -> str:
        """What the channel answered for the first notice of an incident; empty where nothing."""
        return next((ref for where, number, ref in self.threads if number == incident and where == channel), "")

    def unheard(self) -> frozenset[int]:
        """The incidents whose newest notice no channel has taken yet.

        One that is held counts: telling again before it was heard would only lengthen what waits for its hour. An
        older one does not: what became graver since is told at any hour, whatever is held of it.
        """
        heard = {*(notice for notice, _ in self.heard), *self.overtaken}
        return frozenset(
            one.told.incident
            for one in self.waiting
            if one.told.incident is not None and one.told.notice not in heard and one.told.why not in QUIET
        )


def next_for(
    outbox: Outbox, channel: str, now: Now, may_go: Callable[[Told], bool] = lambda _: True
) -> Delivery | None:
    """What the channel is given now: of each incident its oldest; the gravest, then the oldest of those.

    may_go: which notices come into question.
    """
    first: dict[object, Delivery] = {}
    for one in outbox.waiting:
        if one.channel == channel and one.due_ms <= now.steady_ms and may_go(one.told):
            first.setdefault(one.told.incident if one.told.incident is not None else one.told.notice, one)
    return min(
        first.values(),
        key=lambda one: (one.tries // TRIES_IN_A_ROW, one.told.severity, one.place),
        default=None,
    )


def next_due_ms(outbox: Outbox, channel: str) -> int | None:
    """When the next held delivery of a channel may go (steady time); None where nothing waits."""
    return min((one.due_ms for one in outbox.waiting if one.channel == channel), default=None)


def tried(outbox: Outbox, delivery: Delivery) -> Outbox:
    """The outbox after a try that failed."""
    return _changed(outbox, delivery, lambda one: replace(one, tries=one.tries + 1))


def in_doubt(outbox: Outbox, delivery: Delivery, unsure_ms: int | None) -> Outbox:
    """The outbox with another knowledge of when this may first have been taken."""
    return _changed(outbox, delivery, lambda one: replace(one, unsure_ms=unsure_ms))


def _changed(outbox: Outbox, delivery: Delivery, change: Callable[[Delivery], Delivery]) -> Outbox:
    about = (delivery.told.notice, delivery.channel)
    return replace(
        outbox,
        waiting=tuple(change(one) if (one.told.notice, one.channel) == about else one for one in outbox.waiting),
    )


def expired(outbox: Outbox, give_up_ms: int, now: Now) -> tuple[Delivery, ...]:
    """What has been tried for so long that it is given up on."""
    return tuple(one for one in outbox.waiting if now.steady_ms - one.due_ms >= give_up_ms)


def unrepeatable(outbox: Outbox, channel: str, key_lives_ms: int, now: Now) -> tuple[Delivery, ...]:
    """What may have been taken, and would be told twice were it tried again: its key is about to be forgotten."""
    return tuple(
        one
        for one in outbox.waiting
        if one.channel == channel and one.unsure_ms is not None and now.steady_ms - one.unsure_ms >= key_lives_ms
    )


def is_waiting(outbox: Outbox, delivery: Delivery) -> bool:
    """Whether nothing has become of it yet."""
    about = (delivery.told.notice, delivery.channel)
    return any((one.told.notice, one.channel) == about for one in outbox.waiting)


def stands_in(outbox: Outbox, delivery: Delivery) -> bool:
    """Whether it goes in the place of one that still waits as well."""
    about = (delivery.told.notice, delivery.instead_of)
    return any((one.told.notice, one.channel) == about for one in outbox.waiting)


def is_heard(outbox: Outbox, notice: str) -> bool:
    """Whether some channel has taken a notice that still waits for another."""
    return any(name == notice for name, _ in outbox.heard)


def addressed(outbox: Outbox) -> dict[str, set[str]]:
    """For each notice under way, every channel that it was ever meant for, whatever became of it there."""
    channels: dict[str, set[str]] = {}
    for one in outbox.waiting:
        channels.setdefault(one.told.notice, set()).add(one.channel)
    for notice, channel in outbox.done:
        channels.setdefault(notice, set()).add(channel)
    return channels


def stranded(outbox: Outbox, channel: str, failing_ms: int, down_ms: int, now: Now) -> tuple[Delivery, ...]:
    """What waits for a channel that is down for longer than others should have to wait, and nobody stands in for.

    failing_ms: since when the channel takes nothing (steady time). What stands in for another has a stand-in
    of its own only once that other is out of it.
    """
    at_work = {*outbox.heard}
    at_work |= {(one.told.notice, one.channel) for one in outbox.waiting if now.steady_ms - one.due_ms < down_ms}
    return tuple(
        one
        for one in outbox.waiting
        if one.channel == channel
        and not stands_in(outbox, one)
        and one.due_ms <= now.steady_ms
        and now.steady_ms - min(one.due_ms, failing_ms) >= down_ms
        and not any((one.told.notice, other) in at_work for other in one.stand_ins)
    )


# ---------------------------------------------------------------- the fold


def fold(events: Iterable[Recorded]) -> Outbox:
    """The outbox as the journal's `notice.*` events tell it, oldest first. What does not fit is passed over."""
    outbox = Outbox()
    for recorded in events:
        try:
            outbox = after(outbox, recorded.event)
        except (KeyError, ValueError, TypeError):
            continue
    return outbox


def after(outbox: Outbox, event: Event) -> Outbox:
    """The outbox after one event; raises KeyError, ValueError or TypeError on one that does not fit."""
    data = cast("dict[str, Json]", event.data)
    match event.kind:
        case "notice.queued":
            return _queued(outbox, event)
        case "notice.delivered":
            return _closed(outbox, data, ref=str(data["ref"]), heard=True)
        case "notice.given_up" | "notice.spared" | "notice.superseded":
            return _closed(outbox, data)
        case "notice.rerouted":
            return _rerouted(outbox, data, event.now)
        case "notice.unsure":
            return _unsure(outbox, data, event.now)
        case _:
            return outbox


def _queued(outbox: Outbox, event: Event) -> Outbox:
    data = cast("dict[str, Json]", event.data)
    told = Told(
        notice=str(data["notice"]),
        why=Why(str(data["why"])),
        severity=Severity(str(data["severity"])),
        level=level_of(data["level"]),
        incident=cast("int | None", data["incident"]),
        title=event.message,
        lines=tuple(message_from_json(line) for line in cast("list[Json]", data["lines"])),
        queued=event.now,
        code=str(data.get("code", "")),
        stop=data.get("stop") is True,
    )
    rows = cast("list[dict[str, Json]]", data["deliveries"])
    fresh = tuple(
        Delivery(
            told=told,
            channel=str(row["channel"]),
            key=str(row["key"]),
            place=outbox.places + number,
            due_ms=event.now.steady_ms + cast("int", row["held_ms"]),
        )
        for number, row in enumerate(rows)
    )
    older = [one.told.notice for one in outbox.waiting if told.loud and _same_incident(one.told, told)]
    return replace(
        outbox,
        waiting=(*outbox.waiting, *fresh),
        overtaken=tuple(dict.fromkeys((*outbox.overtaken, *older))),
        places=outbox.places + len(fresh),
    )


def _same_incident(one: Told, other: Told) -> bool:
    return one.incident is not None and one.incident == other.incident


def _closed(outbox: Outbox, data: dict[str, Json], *, ref: str = "", heard: bool = False) -> Outbox:
    notice, channel, incident = str(data["notice"]), str(data["channel"]), cast("int | None", data["incident"])
    waiting = tuple(one for one in outbox.waiting if (one.told.notice, one.channel) != (notice, channel))
    threads = outbox.threads
    if ref and incident is not None and not outbox.thread(channel, incident):
        threads = (*threads, (channel, incident, ref))[-KEPT_THREADS:]
    still = {one.told.notice for one in waiting}
    known = (*outbox.heard, *(((notice, channel),) if heard else ()))
    done = (*outbox.done, (notice, channel))
    return replace(
        outbox,
        waiting=waiting,
        threads=threads,
        heard=tuple(one for one in known if one[0] in still),
        done=tuple(one for one in done if one[0] in still),
        overtaken=tuple(one for one in outbox.overtaken if one in still),
    )


def _rerouted(outbox: Outbox, data: dict[str, Json], now: Now) -> Outbox:
    notice, channel, to = str(data["notice"]), str(data["channel"]), str(data["to"])
    held_up = next((one for one in outbox.waiting if (one.told.notice, one.channel) == (notice, channel)), None)
    if held_up is None:
        raise KeyError(f"{notice} does not wait for {channel}")
    other = replace(
        held_up,
        channel=to,
        key=str(data["to_key"]),
        due_ms=max(now.steady_ms, held_up.due_ms),
        instead_of=channel,
        tries=0,
        unsure_ms=None,
        marked=False,
        stand_ins=(),
    )
    known = _changed(outbox, held_up, lambda one: replace(one, stand_ins=(*one.stand_ins, to))).waiting
    return replace(outbox, waiting=tuple(sorted((*known, other), key=lambda one: one.place)))


def _unsure(outbox: Outbox, data: dict[str, Json], now: Now) -> Outbox:
    about = (str(data["notice"]), str(data["channel"]))
    return replace(
        outbox,
        waiting=tuple(
            replace(one, unsure_ms=now.steady_ms, marked=True) if (one.told.notice, one.channel) == about else one
            for one in outbox.waiting
        ),
    )
