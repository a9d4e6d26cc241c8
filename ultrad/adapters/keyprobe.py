"""Asks a service whether it takes a secret: with the one question that changes nothing there.

Sources: Ethereum JSON-RPC `eth_chainId`; developers.notion.com "Retrieve your token's bot user" (401 for a token
that is none); docs.slack.dev `auth.test` (`ok`, else an error's name); developers.line.biz "Get bot info" (401).
Where there is no such question, nobody is asked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from ultrad.core.rotation import Reply

TIMEOUT_S = 10.0
MOST_BYTES = 65_536
_NO = frozenset({401, 403})
_OK = 200
_SLACK_NO = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})
_NOTION_VERSION = {"Notion-Version": "2025-09-03"}


class Service(StrEnum):
    """Who can be asked."""

    RPC = "rpc"
    NOTION = "notion"
    SLACK = "slack"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the services are; an RPC's address is its secret."""

    notion: str = "https://api.notion.com"
    slack: str = "https://slack.com"
    line: str = "https://api.line.me"


async def ask(service: Service, secret: str, places: Places, session: aiohttp.ClientSession) -> Reply:
    """What the service says to this secret. What cannot be asked is UNKNOWN; it never raises, nor shows it."""
    try:
        match service:
            case Service.RPC:
                body = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
                return await _rpc(session, secret, body)
            case Service.NOTION:
                url, more = f"{places.notion}/v1/users/me", _NOTION_VERSION
                return await _plain(session, url, {"Authorization": f"Bearer {secret}", **more})
            case Service.LINE:
                return await _plain(session, f"{places.line}/v2/bot/info", {"Authorization": f"Bearer {secret}"})
            case Service.SLACK:
                return await _slack(session, f"{places.slack}/api/auth.test", secret)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return Reply.UNKNOWN


async def _plain(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> Reply:
    async with session.get(url, headers=headers, allow_redirects=False, timeout=_limit()) as answer:
        if answer.status == _OK:
            return Reply.ACCEPTED
        return Reply.REFUSED if answer.status in _NO else Reply.UNKNOWN


async def _rpc(session: aiohttp.ClientSession, url: str, body: Mapping[str, object]) -> Reply:
    async with session.post(url, json=body, allow_redirects=False, timeout=_limit()) as answer:
        if answer.status in _NO:
            return Reply.REFUSED
        told = await _json(answer)
        return Reply.ACCEPTED if answer.status == _OK and isinstance(told.get("result"), str) else Reply.UNKNOWN


async def _slack(session: aiohttp.ClientSession, url: str, token: str) -> Reply:
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(url, headers=headers, allow_redirects=False, timeout=_limit()) as answer:
        told = await _json(answer)
        if told.get("ok") is True:
            return Reply.ACCEPTED
        return Reply.REFUSED if told.get("error") in _SLACK_NO else Reply.UNKNOWN


async def _json(answer: aiohttp.ClientResponse) -> dict[str, object]:
    """An object in the answer. Raises ValueError for anything else."""
    body = await answer.content.read(MOST_BYTES)
    told = json.loads(body)
    if not isinstance(told, dict):
        raise ValueError("no object")  # noqa: TRY004 - a wrong value from outside
    return told


def _limit() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=TIMEOUT_S)
