"""`[reports]`: what goes out each day, each week, and at an emergency."""

from collections.abc import Iterator

from pydantic import Field

from ultrad.config.mistakes import Mistake
from ultrad.config.section import Section
from ultrad.config.section import whole as _whole
from ultrad.config.telling import MAX_CHANNELS, NotifySection
from ultrad.config.texts import Slug
from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.core.report_rules import ReportRules
from ultrad.i18n import msg


class ReportsSection(Section):
    """`[reports]`: the reports."""

    channels: tuple[Slug, ...] = Field(
        default=(), max_length=MAX_CHANNELS, description="Where reports go; left out: wherever an S2 goes."
    )
    late_after_minutes: int = _whole(
        90,
        5,
        1_440,
        "A report that has not gone out so long after its time is an incident (02:00 for 00:30).",
        looser="up",
    )
    look_back_hours: int = _whole(24, 1, 168, "Over how long the status tells the metrics' extremes and means.")
    keep_days: int = _whole(400, 7, 3_650, "How long the files of reports are kept. A year and a month.")


def report_rules(reports: ReportsSection, notify: NotifySection) -> ReportRules:
    """The section in exact units."""
    routed = (channel for route in notify.routes if "S2" in route.severities for channel in route.channels)
    return ReportRules(
        channels=reports.channels or tuple(dict.fromkeys(routed)),
        late_ms=reports.late_after_minutes * MINUTE_MS,
        look_back_ms=reports.look_back_hours * HOUR_MS,
    )


def mistakes_in_reports(reports: ReportsSection, notify: NotifySection) -> Iterator[Mistake]:
    """Channels that are none."""
    known = {one.name for one in notify.channels}
    for name in reports.channels:
        if name not in known:
            yield Mistake(
                ("reports.channels", "notify.channels"),
                msg(
                    "{key} names the channel {name}, which is none. There are: {names}.",
                    key="reports.channels",
                    name=name,
                    names=", ".join(sorted(known)) or "–",
                ),
            )
