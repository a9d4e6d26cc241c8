"""From the configuration to what trades: market, ledger, key, bot and rows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aiohttp import ClientSession

from ultrad.adapters.chain import reverts
from ultrad.adapters.chain.account import Traded
from ultrad.adapters.chain.allowances import TokenAllowances
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.history import RpcHistory
from ultrad.adapters.chain.ledger import RpcLedger
from ultrad.adapters.chain.pool import RpcChain
from ultrad.adapters.chain.rescue_market import AaveRescueMarket
from ultrad.adapters.chain.rpc import HttpRpc
from ultrad.adapters.chain.settings import EndpointSettings
from ultrad.adapters.chain.trade_market import TradeMarket
from ultrad.adapters.octobot import OctoBotHttp, OctoBotSettings
from ultrad.config import Config
from ultrad.config.trading import TradeConfig, secret_texts
from ultrad.core.position import Block
from ultrad.errors import EXIT_CONFIG, Fatal, Permanent, Transient
from ultrad.i18n import msg
from ultrad.networks import DEVNET_KEY
from ultrad.outside import TradeOutside
from ultrad.trade_ports import OctoBot, Rows, Signer
from ultrad.units import Address, short_address

if TYPE_CHECKING:
    from ultrad.adapters.signer import KeySigner

SEND_ENDPOINT = "send"
MAX_ANSWER_BYTES = 1_000_000
"""Of an answer to `eth_sendRawTransaction`, which is a hash or a sentence."""


def secrets_of(config: Config) -> list[str]:
    """Every secret of these parts, so that no log shows one."""
    return secret_texts(config.secrets)


@asynccontextmanager
async def opened(config: Config, chain: RpcChain, session: ClientSession) -> AsyncIterator[TradeOutside | None]:
    """What trades, closed in the end; None where nothing is traded. Raises Fatal for a key that cannot be used."""
    trade = config.trade
    if trade is None:
        yield None
        return
    account = next(one.account for one in config.settings.positions if one.name == trade.section.position)
    signer = await _signer(config, trade, account)
    async with AsyncExitStack() as stack:
        sender = await stack.enter_async_context(_sender(config))
        traded = Traded(
            account=account,
            asset=Address(trade.section.asset),
            assets=config.settings.oracle.assets,
            multicall=config.settings.chain.multicall,
        )
        yield TradeOutside(
            market=TradeMarket(chain, traded),
            ledger=RpcLedger(
                account,
                trade.confirmations,
                _questions(chain, frozenset(one.name for one in config.endpoints)),
                sender,
                reverts.verdict,
            ),
            signer=signer,
            bot=bot_of(config, session),
            rows=await rows_of(config, stack),
            rescue=AaveRescueMarket(chain, traded) if config.rescue else None,
            history=RpcHistory(chain, account, trade.confirmations),
            allowances=TokenAllowances(chain, traded, trade.section.spenders),
        )


def _questions(chain: RpcChain, names: frozenset[str]) -> Callable[..., Awaitable[object]]:
    """How the ledger asks: one endpoint at its newest head. names: of all endpoints."""

    async def serve(
        question: Callable[[Endpoint, Block], Awaitable[object]], without: frozenset[str] = frozenset()
    ) -> object:
        if names <= without:
            raise Transient(msg("There is no other endpoint."))
        return await chain.ask(lambda endpoint, block, _book: question(endpoint, block), without)

    return serve


def _sender(config: Config) -> HttpRpc:
    """Where transactions go: a place of its own, else the first endpoint."""
    secret = config.secrets.get("trade.send_url") or config.endpoints[0].http
    settings = EndpointSettings(SEND_ENDPOINT, secret.reveal(), None)
    return HttpRpc(settings, config.settings.chain.call_timeout_s, MAX_ANSWER_BYTES)


# ---------------------------------------------------------------- the key


async def _signer(config: Config, trade: TradeConfig, account: Address) -> Signer | None:
    section = config.settings.signer
    if section is None:
        return None
    from ultrad.adapters import signer as keys  # noqa: PLC0415 - what signs is imported only where there is a key

    keys.keep_memory_private()
    key: KeySigner
    if section.kind == "devnet":
        key = keys.KeySigner.from_key(DEVNET_KEY)
    elif trade.keystore is None:
        raise AssertionError("the configuration's rules ask for a keystore")
    else:
        try:
            key = await keys.KeySigner.from_keystore(trade.keystore, config.secrets["signer.passphrase"].reveal())
        except Permanent as error:
            raise Fatal(error.message, EXIT_CONFIG) from None
    if key.address != account:
        raise Fatal(
            msg(
                "[signer] signs for {signs}, and trade.position is the account {account}. Use the key of that"
                " account.",
                signs=short_address(key.address),
                account=short_address(account),
            ),
            EXIT_CONFIG,
        )
    return key


# ---------------------------------------------------------------- the bot and the rows


def bot_of(config: Config, session: ClientSession) -> OctoBot | None:
    """The bot, where one is configured."""
    section = config.settings.octobot
    if section is None:
        return None
    return OctoBotHttp(
        OctoBotSettings(
            url=section.url,
            token=config.secrets["octobot.token"].reveal(),
            exchange=section.exchange,
            symbol=section.symbol,
            volume=section.volume,
            web_url=section.web_url or "",
        ),
        session,
    )


async def rows_of(config: Config, stack: AsyncExitStack) -> Rows | None:
    """The rows, where they are configured; closed with `stack`."""
    section = config.settings.notion
    if section is None:
        return None
    from ultrad.adapters.notion.client import open_client  # noqa: PLC0415 - Notion's library, only where it is used
    from ultrad.adapters.notion.rows import NotionRows  # noqa: PLC0415
    from ultrad.adapters.notion.settings import Names, NotionSettings  # noqa: PLC0415

    settings = NotionSettings(
        token=config.secrets["notion.token"].reveal(),
        database_id=section.database,
        zone=ZoneInfo(section.timezone) if section.timezone else config.zone,
        names=Names(**section.names.model_dump()),
        data_source_id=section.data_source or "",
    )
    return NotionRows(settings, await stack.enter_async_context(open_client(settings)))
