"""What the service manager says of a unit and of the clock, by its own commands (systemctl(1), timedatectl(1))."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

BOOTED = Path("/run/systemd/system")
"""There where systemd is the service manager (sd_booted(3))."""
ANSWER_S = 5.0
SEARCH = "/usr/bin:/bin"
PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result"


class ServiceState:
    """Asks systemd. Every question answers None where there is none, or where it does not answer."""

    def __init__(self, booted: Path = BOOTED, search: str = SEARCH) -> None:
        """booted: what shows that there is one. search: where its commands are."""
        self._booted, self._search = booted, search

    def unit(self, name: str) -> Mapping[str, str] | None:
        """The unit's properties (PROPERTIES), by name."""
        said = self._ask("systemctl", "show", name, f"--property={PROPERTIES}")
        if said is None:
            return None
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def clock_is_kept(self) -> bool | None:
        """Whether NTP keeps the clock."""
        said = self._ask("timedatectl", "show", "--property=NTPSynchronized", "--value")
        return {"yes": True, "no": False}.get((said or "").strip())

    def _ask(self, command: str, *arguments: str) -> str | None:
        program = shutil.which(command, path=self._search)
        if program is None or not self._booted.is_dir():
            return None
        try:
            answered = subprocess.run(
                [program, *arguments], capture_output=True, text=True, timeout=ANSWER_S, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answered.stdout
