"""`ultrad notify test | queue | failure`."""

import uuid

from ultrad.cli.screen import BAD, DIM, GOOD, Cell, Section, View
from ultrad.cli.session import Session
from ultrad.cli.view import channels_section
from ultrad.core.wire import to_json
from ultrad.errors import EXIT_FAILED
from ultrad.i18n import msg


def test(session: Session) -> int:
    """Send a test to one channel or to all; 0 where each has taken it."""
    screen, results = session.screen, session.client().test_channels(session.args.channel or "")
    rows = tuple(
        (
            Cell(one.channel),
            Cell(msg("works"), GOOD) if one.error is None else Cell(msg("failed"), BAD),
            Cell(f"{one.elapsed_ms} ms", DIM),
            Cell(one.error or ""),
        )
        for one in results
    )
    head = (msg("Channel"), msg("State"), msg("Took"), msg("Why"))
    screen.show(View((), "", (Section(msg("Test of the channels"), head, rows),)))
    return EXIT_FAILED if any(one.error is not None for one in results) else 0


def queue(session: Session) -> int:
    """The notices that wait, and how the channels are."""
    screen, client = session.screen, session.client()
    waiting, channels = client.queue(), client.status().channels
    if session.args.json:
        screen.json({"channels": to_json(channels), "waiting": to_json(waiting)})
        return 0
    rows = tuple(
        (
            Cell(screen.when(one.queued_ms), DIM),
            Cell(one.channel),
            Cell(one.severity),
            Cell("" if one.incident is None else str(one.incident)),
            Cell(str(one.tries)),
            Cell("" if not one.due_in_ms else screen.when(one.queued_ms + one.due_in_ms)),
            Cell(one.title),
        )
        for one in waiting
    )
    head = (
        msg("Since"),
        msg("Channel"),
        msg("Severity"),
        msg("Incident"),
        msg("Tries"),
        msg("Held until"),
        msg("Message"),
    )
    sections = [channels_section(channels, screen.when)] if channels else []
    sections += [Section(msg("Notices on their way"), head, rows)] if rows else []
    if sections:
        screen.show(View((), "", tuple(sections)))
    if not channels:
        screen.say(msg("No channel is configured: nobody is told of anything."))
    elif not rows:
        screen.say(msg("No notice waits."))
    return 0


def failure(session: Session) -> int:
    """Tell the channels that a unit has failed, without the daemon; 0 where any of them has taken it."""
    from ultrad import config, last_word  # noqa: PLC0415 - only here

    screen = session.screen
    found = config.ways(session.place.config, session.environ)
    outcomes = last_word.tell(found, session.args.unit, session.environ, str(uuid.uuid4()))
    for name, why in outcomes.items():
        if why is None:
            screen.say(msg("{channel} was told.", channel=name))
        else:
            screen.complain(msg("{channel} was not told: {why}", channel=name, why=why))
    if not outcomes:
        screen.complain(
            msg("No channel carries S1: nobody could be told that {unit} failed.", unit=session.args.unit)
        )
    return 0 if None in outcomes.values() else EXIT_FAILED
