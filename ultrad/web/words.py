"""How facts read outside: in the operators' language and time, with account addresses shortened."""

import re
from datetime import datetime, tzinfo

from ultrad.i18n import Catalogue, Message
from ultrad.units import INFINITE_HF, short_address

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{40}\b")
"""A whole account or contract address; hashes are longer."""


class Words:
    """Renders for one language and one time zone."""

    def __init__(self, catalogue: Catalogue, zone: tzinfo) -> None:
        """Take what the configuration says."""
        self.language = catalogue.language
        self._catalogue = catalogue
        self._zone = zone

    def __call__(self, message: Message | str) -> str:
        """Render a message; addresses in it leave the machine shortened."""
        return _ADDRESS.sub(lambda found: short_address(found[0]), self._catalogue(message))

    def when(self, wall_ms: int) -> str:
        """A time in the operators' zone, to the second."""
        return datetime.fromtimestamp(wall_ms // 1000, self._zone).strftime("%Y-%m-%d %H:%M:%S")


def fixed(value: int, digits: int) -> str:
    """An integer scaled by 10^digits as an exact decimal."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    return f"{sign}{value // 10**digits}.{value % 10**digits:0{digits}d}"


def hf_exact(value: int) -> str:
    """A health factor as an exact decimal; `Infinity` without debt."""
    return "Infinity" if value == INFINITE_HF else fixed(value, 18)
