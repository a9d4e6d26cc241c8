"""What is traded while daemons die: which action, by which way in, and what the chain does to it on the way."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from tests.fakes.notion import NotionApi
from tests.fakes.octobot import Webhook
from ultrad.core.intents import Intent

_TRADE = """\
[trade]
position = "main"
asset = "{asset}"
trade_usd = 50
cooldown_minutes = 60
confirmations = {confirmations}
[signer]
kind = "devnet"
"""
_OCTOBOT = """\
[octobot]
url = "{url}"
token = "{{at}}/octobot-token"
exchange = "binance"
symbol = "BTCUSDT"
volume = "2%"
"""
_NOTION = """\
[notion]
token = "{{at}}/notion-token"
database = "{database}"
"""


class Course(StrEnum):
    """What is out of the ordinary about it."""

    PLAIN = "plain"
    ROW = "row"
    """It comes from a row of Notion, which is told in the end."""
    FEE = "fee"
    """Nobody mines it until it offers more."""
    REORG = "reorg"
    """Its block is replaced once it was seen in it, and it is in no block any more."""


@dataclass(frozen=True)
class Scene:
    """One trade: which, whether OctoBot is told first, and its course."""

    action: str
    bot: bool = False
    course: Course = Course.PLAIN

    def __str__(self) -> str:
        with_bot = " with OctoBot" if self.bot else ""
        return f"{self.action}{with_bot}, {self.course.value}"

    @property
    def place(self) -> str:
        """Whose installation it needs: scenes of one configuration share one."""
        if self.bot:
            return "bot"
        return "plain" if self.course is Course.PLAIN else "course"

    @property
    def confirmations(self) -> int:
        """Deep enough for a block to be replaced under it, where one is; else one block makes it final."""
        return 1 if self.course is Course.PLAIN else 3

    def config(self, asset: str, bot_url: str) -> str:
        """The sections that it needs; `{at}` is the directory of the secrets."""
        text = _TRADE.format(asset=asset, confirmations=self.confirmations)
        if self.bot:
            text += _OCTOBOT.format(url=bot_url)
        if self.course is not Course.PLAIN:
            text += _NOTION.format(database=NotionApi.DATABASE.replace("-", ""))
        return text


BUY = Scene("BUY", bot=True)
SELL = Scene("SELL")
ROW = Scene("SELL", course=Course.ROW)
FEE = Scene("SELL", course=Course.FEE)
REORG = Scene("SELL", course=Course.REORG)
SECRETS = {"octobot-token": Webhook.TOKEN, "notion-token": NotionApi.TOKEN}


def add_row(api: NotionApi, action: str) -> str:
    """A row that was decided just now; the id of the intent that comes of it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    page_id = api.add(
        URL="https://news.example/1",
        Summary="a test",
        Action=action,
        Confidence=80,
        Status="未処理",
        Timestamp={"start": now},
    )
    return f"notion:{page_id}"


def row_of(api: NotionApi, intent_id: str) -> tuple[str, str]:
    """Status and Result of its row, as people see them."""
    page_id = intent_id.removeprefix("notion:")
    return str(api.shown(page_id, "Status")), str(api.shown(page_id, "Result"))


def has_offered_more(intent: Intent | None, sent: set[str]) -> bool:
    """Whether the step in the air has a second version, and the node was given it."""
    step = intent.in_the_air if intent else None
    return step is None or (len(step.versions) > 1 and step.newest.raw in sent)
