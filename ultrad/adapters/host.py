"""The machine: its clocks, and its service manager."""

import gc
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ultrad.errors import Transient
from ultrad.i18n import msg
from ultrad.units import Now

_NS_IN_MS = 1_000_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MAX_STATE_BYTES = 4_096


def _boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from. boottime_ns: since boot, sleep included, never set (clock_gettime(2))."""

    wall_ns: Callable[[], int] = time.time_ns
    boottime_ns: Callable[[], int] = _boottime_ns
    boot_id: Callable[[], str] = _boot_id


@dataclass(frozen=True, slots=True)
class _Anchor:
    """What a start leaves behind. Within one boot, steady time is CLOCK_BOOTTIME and a constant."""

    boot_id: str
    offset_ms: int
    now: Now


class HostClock:
    """Implements `Clock`. Steady time goes on across restarts, however the wall clock is set.

    Within a boot it is exact. Over a reboot only the wall clock can say how long the machine was off: the time
    between the last known look at both clocks and now, and none where it went back.
    """

    def __init__(self, anchor_file: Path, last: Now | None, sources: Sources | None = None) -> None:
        """Take up from `anchor_file` and `last`, the clocks as the newest recorded event bears them."""
        self._sources = sources or Sources()
        self._file = anchor_file
        self._boot_id = self._sources.boot_id()
        self._offset_ms = 0
        bare = self.now()
        self._offset_ms = self._taken_up(bare, _read(anchor_file), last) - bare.steady_ms

    def now(self) -> Now:
        """Both clocks."""
        return Now(
            wall_ms=self._sources.wall_ns() // _NS_IN_MS,
            steady_ms=self._sources.boottime_ns() // _NS_IN_MS + self._offset_ms,
        )

    def remember(self) -> None:
        """Leave the anchor for the next start; once after each start is enough. Raises Transient."""
        now = self.now()
        content = {
            "boot_id": self._boot_id,
            "offset_ms": self._offset_ms,
            "wall_ms": now.wall_ms,
            "steady_ms": now.steady_ms,
        }
        fresh = self._file.with_name(self._file.name + ".new")
        try:
            with fresh.open("w") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._file)
        except OSError as error:
            raise Transient(
                msg(
                    "{path} cannot be written ({why}): after a restart, windows rely on the wall clock; "
                    "look at the disk and at the owner of the directory",
                    path=str(self._file),
                    why=error.strerror or type(error).__name__,
                )
            ) from error

    def _taken_up(self, bare: Now, anchor: _Anchor | None, last: Now | None) -> int:
        """Steady milliseconds now, never behind anything that was recorded. bare: with CLOCK_BOOTTIME as it is."""
        if anchor is not None and anchor.boot_id == self._boot_id:
            exact_ms = bare.steady_ms + anchor.offset_ms
            return max(exact_ms, last.steady_ms) if last else exact_ms
        # The event first: of two looks at one steady moment it is the later, and knows of a wall clock set since.
        known = [one for one in (last, anchor.now if anchor else None) if one is not None]
        if not known:
            return bare.wall_ms
        newest = max(known, key=lambda one: one.steady_ms)
        return newest.steady_ms + max(0, bare.wall_ms - newest.wall_ms)


def _read(path: Path) -> _Anchor | None:
    """The anchor, if there is one that can be read; without it the newest event has to do."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MAX_STATE_BYTES))
        now = Now(wall_ms=int(found["wall_ms"]), steady_ms=int(found["steady_ms"]))
        return _Anchor(str(found["boot_id"]), int(found["offset_ms"]), now)
    except (OSError, ValueError, KeyError, TypeError):
        return None


class ServiceManager:
    """Implements `Host`: sd_notify(3), one datagram a call."""

    def __init__(self, address: str | None) -> None:
        """Talk to `address`, the value of $NOTIFY_SOCKET; a leading `@` means the abstract namespace."""
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    def notify(self, *fields: str) -> None:
        """Send the fields. Where nobody listens, or the buffer is full, it is lost: silence is what is watched."""
        if not self._address:
            return
        if "RELOADING=1" in fields:  # asked for with it (sd_notify(3)), and of no use to anybody else
            fields = (*fields, f"MONOTONIC_USEC={time.monotonic_ns() // 1_000}")
        lines = "\n".join(" ".join(one.splitlines()) for one in fields)
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.sendto(lines.encode("utf-8", "replace"), self._address)


def watchdog_s(environ: Mapping[str, str], pid: int) -> float | None:
    """The service manager's limit in seconds, where it set one for this process (sd_watchdog_enabled(3))."""
    limit_us = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID", "")
    if not limit_us.isdecimal() or int(limit_us) == 0 or (meant and meant != str(pid)):
        return None
    return int(limit_us) / 1_000_000


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the search for cycles: where much is made that stays, it looks through all of that again and again.

    For what makes no cycles: memory without an owner is freed as ever.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
