"""Which backups there are, by the journal's word: `backup_daily` records each that was read back whole."""

from collections.abc import Awaitable, Callable

from ultrad.core.backup_age import Newest
from ultrad.core.backup_runs import DRILLED, MADE
from ultrad.core.events import Recorded
from ultrad.ports import EventFilter

DRILLS_LOOKED_AT = 50
"""A drill records one event a target; those that failed are passed over."""


class RecordedBackups:
    """Implements `Backups`. place: the directory of this machine that they lie in, if there is one."""

    def __init__(
        self, events: Callable[[EventFilter], Awaitable[tuple[Recorded, ...]]], place: str | None
    ) -> None:
        """events: of the journal."""
        self._events, self._place = events, place

    async def newest(self) -> Newest | None:
        """The newest that any target has got. Raises Transient."""
        made = await self._events(EventFilter(kinds=(MADE,), limit=1, newest_first=True))
        if not made:
            return None
        drills = await self._events(EventFilter(kinds=(DRILLED,), limit=DRILLS_LOOKED_AT, newest_first=True))
        passed = (one.event for one in drills if one.event.data["ok"] is True and one.event.data["opened"] is True)
        drilled = next(passed, None)
        data = made[0].event.data
        return Newest(
            name=str(data["name"]),
            at_ms=_number(data["at_ms"]),
            size_bytes=_number(data["bytes"]),
            verified_ms=drilled.now.wall_ms if drilled else None,
        )

    def directory(self) -> str | None:
        """Where they lie on this machine."""
        return self._place


def _number(value: object) -> int:
    return value if isinstance(value, int) else int(str(value))
