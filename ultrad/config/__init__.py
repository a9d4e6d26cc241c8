"""The configuration: `load(path, environ)` gives a frozen Config or a ConfigError with every mistake."""

from ultrad.config.check import Line, check, sound
from ultrad.config.fingerprints import guards_for_others
from ultrad.config.load import Config, Endpoint, Vaults, Ways, load, read, vaults, ways
from ultrad.config.mistakes import ConfigError
from ultrad.config.schema import Settings
from ultrad.config.secret import Secret
from ultrad.config.telling import ChannelConfig

__all__ = [
    "ChannelConfig",
    "Config",
    "ConfigError",
    "Endpoint",
    "Line",
    "Secret",
    "Settings",
    "Vaults",
    "Ways",
    "check",
    "guards_for_others",
    "load",
    "read",
    "sound",
    "vaults",
    "ways",
]
