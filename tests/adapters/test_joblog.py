import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from tests.fakes.clock import FakeClock
from ultrad.adapters.joblog import MOST_WAITING, JobLogFiles
from ultrad.core.events import Level
from ultrad.i18n import ENGLISH, Message, msg

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def told() -> list[Message]:
    return []


@pytest.fixture
def log(tmp_path: Path, told: list[Message]) -> JobLogFiles:
    return Settled(tmp_path, FakeClock(NOON), ENGLISH, told.append)


class Settled(JobLogFiles):
    """Waits for the disk after each line, as a test of what stands there must."""

    def write(self, name: str, level: Level, message: Message, **figures: str | int) -> None:
        super().write(name, level, message, **figures)
        assert self.flush(5)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_job_log__a_line__is_json_with_time_level_sentence_and_figures(log: JobLogFiles, tmp_path: Path) -> None:
    log.write("a.log", Level.WARNING, msg("{name} took {ms} ms", name="rpc\n1", ms=12), elapsed_ms=12, probe="価")
    assert lines(tmp_path / "a.log") == [
        {
            "time": "2026-03-02T12:00:00.000+00:00",
            "level": "warning",
            "message": "rpc\n1 took 12 ms",
            "elapsed_ms": 12,
            "probe": "価",
        }
    ]
    assert (tmp_path / "a.log").read_bytes().count(b"\n") == 1


def test_job_log__rotated_between_lines__the_next_goes_to_a_new_file(log: JobLogFiles, tmp_path: Path) -> None:
    log.write("a.log", Level.INFO, msg("one"))
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    log.write("a.log", Level.INFO, msg("two"))
    assert [len(lines(tmp_path / name)) for name in ("a.log", "a.log.1")] == [1, 1]


def test_job_log__cannot_be_written__told_once_until_it_can_again(
    log: JobLogFiles, told: list[Message], tmp_path: Path
) -> None:
    (tmp_path / "a.log").mkdir()
    for _ in range(3):
        log.write("a.log", Level.INFO, msg("lost"))
    assert [str(tmp_path / "a.log") in str(one) for one in told] == [True]
    (tmp_path / "a.log").rmdir()
    log.write("a.log", Level.INFO, msg("kept"))
    (tmp_path / "a.log").unlink()
    (tmp_path / "a.log").mkdir()
    log.write("a.log", Level.INFO, msg("lost"))
    assert len(told) == 2


def test_job_log__full_disk__told(told: list[Message], tmp_path: Path) -> None:
    (tmp_path / "full.log").symlink_to("/dev/full")
    log = Settled(Path("/dev"), FakeClock(NOON), ENGLISH, told.append)
    log.write("full", Level.INFO, msg("lost"))
    assert "No space left" in str(told[0])


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_job_log__somebody_put_something_else_there__is_refused_without_waiting(
    log: JobLogFiles, told: list[Message], tmp_path: Path, kind: str
) -> None:
    if kind == "link":
        (tmp_path / "a.log").symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(tmp_path / "a.log")
    log.write("a.log", Level.INFO, msg("one"))
    assert len(told) == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """A disk that takes nothing until the event is set."""
    thaw, opens = Event(), os.open

    def waits(path: os.PathLike[str], flags: int, mode: int) -> int:
        thaw.wait(10)
        return opens(path, flags, mode)

    monkeypatch.setattr(os, "open", waits)
    yield thaw
    thaw.set()


def test_job_log__frozen_disk__nobody_waits_and_the_loss_is_told(
    frozen: Event, told: list[Message], tmp_path: Path
) -> None:
    log = JobLogFiles(tmp_path, FakeClock(NOON), ENGLISH, told.append)
    begun_s = time.monotonic()
    for _ in range(MOST_WAITING + 3):
        log.write("a.log", Level.INFO, msg("one"))
    assert time.monotonic() - begun_s < 2
    assert not log.flush(0.01)
    assert ["has not taken a line" in str(one) for one in told] == [True]
    frozen.set()
    assert log.flush(10)
    assert "3 lines of the jobs' logs were lost" in str(told[-1])
    assert len(lines(tmp_path / "a.log")) == MOST_WAITING


def test_job_log__moved_while_lines_wait__they_go_to_the_new_file(frozen: Event, tmp_path: Path) -> None:
    log = JobLogFiles(tmp_path, FakeClock(NOON), ENGLISH, lambda _: None)
    log.write("a.log", Level.INFO, msg("one"))
    frozen.set()
    assert log.flush(5)
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    for _ in range(2):
        log.write("a.log", Level.INFO, msg("two"))
    assert log.flush(5)
    assert [len(lines(tmp_path / name)) for name in ("a.log", "a.log.1")] == [2, 1]
