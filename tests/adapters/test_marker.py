"""The marker: read as it was written, and never taken for missing where it is damaged."""

import stat
from pathlib import Path

import pytest

from ultrad.adapters import marker
from ultrad.errors import Permanent, Transient
from ultrad.ports import JournalHead

HASH = "ab" * 32


def test_marker__written__reads_back(tmp_path: Path) -> None:
    path = tmp_path / "marker.json"

    marker.write(path, JournalHead("one", 1, HASH), 1_000)
    marker.write(path, JournalHead("one", 2, HASH), 2_000)

    assert marker.read(path) == JournalHead("one", 2, HASH)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["marker.json"]


def test_marker__missing__none(tmp_path: Path) -> None:
    assert marker.read(tmp_path / "marker.json") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"\xff",
        b"[1]",
        b'{"journal_id":"one","seq":1,"hash":"abc","written_wall_ms":1}',
        b'{"journal_id":"","seq":1,"hash":"%s","written_wall_ms":1}' % HASH.encode(),
        b'{"journal_id":"one","seq":-1,"hash":"%s","written_wall_ms":1}' % HASH.encode(),
        b'{"journal_id":"one","seq":true,"hash":"%s","written_wall_ms":1}' % HASH.encode(),
        b'{"journal_id":"one","seq":1,"hash":"%s"}' % HASH.encode(),
        b'{"journal_id":"' + b"a" * 5_000 + b'"}',
        b"[" * 4_000,
    ],
)
def test_marker__damaged__is_not_taken_for_missing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "marker.json"
    path.write_bytes(content)

    with pytest.raises(Permanent):
        marker.read(path)


def test_marker__cannot_be_read_or_written__transient(tmp_path: Path) -> None:
    path = tmp_path / "marker.json"
    path.mkdir()

    with pytest.raises(Transient):
        marker.read(path)
    with pytest.raises(Transient):
        marker.write(path, JournalHead("one", 1, HASH), 1)
    with pytest.raises(Transient):
        marker.write(tmp_path / "gone/marker.json", JournalHead("one", 1, HASH), 1)
