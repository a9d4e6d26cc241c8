"""How long to wait before trying again, and when to stop trying."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double from `first_s` up to `most_s` (seconds)."""

    first_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class RestartLimit:
    """At most `restarts` in any `window_s` seconds."""

    restarts: int
    window_s: float


def pause_s(backoff: Backoff, failures: int, fraction: float) -> float:
    """Seconds to wait after so many failures in a row (from 1 on).

    Half of the pause is certain and half is drawn by `fraction` (0 ≤ fraction < 1, uniformly random), so that many
    that failed together do not come back together.
    """
    doublings = min(failures - 1, 64)  # beyond any cap; keeps the power from overflowing
    whole_s = min(backoff.most_s, backoff.first_s * float(1 << doublings))
    return whole_s * (0.5 + fraction / 2)


def recent(limit: RestartLimit, failed_at_s: tuple[float, ...], now_s: float) -> tuple[float, ...]:
    """The failures that still count: those within the window that ends now."""
    return tuple(at_s for at_s in failed_at_s if now_s - at_s < limit.window_s)


def may_restart(limit: RestartLimit, failed_at_s: tuple[float, ...], now_s: float) -> bool:
    """Whether one more restart is within the limit, the newest failure being among `failed_at_s`."""
    return len(recent(limit, failed_at_s, now_s)) <= limit.restarts
