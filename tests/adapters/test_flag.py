"""One contract for the flag in memory and the flag on disk, and what only a disk can do."""

import errno
import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import anyio
import pytest

from tests.fakes.flag import FakeFlag
from ultrad.adapters.flag import FlagFile
from ultrad.errors import Transient
from ultrad.ports import EstopFlag, FlagState


class Hands(Protocol):
    """What people do to the flag."""

    def touch(self) -> None: ...
    def rm(self) -> None: ...


class DiskHands:
    def __init__(self, path: Path) -> None:
        self.path = path

    def touch(self) -> None:
        self.path.touch()
        info = self.path.lstat()
        os.utime(self.path, ns=(info.st_atime_ns, info.st_mtime_ns + 1))  # a clock coarser than two touches

    def rm(self) -> None:
        self.path.unlink()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "flag").mkdir()
    return tmp_path / "flag" / "estop"


@pytest.fixture(params=["memory", "disk"])
def flag_and_hands(request: pytest.FixtureRequest, path: Path) -> tuple[EstopFlag, Hands]:
    if request.param == "memory":
        fake = FakeFlag()
        return fake, fake
    return FlagFile(path), DiskHands(path)


async def test_flag__written__is_present_with_its_content(flag_and_hands: tuple[EstopFlag, Hands]) -> None:
    flag, _ = flag_and_hands
    assert flag.look().state is FlagState.ABSENT
    await flag.write(b'{"code": "hf_low"}\n')
    assert flag.look().state is FlagState.PRESENT
    assert flag.content() == b'{"code": "hf_low"}\n'


async def test_flag__written_over_a_standing_one__leaves_it(flag_and_hands: tuple[EstopFlag, Hands]) -> None:
    flag, hands = flag_and_hands
    hands.touch()
    await flag.write(b"later")
    assert flag.content() == b""


async def test_flag__removed_as_seen__is_gone(flag_and_hands: tuple[EstopFlag, Hands]) -> None:
    flag, _ = flag_and_hands
    await flag.write(b"x")
    assert flag.remove(flag.look())
    assert flag.look().state is FlagState.ABSENT


async def test_flag__touched_since_it_was_seen__is_not_removed(flag_and_hands: tuple[EstopFlag, Hands]) -> None:
    flag, hands = flag_and_hands
    await flag.write(b"x")
    seen = flag.look()
    hands.touch()
    assert not flag.remove(seen)
    assert flag.look().state is FlagState.PRESENT


async def test_flag__gone_since_it_was_seen__counts_as_removed(flag_and_hands: tuple[EstopFlag, Hands]) -> None:
    flag, hands = flag_and_hands
    await flag.write(b"x")
    seen = flag.look()
    hands.rm()
    assert flag.remove(seen)


async def test_flag__made_though_seen_absent__is_not_removed(flag_and_hands: tuple[EstopFlag, Hands]) -> None:
    flag, hands = flag_and_hands
    seen = flag.look()
    assert flag.remove(seen)
    hands.touch()
    assert not flag.remove(seen)
    assert flag.look().state is FlagState.PRESENT


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _directory(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


@pytest.mark.parametrize("make", [_dangling, _directory, _pipe, _socket, Path.touch])
async def test_flag_file__in_any_form__counts_and_can_be_lifted(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    flag = FlagFile(path)
    assert flag.look().state is FlagState.PRESENT
    assert flag.content() == b""
    await flag.write(b"x")
    assert flag.remove(flag.look())
    assert flag.look().state is FlagState.ABSENT


def test_flag_file__directory_vanished__cannot_be_examined(tmp_path: Path) -> None:
    look = FlagFile(tmp_path / "gone" / "estop").look()
    assert look.state is FlagState.UNREADABLE
    assert "gone" in look.error


def test_flag_file__directory_is_a_file__cannot_be_examined(tmp_path: Path) -> None:
    (tmp_path / "flag").touch()
    assert FlagFile(tmp_path / "flag" / "estop").look().state is FlagState.UNREADABLE


def test_flag_file__link_loop_above__cannot_be_examined(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    look = FlagFile(tmp_path / "a" / "estop").look()
    assert look.state is FlagState.UNREADABLE
    assert "symbolic links" in look.error


async def test_flag_file__no_directory__refuses_the_write_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(Transient, match=r"gone/estop: No such file"):
        await FlagFile(tmp_path / "gone" / "estop").write(b"x")


async def test_flag_file__written__may_be_removed_by_the_group(path: Path) -> None:
    before = os.umask(0o077)
    try:
        await FlagFile(path).write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660


def test_flag_file__huge_content_by_others__is_cut(path: Path) -> None:
    path.write_bytes(b"x" * 1_000_000)
    assert len(FlagFile(path).content()) == 65_536


async def test_flag_file__disk_hangs__write_can_be_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _: release.wait(5))
    with anyio.move_on_after(0.05) as scope:
        await FlagFile(path).write(b"x")
    release.set()
    assert scope.cancelled_caught
    assert FlagFile(path).look().state is FlagState.PRESENT


def _fsynced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is fsynced from now on, by name."""
    names: list[str] = []
    fsync = os.fsync

    def record(handle: int) -> None:
        names.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", record)
    return names


async def test_flag_file__disk_fills_up_after_it_was_made__refuses_then_fsyncs_what_stands(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = FlagFile(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _refuse)
        with pytest.raises(Transient, match="No space left"):
            await flag.write(b"x")
    assert (flag.look().state, flag.content()) == (FlagState.PRESENT, b"")
    names = _fsynced(monkeypatch)
    await flag.write(b"x")
    assert names == ["estop", "flag"]


def _refuse(handle: int, content: bytes) -> int:  # noqa: ARG001 - as os.write
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("make", "synced"), [(_dangling, ["flag"]), (_directory, ["flag"]), (_pipe, ["flag"]), (_socket, ["flag"])]
)
async def test_flag_file__stands_in_another_form__its_directory_is_fsynced(
    path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], synced: list[str]
) -> None:
    make(path)
    names = _fsynced(monkeypatch)
    await FlagFile(path).write(b"x")
    assert names == synced


async def test_flag_file__removed_while_it_is_found_there__is_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = FlagFile(path)
    path.touch()
    create = flag._create

    def once(content: bytes) -> bool:
        made = create(content)
        path.unlink()
        monkeypatch.setattr(flag, "_create", create)
        return made

    monkeypatch.setattr(flag, "_create", once)
    await flag.write(b"x")
    assert flag.content() == b"x"


async def test_flag_file__one_write_hangs__the_next_waits_instead_of_hanging_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def hang(_: int) -> None:
        begun.release()
        release.wait(5)

    monkeypatch.setattr(os, "fsync", hang)
    flag = FlagFile(path)
    for _ in range(3):
        with anyio.move_on_after(0.1):
            await flag.write(b"x")
    assert begun.acquire(blocking=False)
    assert not begun.acquire(blocking=False)
    release.set()
    await flag.write(b"x")
    assert flag.look().state is FlagState.PRESENT


async def test_flag_file__directory_with_something_in_it__stays(path: Path) -> None:
    (path / "x").mkdir(parents=True)
    flag = FlagFile(path)
    with pytest.raises(Transient, match="not empty"):
        flag.remove(flag.look())
    assert flag.look().state is FlagState.PRESENT


def test_flag_file__removal_cut_short__is_put_back(path: Path) -> None:
    path.touch()
    path.rename(path.with_name(".estop.removing"))
    flag = FlagFile(path)
    assert flag.look().state is FlagState.UNREADABLE
    flag.put_back()
    assert flag.look().state is FlagState.PRESENT
    flag.put_back()
