"""A writing process is killed at any moment: what was acknowledged is there, and the chain is whole."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ultrad.adapters.journal import create, open_reader, verify
from ultrad.ports import EventFilter

ROOT = Path(__file__).parents[3]


def _write_until_killed(path: Path, start: int, pause_s: float) -> list[tuple[int, str]]:
    """The acknowledged heads of one process's life."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.journal.writing_child", str(path), str(start)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]  # it writes from here on
        time.sleep(pause_s)
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(int(seq), digest) for seq, digest in whole]


def _rounds(path: Path, rounds: int, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    create(path)
    heads: list[tuple[int, str]] = []
    for number in range(rounds):
        heads += _write_until_killed(path, (number + 1) * 100_000, moments.uniform(0, 0.4))
        result = verify(path, heads)
        assert result.fault is None, str(result.fault.message)
        assert result.events >= heads[-1][0]
    with open_reader(path) as reader:
        kinds = [one.event.kind for one in reader.events(EventFilter(limit=1_000_000))]
    # The two events of one call stand together or not at all.
    assert all(kinds[place + 1] == "second" for place, kind in enumerate(kinds) if kind == "test.event")
    assert kinds.count("test.event") == kinds.count("second") > rounds
    assert "readings.thinned" in kinds


def test_kill__a_few_moments__acknowledged_events_are_there(tmp_path: Path) -> None:
    _rounds(tmp_path / "journal.db", 3, seed=1)


@pytest.mark.prove
def test_kill__many_moments__acknowledged_events_are_there(tmp_path: Path) -> None:
    _rounds(tmp_path / "journal.db", 60, seed=2)
