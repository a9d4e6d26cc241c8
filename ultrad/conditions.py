"""What is so now: the standing findings of every source, recorded when they begin, change and end."""

from collections.abc import Iterable
from dataclasses import dataclass

from ultrad.core.events import Effect, Event, Finding, Json, Level
from ultrad.i18n import msg
from ultrad.ports import Journal
from ultrad.units import Now


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding that stands, who found it, and since when."""

    source: str
    finding: Finding
    since: Now


class Conditions:
    """Implements the port FindingSink. A finding that only changes its words or figures is not recorded again."""

    def __init__(self, journal: Journal) -> None:
        """Nothing stands at first."""
        self._journal = journal
        self._standing: dict[str, dict[tuple[str, str], Standing]] = {}
        self.last_level = Level.INFO

    def observe(self, source: str, findings: Iterable[Finding], now: Now) -> None:
        """The standing findings of `source` are exactly these now."""
        before = self._standing.get(source, {})
        after: dict[tuple[str, str], Standing] = {}
        for finding in findings:
            known = before.get(finding.key)
            after[finding.key] = Standing(source, finding, known.since if known else now)
            if known is None or known.finding.level is not finding.level:
                self.last_level = finding.level
                self._journal.post(_raised(source, finding, now))
        for key, standing in before.items():
            if key not in after:
                self._journal.post(_cleared(standing, now))
        self._standing[source] = after

    def standing(self) -> tuple[Standing, ...]:
        """Everything that stands, the worst first, then the oldest."""
        every = (one for of_source in self._standing.values() for one in of_source.values())
        return tuple(sorted(every, key=lambda one: (-one.finding.level, one.since.steady_ms)))

    def no_trade(self) -> tuple[Finding, ...]:
        """What stands against any new trade."""
        return tuple(one.finding for one in self.standing() if one.finding.effect is not Effect.NONE)


def _data(source: str, finding: Finding) -> dict[str, Json]:
    return {
        "source": source,
        "code": finding.code,
        "subject": finding.subject,
        "origin": finding.origin.value,
        "severity": finding.severity.value,
        "effect": finding.effect.value,
        "figures": dict(finding.figures),
    }


def _raised(source: str, finding: Finding, now: Now) -> Event:
    return Event("finding.raised", finding.level, now, finding.message, _data(source, finding))


def _cleared(standing: Standing, now: Now) -> Event:
    seconds = (now.steady_ms - standing.since.steady_ms) // 1_000
    return Event(
        "finding.cleared",
        Level.INFO,
        now,
        msg("Over after {seconds} s: {finding}", seconds=seconds, finding=standing.finding.message),
        _data(standing.source, standing.finding),
    )
