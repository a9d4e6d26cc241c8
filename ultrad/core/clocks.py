"""What two looks at the clocks tell about them."""

from ultrad.units import Now

JUMP_MS = 5_000
"""Drift between two ticks that slewing (0.5 ms a second at most, adjtimex(2)) and a late tick cannot explain."""


def jump_ms(before: Now, after: Now) -> int:
    """Milliseconds by which the wall clock was set between two looks (negative: back); 0 up to JUMP_MS."""
    drift_ms = (after.wall_ms - before.wall_ms) - (after.steady_ms - before.steady_ms)
    return drift_ms if abs(drift_ms) > JUMP_MS else 0
