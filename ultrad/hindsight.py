"""How things stood when the daemon was last up, from the journal's file alone.

A composition root beside ultrad.app: it knows adapters.
"""

from ultrad.adapters.flag import FlagFile
from ultrad.adapters.journal import open_reader
from ultrad.adapters.journal.reader import Reader
from ultrad.core.events import Json
from ultrad.core.handover import HfLine, Standing, Waiting
from ultrad.core.incident_words import line_of
from ultrad.paths import Paths
from ultrad.ports import EventFilter, FlagState
from ultrad.startup import Past
from ultrad.units import Now, Wad

ALL = 2**62
LAST_MS = 600_000
"""So far before the journal's end the last readings are looked for."""


def standing(paths: Paths) -> Standing:
    """As the journal was left. Raises UltradError where it cannot be read."""
    with open_reader(paths.journal) as reader:
        newest = reader.events(EventFilter(limit=1, newest_first=True))
        last = newest[0].event.now if newest else None
        past = Past.of(lambda kinds: reader.events(EventFilter(kinds=kinds, limit=ALL)), last)
        settings = _newest(reader, "settings", "config.loaded", "config.changed", "config.kept")
        version = _newest(reader, "version", "daemon.started")
        positions = _positions(reader, last)
    dry_run = settings.get("trade.dry_run") if isinstance(settings, dict) else None
    return Standing(
        live=False,
        version=version if isinstance(version, str) else "?",
        mode=past.stop.mode,
        since_ms=past.stop.since.wall_ms if past.stop.since else None,
        causes=tuple(one.message for one in past.stop.causes),
        flag=FlagFile(paths.flag).look().state is not FlagState.ABSENT,
        positions=positions,
        dry_run=None if dry_run is None else dry_run == "true",
        incidents=tuple(line_of(one) for one in past.book.open()),
        waiting=tuple(
            Waiting(one.channel, one.told.title, one.told.queued.wall_ms) for one in past.outbox.waiting
        ),
    )


def _newest(reader: Reader, what: str, *kinds: str) -> Json:
    found = reader.events(EventFilter(kinds=kinds, limit=1, newest_first=True))
    return found[0].event.data.get(what) if found else None


def _positions(reader: Reader, last: Now | None) -> tuple[HfLine, ...]:
    """The lowest of each position's last minute with a reading."""
    if last is None:
        return ()
    found: dict[str, tuple[Wad, int]] = {}
    for one in reader.value_extremes(last.steady_ms - LAST_MS):
        found[one.position] = (one.low_hf, one.minute_start_ms)
    return tuple(
        HfLine(name, hf, last.wall_ms - (last.steady_ms - minute_ms)) for name, (hf, minute_ms) in found.items()
    )
