"""`ultrad audit verify`: from the file, so that nobody has to believe the daemon."""

import re

from ultrad.cli.session import Session
from ultrad.errors import EXIT_FAILED, EXIT_USAGE
from ultrad.i18n import msg

_HEAD = re.compile(r"([1-9][0-9]{0,15}):([0-9a-f]{64})")


def verify(session: Session) -> int:
    """Go through the whole journal; 1 at the first fault, and where the marker says nothing."""
    from ultrad import offline  # noqa: PLC0415 - imports adapters

    screen, heads = session.screen, []
    for given in session.args.head:
        found = _HEAD.fullmatch(given.strip())
        if found is None:
            screen.complain(
                msg(
                    "{given} is no head: give the event's number, a colon and its hash, as reports have them.",
                    given=given,
                )
            )
            return EXIT_USAGE
        heads.append((int(found[1]), found[2]))
    result, marker_trouble = offline.verify(session.place.paths, heads)
    screen.say(
        msg(
            "{events} events ({first} to {last}), {readings} readings ({unsealed} not sealed yet), {elapsed} ms.",
            events=result.events,
            first=screen.when(result.first_wall_ms),
            last=screen.when(result.last_wall_ms),
            readings=result.readings,
            unsealed=result.readings_unsealed,
            elapsed=result.elapsed_ms,
        )
    )
    if result.fault is not None:
        screen.complain(
            msg(
                "NOT what was recorded, from event {seq} on: {fault} Keep the file as it is, and find out who "
                "wrote to it.",
                seq=result.fault.seq,
                fault=result.fault.message,
            )
        )
        return EXIT_FAILED
    screen.say(
        msg(
            "Sound. Its head is {seq}:{hash}; heads kept elsewhere that it was held against: {count}.",
            seq=result.head.seq,
            hash=result.head.hash,
            count=len(heads),
        )
    )
    if marker_trouble is not None:
        screen.complain(
            msg(
                "{reason} So the journal was held against the heads given here alone: give one from a report "
                "(--head). If that is sound, `ultrad resume` accepts the journal as it is.",
                reason=marker_trouble,
            )
        )
        return EXIT_FAILED
    return 0
