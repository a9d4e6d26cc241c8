"""The drill's flag: a directory of its own, on the same disk, gone afterwards."""

from pathlib import Path

import pytest

from ultrad.adapters.scratch import scratch_flag
from ultrad.errors import Transient
from ultrad.ports import FlagState


async def test_scratch_flag__written__stands_beside_the_real_one_and_is_gone_afterwards(tmp_path: Path) -> None:
    async with scratch_flag(tmp_path) as flag:
        assert flag.look().state is FlagState.ABSENT
        await flag.write(b"{}")
        assert flag.look().state is FlagState.PRESENT
        assert [one.name for one in (tmp_path / "drill").iterdir()] == ["estop"]
        assert (tmp_path / "drill").stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


async def test_scratch_flag__left_by_a_process_that_was_killed__begins_anew(tmp_path: Path) -> None:
    (tmp_path / "drill").mkdir()
    (tmp_path / "drill" / "estop").touch()
    async with scratch_flag(tmp_path) as flag:
        assert flag.look().state is FlagState.ABSENT


async def test_scratch_flag__cannot_be_made__says_where_and_why(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="ascii")
    with pytest.raises(Transient, match="drill: Not a directory"):
        async with scratch_flag(tmp_path / "state"):
            pass


async def test_scratch_flag__the_drill_raises__is_gone_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with scratch_flag(tmp_path):
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
