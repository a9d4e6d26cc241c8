"""A configuration on disk that is in order, and ways to spoil it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ultrad.config import Config, ConfigError, load

ACCOUNT = "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199"
OTHER_ACCOUNT = "0xdD2FD4581271e230360230F9337D5c0430Bf44C0"
KEY = "7c1dKEYkeyKEYkey9f2a7c1dKEYkey9f"

GOOD = """
environment = "production"
[chain]
network = "ethereum"
[[chain.endpoints]]
name = "a"
http = "{a}"
[[chain.endpoints]]
name = "b"
http = "{b}"
[[positions]]
name = "main"
account = "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199"
[deadman]
url = "{monitor}"
[[notify.channels]]
name = "dev"
kind = "slack-webhook"
url = "{dev}"
[[notify.channels]]
name = "oncall"
kind = "line"
token = "{oncall}"
to = "Uoncall1"
[[notify.routes]]
name = "all"
severities = ["S1", "S2"]
channels = ["dev"]
fallback = ["oncall"]
"""


class House:
    """A directory with a configuration file and its secrets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "ultrad.toml"
        self.environ: Mapping[str, str] = {}
        self.a = self.secret("a", f"https://a.example/v3/{KEY}a")
        self.b = self.secret("b", f"https://b.example/v3/{KEY}b")
        self.monitor = self.secret("monitor", f"https://monitor.example/{KEY}m")
        self.dev = self.secret("dev", f"https://hooks.example/services/{KEY}d")
        self.oncall = self.secret("oncall", f"{KEY}o")
        self.text = GOOD.format(a=self.a, b=self.b, monitor=self.monitor, dev=self.dev, oncall=self.oncall)

    def secret(self, name: str, value: str, mode: int = 0o600) -> Path:
        file = self.directory / name
        file.unlink(missing_ok=True)
        file.write_text(value + "\n", encoding="utf-8")
        file.chmod(mode)
        return file

    def replace(self, old: str, new: str) -> "House":
        assert old in self.text
        self.text = self.text.replace(old, new)
        return self

    def add(self, lines: str) -> "House":
        self.text += lines + "\n"
        return self

    def load(self) -> Config:
        self.path.write_text(self.text, encoding="utf-8")
        return load(self.path, self.environ)

    def mistakes(self) -> list[str]:
        """The mistakes, in English; none of them may show a secret, however they are told."""
        with pytest.raises(ConfigError) as caught:
            self.load()
        error = caught.value
        for told in (str(error), repr(error), repr(error.message), *map(str, error.mistakes)):
            assert KEY not in told
        return [str(mistake) for mistake in error.mistakes]

    def only_mistake(self) -> str:
        mistakes = self.mistakes()
        assert len(mistakes) == 1, mistakes
        return mistakes[0]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)
