"""How services answer over time: what single probes, and their rates, say.

The operators' rule: any error rate over 5 % for 5 minutes is an alert, and a rate needs 20 samples. A service that
is asked once a minute has five of them in 5 minutes; so the window reaches back to the newest 20, an hour at most,
and the rate counts where it was over at the beginning of the last 5 minutes, at each answer in them, and now.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ultrad.core.events import Finding, Level, Origin, Severity
from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.i18n import msg
from ultrad.units import ALL_BPS, Bps, Now, bps_text

RATE_WINDOW_MS = 5 * MINUTE_MS
RATE_LIMIT_BPS = Bps(500)
LEAST_SAMPLES = 20
REACH_MS = HOUR_MS
"""What is older says nothing of now, however few samples there are."""
KEPT_MS = REACH_MS + RATE_WINDOW_MS
"""What the rule looks at: the rate as it was 5 minutes ago reaches back an hour from there."""
MOST_KEPT = 2_000
"""Samples of one probe that are kept in memory: one each two seconds for all that time."""
P95 = 95
ERROR_RATE = "error_rate"


@dataclass(frozen=True, slots=True)
class Sample:
    """One probe: what was asked, when the answer was there, how long it took, and whether it failed."""

    name: str
    at: Now
    elapsed_ms: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many failed."""

    failed: int
    count: int

    @property
    def bps(self) -> Bps:
        """Rounded down, for people; `over` is exact."""
        return Bps(self.failed * ALL_BPS // self.count)

    @property
    def over(self) -> bool:
        """Whether it is over the limit; at the limit it is not."""
        return self.failed * ALL_BPS > RATE_LIMIT_BPS * self.count


@dataclass(frozen=True, slots=True)
class Digest:
    """One probe over the last hour. p95_ms: 95 % of the answers took no longer; failures have their time too."""

    rate: Rate
    p95_ms: int
    last_ms: int


def rate(samples: Sequence[Sample], at_ms: int) -> Rate | None:
    """The rate of one probe as it was at `at_ms` (steady); None where too few samples say anything.

    samples: of one probe, the oldest first. A window of `w` ms that ends at `t` is the span (t - w, t].
    """
    times = [one.at.steady_ms for one in samples]
    end = bisect_right(times, at_ms)
    first = min(bisect_right(times, at_ms - RATE_WINDOW_MS), end - LEAST_SAMPLES)
    if first < bisect_right(times, at_ms - REACH_MS):
        return None
    window = samples[first:end]
    return Rate(sum(one.failed for one in window), len(window))


def lasting(samples: Sequence[Sample], now_ms: int) -> Rate | None:
    """The rate now, where it has been over the limit for 5 minutes; else None."""
    begun_ms = now_ms - RATE_WINDOW_MS
    moments = (begun_ms, *(one.at.steady_ms for one in samples if begun_ms < one.at.steady_ms < now_ms), now_ms)
    found: Rate | None = None
    for moment in moments:
        found = rate(samples, moment)
        if found is None or not found.over:
            return None
    return found


def digest(samples: Sequence[Sample], now_ms: int) -> Digest | None:
    """One probe over the last hour; None where it was not asked in it."""
    recent = [one for one in samples if now_ms - REACH_MS < one.at.steady_ms <= now_ms]
    if not recent:
        return None
    return Digest(
        rate=Rate(sum(one.failed for one in recent), len(recent)),
        p95_ms=percentile([one.elapsed_ms for one in recent], P95),
        last_ms=recent[-1].elapsed_ms,
    )


def percentile(values: Iterable[int], percent: int) -> int:
    """The least value that `percent` of all do not exceed (nearest rank). values: at least one."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


class Answers:
    """The samples of the last hour, by probe. Those that come late are put in their place."""

    def __init__(self) -> None:
        """Nothing is known at first."""
        self._by_name: dict[str, tuple[Sample, ...]] = {}

    def add(self, samples: Iterable[Sample], now_ms: int) -> None:
        """Take samples in, and let go of what no rule looks at any more."""
        for one in samples:
            self._by_name[one.name] = (*self._by_name.get(one.name, ()), one)
        self._by_name = {
            name: kept[-MOST_KEPT:]
            for name, every in self._by_name.items()
            if (kept := _kept(every, now_ms - KEPT_MS))
        }

    def of(self, name: str) -> tuple[Sample, ...]:
        """The samples of one probe, the oldest first."""
        return self._by_name.get(name, ())


def _kept(samples: tuple[Sample, ...], since_ms: int) -> tuple[Sample, ...]:
    return tuple(sorted((one for one in samples if one.at.steady_ms > since_ms), key=lambda one: one.at.steady_ms))


def rate_findings(answers: Answers, origins: Mapping[str, Origin], now_ms: int) -> tuple[Finding, ...]:
    """The probes whose error rate has been over the limit for 5 minutes. origins: of those that are asked."""
    rates = ((name, origin, lasting(answers.of(name), now_ms)) for name, origin in origins.items())
    return tuple(_over(name, origin, found) for name, origin, found in rates if found is not None)


def _over(name: str, origin: Origin, found: Rate) -> Finding:
    return Finding(
        code=ERROR_RATE,
        subject=name,
        level=Level.ALERT,
        origin=origin,
        severity=Severity.S2,
        message=msg(
            "{name}: {rate} of its probes fail ({failed} of {count}), over {limit} for 5 minutes; healthcheck.log "
            "says how",
            name=name,
            rate=bps_text(found.bps),
            failed=found.failed,
            count=found.count,
            limit=bps_text(RATE_LIMIT_BPS),
        ),
        figures=(("failed", str(found.failed)), ("count", str(found.count))),
    )
