"""A position so low that the operators want it rescued, as the watch has it confirmed.

The watch hears what the endpoints say of one block; the trader asks what came of it. Where there are several
endpoints, one of them alone begins nothing: a rescue moves money for what a reading says.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ultrad.core.crosscheck import Vote
from ultrad.core.position import Reading
from ultrad.units import Now, Wad

FRESH_MS = 60_000
"""A call for rescue goes by what was confirmed within this; five blocks of Ethereum."""
WITNESSES = 2


@dataclass(frozen=True, slots=True)
class Alarm:
    """A reading under rescue_hf that enough endpoints gave, and when it was accepted."""

    reading: Reading
    at: Now


class Distress:
    """What the watch knows of one position's distress."""

    def __init__(self, position: str, rescue_hf: Wad) -> None:
        """Nothing is known at first."""
        self.position, self.rescue_hf = position, rescue_hf
        self.is_low: bool | None = None
        self.unconfirmed = False
        self._alarm: Alarm | None = None

    def alarm(self, now: Now) -> Alarm | None:
        """What a rescue may begin from now."""
        alarm = self._alarm
        return alarm if alarm is not None and now.steady_ms - alarm.at.steady_ms <= FRESH_MS else None

    def calls(self, readings: Iterable[Reading]) -> bool:
        """Whether these readings, were they true, would call for a rescue."""
        return self._low(readings) is not None

    def _low(self, readings: Iterable[Reading]) -> Reading | None:
        return next(
            (one for one in readings if one.position == self.position and one.health_factor < self.rescue_hf), None
        )

    def accepted(self, readings: Iterable[Reading]) -> None:
        """These readings are believed. One that is not low ends the alarm."""
        own = next((one for one in readings if one.position == self.position), None)
        if own is None:
            return
        self.is_low = own.health_factor < self.rescue_hf
        if not self.is_low:
            self._alarm, self.unconfirmed = None, False

    def doubted(self) -> None:
        """Endpoints contradict each other: nobody is believed, and nothing begins."""
        self._alarm = None

    def heard(self, votes: Iterable[Vote], endpoints: int, now: Now) -> None:
        """What endpoints say of one block, after it was weighed and found bad. endpoints: how many there are."""
        low = [reading for vote in votes if (reading := self._low(vote.readings)) is not None]
        if not low:
            return
        self.unconfirmed = len(low) < min(endpoints, WITNESSES)
        if not self.unconfirmed:
            # The least alarming of them: a rescue moves no more than all of them ask for.
            self._alarm = Alarm(max(low, key=lambda one: one.health_factor), now)
