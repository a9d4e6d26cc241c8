"""What every database of decisions does alike, the fake one too."""

from decimal import Decimal

import anyio
import pytest

from tests.adapters.notion.rig import KINDS, SHORT_S, URL
from ultrad.core.signals import Action
from ultrad.errors import Permanent, Transient, UltradError
from ultrad.ports import Refused, Throttled
from ultrad.trade_ports import BadRow, Row

pytestmark = pytest.mark.parametrize("kind", KINDS)
AT_MS = 1_795_000_000_000
NOBODY = "59833787-2cf9-4fdf-8782-ffffffffffff"


async def test_open_rows__open_and_decided__the_oldest_edit_first(kind: str) -> None:
    async with KINDS[kind]() as rig:
        first = rig.add("BUY", 78, at_ms=AT_MS)
        second = rig.add("SELL", 55.5)
        rig.add(None)
        rows = await rig.rows.open_rows()
        assert [one.page_id for one in rows] == [first, second]
        buy, sell = rows
        assert isinstance(buy, Row)
        assert (buy.action, buy.confidence, buy.at_ms, buy.url) == (Action.BUY, Decimal(78), AT_MS, URL)
        assert isinstance(sell, Row)
        assert (sell.action, sell.confidence, sell.at_ms) == (Action.SELL, Decimal("55.5"), sell.edited_ms)


async def test_open_rows__some_are_bad__reported_and_the_others_taken(kind: str) -> None:
    async with KINDS[kind]() as rig:
        bad = [rig.add("SHORT"), rig.add("BUY", 100.5), rig.add("BUY", None), rig.add("SELL", -1, "")]
        good = rig.add("HOLD", 0)
        rows = await rig.rows.open_rows()
        assert [one.page_id for one in rows if isinstance(one, BadRow)] == bad
        assert [one.page_id for one in rows if isinstance(one, Row)] == [good]
        worst = str(rows[3].message) if isinstance(rows[3], BadRow) else ""
        assert "URL" in worst
        assert "Confidence" in worst
        assert "Action" not in worst


async def test_finish__a_row__done_with_its_outcome_and_open_no_more(kind: str) -> None:
    async with KINDS[kind]() as rig:
        row = rig.add()
        for _ in range(2):  # doing it again changes nothing
            await rig.rows.finish(row, "実行済み 0xabc")
            assert rig.seen(row) == ("処理済", "実行済み 0xabc")
            assert await rig.rows.open_rows() == ()


async def test_complain__a_row__told_there_and_still_open(kind: str) -> None:
    async with KINDS[kind]() as rig:
        row = rig.add("BUY", None)
        await rig.rows.complain(row, "Confidence が空です")
        assert rig.seen(row) == ("未処理", "Confidence が空です")
        assert len(await rig.rows.open_rows()) == 1


async def test_finish__longer_than_notion_takes__cut_visibly(kind: str) -> None:
    async with KINDS[kind]() as rig:
        row = rig.add()
        await rig.rows.finish(row, "長" * 3000)
        assert rig.seen(row)[1] == "長" * 1999 + "…"


async def test_finish__row_is_gone__permanent(kind: str) -> None:
    async with KINDS[kind]() as rig:
        with pytest.raises(Permanent, match=NOBODY):
            await rig.rows.finish(NOBODY, "x")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("error", Transient), ("refused", Refused), ("throttled", Throttled), ("rejected", Permanent)],
)
async def test_call__is_not_met_well__kind_of_error(kind: str, mode: str, expected: type[UltradError]) -> None:
    async with KINDS[kind]() as rig:
        rig.met(mode)
        with pytest.raises(expected) as caught:
            await rig.rows.open_rows()
        assert expected is not Transient or type(caught.value) is Transient


async def test_finish__cut_after_it_was_done__not_known_and_done_once_more_without_harm(kind: str) -> None:
    async with KINDS[kind]() as rig:
        row = rig.add()
        rig.met("cut")
        with pytest.raises(Transient) as caught:
            await rig.rows.finish(row, "結果")
        assert type(caught.value) is Transient
        await rig.rows.finish(row, "結果")
        assert rig.seen(row) == ("処理済", "結果")


async def test_call__hangs_and_its_caller_gives_up__ends_at_once(kind: str) -> None:
    async with KINDS[kind]() as rig:
        rig.met("hang")
        with pytest.raises(TimeoutError), anyio.fail_after(SHORT_S):
            await rig.rows.open_rows()


async def test_check__schema_is_good__no_fault(kind: str) -> None:
    async with KINDS[kind]() as rig:
        assert await rig.rows.check() == ()


async def test_probe__well_then_not__told_and_never_raised(kind: str) -> None:
    async with KINDS[kind]() as rig:
        probe = await rig.rows.probe()
        assert (probe.name, probe.error) == ("notion", None)
        rig.met("refused")
        assert (await rig.rows.probe()).error is not None


async def test_export__rows_of_any_status__each_once(kind: str) -> None:
    async with KINDS[kind]() as rig:
        ids = [rig.add(), rig.add(None), rig.add("BUY", None)]
        await rig.rows.finish(ids[0], "x")
        assert [one["id"] async for one in rig.rows.export()] == ids
