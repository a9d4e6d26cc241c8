"""What every OctoBot does alike, the fake one too."""

import anyio
import pytest

from tests.adapters.octobot.rig import BUY, KINDS, SHORT_S, TIMEOUT_S
from ultrad.core.signals import Action
from ultrad.errors import Transient
from ultrad.ports import Refused
from ultrad.trade_ports import OctoTrade, Order

pytestmark = pytest.mark.parametrize("kind", KINDS)


async def test_send__octobot_is_well__taken_once(kind: str) -> None:
    async with KINDS[kind](TIMEOUT_S) as rig:
        await rig.bot.send(BUY)
        await rig.bot.send(Order(Action.SELL, "sig-43"))
        assert rig.taken() == ["sig-42", "sig-43"]


async def test_send__same_order_twice__traded_twice(kind: str) -> None:
    async with KINDS[kind](TIMEOUT_S) as rig:
        await rig.bot.send(BUY)
        await rig.bot.send(BUY)
        assert rig.taken() == ["sig-42", "sig-42"]


async def test_send__hold__a_fault_of_ours_and_nothing_sent(kind: str) -> None:
    async with KINDS[kind](TIMEOUT_S) as rig:
        with pytest.raises(ValueError, match="HOLD"):
            await rig.bot.send(Order(Action.HOLD, "sig-42"))
        assert rig.taken() == []


@pytest.mark.parametrize(
    ("mode", "expected", "taken"),
    [("refused", Refused, []), ("error", Transient, []), ("cut", Transient, ["sig-42"])],
)
async def test_send__is_not_accepted__kind_of_error_and_no_second_try(
    kind: str, mode: str, expected: type[Transient], taken: list[str]
) -> None:
    async with KINDS[kind](TIMEOUT_S) as rig:
        rig.met(mode)
        with pytest.raises(Transient) as caught:
            await rig.bot.send(BUY)
        assert type(caught.value) is expected
        assert rig.taken() == taken


@pytest.mark.parametrize(("mode", "taken"), [("hang", []), ("hang after", ["sig-42"])])
async def test_send__hangs_and_its_caller_gives_up__ends_at_once(kind: str, mode: str, taken: list[str]) -> None:
    async with KINDS[kind](TIMEOUT_S) as rig:
        rig.met(mode)
        with pytest.raises(TimeoutError), anyio.fail_after(SHORT_S):
            await rig.bot.send(BUY)
        assert rig.taken() == taken


async def test_trades__some_were_made__told_as_they_were(kind: str) -> None:
    made = (
        OctoTrade("1", "BTC/USDT", "buy", 1_795_000_000_000),
        OctoTrade("2", "BTC/USDT", "sell", 1_795_000_060_500),
    )
    async with KINDS[kind](TIMEOUT_S) as rig:
        assert await rig.bot.trades() == ()
        for trade in made:
            rig.trade(trade)
        assert await rig.bot.trades() == made


async def test_probe__octobot_is_well__both_ports_and_nothing_sent(kind: str) -> None:
    async with KINDS[kind](TIMEOUT_S) as rig:
        probes = await rig.bot.probe()
        assert [(one.name, one.error) for one in probes] == [("octobot webhook", None), ("octobot web", None)]
        assert all(0 <= one.elapsed_ms < 1000 for one in probes)
        assert rig.taken() == []
