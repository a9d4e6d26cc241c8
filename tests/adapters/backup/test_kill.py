"""A backup killed at random moments, and full disks: what is listed can be restored, and nothing is lost."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.adapters.backup.rig import NOON_MS, House


def _rounds(house: House, rounds: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same moments each time, as far as the machine is the same
    house.record(2_000)
    house.back_up()
    good = {target: set(house.good(target)) for target in ("local", "outside")}
    killed, whole_s = 0, 0.0
    command = [sys.executable, "-m", "tests.adapters.backup.killed", str(house.config)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for number in range(rounds + 1):
            child.stdin.write(f"{NOON_MS + 1 + number}\n")
            child.stdin.flush()
            pid = int(child.stdout.readline())
            begun_s = time.monotonic()
            if whole_s:  # else this first one shows how long a whole one takes
                time.sleep(chance.uniform(0, whole_s))
                os.kill(pid, signal.SIGKILL)
            child.stdin.write("\n")
            child.stdin.flush()
            ended = int(child.stdout.readline())
            whole_s = whole_s or time.monotonic() - begun_s
            assert ended in {0, -signal.SIGKILL}
            killed += ended != 0
            for target, before in good.items():
                found = set(house.good(target))
                assert before <= found
                for name in found - before:
                    assert house.drill(target, name).error is None
                good[target] = found
        child.stdin.close()
    assert killed
    assert house.restore("back").events == 2_020
    assert [one.error for one in house.back_up(NOON_MS + rounds + 2).brought] == [None, None]


def test_backup__killed_at_random_moments__never_a_bad_one_listed(both: House) -> None:
    _rounds(both, 4, 1)


@pytest.mark.prove
def test_backup__killed_a_hundred_times__never_a_bad_one_listed(both: House) -> None:
    _rounds(both, 100, 2)


# ---------------------------------------------------------------- full disks

_ON_SMALL_DISK = """
import sys
from pathlib import Path
from ultrad import backups, restores
from ultrad.adapters.backup import scratch
from ultrad.config import vaults
scratch.ROOM_LEFT_BYTES = 0
found = vaults(Path(sys.argv[1]), {})
words = []
for number in range(4):
    (brought,) = backups.make(found, int(sys.argv[2]) + number, lambda _: None).brought
    words.append(str(brought.error) if brought.error else "kept")
listed = backups.listing(found).backups
for one in listed:
    (drilled,) = restores.drill(found, lambda _: None, "", one.name).drilled
    assert drilled.error is None, str(drilled.error)
print("; ".join(words), "|", len(listed))
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting needs root")
def test_backup__disk_of_the_target_fills_up__is_told_and_those_before_stay_good(house: House) -> None:
    house.record(400)
    script = 'mount -t tmpfs -o size=400k small "$0" && exec "$@"'
    done = subprocess.run(
        [shutil.which("unshare") or "", "--mount", "--propagation", "private", "sh", "-c", script,
         str(house.at / "vault"), sys.executable, "-c", _ON_SMALL_DISK, str(house.config), str(NOON_MS)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    words, _, count = done.stdout.rpartition("|")
    assert words.count("kept") == int(count) >= 1
    assert "the disk is full" in words


def test_backup__target_cannot_be_written__is_told(house: House) -> None:
    vault = house.at / "vault"
    house.back_up()
    shutil.copytree(vault, house.at / "copy")
    vault.rename(house.at / "elsewhere")
    Path(vault).write_text("a file where the directory was")
    (brought,) = house.back_up(NOON_MS + 1).brought
    assert not brought.kept
    vault.unlink()
    (house.at / "elsewhere").rename(vault)
    assert len(house.good()) == 1
