"""The journal, whole and of some kinds: from the daemon, or from its file where the daemon is down."""

from collections.abc import Iterator

from ultrad.cli.session import Session
from ultrad.control_client import Unreachable
from ultrad.core.events import Recorded
from ultrad.i18n import msg
from ultrad.ports import EventFilter

PAGE = 1_000
ALL = 2**62


def events(
    session: Session, kinds: tuple[str, ...], since_ms: int | None = None, *, again: bool = False
) -> tuple[Recorded, ...]:
    """All of these kinds (those under them too), oldest first. Says so where it reads the file, but not again.

    Raises UltradError where neither can be had.
    """
    try:
        return tuple(_pages(session, kinds, since_ms))
    except Unreachable as error:
        if not again:
            session.screen.complain(error.message, msg("What follows is from the journal's file."))
    return from_file(session, kinds, since_ms)


def from_file(session: Session, kinds: tuple[str, ...], since_ms: int | None = None) -> tuple[Recorded, ...]:
    """The same from the file alone."""
    from ultrad import offline  # noqa: PLC0415 - imports adapters

    return offline.events(session.place.paths, EventFilter(kinds=kinds, since_ms=since_ms, limit=ALL))


def _pages(session: Session, kinds: tuple[str, ...], since_ms: int | None) -> Iterator[Recorded]:
    client, after = session.client(), 0
    while page := client.events(EventFilter(kinds=kinds, since_ms=since_ms, after_seq=after, limit=PAGE)):
        yield from page
        after = page[-1].seq


def first(session: Session) -> Recorded | None:
    """The journal's first event."""
    which = EventFilter(limit=1)
    try:
        found = session.client().events(which)
    except Unreachable:
        from ultrad import offline  # noqa: PLC0415 - imports adapters

        found = offline.events(session.place.paths, which)
    return found[0] if found else None
