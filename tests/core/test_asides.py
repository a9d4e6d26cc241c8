import pytest

from ultrad.core.asides import (
    MAX_LINE_BYTES,
    Answer,
    Done,
    Progress,
    Refused,
    Request,
    answer_line,
    answer_of,
    request_line,
    request_of,
)
from ultrad.i18n import msg


def test_request__written_and_read__is_the_same() -> None:
    request = Request("backup", {"a": [1, None, "猫\n"]}, "/etc/ultrad/ultrad.toml")
    line = request_line(request)
    assert line.count(b"\n") == 1
    assert request_of(line) == request


@pytest.mark.parametrize(
    "answer",
    [
        Progress(msg("{done} of {all}", done=1, all=msg("two"))),
        Done({"figures": {"bytes": 2**60}}),
        Refused(msg("later"), transient=True),
        Refused(msg("never"), transient=False),
    ],
)
def test_answer__written_and_read__is_the_same(answer: Answer) -> None:
    assert answer_of(answer_line(answer)) == answer


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"result": []}',
        b'{"progress": "text"}',
        b'{"error": {"text": "{missing}", "args": {}}, "transient": true}',
        b'{"error": {"text": "x", "args": {}}, "transient": 1}',
        b"[" * 100_000,
    ],
)
def test_answer__anything_else__is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        answer_of(line)


@pytest.mark.parametrize("line", [b"", b"{}", b'{"work": 1, "arguments": {}, "config": ""}', b"[" * 100_000])
def test_request__anything_else__is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        request_of(line)


def test_answer__longer_than_anybody_reads__is_not_written() -> None:
    with pytest.raises(ValueError, match="bytes"):
        answer_line(Done({"text": "x" * MAX_LINE_BYTES}))
