import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ultrad.adapters import logging as ours
from ultrad.core.events import Level
from ultrad.i18n import ENGLISH, Catalogue, Message, msg

SECRET = 'https://rpc.example/v3/k"ey_0123é'


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def configured(form: ours.Format = "json", catalogue: Catalogue = ENGLISH) -> io.StringIO:
    stream = io.StringIO()
    ours.configure(form, "info", catalogue, [SECRET, "abc", "passphrase-1"], stream)
    return stream


class Shouting(Catalogue):
    def __call__(self, message: Message | str) -> str:
        return super().__call__(message).upper()


def test_log__a_message__is_a_json_line_with_sentence_level_and_figures() -> None:
    stream = configured()
    ours.say(Level.ALERT, msg("{part} is late by {ms} ms", part="chain", ms=10**30), code="part_late")
    found = json.loads(stream.getvalue())
    assert found.pop("time").endswith("Z")
    assert found == {
        "event": f"chain is late by {10**30} ms",
        "level": "error",
        "code": "part_late",
        "part": "chain",
        "ms": 10**30,
    }


def test_log__another_language__speaks_it() -> None:
    stream = configured(catalogue=Shouting("en"))
    ours.say(Level.INFO, msg("{part} is late", part=msg("the chain")))
    assert json.loads(stream.getvalue())["event"] == "THE CHAIN IS LATE"


def test_log__level_below_the_least__is_left_out() -> None:
    stream = configured()
    structlog.get_logger("ultrad").debug("quiet")
    logging.getLogger("aiohttp").info("a library speaks")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["a library speaks"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_log__secrets_anywhere__are_hidden(form: ours.Format) -> None:
    stream = configured(form)
    passphrase = "passphrase-1"

    def leak() -> None:
        local = passphrase
        raise ValueError(f"no answer from {SECRET} with {local!r}")

    try:
        leak()
    except ValueError as error:
        ours.report("chain", error)
    ours.say(Level.INFO, msg("{url} and {passphrase}", url=SECRET, passphrase=passphrase), deep=SECRET)
    logging.getLogger("urllib").warning("GET %s", SECRET.replace('"', "%22").replace("é", "%C3%A9"))
    structlog.get_logger("ultrad").info("nested", found={"url": [SECRET]}, b=SECRET.encode())
    text = stream.getvalue()
    assert "passphrase-1" not in text
    assert "ey_0123" not in text
    assert "Traceback" in text
    assert ours.HIDDEN in text


def test_log__a_tiny_secret__does_not_blot_out_the_text() -> None:
    stream = configured()
    ours.say(Level.INFO, msg("abcdef"))
    assert json.loads(stream.getvalue())["event"] == "abcdef"


def test_log__stdout_is_the_systems_journal__lines_bear_their_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        ours.configure("auto", "info", ENGLISH, [], stream)
        for level in Level:
            ours.say(level, msg("one"))
        ours.configure("console", "info", ENGLISH, [], stream)
        ours.report("chain", ValueError("first\nsecond"))
        stream.seek(0)
        lines = stream.read().splitlines()
    assert [line[:4] for line in lines[:5]] == ["<6>{", "<4>{", "<3>{", "<2>{", "<2>{"]
    assert all(line.startswith("<3>") for line in lines[5:])


def test_log__stdout_is_something_else__no_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    with (tmp_path / "out").open("w+") as stream:
        ours.configure("auto", "info", ENGLISH, [], stream)
        ours.say(Level.INFO, msg("one"))
        stream.seek(0)
        assert stream.read().startswith("{")


def test_complain__systems_journal__each_line_bears_its_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w+") as stream:
        ours.complain(Level.EMERGENCY, "a\nb", stream)
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        ours.complain(Level.EMERGENCY, "a\nb", stream)
        stream.seek(0)
        assert stream.read().splitlines() == ["a", "b", "<2>a", "<2>b"]
