"""Makes a backup for each line that it reads, in a process of its own that may be killed. See `test_kill`."""

import os
import sys
from pathlib import Path

import s3fs

from ultrad import backups
from ultrad.adapters.backup import scratch
from ultrad.config import vaults
from ultrad.errors import UltradError

assert s3fs  # imported once, for all of them


def main(config: Path) -> None:
    """Each line is the moment that the backup bears. Says the process's id; asked by one more line, how it ended.

    Until that line the id is taken, whatever has become of the process: who kills it can hit no other.
    """
    scratch.ROOM_LEFT_BYTES = 0
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            try:
                run = backups.make(vaults(config, {}), int(line), lambda _: None)
            except UltradError:
                os._exit(2)
            os._exit(0 if all(one.kept for one in run.brought) else 1)
        print(child, flush=True)  # noqa: T201 - its protocol
        sys.stdin.readline()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
