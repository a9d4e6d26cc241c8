"""`[notify]` and `[deadman]`: whom ultrad tells, by which ways, and who notices when it falls silent."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ultrad.config.mistakes import Mistake
from ultrad.config.secret import Secret
from ultrad.config.section import Section
from ultrad.config.texts import Allowed, SecretRef, Slug, refuse
from ultrad.core.events import Severity
from ultrad.core.limits import HOUR_MS, MINUTE_MS
from ultrad.core.telling import Hours, Route, TellRules
from ultrad.i18n import Message, msg
from ultrad.postman import PostRules

ChannelKind = Literal["slack-webhook", "slack-app", "line", "webhook"]
MAX_CHANNELS = 20
MAX_ROUTES = 20
NEEDS: Mapping[ChannelKind, tuple[str, ...]] = {
    "slack-webhook": ("url",),
    "slack-app": ("token", "to"),
    "line": ("token", "to"),
    "webhook": ("url", "key"),
}
"""Which keys each kind of channel has; all of them, and no other."""
COSTLY: frozenset[ChannelKind] = frozenset({"line"})
"""Kinds that pay for each message (LINE's free plan: 200 a month)."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)")
_RECIPIENT = re.compile(r"[A-Za-z0-9#_-]{1,80}")


def parse_hours(text: str) -> Hours | None:
    """`mon-fri 09:00-18:00` as hours; None where it is none."""
    found = _HOURS.fullmatch(text)
    if not found or found[1] not in DAYS or (found[2] or found[1]) not in DAYS:
        return None
    first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
    days = range(first, last + 1) if first <= last else (*range(first, 7), *range(last + 1))
    try:
        return Hours(frozenset(days), time(int(found[3]), int(found[4])), time(int(found[5]), int(found[6])))
    except ValueError:
        return None


def _hours(text: str) -> str:
    if parse_hours(text) is None:
        refuse(msg("is not allowed"))
    return text


def _recipient(text: str) -> str:
    if not _RECIPIENT.fullmatch(text):
        refuse(msg("is not allowed"))
    return text


HoursText = Annotated[
    str,
    AfterValidator(_hours),
    Allowed(msg('days and a span of local time, such as "mon-fri 09:00-18:00" or "mon-sun 20:00-08:00"')),
]
Recipient = Annotated[
    str,
    AfterValidator(_recipient),
    Allowed(msg("a channel's id (Slack) or a user's, group's or room's id (LINE), 1 to 80 letters and digits")),
]


class ChannelSection(Section):
    """`[[notify.channels]]`: one way to people."""

    name: Slug = Field(description="Shown wherever the channel is meant.")
    kind: ChannelKind = Field(description="slack-webhook, slack-app, line or webhook.")
    url: SecretRef | None = Field(default=None, description="The URL it posts to, as a secret.")
    token: SecretRef | None = Field(default=None, description="Its bearer token, as a secret.")
    key: SecretRef | None = Field(default=None, description="The key that signs, as a secret.")
    to: Recipient | None = Field(default=None, description="Slack's channel id, or LINE's user, group or room id.")


class RouteSection(Section):
    """`[[notify.routes]]`: whom a severity reaches."""

    name: Slug = Field(description="Shown wherever the route is meant.")
    severities: tuple[Literal["S1", "S2"], ...] = Field(
        min_length=1, description="S1 (funds at risk), S2 (a part broken); S3 is left to the daily report."
    )
    channels: tuple[Slug, ...] = Field(min_length=1, max_length=MAX_CHANNELS, description="All of them at once.")
    fallback: tuple[Slug, ...] = Field(
        default=(), max_length=MAX_CHANNELS, description="In order, while one of the others is down for long."
    )
    escalate: tuple[Slug, ...] = Field(
        default=(), max_length=MAX_CHANNELS, description="Told as well once nobody has answered."
    )
    hours: HoursText | None = Field(
        default=None, description="When it is open; always where left out, and for S1."
    )


class NotifySection(Section):
    """`[notify]`: who is told."""

    channels: tuple[ChannelSection, ...] = Field(
        default=(), max_length=MAX_CHANNELS, description="The ways to people."
    )
    routes: tuple[RouteSection, ...] = Field(default=(), max_length=MAX_ROUTES, description="Who is told what.")
    repeat_s1_minutes: int = Field(
        default=10,
        ge=1,
        le=60,
        description="After so long an S1 that nobody answered is told again.",
        json_schema_extra={"looser": "up"},
    )
    repeat_s2_minutes: int = Field(
        default=60, ge=5, le=1_440, description="The same for an S2.", json_schema_extra={"looser": "up"}
    )
    escalate_after: int = Field(
        default=3,
        ge=1,
        le=20,
        description="So many notices without an answer, and the next channels are told.",
        json_schema_extra={"looser": "up"},
    )
    quiet_minutes: int = Field(
        default=30,
        ge=1,
        le=1_440,
        description="What comes and goes is told again at most this often.",
        json_schema_extra={"looser": "up"},
    )
    fallback_after_s: int = Field(
        default=300,
        ge=30,
        le=3_600,
        description="A channel that takes nothing for so long is down: others stand in.",
        json_schema_extra={"looser": "up"},
    )
    give_up_hours: int = Field(
        default=72,
        ge=1,
        le=720,
        description="A notice is tried for so long. A weekend has 60 hours.",
        json_schema_extra={"looser": "down"},
    )
    spared_quota_pct: int = Field(
        default=25, ge=0, le=90, description="The share of a monthly quota that is kept for S1."
    )


class DeadmanSection(Section):
    """`[deadman]`: the outside monitor that tells people when ultrad falls silent."""

    url: SecretRef | None = Field(
        default=None, description="Its ping URL, as a secret. Without it, nobody notices."
    )
    interval_s: int = Field(
        default=60,
        ge=10,
        le=600,
        description="How often it is pinged; its own grace time should be three of these.",
        json_schema_extra={"looser": "up"},
    )


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """One channel with its secrets; which of them there are depends on its kind (NEEDS)."""

    name: str
    kind: ChannelKind
    to: str
    url: Secret | None
    token: Secret | None
    key: Secret | None


# ---------------------------------------------------------------- secrets


def secret_keys(notify: NotifySection, deadman: DeadmanSection) -> Iterator[tuple[str, str]]:
    """Each secret that these sections name: its dotted key and its reference."""
    for channel in notify.channels:
        for name in ("url", "token", "key"):
            reference = getattr(channel, name)
            if reference is not None:
                yield f"notify.channels[{channel.name}].{name}", reference
    if deadman.url:
        yield "deadman.url", deadman.url


def channels_of(notify: NotifySection, secrets: Mapping[str, Secret]) -> tuple[ChannelConfig, ...]:
    """The channels with their secrets."""
    return tuple(
        ChannelConfig(
            name=one.name,
            kind=one.kind,
            to=one.to or "",
            url=secrets.get(f"notify.channels[{one.name}].url"),
            token=secrets.get(f"notify.channels[{one.name}].token"),
            key=secrets.get(f"notify.channels[{one.name}].key"),
        )
        for one in notify.channels
    )


# ---------------------------------------------------------------- rules


def tell_rules(notify: NotifySection) -> TellRules:
    """The section in exact units."""
    return TellRules(
        routes=tuple(
            Route(
                name=one.name,
                severities=frozenset(Severity(severity) for severity in one.severities),
                channels=one.channels,
                fallback=one.fallback,
                escalate=one.escalate,
                hours=parse_hours(one.hours) if one.hours else None,
            )
            for one in notify.routes
        ),
        costly=frozenset(one.name for one in notify.channels if one.kind in COSTLY),
        repeat_s1_ms=notify.repeat_s1_minutes * MINUTE_MS,
        repeat_s2_ms=notify.repeat_s2_minutes * MINUTE_MS,
        escalate_after=notify.escalate_after,
        quiet_ms=notify.quiet_minutes * MINUTE_MS,
    )


def post_rules(notify: NotifySection) -> PostRules:
    """The section in exact units."""
    return PostRules(
        give_up_ms=notify.give_up_hours * HOUR_MS,
        down_ms=notify.fallback_after_s * 1_000,
        spared_pct=notify.spared_quota_pct,
    )


# ---------------------------------------------------------------- mistakes


def mistakes_in_telling(notify: NotifySection) -> Iterator[Mistake]:
    """All that is wrong between the keys of these sections."""
    for section, names in (
        ("channels", [one.name for one in notify.channels]),
        ("routes", [one.name for one in notify.routes]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Mistake(
                (f"notify.{section}[{name}]",),
                msg(
                    "{key}: the name {name} stands more than once. Give each its own.",
                    key=f"notify.{section}",
                    name=name,
                ),
            )
    for channel in notify.channels:
        yield from _channel(channel)
    known = {one.name for one in notify.channels}
    for route in notify.routes:
        yield from _route(route, known)


def _channel(channel: ChannelSection) -> Iterator[Mistake]:
    needed = NEEDS[channel.kind]
    for name in ("url", "token", "key", "to"):
        given = getattr(channel, name) is not None
        if given is (name in needed):
            continue
        key = f"notify.channels[{channel.name}].{name}"
        problem = (
            msg('{key} is not used by kind = "{kind}": remove it.', key=key, kind=channel.kind)
            if given
            else msg('{key} is missing: kind = "{kind}" needs it.', key=key, kind=channel.kind)
        )
        yield Mistake((key, f"notify.channels[{channel.name}].kind"), problem)


def _route(route: RouteSection, known: set[str]) -> Iterator[Mistake]:
    for field in ("channels", "fallback", "escalate"):
        key = f"notify.routes[{route.name}].{field}"
        for name in getattr(route, field):
            if name not in known:
                yield Mistake(
                    (key, "notify.channels"),
                    msg(
                        "{key} names the channel {name}, which is none. There are: {names}.",
                        key=key,
                        name=name,
                        names=", ".join(sorted(known)) or "–",
                    ),
                )
    if route.hours and "S1" in route.severities:
        key = f"notify.routes[{route.name}].hours"
        yield Mistake(
            (key,),
            msg(
                "{key}: an S1 is told at any hour. Give S1 a route of its own without hours.",
                key=key,
            ),
        )


def silent_severities(notify: NotifySection) -> tuple[str, ...]:
    """The severities that no route carries."""
    carried = {severity for route in notify.routes for severity in route.severities}
    return tuple(severity for severity in ("S1", "S2") if severity not in carried)


def unused_channels(notify: NotifySection) -> tuple[str, ...]:
    """The channels that no route names."""
    used = {name for route in notify.routes for name in (*route.channels, *route.fallback, *route.escalate)}
    return tuple(one.name for one in notify.channels if one.name not in used)


def secret_problem(key: str, secret: Secret) -> Message | None:
    """Why a token or a signing key is none; URLs are looked at elsewhere."""
    if key.endswith((".token", ".key")) and len(secret.reveal()) < MIN_SECRET_CHARACTERS:
        return msg("is too short for a token: use at least {count} random characters", count=MIN_SECRET_CHARACTERS)
    return None


MIN_SECRET_CHARACTERS = 16
