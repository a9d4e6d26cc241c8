"""Which notices need not be told any more, because newer ones say more."""

from ultrad.core.events import Severity
from ultrad.core.outbox import Delivery, Outbox
from ultrad.units import Now


def outdated(outbox: Outbox, notice: str, now: Now) -> tuple[Delivery, ...]:
    """What a notice that was just queued makes needless on the channels that it goes to itself."""
    fresh = [one for one in outbox.waiting if one.told.notice == notice]
    return tuple(
        old
        for new in fresh
        for old in outbox.waiting
        if new.told.incident is not None
        and old.told.incident == new.told.incident
        and old.channel == new.channel
        and old.place < new.place
        and _replaces(new, old, now)
    )


def _replaces(new: Delivery, old: Delivery, now: Now) -> bool:
    """Graver news at once, in the place of what is held for the route's hours."""
    return new.told.loud and new.told.severity is Severity.S1 < old.told.severity and old.due_ms > now.steady_ms
