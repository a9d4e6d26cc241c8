"""From a file to settings: as far as it can be understood, with every mistake in it."""

import os
import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ultrad.config.explain import explain
from ultrad.config.mistakes import DEFAULT_LANGUAGE, ConfigError, Loc, Mistake, key_text
from ultrad.config.rules import mistakes_between_keys
from ultrad.config.schema import Settings
from ultrad.i18n import LANGUAGES, Language, Message, msg

MAX_FILE_BYTES = 1_000_000
"""A thousand positions take a tenth of it."""
MAX_SALVAGE_ROUNDS = 8
"""Each round goes one level further up at most; the schema has five levels."""
MAX_ERRORS = 1_000
"""A configuration has not as many keys, nor more positions. What is longer is not worth the time to explain."""
MAX_DEPTH = 10
"""Twice what the schema has; a dotted key alone could nest without end."""
_TOO_DEEP = msg("sections are nested too deeply for a configuration. It is probably the wrong file.")
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_TWICE = re.compile(r"Cannot (overwrite|declare|mutate)")


@dataclass(frozen=True, slots=True)
class Draft:
    """A file as far as it could be understood. left_out: keys that were wrong, and so stand at their defaults."""

    settings: Settings | None
    mistakes: tuple[Mistake, ...]
    left_out: tuple[str, ...]
    language: Language


def draft(path: Path) -> Draft:
    """Parse and validate. Raises ConfigError where not even TOML can be read."""
    raw = _parse(path, _text(path))
    language = next((one for one in LANGUAGES if one == raw.get("language")), DEFAULT_LANGUAGE)
    settings, errors = _validate(raw)
    if len(errors) > MAX_ERRORS:
        problem = msg("there are {count} mistakes in it. It is probably the wrong file.", count=len(errors))
        raise ConfigError(path, (problem, *(explain(error, raw).message for error in errors[:10])), language)
    mistakes = [explain(error, raw) for error in errors]
    settings, left_out = (settings, ()) if settings else _salvage(raw, errors)
    if settings:
        between = mistakes_between_keys(settings)
        mistakes += [one for one in between if not one.touches(left_out)]
    return Draft(settings, tuple(mistakes), left_out, language)


def _text(path: Path) -> str:
    """The file's text."""
    problem: Message
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor: a pipe must not block, a directory must not raise
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            content = file.read(MAX_FILE_BYTES + 1) if regular else b""
    except IsADirectoryError:
        regular, content = False, b""
    except OSError as error:
        problem = msg(
            "the file cannot be read: {reason}. Check its path and who may read it.", reason=error.strerror or ""
        )
        raise ConfigError(path, (problem,)) from None
    if not regular:
        problem = msg("this is no regular file. Name the configuration file itself.")
    elif len(content) > MAX_FILE_BYTES:
        problem = msg("the file is longer than {limit} bytes. It is probably the wrong one.", limit=MAX_FILE_BYTES)
    elif not content.strip():
        problem = msg("the file is empty. Begin with a copy of the example, etc/ultrad.toml.")
    else:
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            problem = msg("line {line} is not UTF-8. Save the file as UTF-8.", line=line)
    raise ConfigError(path, (problem,))


def _parse(path: Path, text: str) -> dict[str, object]:
    """TOML with exact decimals."""
    try:
        raw = tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    except RecursionError:
        problem = _TOO_DEEP
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))  # else it is the end of the file
        line, column = found.groups() if found else (str(text.count("\n") + 1), str(len(text) - text.rfind("\n")))
        if _TWICE.match(str(error)):
            problem = msg(
                "line {line}, column {column}: this key or section stands twice. Keep one of them.",
                line=line,
                column=column,
            )
        else:
            problem = msg(
                "line {line}, column {column}: this is not TOML. Text needs quotes, each key its own line, and"
                " each bracket its partner.",
                line=line,
                column=column,
            )
    except (ValueError, ArithmeticError):
        problem = msg("a number has more digits than can be meant. It is probably the wrong file.")
    else:
        if not _deeper(raw, MAX_DEPTH):
            return raw
        problem = _TOO_DEEP
    raise ConfigError(path, (problem,))


def _deeper(value: object, levels: int) -> bool:
    """Whether there are tables and lists within each other on more levels than these."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return levels < 0 or any(_deeper(item, levels - 1) for item in inner)


def _validate(raw: object) -> tuple[Settings | None, list[ErrorDetails]]:
    try:
        return Settings.model_validate(_frozen(raw)), []
    except ValidationError as error:
        return None, _own(error.errors(include_url=False))


def _own(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Less the lists that are too short only for want of their wrong items."""
    wrong_lists = {error["loc"][:-1] for error in errors if error["loc"]}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in wrong_lists]


def _frozen(value: object) -> object:
    """Lists as tuples, as the strict schema wants them."""
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    return value


_PLACEHOLDERS: Mapping[Loc, object] = {
    ("environment",): "devnet",
    ("chain",): {"network": "devnet"},
    ("chain", "network"): "devnet",
}
"""What stands in for the keys without a default, where they are wrong; what follows from them is not told."""


def _salvage(raw: object, errors: Sequence[ErrorDetails]) -> tuple[Settings | None, tuple[str, ...]]:
    """Strike out what is wrong until the rest holds, so that the rest can be checked in the same answer.

    The result serves for finding further mistakes only.
    """
    left_out: list[str] = []
    for _ in range(MAX_SALVAGE_ROUNDS):
        wrong = {_culprit(error) for error in errors}
        left_out += [key_text(loc, raw) for loc in wrong]
        raw = _without(raw, wrong)
        settings, errors = _validate(raw)
        if settings:
            return settings, tuple(left_out)
    return None, tuple(left_out)


def _culprit(error: ErrorDetails) -> Loc:
    """What to strike out: the wrong thing itself, or what lacks the missing one."""
    loc = error["loc"]
    if loc[-1] == "[key]" or (error["type"] == "missing" and loc not in _PLACEHOLDERS):
        return loc[:-1]
    return loc


def _without(value: object, wrong: AbstractSet[Loc], loc: Loc = ()) -> object:
    """A copy without what stands at the places that are wrong."""
    if isinstance(value, list):
        return [_without(item, wrong, (*loc, i)) for i, item in enumerate(value) if (*loc, i) not in wrong]
    if isinstance(value, Mapping):
        kept = {key: _without(item, wrong, (*loc, key)) for key, item in value.items() if (*loc, key) not in wrong}
        return kept | {
            gone[-1]: _PLACEHOLDERS[gone] for gone in wrong if gone in _PLACEHOLDERS and gone[:-1] == loc
        }
    return value
