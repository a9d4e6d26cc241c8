"""What each channel is told. URLs, tokens and recipients are secrets: no `repr`, message or log shows them."""

from dataclasses import dataclass, field

SLACK = "https://slack.com"
LINE = "https://api.line.me"
TIMEOUT_S = 10.0
"""For one whole request, answer included. The services answer within one or two seconds when they are well."""


@dataclass(frozen=True, slots=True)
class SlackWebhookSettings:
    """A Slack incoming webhook: who knows its URL can post."""

    name: str
    url: str = field(repr=False)
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class SlackAppSettings:
    """A Slack app with a bot token (`xoxb-…`, scope chat:write). channel: an encoded id (C…) or a name."""

    name: str
    token: str = field(repr=False)
    channel: str
    base_url: str = SLACK
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class LineSettings:
    """A LINE official account. token: a channel access token. to: a user (U…), group (C…) or room (R…) id."""

    name: str
    token: str = field(repr=False)
    to: str = field(repr=False)
    base_url: str = LINE
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """A receiver of the operators' own. secret: what both sides sign with."""

    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class DeadmanSettings:
    """A healthchecks-style ping URL, without `/start` or `/fail`: who knows it can ping."""

    url: str = field(repr=False)
    timeout_s: float = TIMEOUT_S
