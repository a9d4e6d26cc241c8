"""Which notices need not be told any more, because newer ones say more."""

from ultrad.core.events import Severity
from ultrad.core.outbox import Delivery, Outbox, is_heard
from ultrad.core.telling import Why
from ultrad.units import Now

_BEGINNINGS = frozenset({Why.OPENED, Why.REOPENED, Why.BACK})
_REPLACED = {
    Why.REMINDER: frozenset({Why.REMINDER}),
    Why.BACK: frozenset({Why.REMINDER, Why.RECOVERED, Why.BACK}),
    Why.RECOVERED: frozenset({*_BEGINNINGS, Why.REMINDER, Why.ESCALATED, Why.RECOVERED}),
}
"""What each replaces of its own incident. The first notice of what still stands is replaced by none."""


def outdated(outbox: Outbox, notice: str, now: Now) -> tuple[Delivery, ...]:
    """What a notice that was just queued makes needless on the channels that it goes to.

    That is the notice itself where it says that something is over of whose beginning nobody has heard.
    """
    found: list[Delivery] = []
    for new in (one for one in outbox.waiting if one.told.notice == notice):
        old = [one for one in _before(outbox, new) if _replaces(new, one, now)]
        found += old
        unknown = any(one.told.why in _BEGINNINGS for one in old)
        if new.told.why is Why.RECOVERED and unknown and not any(is_heard(outbox, one.told.notice) for one in old):
            found.append(new)
    return tuple(dict.fromkeys(found))


def settled(outbox: Outbox, incident: int) -> tuple[Delivery, ...]:
    """What still waits of an incident that somebody has resolved."""
    return tuple(one for one in outbox.waiting if one.told.incident == incident)


def _before(outbox: Outbox, new: Delivery) -> tuple[Delivery, ...]:
    """What waits for the same channel, or in its place for another, of the same incident."""
    return tuple(
        one
        for one in outbox.waiting
        if one.told.incident is not None
        and one.told.incident == new.told.incident
        and new.channel in {one.channel, one.instead_of}
        and one.place < new.place
    )


def _replaces(new: Delivery, old: Delivery, now: Now) -> bool:
    """Funds at risk are heard of though it is over by now; and are told at once in the place of what is held."""
    if new.told.loud and new.told.severity is Severity.S1 < old.told.severity and old.due_ms > now.steady_ms:
        return True
    if new.told.why is Why.RECOVERED and old.told.severity is Severity.S1:
        return old.told.why in {Why.REMINDER, Why.RECOVERED}
    return old.told.why in _REPLACED.get(new.told.why, ())
