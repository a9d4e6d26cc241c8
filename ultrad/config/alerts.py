"""Whether people would be told: what is configured of channels and routes, held against itself and the rules."""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from ultrad.config.telling import COSTLY, ChannelSection, RouteSection, silent_severities, unused_channels
from ultrad.i18n import Message, msg

if TYPE_CHECKING:
    from ultrad.config.schema import Settings

Said = tuple[Literal["ok", "warning", "error"], str, Message]
"""How bad it is, which route or channel it is about (empty: none), and what it is."""


def words_on_alerts(settings: "Settings") -> Iterator[Said]:
    """For `ultrad check` and `ultrad doctor`. What is plainly wrong, a start refuses (`mistakes_in_telling`)."""
    notify = settings.notify
    for severity in silent_severities(notify):
        yield (
            "error" if settings.environment == "production" else "warning",
            severity,
            msg(
                "notify.routes: no route carries {severity}, so that nobody is told of it. Add a channel and a"
                " route.",
                severity=severity,
            ),
        )
    for name in unused_channels(notify):
        yield (
            "warning",
            name,
            msg("notify.channels[{name}] is named by no route: nothing goes there.", name=name),
        )
    for one, other in combinations(notify.channels, 2):
        if _same_place(one, other):
            yield (
                "warning",
                other.name,
                msg(
                    "notify.channels: {one} and {other} lead to the same place: where one fails, so does the"
                    " other, and everything is told there twice.",
                    one=one.name,
                    other=other.name,
                ),
            )
    costly = {one.name for one in notify.channels if one.kind in COSTLY}
    for route in notify.routes:
        yield from _route(route, costly)
    if settings.deadman.url is None:
        yield (
            "warning",
            "deadman",
            msg("deadman.url is not set: when this machine dies, nobody notices. Name an outside monitor's URL."),
        )


def _same_place(one: ChannelSection, other: ChannelSection) -> bool:
    """Slack's webhooks and receivers are told apart by their address, the others by their recipient."""
    if one.kind != other.kind:
        return False
    return one.to == other.to if one.to is not None else one.url == other.url


def _route(route: RouteSection, costly: set[str]) -> Iterator[Said]:
    every = (*route.channels, *route.fallback)
    for name in sorted({one for one in every if every.count(one) > 1}):
        yield (
            "warning",
            route.name,
            msg(
                "notify.routes[{route}] names the channel {name} twice: it cannot stand in for itself.",
                route=route.name,
                name=name,
            ),
        )
    if "S2" in route.severities and set(every) <= costly:
        yield (
            "warning",
            route.name,
            msg(
                "notify.routes[{name}]: S2 goes only where each message counts against a monthly quota, and is"
                " told once there when that runs low. Add a channel without one.",
                name=route.name,
            ),
        )
    if "S1" in route.severities and len(set(every)) == 1:
        yield (
            "warning",
            route.name,
            msg(
                "notify.routes[{name}]: S1 has only one way to people. Give it a second channel, or a fallback.",
                name=route.name,
            ),
        )
    if "S1" in route.severities and set(every) <= costly:
        yield (
            "warning",
            route.name,
            msg(
                "notify.routes[{name}]: S1 goes only where each message counts against a monthly quota: once it is"
                " used up, nobody is told. Add a channel without one.",
                name=route.name,
            ),
        )
