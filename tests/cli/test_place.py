"""Broken and missing configurations, wrong usage, and what starting a command costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Desk
from ultrad.cli import place
from ultrad.cli.parser import ROLLBACK_ANSWERS
from ultrad.cli.place import DEFAULTS, find
from ultrad.config import Settings
from ultrad.core import checklist
from ultrad.errors import EXIT_CONFIG

# ---------------------------------------------------------------- a configuration that is broken


BROKEN = ("environment = 3\nlanguage = 'fr'\nstate_dir = 'relative'\n", "not toml at all [", "")


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize(
    "argv",
    [
        ("status",),
        ("check",),
        ("init",),
        ("run",),
        ("log",),
        ("audit", "verify"),
        ("resume",),
        ("estop", "status"),
    ],
)
def test_commands__broken_configuration__say_every_mistake_and_end_with_78(
    desk: Desk, argv: tuple[str, ...], text: str
) -> None:
    desk.config.write_text(text, encoding="utf-8")

    ran = desk.ultrad(*argv)

    assert ran.code == EXIT_CONFIG
    assert str(desk.config) in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("argv", [("status",), ("run",), ("init",)])
def test_commands__no_configuration__end_with_78(desk: Desk, argv: tuple[str, ...]) -> None:
    desk.config.unlink()

    assert desk.ultrad(*argv).code == EXIT_CONFIG


def test_estop_on__limits_were_just_broken__stops_all_the_same(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    with desk.config.open("a", encoding="utf-8") as file:
        file.write("[limits]\ntrip_hf = 'oops'\n")

    assert desk.ultrad("estop", "on").code == 0
    assert desk.flag.exists()


@pytest.mark.parametrize("breaks", ["mistyped", "not toml", "no rights"])
def test_estop_on__file_cannot_be_read__stops_the_usual_place_says_so_and_fails(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    assert desk.ultrad("init").code == 0
    monkeypatch.setattr(
        place, "DEFAULTS", dict(DEFAULTS) | {"state_dir": f"{desk.home}/state", "runtime_dir": f"{desk.home}/run"}
    )
    if breaks == "not toml":
        desk.config.write_text("state_dir = [", encoding="utf-8")
    elif breaks == "no rights":
        desk.config.unlink()
        desk.config.mkdir()  # even root cannot read a directory as a file
    named = desk.home / "mistyped.toml" if breaks == "mistyped" else desk.config

    ran = desk.ultrad("--config", str(named), "estop", "on")

    assert ran.code == EXIT_CONFIG
    assert f"{named} cannot be read" in ran.err
    assert str(desk.flag) in ran.err
    assert desk.flag.exists()


def test_estop_on__only_the_language_is_unusable__the_place_is_known_and_it_succeeds(desk: Desk) -> None:
    assert desk.ultrad("init").code == 0
    desk.config.write_text(desk.config.read_text(encoding="utf-8").replace('"en"', '"fr"'), encoding="utf-8")

    ran = desk.ultrad("estop", "on")

    assert ran.code == 0
    assert "cannot be read" not in ran.err
    assert desk.flag.exists()


# ---------------------------------------------------------------- the place, and what starting costs


def test_place__defaults__are_those_of_the_schema() -> None:
    assert {name: Settings.model_fields[name].default for name in DEFAULTS} == dict(DEFAULTS)
    assert ROLLBACK_ANSWERS == checklist.ROLLBACK_ANSWERS


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "ja_JP", "LANG": "en_US"}, "ja"),
    ],
)
def test_place__no_configuration__the_terminal_says_the_language(environ: dict[str, str], language: str) -> None:
    place = find(Path("/nonexistent"), environ)

    assert (place.language, place.sound) == (language, False)


@pytest.mark.parametrize(
    "line",
    [
        "language = 1",
        "timezone = 'Mars/Base'",
        "timezone = '../etc'",
        "state_dir = 'x'",
        "runtime_dir = '/a\\u0000b'",
    ],
)
def test_place__one_key_is_unusable__stands_at_its_default_and_is_not_sound(tmp_path: Path, line: str) -> None:
    config = tmp_path / "ultrad.toml"
    config.write_text(line.replace("'", '"'), encoding="utf-8")

    place = find(config, {})

    assert not place.sound
    assert (place.state_dir, place.runtime_dir, place.language) == ("/var/lib/ultrad", "/run/ultrad", "ja")


def test_place__environment_variable__names_the_file(desk: Desk) -> None:
    desk.write("ja")
    other = desk.home / "other.toml"
    other.write_text("language = 'xx'", encoding="utf-8")

    assert desk.ultrad("--config", str(other), "status").code == EXIT_CONFIG
    assert desk.ultrad(f"--config={other}", "status").code == EXIT_CONFIG
    assert desk.ultrad("status").code == 3


HEAVY = ("aiohttp", "anyio", "pydantic", "pydantic_core", "rich", "sqlite3", "web3")


@pytest.mark.parametrize(
    ("argv", "unwanted"),
    [
        (("--help",), (*HEAVY, "http.client")),
        (("resume", "--help"), (*HEAVY, "http.client")),
        (("version",), HEAVY),
        (("status", "--json"), HEAVY),
        (("status",), ("aiohttp", "anyio", "pydantic", "web3")),
    ],
)
def test_commands__start__import_no_more_than_they_need(
    desk: Desk, argv: tuple[str, ...], unwanted: tuple[str, ...]
) -> None:
    script = (
        "import sys, contextlib\n"
        "from ultrad.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(sys.argv[1:])\n"
        f"print([one for one in {unwanted!r} if one in sys.modules], file=sys.stderr)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, "--config", str(desk.config), *argv],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert ran.stderr.splitlines()[-1] == "[]"


def test_output__reader_has_seen_enough__ends_quietly(desk: Desk) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "ultrad", "--config", str(desk.config), "version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout and child.stderr  # noqa: PT018 - narrows two types
        child.stdout.close()
        said = child.stderr.read()

    assert b"Traceback" not in said
    assert b"Exception" not in said


def test_usage__no_command__shows_help_and_ends_with_2(desk: Desk) -> None:
    ran = desk.ultrad()

    assert ran.code == 2
    assert "usage: ultrad" in ran.err


@pytest.mark.parametrize(
    "argv", [("job",), ("job", "run"), ("estop",), ("audit",), ("resume", "--rollback", "perhaps")]
)
def test_usage__incomplete_or_wrong__ends_with_2(desk: Desk, argv: tuple[str, ...]) -> None:
    assert desk.ultrad(*argv).code == 2
