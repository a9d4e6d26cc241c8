"""`[outlook]` and `[drill]`: how often limits are looked ahead to, and how a drill is judged."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from ultrad.config.mistakes import Mistake
from ultrad.config.section import Section, whole
from ultrad.config.texts import Slug
from ultrad.i18n import msg

if TYPE_CHECKING:
    from ultrad.config.schema import Settings

MAX_DRILLED = 20
"""As many as there may be channels."""


class OutlookSection(Section):
    """`[outlook]`: the prices and the time that bring each position to its limits."""

    interval_s: int = whole(
        120, 30, 600, "How often each position is read for it: one call, beside the watch.", looser="up"
    )


class DrillSection(Section):
    """`[drill]`: the stop and the ways to people, tried while nothing is wrong."""

    channels: tuple[Slug, ...] = Field(
        default=(),
        max_length=MAX_DRILLED,
        description="Who hears of a drill of the stop. Left out: all that carry S1 and cost nothing a message.",
    )
    stop_limit_ms: int = whole(
        2_000, 100, 5_000, "From a bad reading to a flag on the disk. Longer is slow, an S2.", looser="up"
    )
    notice_limit_s: int = whole(
        60, 5, 600, "How long a channel may take for a drill's notice. Longer is slow, an S2.", looser="up"
    )


def mistakes_in_drill(settings: "Settings") -> Iterator[Mistake]:
    """Channels that there are not."""
    known = {one.name for one in settings.notify.channels}
    for name in settings.drill.channels:
        if name not in known:
            yield Mistake(
                ("drill.channels",),
                msg("drill.channels names {name}, and there is no such channel.", name=name),
            )
