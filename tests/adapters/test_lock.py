import os
import subprocess
import sys
from pathlib import Path

import pytest

from ultrad.adapters.lock import take_lock
from ultrad.errors import EXIT_LOCKED, Fatal, Transient

HOLD = """
import sys
from pathlib import Path
from ultrad.adapters.lock import take_lock
held = take_lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_take_lock__held_by_another_process__fatal_naming_it_until_it_is_killed(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Fatal, match=f"process {holder.pid} holds") as caught:
            take_lock(path)
        assert caught.value.exit_code == EXIT_LOCKED
        holder.kill()
        holder.wait()
    take_lock(path).release()


def test_take_lock__held_in_this_process__fatal_until_released(path: Path) -> None:
    held = take_lock(path)
    assert path.read_text() == f"{os.getpid()}\n"
    with pytest.raises(Fatal):
        take_lock(path)
    held.release()
    held.release()
    take_lock(path).release()


def test_take_lock__longer_id_left_over__written_anew(path: Path) -> None:
    path.write_text("123456789012345678\n")
    held = take_lock(path)
    assert path.read_text() == f"{os.getpid()}\n"
    held.release()


@pytest.mark.parametrize("kind", ["directory", "link", "nowhere"])
def test_take_lock__cannot_be_opened__transient_naming_it(path: Path, kind: str) -> None:
    if kind == "directory":
        path.mkdir()
        (path / "inner").touch()
    elif kind == "link":
        path.symlink_to(path.with_name("elsewhere"))
    else:
        path = path / "lock"
    with pytest.raises(Transient, match="lock"):
        take_lock(path)
