"""How far each position is from its limits, by prices and by interest, and what other ones would make of it.

It is read beside the watch, at its own easy pace: the path from a head to a stop does not wait for it.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import anyio

from ultrad.core import outlook as figures
from ultrad.core.limits import MINUTE_MS, Limits
from ultrad.core.outlook import Outlook, Situation
from ultrad.core.report_care import outlook_event
from ultrad.core.whatif import Supposed, Wish, Yard, check_symbols, suppose
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.ports import Clock, Journal, Turned
from ultrad.units import Now

BREATH_S = 0.05
"""Between two positions: a trip shares the loop with the arithmetic."""
RECORD_MS = 30 * MINUTE_MS
"""So often the journal gets the distances: the reports tell of them, and an hour before a stop holds two."""
FRESH_MS = 15_000
"""Whoever asks what would be is answered from figures no older than this, where the chain can be read."""


class Situations(Protocol):
    """Positions as the pool's own arithmetic needs them: balances, thresholds, prices, indices, rates."""

    async def read(self, position: str) -> Situation:
        """One position at the newest block. Raises Transient where no endpoint can serve."""
        ...


class OutlookWatch:
    """A part of the supervisor (`run`), and what `ultrad simulate` asks."""

    def __init__(
        self,
        situations: Situations,
        positions: Iterable[str],
        clock: Clock,
        limits: Callable[[], Limits],
        interval_s: float,
        journal: Journal,
    ) -> None:
        """limits: as they are now. interval_s: how often each position is read."""
        self._situations, self._positions = situations, tuple(positions)
        self._clock, self._limits, self._interval_s = clock, limits, interval_s
        self._read: dict[str, tuple[Situation, Now]] = {}
        self._outlooks: dict[str, Outlook] = {}
        self._trouble: dict[str, Message] = {}
        self._journal = journal
        self._recorded_ms: dict[str, int] = {}

    async def run(self, turned: Turned) -> None:
        """Read each position from time to time, for ever."""
        while True:
            for name in self._positions:
                await self.look(name)
                self._record(name)
                turned()
                await anyio.sleep(BREATH_S)
            await anyio.sleep(self._interval_s)

    async def look(self, name: str) -> None:
        """Read one position. Where it cannot be, what was read before stays, with its age and the trouble."""
        try:
            situation = await self._situations.read(name)
            now = self._clock.now()
            outlook = figures.outlook(situation, self._limits().trip_hf, now)
        except (Transient, Permanent) as error:
            self._trouble[name] = error.message
            return
        self._read[name], self._outlooks[name] = (situation, now), outlook
        self._trouble.pop(name, None)

    def _record(self, name: str) -> None:
        """Hand what was read to the journal where that is due; nothing where it was not read since."""
        found, last_ms = self._outlooks.get(name), self._recorded_ms.get(name)
        if found is None or (last_ms is not None and found.read.steady_ms - last_ms < RECORD_MS):
            return
        self._recorded_ms[name] = found.read.steady_ms
        self._journal.post(outlook_event(name, found, found.read))

    def of(self, name: str) -> Outlook | None:
        """How far a position is from its limits; None before the first reading."""
        return self._outlooks.get(name)

    def seen(self, name: str) -> tuple[Outlook | None, Message | None]:
        """The same, and why the last look failed; None where it did not."""
        return self._outlooks.get(name), self._trouble.get(name)

    async def suppose(self, position: str, wish: Wish) -> tuple[Supposed, ...]:
        """What the wish makes of one position, or of all (empty).

        Raises Permanent for a wish that cannot be, Transient without a reading.
        """
        if position and position not in self._positions:
            raise Permanent(
                msg(
                    "There is no position {name}; there are: {names}",
                    name=position,
                    names=", ".join(self._positions),
                )
            )
        names = (position,) if position else self._positions
        read = [await self._situation(name) for name in names]
        check_symbols(tuple(one for one, _ in read), wish)
        limits, now = self._limits(), self._clock.now()
        yard = Yard(limits.warn_hf, limits.trip_hf, limits.max_value_change_bps)
        return tuple(suppose(one, wish, yard, now.steady_ms - at.steady_ms) for one, at in read)

    async def _situation(self, name: str) -> tuple[Situation, Now]:
        """The newest reading, taken anew where it is older than FRESH_MS and the chain can be read."""
        known = self._read.get(name)
        if known is None or self._clock.now().steady_ms - known[1].steady_ms > FRESH_MS:
            await self.look(name)
        known = self._read.get(name)
        if known is None:
            why = self._trouble[name]
            raise Transient(msg("Position {name} has not been read yet: {why}", name=name, why=why))
        return known
