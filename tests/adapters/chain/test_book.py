"""The market's addresses: kept for the next start, confirmed by a second endpoint, told when they change."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi.abi import encode

from tests.adapters.chain import rig as rigs
from ultrad.adapters.chain.book import Book, BookFile
from ultrad.addresses import ZERO, checksum
from ultrad.core.rounds import ChainUnavailable
from ultrad.errors import Transient

BOOK = Book(rigs.POOL, rigs.ORACLE, rigs.DATA_PROVIDER)
OTHER = checksum("0x" + "99" * 20)
FAST = replace(rigs.SETTINGS, static_refresh_s=0.03)


def book_file(tmp_path: Path, chain_id: int = 31337) -> BookFile:
    return BookFile(tmp_path / "book.json", chain_id, rigs.PROVIDER)


async def test_save__then_load__the_same(tmp_path: Path) -> None:
    assert book_file(tmp_path).load() is None
    await book_file(tmp_path).save(BOOK)
    assert book_file(tmp_path).load() == BOOK
    assert [one.name for one in tmp_path.iterdir()] == ["book.json"]


async def test_load__of_another_chain__ignored(tmp_path: Path) -> None:
    await book_file(tmp_path, 1).save(BOOK)
    assert book_file(tmp_path).load() is None


@pytest.mark.parametrize(
    "change", [{"pool": "0x12"}, {"pool": None}, {"oracle": 7}, {"addresses_provider": OTHER}]
)
async def test_load__a_value_is_wrong__ignored(change: dict[str, object], tmp_path: Path) -> None:
    await book_file(tmp_path).save(BOOK)
    path = tmp_path / "book.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert book_file(tmp_path).load() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "x" * 9_000])
def test_load__not_a_book__ignored(content: str, tmp_path: Path) -> None:
    (tmp_path / "book.json").write_text(content)
    assert book_file(tmp_path).load() is None


async def test_save__directory_is_gone__transient(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="could not be kept"):
        await BookFile(tmp_path / "no" / "book.json", 1, rigs.PROVIDER).save(BOOK)


async def test_chain__first_start__book_is_kept(tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path) as chain:
        await chain.read()
        await rig.until(lambda: book_file(tmp_path).load() == BOOK)
        assert rig.told == []


async def test_chain__book_cannot_be_kept__told_once_and_reading_goes_on(tmp_path: Path) -> None:
    (tmp_path / "book.json.new").mkdir()
    async with rigs.nodes("alpha") as rig, rigs.chain_of(rig, tmp_path, settings=FAST) as chain:
        await rig.until(lambda: bool(rig.told))
        assert (await chain.read()).readings
        refreshed = rig["alpha"].calls.count("eth_call")
        await rig.until(lambda: rig["alpha"].calls.count("eth_call") > refreshed + 2)
        assert len(rig.told) == 1


async def test_chain__pool_changes__used_and_told(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig, rigs.chain_of(rig, tmp_path, settings=FAST) as chain:
        await chain.read()
        for server in rig.servers.values():
            server.set(rigs.PROVIDER, "getPool()", b"", encode(["address"], [OTHER]))
            for _, account in rigs.ACCOUNTS:
                server.account(OTHER, account, 42, 0, 2**256 - 1)
        await rig.mine()
        await rig.until(lambda: bool(rig.told))
        assert OTHER in str(rig.told[0])
        assert {one.collateral_e8 for one in (await chain.read()).readings} == {42}
        await rig.until(lambda: book_file(tmp_path).load() == replace(BOOK, pool=OTHER))


async def test_chain__endpoints_name_different_pools__neither_is_believed(tmp_path: Path) -> None:
    async with rigs.nodes("alpha", "beta") as rig:
        rig["beta"].set(rigs.PROVIDER, "getPool()", b"", encode(["address"], [OTHER]))
        await rig.mine()
        async with rigs.chain_of(rig, tmp_path, running=False) as chain:
            with pytest.raises(ChainUnavailable, match="different Aave contracts"):
                await chain.read()


@pytest.mark.parametrize("answer", [encode(["address"], [ZERO]), b"", b"\x01" * 32, None])
async def test_chain__no_market_at_the_provider__says_so(answer: bytes | None, tmp_path: Path) -> None:
    async with rigs.nodes("alpha") as rig:
        rig["alpha"].set(rigs.PROVIDER, "getPool()", b"", answer)
        await rig.mine()
        async with rigs.chain_of(rig, tmp_path, running=False) as chain:
            with pytest.raises(ChainUnavailable, match="no Aave market"):
                await chain.read()
