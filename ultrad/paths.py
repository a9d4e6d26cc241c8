"""Where everything lies on the disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self


class Directories(Protocol):
    """The configured directories (`ultrad.config.Settings`)."""

    @property
    def state_dir(self) -> str:
        """Journal, marker, lock and flag."""
        ...

    @property
    def runtime_dir(self) -> str:
        """The control socket."""
        ...


@dataclass(frozen=True, slots=True)
class Paths:
    """Every file of the daemon. The flag stands alone in its directory: who may stop cannot touch the rest."""

    state: Path
    flag: Path
    journal: Path
    marker: Path
    lock: Path
    clock: Path
    addresses: Path
    denied: Path
    reports: Path
    socket: Path
    aside: Path
    scratch: Path

    @classmethod
    def of(cls, directories: Directories) -> Self:
        """The files within the configured directories."""
        state = Path(directories.state_dir)
        return cls(
            state=state,
            flag=state / "flag" / "estop",
            journal=state / "journal.db",
            marker=state / "marker.json",
            lock=state / "lock",
            clock=state / "clock.json",
            addresses=state / "addresses.json",
            denied=state / "denied.json",
            reports=state / "reports",
            socket=Path(directories.runtime_dir) / "control.sock",
            # Beside the directory: systemd removes that with the daemon, and the socket outlives it.
            aside=Path(f"{directories.runtime_dir}-aside.sock"),
            scratch=state / "scratch",
        )
