"""Looks at the database of decisions from the start on: is each property there, and of the right type?

Beside the jobs, because it waits for no minute and for no schedule; and nothing waits for it.
"""

import anyio

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.errors import Failed, Permanent
from ultrad.i18n import Message, msg
from ultrad.jobs.scheduler import Contain
from ultrad.ports import Clock, FindingSink, Refused, Turned
from ultrad.trade_ports import Rows

SOURCE = "notion_schema"
CHECK_S = 60.0
"""Two questions, each of which Notion's own limit ends sooner."""
AGAIN_S = 60.0
"""Until it is right."""
KNOWN_S = 600.0
"""Once it was right: people change databases."""


class NotionSchema:
    """A part of the supervisor."""

    def __init__(self, rows: Rows, clock: Clock, sink: FindingSink, contain: Contain) -> None:
        """Nothing is asked before `run`. contain: the supervisor's boundary."""
        self._rows, self._clock, self._sink, self._contain = rows, clock, sink, contain

    async def run(self, turned: Turned) -> None:
        """Check it until it passes, and from time to time after that, for ever."""
        while True:
            finding = await self._look()
            self._sink.observe(SOURCE, (finding,) if finding else (), self._clock.now())
            turned()
            await anyio.sleep(AGAIN_S if finding else KNOWN_S)

    async def _look(self) -> Finding | None:
        faults: tuple[Message, ...] | Failed | None = None
        with anyio.move_on_after(CHECK_S):
            faults = await self._contain(self._rows.check)
        if faults is None:
            return _unknown(msg("Notion gave no answer in {seconds} s.", seconds=round(CHECK_S)), lasts=False)
        if isinstance(faults, Failed):
            return _unknown(faults.message, lasts=isinstance(faults.error, Refused | Permanent))
        return _wrong(faults) if faults else None


def _wrong(faults: tuple[Message, ...]) -> Finding:
    every = faults[0]
    for one in faults[1:]:
        every = msg("{first} {second}", first=every, second=one)
    return Finding(
        "notion_schema",
        "",
        Level.ALERT,
        Origin.OUTSIDE,
        msg("The Notion database is not as it must be. {faults}", faults=every),
        Severity.S2,
    )


def _unknown(why: Message, *, lasts: bool) -> Finding:
    """Nobody can say. What is refused stays so until somebody mends it; else it is noise."""
    return Finding(
        "notion_schema_unknown",
        "",
        Level.ALERT if lasts else Level.WARNING,
        Origin.OUTSIDE,
        msg("Whether the Notion database is as it must be is unknown; it is looked at again: {why}", why=why),
        Severity.S2 if lasts else Severity.S3,
    )
