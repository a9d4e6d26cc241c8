"""Each channel against its stand-in, set up alike for all tests here."""

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp

from tests.fakes.clock import FakeClock
from tests.fakes.line import LineApi
from tests.fakes.services import Receiver, Service
from tests.fakes.slack import SlackApi, SlackHooks
from ultrad.adapters.notify.http import open_session
from ultrad.adapters.notify.line import Line
from ultrad.adapters.notify.settings import LineSettings, SlackAppSettings, SlackWebhookSettings, WebhookSettings
from ultrad.adapters.notify.slack import SlackApp, SlackWebhook
from ultrad.adapters.notify.webhook import Webhook
from ultrad.core.events import Level, Severity
from ultrad.errors import UltradError
from ultrad.i18n import catalogue
from ultrad.ports import Channel, Outgoing

TIMEOUT_S = 2.0
SHORT_S = 0.15
KEY = "0b8f2c5e-63a1-4c0d-9f6e-2f1f8f7f0a01"
NOTICE = Outgoing(
    key=KEY,
    at_ms=1_772_452_800_123,
    level=Level.EMERGENCY,
    severity=Severity.S1,
    title="緊急停止: HF 1.5845 <= 1.6 & 下降中",
    lines=("メインのポジション", "ブロック 21000000"),
    incident="inc-1",
)


@dataclass(frozen=True)
class Rig:
    """A channel and the service that it talks to."""

    channel: Channel
    service: Service


def clean(rig: Rig) -> None:
    """The service had nothing to object to, and nothing was carried elsewhere."""
    assert rig.service.faults == []
    assert rig.service.followed == 0


def assert_no_secret(error: UltradError, service: Service, *shown: str) -> None:
    whole = "".join(traceback.format_exception(error)) + "".join(shown)
    whole += catalogue("ja")(error.message) + catalogue("en")(error.message)
    chained: BaseException | None = error
    while chained is not None:  # also what a traceback would leave out
        whole += repr(chained)
        chained = chained.__context__
    for secret in (*service.secrets, service.url, service.url.removeprefix("http://"), KEY, NOTICE.title):
        assert secret not in whole


def another(number: int) -> Outgoing:
    """A notice of its own key and title."""
    return replace(NOTICE, key=f"{KEY[:-2]}{number:02d}", title=f"通知 {number}")


Session = aiohttp.ClientSession


def slack_webhook(service: SlackHooks, session: Session, timeout_s: float) -> Channel:
    return SlackWebhook(SlackWebhookSettings("ops", service.hook, timeout_s), session)


def slack_app(service: SlackApi, session: Session, timeout_s: float) -> Channel:
    settings = SlackAppSettings("ops", service.TOKEN, service.CHANNEL, service.url, timeout_s)
    return SlackApp(settings, session)


def line(service: LineApi, session: Session, timeout_s: float) -> Channel:
    return Line(LineSettings("ops", service.TOKEN, service.USER, service.url, timeout_s), session)


def webhook(service: Receiver, session: Session, timeout_s: float) -> Channel:
    clock = FakeClock()
    service.clock_s = lambda: clock.now().wall_ms / 1000
    return Webhook(WebhookSettings("ops", service.hook, service.SECRET, timeout_s), session, clock)


Build = tuple[Callable[[], Service], Callable[..., Channel]]
CHANNELS: dict[str, Build] = {
    "slack webhook": (SlackHooks, slack_webhook),
    "slack app": (SlackApi, slack_app),
    "line": (LineApi, line),
    "webhook": (Receiver, webhook),
}


@asynccontextmanager
async def rig(kind: str, timeout_s: float = TIMEOUT_S) -> AsyncIterator[Rig]:
    """The channel of a kind, with its service up."""
    make_service, make_channel = CHANNELS[kind]
    async with make_service().serving() as service, open_session() as session:
        yield Rig(make_channel(service, session, timeout_s), service)
