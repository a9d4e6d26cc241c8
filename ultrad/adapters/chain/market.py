"""Reading the market: the reserves that matter, their prices and those prices' age, and the sequencer.

All of one reading is pinned to one block. What hardly ever changes (symbols, tokens, price sources) is kept and
read again from time to time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ultrad.adapters.chain import aave, abi
from ultrad.adapters.chain.abi import Malformed
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.endpoint import Endpoint, payloads
from ultrad.adapters.chain.multicall import Call
from ultrad.adapters.chain.rpc import NodeFailed
from ultrad.adapters.chain.settings import ChainSettings
from ultrad.addresses import ZERO
from ultrad.core.position import Block, Market, Reserve, Sequencer
from ultrad.i18n import msg
from ultrad.units import Address, UsdE8, short_address

T = TypeVar("T")
FEED_DEPTH = 3
"""Adapters that read adapters: how far they are followed to a feed that says its age."""
_RESERVE_CALLS = 5


@dataclass(frozen=True, slots=True)
class Static:
    """What hardly ever changes of a reserve. feeds: where its price's age is read; empty where nothing says it."""

    symbol: str
    asset: Address
    a_token: Address
    feeds: tuple[Address, ...]


class MarketReader:
    """Reads one market, and keeps what hardly ever changes."""

    def __init__(self, settings: ChainSettings) -> None:
        """Nothing is known yet."""
        self._settings = settings
        self._feed_of = dict(settings.feeds)
        self._kept: dict[Address, Static] = {}
        self._asset_by_id: dict[int, Address] = {}
        self._kept_for: Book | None = None
        self._kept_until_s = float("-inf")

    async def read(self, endpoint: Endpoint, block: Block, book: Book, now_s: float) -> Market:
        """The market at that block. Raises Transient. now_s: on the event loop's clock."""
        if self._kept_for != book or now_s >= self._kept_until_s:
            self._kept, self._asset_by_id = {}, {}
            self._kept_for, self._kept_until_s = book, now_s + self._settings.static_refresh_s
        at = At(endpoint, block)
        ids, sequencer = await self._used(at, book)
        assets = await self._assets(at, book, ids)
        unknown = tuple(asset for asset in assets if asset not in self._kept)
        if unknown:
            self._kept.update({static.asset: static for static in await self._statics(at, book, unknown)})
        reserves = await self._reserves(at, book, [self._kept[asset] for asset in assets])
        return Market(block=block, endpoint=endpoint.name, reserves=reserves, sequencer=sequencer)

    async def _used(self, at: "At", book: Book) -> tuple[frozenset[int], Sequencer | None]:
        """The reserves in use by any watched account, and the sequencer."""
        calls = [
            aave.of(book.pool, aave.GET_USER_CONFIGURATION, account) for _, account in self._settings.positions
        ]
        feed = self._settings.sequencer_feed
        if feed is not None:
            calls.append(aave.call(feed, aave.LATEST_ROUND_DATA))
        answers = await at.all(calls)
        sequencer = None
        if feed is not None:
            # Chainlink, "L2 Sequencer Uptime Feeds": answer 0 = up; startedAt = since when, 0 = not yet known.
            up, since_s = at.decoded(feed, answers[-1], lambda data: (abi.uint(data, 1) == 0, abi.uint(data, 2)))
            sequencer = Sequencer(up=up and since_s > 0, since_s=since_s)
        bitmaps = answers[: len(self._settings.positions)]
        used = [aave.reserve_ids(at.decoded(book.pool, bitmap, abi.uint)) for bitmap in bitmaps]
        return frozenset[int]().union(*used), sequencer

    async def _assets(self, at: "At", book: Book, ids: frozenset[int]) -> tuple[Address, ...]:
        """The assets of those reserves and the configured ones, each once."""
        unknown = sorted(ids - self._asset_by_id.keys())
        answers = await at.all([aave.reserve_by_id(book.pool, one) for one in unknown])
        for one, answer in zip(unknown, answers, strict=True):
            self._asset_by_id[one] = at.decoded(book.pool, answer, abi.address)
        return tuple(dict.fromkeys((*(self._asset_by_id[one] for one in sorted(ids)), *self._settings.assets)))

    async def _statics(self, at: "At", book: Book, assets: Sequence[Address]) -> list[Static]:
        calls: list[Call] = []
        for asset in assets:
            calls += (
                aave.call(asset, aave.SYMBOL),
                aave.of(book.data_provider, aave.GET_RESERVE_TOKENS_ADDRESSES, asset),
                aave.of(book.oracle, aave.GET_SOURCE_OF_ASSET, asset),
            )
        answers = await at.all(calls)
        found: list[Static] = []
        for index, asset in enumerate(assets):
            symbol, tokens, source = answers[3 * index : 3 * index + 3]
            name = symbol_of(symbol, asset)
            a_token = at.decoded(book.data_provider, tokens, abi.address)
            if a_token == ZERO:
                raise NodeFailed(
                    msg(
                        "{asset} is no reserve of this Aave market, says endpoint {endpoint}. Check the configured"
                        " assets.",
                        asset=asset,
                        endpoint=at.endpoint.name,
                    )
                )
            override = self._feed_of.get(name)
            feeds = (
                (override,) if override else await self._feeds(at, at.decoded(book.oracle, source, abi.address))
            )
            found.append(Static(name, asset, a_token, feeds))
        return found

    async def _feeds(self, at: "At", source: Address) -> tuple[Address, ...]:
        """The feeds behind a price source that say how old they are.

        Chainlink's own do (`latestRoundData`). Aave's adapters (CAPO, synchronicity) name the feeds they read.
        """
        level: tuple[Address, ...] = (source,)
        feeds: list[Address] = []
        for _ in range(FEED_DEPTH):
            selectors = (aave.LATEST_ROUND_DATA, *aave.FEED_GETTERS)
            answers = await at.all([aave.call(one, selector) for one in level for selector in selectors])
            deeper: list[Address] = []
            for index, one in enumerate(level):
                round_data, *named = answers[index * len(selectors) : (index + 1) * len(selectors)]
                if _updated_s(round_data) is not None:
                    feeds.append(one)
                else:
                    deeper += (address for answer in named if (address := _address(answer)) is not None)
            level = tuple(dict.fromkeys(deeper))
            if not level:
                break
        return tuple(feeds)

    async def _reserves(self, at: "At", book: Book, statics: Sequence[Static]) -> tuple[Reserve, ...]:
        feeds = tuple(dict.fromkeys(feed for static in statics for feed in static.feeds))
        calls = [aave.call(feed, aave.LATEST_ROUND_DATA) for feed in feeds]
        for static in statics:
            calls += (
                aave.of(book.pool, aave.GET_CONFIGURATION, static.asset),
                aave.call(static.a_token, aave.TOTAL_SUPPLY),
                aave.of(book.pool, aave.GET_VIRTUAL_UNDERLYING_BALANCE, static.asset),
                aave.of(static.asset, aave.BALANCE_OF, static.a_token),
                aave.of(book.oracle, aave.GET_ASSET_PRICE, static.asset),
            )
        answers = await at.all(calls)
        # A feed that said its age before and now does not is as good as never updated.
        updated_s = {
            feed: _updated_s(answer) or 0 for feed, answer in zip(feeds, answers[: len(feeds)], strict=True)
        }
        names = _distinct(statics)
        return tuple(
            _reserve(
                at,
                static,
                names[index],
                answers[len(feeds) + _RESERVE_CALLS * index :][:_RESERVE_CALLS],
                min((updated_s[feed] for feed in static.feeds), default=None),
            )
            for index, static in enumerate(statics)
        )


def _reserve(
    at: "At", static: Static, name: str, answers: Sequence[bytes | None], updated_s: int | None
) -> Reserve:
    bits, supplied, virtual, balance, price = answers
    configuration = at.decoded(static.asset, bits, aave.configuration)
    return Reserve(
        symbol=name,
        asset=static.asset,
        decimals=configuration.decimals,
        active=configuration.active,
        frozen=configuration.frozen,
        paused=configuration.paused,
        supply_cap=configuration.supply_cap,
        supplied=at.decoded(static.a_token, supplied, abi.uint),
        # Pools before v3.1 have no virtual balance; what can be withdrawn is then what the aToken holds.
        available=at.decoded(static.asset, balance if virtual is None else virtual, abi.uint),
        price_e8=UsdE8(at.decoded(static.asset, price, abi.uint)),
        price_updated_s=updated_s,
    )


@dataclass(frozen=True, slots=True)
class At:
    """One endpoint at one block."""

    endpoint: Endpoint
    block: Block

    async def all(self, calls: Sequence[Call]) -> tuple[bytes | None, ...]:
        """The answers in the order of the calls."""
        return await self.endpoint.aggregate(self.block, payloads(calls)) if calls else ()

    def decoded(self, contract: Address, answer: bytes | None, decode: Callable[[bytes], T]) -> T:
        """The meaning of an answer that must be there. Raises NodeFailed."""
        try:
            return decode(answer or b"")
        except Malformed:
            pass
        raise NodeFailed(
            msg(
                "Endpoint {endpoint}: contract {contract} did not answer as an Aave V3 market does. Check the"
                " configured addresses.",
                endpoint=self.endpoint.name,
                contract=contract,
            )
        )


def _updated_s(answer: bytes | None) -> int | None:
    """`updatedAt` of `latestRoundData` (Chainlink AggregatorV3Interface: five words, the fourth); None without."""
    try:
        abi.uint(answer or b"", 4)
        return abi.uint(answer or b"", 3)
    except Malformed:
        return None


def _address(answer: bytes | None) -> Address | None:
    try:
        found = abi.address(answer or b"")
    except Malformed:
        return None
    return None if found == ZERO else found


def symbol_of(answer: bytes | None, asset: Address) -> str:
    """A token's symbol; its short address where it has none that can be shown."""
    try:
        return abi.symbol(answer or b"")
    except Malformed:
        return short_address(asset)


def _distinct(statics: Sequence[Static]) -> list[str]:
    """The symbols; where two tokens share one (a bridged and a native USDC), each with its short address."""
    symbols = [static.symbol for static in statics]
    return [
        f"{static.symbol} {short_address(static.asset)}" if symbols.count(static.symbol) > 1 else static.symbol
        for static in statics
    ]
