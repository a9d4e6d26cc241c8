"""What the database of decisions is, and what its properties are called."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

NOTION = "https://api.notion.com"
TIMEOUT_S = 20.0
"""For one request. Notion itself gives up after 60 s, but mostly answers within one."""
PACE_S = 0.35
"""Between the beginnings of two requests. Notion takes three a second on average ("Request limits")."""


@dataclass(frozen=True, slots=True)
class Names:
    """The properties of a row, and the two values of its Status."""

    url: str = "URL"
    summary: str = "Summary"
    sentiment: str = "Sentiment"
    action: str = "Action"
    confidence: str = "Confidence"
    status: str = "Status"
    timestamp: str = "Timestamp"
    result: str = "Result"
    open: str = "未処理"
    done: str = "処理済"


@dataclass(frozen=True, slots=True)
class NotionSettings:
    """One database, as one integration sees it.

    token: the integration's secret. database_id: 32 hex digits, with or without dashes. data_source_id: which of
    its data sources, where it has several. zone: of timestamps that name none.
    """

    token: str = field(repr=False)
    database_id: str
    zone: ZoneInfo
    names: Names = field(default_factory=Names)
    data_source_id: str = ""
    base_url: str = NOTION
    timeout_s: float = TIMEOUT_S
    pace_s: float = PACE_S
