"""What becomes of a notice on its way to a channel, as the journal's `notice.*` events."""

from enum import Enum, auto

from ultrad.core.events import Event, Json, Level
from ultrad.core.outbox import DELIVERED, GIVEN_UP, REROUTED, SPARED, SUPERSEDED, UNSURE, Delivery
from ultrad.i18n import Message, msg
from ultrad.units import Now


def delivered_event(delivery: Delivery, ref: str, now: Now) -> Event:
    """The record that a channel has taken a notice. ref: what it calls it."""
    message = msg("Told by {channel}: {what}", channel=delivery.channel, what=delivery.told.title)
    return _event(DELIVERED, Level.INFO, now, message, delivery, {"ref": ref})


def given_up_event(delivery: Delivery, why: Message, now: Now) -> Event:
    """The record that a channel will not get a notice."""
    message = msg(
        "A notice was given up on; {channel} did not take it: {why} It said: {what}",
        channel=delivery.channel,
        why=why,
        what=delivery.told.title,
    )
    return _event(GIVEN_UP, Level.ALERT, now, message, delivery, {})


class Instead(Enum):
    """Why another channel is told instead."""

    DOWN = auto()
    SPARED = auto()
    REFUSED = auto()
    GONE = auto()


def rerouted_event(delivery: Delivery, to: str, key: str, now: Now, why: Instead = Instead.DOWN) -> Event:
    """The record that another channel is told as well, or in the place of this one."""
    channel, what = delivery.channel, delivery.told.title
    messages = {
        Instead.DOWN: msg(
            "{channel} is down; {other} is told instead: {what}", channel=channel, other=to, what=what
        ),
        Instead.SPARED: msg(
            "{channel} is spared; {other} is told instead: {what}", channel=channel, other=to, what=what
        ),
        Instead.REFUSED: msg(
            "{channel} did not take it; {other} is told instead: {what}", channel=channel, other=to, what=what
        ),
        Instead.GONE: msg(
            "{channel} is not configured any more; {other} is told instead: {what}",
            channel=channel,
            other=to,
            what=what,
        ),
    }
    data: dict[str, Json] = {"to": to, "to_key": key}
    return _event(REROUTED, Level.WARNING, now, messages[why], delivery, data)


def spared_event(delivery: Delivery, now: Now) -> Event:
    """The record that a channel's monthly messages are kept for what is graver."""
    message = msg(
        "{channel} is spared for what is graver, its quota being low: {what}",
        channel=delivery.channel,
        what=delivery.told.title,
    )
    return _event(SPARED, Level.WARNING, now, message, delivery, {})


def superseded_event(delivery: Delivery, now: Now) -> Event:
    """The record that a channel is not told what newer news has replaced."""
    message = msg(
        "{channel} is not told any more what newer news has replaced: {what}",
        channel=delivery.channel,
        what=delivery.told.title,
    )
    return _event(SUPERSEDED, Level.INFO, now, message, delivery, {})


def unsure_event(delivery: Delivery, now: Now) -> Event:
    """The record, before the first try, that from here on a channel may have taken a notice."""
    message = msg(
        "{channel} is told; until it says so, it is tried again with the same key: {what}",
        channel=delivery.channel,
        what=delivery.told.title,
    )
    return _event(UNSURE, Level.INFO, now, message, delivery, {})


def _event(
    kind: str, level: Level, now: Now, message: Message, delivery: Delivery, more: dict[str, Json]
) -> Event:
    data: dict[str, Json] = {
        "notice": delivery.told.notice,
        "channel": delivery.channel,
        "incident": delivery.told.incident,
        **more,
    }
    name = f"{delivery.told.notice}:{delivery.channel}"
    return Event(kind, level, now, message, data, key=f"{name}:{more['to']}" if kind == REROUTED else name)
