"""A worker with works that try its other side. Run as a process: `python -m tests.adapters.aside.trial_worker`."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from ultrad.core.events import Json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import msg
from ultrad.worker import Work, Workplace, serve


def echo(place: Workplace, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    sys.stdout.write("what a library prints\n")
    sys.stdout.flush()
    return {"got": dict(arguments), "config": str(place.config)}


def steps(place: Workplace, _: Mapping[str, Json]) -> Mapping[str, Json]:
    for number in range(3):
        place.told(msg("step {number}", number=number))
    return {}


def later(_: Workplace, __: Mapping[str, Json]) -> Mapping[str, Json]:
    raise Transient(msg("the disk has {free} bytes", free=7))


def never(_: Workplace, __: Mapping[str, Json]) -> Mapping[str, Json]:
    raise Permanent(msg("the key is wrong"))


def hang(_: Workplace, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    Path(str(arguments["pid_file"])).write_text(str(os.getpid()), encoding="ascii")
    while True:
        time.sleep(3_600)


def die(_: Workplace, __: Mapping[str, Json]) -> Mapping[str, Json]:
    os._exit(3)


def gibberish(_: Workplace, __: Mapping[str, Json]) -> Mapping[str, Json]:
    for descriptor in range(3, 10):  # one of these is where answers go
        try:
            os.write(descriptor, b"what is this?\n")
        except OSError:
            continue
    return {}


WORKS: Mapping[str, Work] = {work.__name__: work for work in (echo, steps, later, never, hang, die, gibberish)}

if __name__ == "__main__":
    sys.exit(serve(WORKS, os.environ))
