"""Where the daemon of this machine is, and how its operators read: the few keys that commands need.

They are read leniently, and without the configuration's own reader: a command that stops must start at once, and
must work when somebody has just broken the file. Every other command goes on only with a file that could be read.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from ultrad.errors import EXIT_CONFIG, Fatal
from ultrad.i18n import LANGUAGES, Language, msg
from ultrad.paths import Paths

CONFIG_VARIABLE = "ULTRAD_CONFIG"
DEFAULT_CONFIG = "/etc/ultrad/ultrad.toml"
DEFAULTS: Mapping[str, str] = {
    "language": "ja",
    "timezone": "Asia/Tokyo",
    "state_dir": "/var/lib/ultrad",
    "runtime_dir": "/run/ultrad",
}
"""As in the configuration's schema."""
MAX_FILE_BYTES = 1_000_000
"""As the configuration's own reader."""


@dataclass(frozen=True, slots=True)
class Place:
    """One daemon's surroundings.

    sound: whether its file could be read as far as needed here. found: whether it said which daemon is meant, with
    no directory standing at its default for want of a usable one.
    """

    config: Path
    language: Language
    zone: ZoneInfo
    state_dir: str
    runtime_dir: str
    sound: bool
    found: bool

    @property
    def paths(self) -> Paths:
        """Every file of the daemon."""
        return Paths.of(self)

    def must_be_sound(self) -> None:
        """Raises Fatal (EXIT_CONFIG) with every mistake of a file that cannot be read."""
        if self.sound:
            return
        from ultrad.config import read  # noqa: PLC0415 - costs more than all the rest of a command

        read(self.config)
        raise Fatal(
            msg("{path} changed while it was read. Run the command again.", path=str(self.config)), EXIT_CONFIG
        )


def config_path(given: str | None, environ: Mapping[str, str]) -> Path:
    """The file that `--config` or the environment names, else the usual one."""
    return Path(given or environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def find(config: Path, environ: Mapping[str, str]) -> Place:
    """Read what is needed; what cannot be read stands at its default. Never raises."""
    raw = _raw(config)
    written = {key: (raw or {}).get(key, default) for key, default in DEFAULTS.items()}
    told = {key: str(value) if _usable(key, value) else DEFAULTS[key] for key, value in written.items()}
    language = told["language"] if raw is not None else _of_terminal(environ)
    return Place(
        config=config,
        language=next((one for one in LANGUAGES if one == language), "en"),
        zone=ZoneInfo(told["timezone"]),
        state_dir=told["state_dir"],
        runtime_dir=told["runtime_dir"],
        sound=bool(raw) and told == written,
        found=bool(raw) and all(told[key] == written[key] for key in ("state_dir", "runtime_dir")),
    )


def _raw(config: Path) -> dict[str, object] | None:
    try:
        with config.open("rb") as file:
            return tomllib.loads(file.read(MAX_FILE_BYTES).decode().removeprefix("\ufeff"))
    except (OSError, ValueError, RecursionError):
        return None


def _usable(key: str, value: object) -> bool:
    if not isinstance(value, str):
        return False
    match key:
        case "language":
            return value in LANGUAGES
        case "timezone":
            return _known_zone(value)
        case _:
            return Path(value).is_absolute() and value.isprintable()


def _known_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _of_terminal(environ: Mapping[str, str]) -> Language:
    """The terminal's language (locale(7): the first of these that is set decides)."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(variable):
            return "ja" if value.startswith("ja") else "en"
    return "en"
