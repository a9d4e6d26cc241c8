"""A daemon's worth of writing, for as long as it is let live. Prints place and hash of each acknowledged event."""

import sys
from pathlib import Path

import anyio

from tests.adapters.journal.samples import HOUR_MS, at, event, reading
from ultrad.adapters.journal import open_journal
from ultrad.ports import Journal


async def _append(journal: Journal, lane: int, start: int) -> None:
    number = start
    while True:
        number += 1
        journal.post(event(number, kind="posted"))
        for recorded in await journal.append(
            event(number, key=f"{lane}@{number}"), event(number, kind="second", pad="x" * (number % 3_000))
        ):
            sys.stdout.write(f"{recorded.seq} {recorded.hash}\n")
            sys.stdout.flush()


async def _observe(journal: Journal, start: int) -> None:
    step = start
    while True:
        step += 1
        now = at(step * HOUR_MS // 20)
        journal.telemetry([reading(f"p{place}", step, hf=step * place) for place in range(5)], now)
        if step % 10 == 0:
            await journal.housekeeping(now)
        await anyio.sleep(0.001)


async def _main(path: Path, start: int) -> None:
    journal = open_journal(path, thin_after_hours=2)
    async with anyio.create_task_group() as group:
        group.start_soon(journal.run, lambda: None)
        group.start_soon(_observe, journal, start)
        for lane in range(3):
            group.start_soon(_append, journal, lane, start)


if __name__ == "__main__":
    anyio.run(_main, Path(sys.argv[1]), int(sys.argv[2]))
