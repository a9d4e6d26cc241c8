"""Reading one account as a trade is judged by it: its holdings, its means, and the room in the traded reserve.

All of one reading is pinned to one block of one endpoint. What hardly ever changes (tokens, symbols) is kept and
read again from time to time. Sources: aave-v3-origin `IPool.sol`, `DataTypes.sol` (ReserveDataLegacy),
`ReserveConfiguration.sol`, `UserConfiguration.sol`, `ValidationLogic.sol`; Multicall3.sol; ERC-20.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ultrad.adapters.chain import aave, abi
from ultrad.adapters.chain.abi import Malformed, address_word, word
from ultrad.adapters.chain.book import Book
from ultrad.adapters.chain.endpoint import Endpoint
from ultrad.adapters.chain.market import At, symbol_of
from ultrad.adapters.chain.multicall import Call
from ultrad.adapters.chain.rpc import NodeFailed
from ultrad.adapters.chain.settings import MULTICALL3
from ultrad.addresses import ZERO
from ultrad.core.outlook import Accrual
from ultrad.core.pool import RAY, Holding
from ultrad.core.position import Block
from ultrad.i18n import msg
from ultrad.units import Address, Bps, UsdE8

POOL_REVISION = "0148170e"  # POOL_REVISION()
GET_USER_EMODE = "eddf1b79"  # getUserEMode(address)
GET_RESERVE_DATA = "35ea6a75"  # getReserveData(address)
GET_RESERVE_NORMALIZED_INCOME = "d15e0053"  # getReserveNormalizedIncome(address)
GET_RESERVE_NORMALIZED_VARIABLE_DEBT = "386497fd"  # getReserveNormalizedVariableDebt(address)
GET_EMODE_CATEGORY_COLLATERAL_CONFIG = "b286f467"  # getEModeCategoryCollateralConfig(uint8)
GET_EMODE_CATEGORY_COLLATERAL_BITMAP = "b0771dba"  # getEModeCategoryCollateralBitmap(uint8)
GET_EMODE_CATEGORY_LTVZERO_BITMAP = "fd89dee5"  # getEModeCategoryLtvzeroBitmap(uint8)
GET_IS_EMODE_CATEGORY_ISOLATED = "05f68acb"  # getIsEModeCategoryIsolated(uint8)
SCALED_BALANCE_OF = "1da24f3e"  # scaledBalanceOf(address)
SCALED_TOTAL_SUPPLY = "b1bf962d"  # scaledTotalSupply()
ALLOWANCE = "dd62ed3e"  # allowance(address,address)
GET_ETH_BALANCE = "4d2301cc"  # getEthBalance(address)
GET_CURRENT_BLOCK_TIMESTAMP = "0f28c97d"  # getCurrentBlockTimestamp()

EMODE_ABOVE_ALL = 10
"""From this revision (v3.6) an e-mode's terms hold also for a reserve that has none of its own."""
NO_ISOLATION = 11
"""From this revision (v3.7) there are no debt ceilings."""
PLANS = 3
"""How often a reading is planned anew: the account's reserves are those of one block, so the second one fits."""


@dataclass(frozen=True, slots=True)
class Traded:
    """Whose account is read, and what is traded. assets: those whose balance in the wallet counts as funds."""

    account: Address
    asset: Address
    assets: tuple[Address, ...] = ()
    multicall: Address = MULTICALL3
    static_refresh_s: float = 3600.0

    @property
    def funds(self) -> tuple[Address, ...]:
        """The assets of the wallet that count, the traded one first."""
        return tuple(dict.fromkeys((self.asset, *self.assets)))


@dataclass(frozen=True, slots=True)
class Account:
    """One account at one block. Amounts in smallest units; wallet: asset → balance.

    supplied, liquidity, cap_left (None: no cap), allowance (of the pool): of the traded asset, as `Room` has them.
    accruals: how the holdings' indices go on, in their order.
    """

    revision: int
    emode: int
    said: aave.Account
    wei: int
    holdings: tuple[Holding, ...]
    wallet: tuple[tuple[Address, int], ...]
    supplied: int
    liquidity: int
    cap_left: int | None
    allowance: int
    accruals: tuple[Accrual, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reserve:
    """What hardly ever changes of a reserve. id: its place in bitmaps."""

    asset: Address
    id: int
    symbol: str
    a_token: Address
    debt_token: Address


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one batch asks for: so many reserves, and one e-mode category's terms (0: none)."""

    reserves: tuple[_Reserve, ...]
    emode: int


@dataclass(frozen=True, slots=True)
class _EMode:
    """An e-mode category's terms. collateral, without_ltv: bitmaps of reserves; isolated: it takes no others."""

    ltv_bps: int = 0
    threshold_bps: int = 0
    collateral: int = 0
    without_ltv: int = 0
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class _Terms:
    """A reserve's bitmap as far as it decides what counts as collateral, and its place in bitmaps."""

    id: int
    ltv_bps: int
    threshold_bps: int
    has_ceiling: bool


class AccountReader:
    """Reads one account, and keeps what hardly ever changes."""

    def __init__(self, traded: Traded) -> None:
        """Nothing is known yet."""
        self._traded = traded
        self._kept: dict[Address, _Reserve] = {}
        self._kept_for: Book | None = None
        self._kept_until_s = float("-inf")
        self._used: tuple[Address, ...] = ()
        self._emode = 0

    async def read(self, endpoint: Endpoint, block: Block, book: Book, now_s: float) -> Account:
        """The account at that block. Raises Transient. now_s: on the event loop's clock.

        Mostly one call: what the account used before is asked for at once, and looked up only where that changed.
        """
        if self._kept_for != book or now_s >= self._kept_until_s:
            self._kept, self._used = {}, ()
            self._kept_for, self._kept_until_s = book, now_s + self._traded.static_refresh_s
        at = At(endpoint, block)
        for _ in range(PLANS):
            plan = await self._plan(at, book)
            answers = iter(await at.all(self._calls(book, plan)))
            found = await self._understood(at, book, plan, answers)
            if found is not None:
                return found
        raise _elsewhere(at)

    # ------------------------------------------------------------ asking

    async def _plan(self, at: At, book: Book) -> _Plan:
        """The reserves that the account is known to use, and those of the wallet's assets."""
        assets = tuple(dict.fromkeys((*self._traded.funds, *self._used)))
        kept = self._kept  # another reading may start it anew meanwhile
        unknown = [asset for asset in assets if asset not in kept]
        calls: list[Call] = []
        for asset in unknown:
            calls += (aave.call(asset, aave.SYMBOL), aave.of(book.pool, GET_RESERVE_DATA, asset))
        answers = await at.all(calls)
        for index, asset in enumerate(unknown):
            symbol, data = answers[2 * index : 2 * index + 2]
            reserve_id, a_token, debt_token = at.decoded(book.pool, data, _tokens)
            if ZERO in (a_token, debt_token):
                raise NodeFailed(
                    msg(
                        "{asset} is no reserve of this Aave market, says endpoint {endpoint}. Check the configured"
                        " assets.",
                        asset=asset,
                        endpoint=at.endpoint.name,
                    )
                )
            kept[asset] = _Reserve(asset, reserve_id, symbol_of(symbol, asset), a_token, debt_token)
        return _Plan(tuple(kept[asset] for asset in assets), self._emode)

    def _calls(self, book: Book, plan: _Plan) -> list[Call]:
        """Everything of one reading, in the order in which `_understood` takes the answers."""
        account, pool, multicall = self._traded.account, book.pool, self._traded.multicall
        calls = [
            aave.call(multicall, GET_CURRENT_BLOCK_TIMESTAMP),
            aave.of(pool, aave.GET_USER_CONFIGURATION, account),
            aave.of(pool, GET_USER_EMODE, account),
            aave.call(pool, POOL_REVISION),
            aave.of(pool, aave.GET_USER_ACCOUNT_DATA, account),
            aave.of(multicall, GET_ETH_BALANCE, account),
        ]
        calls += (
            aave.call(pool, selector, word(plan.emode))
            for selector in (
                GET_EMODE_CATEGORY_COLLATERAL_CONFIG,
                GET_EMODE_CATEGORY_COLLATERAL_BITMAP,
                GET_EMODE_CATEGORY_LTVZERO_BITMAP,
                GET_IS_EMODE_CATEGORY_ISOLATED,
            )
        )
        for one in plan.reserves:
            calls += (
                aave.of(pool, GET_RESERVE_DATA, one.asset),
                aave.of(book.oracle, aave.GET_ASSET_PRICE, one.asset),
                aave.of(one.a_token, SCALED_BALANCE_OF, account),
                aave.of(one.debt_token, SCALED_BALANCE_OF, account),
                aave.of(pool, GET_RESERVE_NORMALIZED_INCOME, one.asset),
                aave.of(pool, GET_RESERVE_NORMALIZED_VARIABLE_DEBT, one.asset),
            )
        calls += (aave.of(asset, aave.BALANCE_OF, account) for asset in self._traded.funds)
        asset, a_token = self._traded.asset, plan.reserves[0].a_token  # the traded asset is the first of the plan
        return [
            *calls,
            aave.of(a_token, aave.BALANCE_OF, account),
            aave.of(pool, aave.GET_VIRTUAL_UNDERLYING_BALANCE, asset),
            aave.of(asset, aave.BALANCE_OF, a_token),
            aave.call(a_token, SCALED_TOTAL_SUPPLY),
            aave.call(asset, ALLOWANCE, address_word(account), address_word(pool)),
        ]

    # ------------------------------------------------------------ understanding

    async def _understood(
        self, at: At, book: Book, plan: _Plan, answers: Iterator[bytes | None]
    ) -> Account | None:
        """The account; None where the batch did not ask for all that it uses: the next plan does."""
        pool = book.pool
        (time_s, bits, emode, revision) = (at.decoded(pool, next(answers), abi.uint) for _ in range(4))
        if time_s != at.block.time_s:
            raise _elsewhere(at)
        said = at.decoded(pool, next(answers), aave.account)
        wei = at.decoded(self._traded.multicall, next(answers), abi.uint)
        terms_of_emode = _emode([next(answers) for _ in range(4)])
        used = aave.reserve_ids(bits)
        if emode != plan.emode or not used <= {one.id for one in plan.reserves}:
            self._emode, self._used = emode, await self._assets(at, book, used)
            return None
        found: list[tuple[_Reserve, bytes, tuple[int, ...]]] = []
        for one in plan.reserves:
            data = next(answers) or b""
            found.append((one, data, tuple(at.decoded(one.asset, next(answers), abi.uint) for _ in range(5))))
        wallet = [(asset, at.decoded(asset, next(answers), abi.uint)) for asset in self._traded.funds]
        supplied, liquidity, minted, allowance = self._room(at, answers)
        terms = [at.decoded(pool, data, _terms) for _, data, _ in found]
        holdings = tuple(
            _holding(one, figures, at.decoded(pool, data, aave.configuration).decimals, judged)
            for (one, data, figures), judged in zip(
                found, _judged(terms, bits, revision, terms_of_emode), strict=True
            )
        )
        _, data, figures = found[0]
        return Account(
            revision=revision,
            emode=emode,
            said=said,
            wei=wei,
            holdings=holdings,
            wallet=tuple(wallet),
            supplied=supplied,
            liquidity=liquidity,
            cap_left=cap_left(at.decoded(pool, data, aave.configuration).supply_cap, minted, data, figures[3]),
            allowance=allowance,
            accruals=tuple(at.decoded(pool, data, _accrual) for _, data, _ in found),
        )

    def _room(self, at: At, answers: Iterator[bytes | None]) -> tuple[int, int, int, int]:
        """Of the traded asset: supplied, what can be paid out, all that is minted (scaled), the allowance."""
        asset = self._traded.asset
        supplied = at.decoded(asset, next(answers), abi.uint)
        virtual, balance = next(answers), next(answers)
        # Pools before v3.1 have no virtual balance; what can be withdrawn is then what the aToken holds.
        liquidity = at.decoded(asset, balance if virtual is None else virtual, abi.uint)
        minted, allowance = (at.decoded(asset, next(answers), abi.uint) for _ in range(2))
        return supplied, liquidity, minted, allowance

    async def _assets(self, at: At, book: Book, ids: frozenset[int]) -> tuple[Address, ...]:
        answers = await at.all([aave.reserve_by_id(book.pool, one) for one in sorted(ids)])
        return tuple(at.decoded(book.pool, answer, abi.address) for answer in answers)


def _elsewhere(at: At) -> NodeFailed:
    return NodeFailed(
        msg(
            "Endpoint {endpoint} answered as of another block than {block}, which it was asked about.",
            endpoint=at.endpoint.name,
            block=at.block.number,
        )
    )


def _tokens(data: bytes) -> tuple[int, Address, Address]:
    """id, aToken and variable debt token of `Pool.getReserveData` (ReserveDataLegacy: words 7, 8 and 10)."""
    return abi.uint(data, 7), abi.address(data, 8), abi.address(data, 10)


def _accrual(data: bytes) -> Accrual:
    """`Pool.getReserveData` (ReserveDataLegacy: indices and rates in words 1 to 4, their time in word 6)."""
    supply_index, supply_rate, debt_index, debt_rate = (abi.uint(data, place) for place in (1, 2, 3, 4))
    return Accrual(supply_index, supply_rate, debt_index, debt_rate, abi.uint(data, 6))


def _terms(data: bytes) -> _Terms:
    """`Pool.getReserveData`: the first word is the configuration (`ReserveConfiguration.sol`), word 7 the id."""
    bits = abi.uint(data)
    return _Terms(
        id=abi.uint(data, 7),
        ltv_bps=bits & 0xFFFF,
        threshold_bps=bits >> 16 & 0xFFFF,
        has_ceiling=bool(bits >> 212 & (1 << 40) - 1),
    )


def _emode(answers: Sequence[bytes | None]) -> _EMode:
    """An e-mode category: what a version does not have is none. All are zeros for category 0, which is none.

    getEModeCategoryCollateralConfig (ltv, liquidation threshold, bonus), …CollateralBitmap (v3.2), …LtvzeroBitmap
    (v3.6), getIsEModeCategoryIsolated (v3.7).
    """

    def figure(answer: bytes | None, index: int = 0) -> int:
        try:
            return abi.uint(answer or b"", index)
        except Malformed:
            return 0

    config, collateral, without_ltv, isolated = answers
    return _EMode(
        ltv_bps=figure(config),
        threshold_bps=figure(config, 1),
        collateral=figure(collateral),
        without_ltv=figure(without_ltv),
        isolated=bool(figure(isolated)),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What of a reserve counts for this account."""

    threshold_bps: int
    as_collateral: bool
    becomes_collateral: bool


def _judged(reserves: Sequence[_Terms], bits: int, revision: int, emode: _EMode) -> list[_Judged]:
    """Thresholds as `GenericLogic` chooses them; and `ValidationLogic.validateAutomaticUseAsCollateral`."""
    collateral = [one for one in reserves if bits >> 2 * one.id + 1 & 1]
    isolated = revision < NO_ISOLATION and len(collateral) == 1 and collateral[0].has_ceiling
    judged: list[_Judged] = []
    for one in reserves:
        inside = bool(emode.collateral >> one.id & 1)
        threshold = one.threshold_bps
        if inside and (threshold or revision >= EMODE_ABOVE_ALL):
            threshold = emode.threshold_bps
        ltv = one.ltv_bps
        if revision >= EMODE_ABOVE_ALL and inside:
            ltv = 0 if emode.without_ltv >> one.id & 1 else emode.ltv_bps
        elif emode.isolated:
            ltv = 0
        barred = isolated or (revision < NO_ISOLATION and one.has_ceiling)
        judged.append(_Judged(threshold, one in collateral, ltv > 0 and not barred))
    return judged


def _holding(one: _Reserve, figures: tuple[int, ...], decimals: int, judged: _Judged) -> Holding:
    price, scaled_supply, scaled_debt, supply_index, debt_index = figures
    return Holding(
        asset=one.asset,
        symbol=one.symbol,
        unit=10**decimals,
        price_e8=UsdE8(price),
        threshold_bps=Bps(judged.threshold_bps),
        as_collateral=judged.as_collateral,
        scaled_supply=scaled_supply,
        scaled_debt=scaled_debt,
        supply_index=supply_index,
        debt_index=debt_index,
        becomes_collateral=judged.becomes_collateral,
    )


def cap_left(cap: int, minted: int, data: bytes, supply_index: int) -> int | None:
    """What the cap leaves at most (`ValidationLogic.validateSupply`; word 12: what the treasury is owed)."""
    if cap == 0:
        return None
    used = -(-(minted + abi.uint(data, 12)) * supply_index // RAY)
    return max(0, cap - used)
