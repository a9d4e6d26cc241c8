"""One S3 server for all tests, and a gate before it for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.backup.rig import ACCESS, BUCKET, DIRECTORY, S3, House, s3_server
from tests.fakes.bucket_gate import BucketGate
from ultrad.adapters.backup import scratch, store


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is met once, and small disks have room enough."""
    monkeypatch.setattr(store, "TRIES", 1)
    monkeypatch.setattr(scratch, "ROOM_LEFT_BYTES", 0)


@pytest.fixture(scope="session")
def server() -> Iterator[int]:
    with s3_server() as port:
        yield port


@pytest.fixture
def gate(server: int) -> Iterator[BucketGate]:
    with BucketGate(server, ACCESS) as gate:
        yield gate


@pytest.fixture
def house(tmp_path: Path) -> House:
    """With a directory as its only target."""
    return House(tmp_path, DIRECTORY)


@pytest.fixture
def both(tmp_path: Path, gate: BucketGate) -> House:
    """With a directory and a bucket. Each test has a folder of its own in the bucket."""
    outside = S3.replace("{port}", str(gate.port)).replace("{bucket}", BUCKET)
    return House(tmp_path, DIRECTORY + outside.replace("team/staging", f"team/{abs(hash(tmp_path))}"))
