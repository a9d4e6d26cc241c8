"""From the configuration's channels to those that talk: for the daemon, and for a last word without it."""

from collections.abc import Iterable

from aiohttp import ClientSession

from ultrad.adapters.notify.deadman import PingUrl
from ultrad.adapters.notify.line import Line
from ultrad.adapters.notify.settings import (
    DeadmanSettings,
    LineSettings,
    SlackAppSettings,
    SlackWebhookSettings,
    WebhookSettings,
)
from ultrad.adapters.notify.slack import SlackApp, SlackWebhook
from ultrad.adapters.notify.slack_files import Pictures
from ultrad.adapters.notify.webhook import Webhook
from ultrad.config import ChannelConfig, Config, Secret
from ultrad.ports import Channel, Clock, Deadman

NO_PICTURES = Pictures()


def build(
    configured: Iterable[ChannelConfig], session: ClientSession, clock: Clock, pictures: Pictures = NO_PICTURES
) -> dict[str, Channel]:
    """Each configured channel by its name. session: of `ultrad.adapters.notify.http.open_session`.

    pictures: how a report's chart is read.
    """
    return {one.name: _channel(one, session, clock, pictures) for one in configured}


def deadman(config: Config, session: ClientSession) -> Deadman | None:
    """The outside monitor, where one is configured."""
    url = config.deadman_url
    return PingUrl(DeadmanSettings(url.reveal()), session) if url else None


def secrets_of(config: Config) -> list[str]:
    """Every secret of these parts, so that no log shows one."""
    every = [one for channel in config.channels for one in (channel.url, channel.token, channel.key)]
    return [one.reveal() for one in (*every, config.deadman_url) if one]


def _channel(one: ChannelConfig, session: ClientSession, clock: Clock, pictures: Pictures) -> Channel:
    match one.kind:
        case "slack-webhook":
            return SlackWebhook(SlackWebhookSettings(one.name, _text(one.url)), session)
        case "slack-app":
            return SlackApp(SlackAppSettings(one.name, _text(one.token), one.to), session, pictures)
        case "line":
            return Line(LineSettings(one.name, _text(one.token), one.to), session)
        case "webhook":
            return Webhook(WebhookSettings(one.name, _text(one.url), _text(one.key)), session, clock)


def _text(secret: Secret | None) -> str:
    if secret is None:
        raise AssertionError("the configuration's rules ask for each secret that a kind needs")
    return secret.reveal()
