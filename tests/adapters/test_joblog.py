import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from ultrad.adapters.joblog import JobLogFiles
from ultrad.core.events import Level
from ultrad.i18n import ENGLISH, Message, msg

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def told() -> list[Message]:
    return []


@pytest.fixture
def log(tmp_path: Path, told: list[Message]) -> JobLogFiles:
    return JobLogFiles(tmp_path, FakeClock(NOON), ENGLISH, told.append)


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
    log = JobLogFiles(Path("/dev"), FakeClock(NOON), ENGLISH, told.append)
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
