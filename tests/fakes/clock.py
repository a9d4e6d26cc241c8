"""A host's clocks driven by the event loop's (virtual) time."""

from datetime import UTC, datetime, timedelta

import anyio

from ultrad.units import Now

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday noon, far from any change of offset."""


class FakeClock:
    """Implements `Clock`. Both clocks follow the loop's time from the first look on; the wall one can be moved.

    Under `looptime` the loop's time is virtual, so `anyio.sleep(86_400)` is a day on both clocks.
    """

    def __init__(self, wall: datetime = START, steady_ms: int = 1_000_000) -> None:
        self._wall_ms = int(wall.timestamp() * 1000)
        self._steady_ms = steady_ms
        self._origin_s: float | None = None

    def now(self) -> Now:
        passed_ms = self._passed_ms()
        return Now(wall_ms=self._wall_ms + passed_ms, steady_ms=self._steady_ms + passed_ms)

    @property
    def wall(self) -> datetime:
        """The wall clock as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.now().wall_ms / 1000, UTC)

    def jump(self, by: timedelta) -> None:
        """Somebody sets the wall clock; steady time does not notice."""
        self._passed_ms()
        self._wall_ms += by // timedelta(milliseconds=1)

    def set_wall(self, wall: datetime) -> None:
        """The wall clock shows `wall` from now on; steady time does not notice."""
        self._wall_ms = int(wall.timestamp() * 1000) - self._passed_ms()

    def suspend(self, for_: timedelta) -> None:
        """The machine sleeps: both clocks go on, the loop's own does not."""
        self._passed_ms()
        self._wall_ms += for_ // timedelta(milliseconds=1)
        self._steady_ms += for_ // timedelta(milliseconds=1)

    def _passed_ms(self) -> int:
        """Milliseconds of loop time since the first look; outside a loop, none."""
        try:
            loop_s = anyio.current_time()
        except anyio.NoEventLoopError:
            return 0
        if self._origin_s is None:
            self._origin_s = loop_s
        return round((loop_s - self._origin_s) * 1000)
