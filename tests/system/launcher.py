"""Daemons that die on the way: forked by a process that has imported all they need, and known by their pids."""

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from tests.system.crashing import Order, order_line

END_S = 60.0
"""For an end that is sure to come."""


class Launcher:
    """Starts daemons. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.crashing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, order: Order) -> "Child":
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(order_line(order))
            self._process.stdin.flush()
            return Child(int(self._process.stdout.readline()))

    def close(self) -> None:
        """Its daemons end with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(END_S)
        self._process.stdout.close()


class Child:
    """A process that is no child of this one."""

    def __init__(self, pid: int) -> None:
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:  # gone already
            self._descriptor = -1

    def is_gone(self) -> bool:
        if self._descriptor < 0:
            return True
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def kill(self) -> None:
        if self._descriptor < 0:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        select.select([self._descriptor], [], [], END_S)
        os.close(self._descriptor)
        self._descriptor = -1
