"""`/health` against a bare aiohttp handler: requests a second and the 99th percentile.

Both servers run on one loop in this process; a child process with raw sockets asks them by turns, so that neither
gets the quieter minute.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import anyio
from aiohttp import web

from tests.bench.figure import Figure
from tests.fakes.operations import FakeOperations
from ultrad.core.limits import Limits
from ultrad.i18n import ENGLISH
from ultrad.web.server import HttpPart, HttpSettings

ROUNDS = 21
REQUESTS = 2_000
CONNECTIONS = 16
GOAL = 0.7
GOAL_P99 = 1 / GOAL
LOAD = Path(__file__).with_name("http_load.py")


@dataclass
class Seen:
    """One server's rounds."""

    rates: list[float] = field(default_factory=list)
    p99s_ms: list[float] = field(default_factory=list)


def run() -> list[Figure]:
    """Measure, and report against the floor. A ratio is the median of the rounds', each with its own floor."""
    floor, ours = anyio.run(_measure)
    faster = median(our / its for our, its in zip(ours.rates, floor.rates, strict=True))
    slower = median(our / its for our, its in zip(ours.p99s_ms, floor.p99s_ms, strict=True))
    return [
        Figure(
            name="/health requests a second",
            unit="1/s",
            value=round(median(ours.rates), 1),
            floor=round(median(floor.rates), 1),
            ratio=round(faster, 2),
            goal=f">= {GOAL} x floor",
            met=faster >= GOAL,
        ),
        Figure(
            name="/health 99th percentile",
            unit="ms",
            value=round(median(ours.p99s_ms), 3),
            floor=round(median(floor.p99s_ms), 3),
            ratio=round(slower, 2),
            goal=f"<= {GOAL_P99:.2f} x floor",
            met=slower <= GOAL_P99,
        ),
    ]


async def _measure() -> tuple[Seen, Seen]:
    floor, ours = Seen(), Seen()
    part = HttpPart(FakeOperations(), HttpSettings(Limits, ZoneInfo("UTC"), port=0), ENGLISH)
    bare = web.AppRunner(_bare(), access_log=None)
    await bare.setup()
    site = web.TCPSite(bare, "127.0.0.1", 0)
    await site.start()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(part.run, _turned)
        with anyio.fail_after(5):
            while part.address is None:  # noqa: ASYNC110 - the part tells nobody else
                await anyio.sleep(0.01)
        for number in range(ROUNDS + 1):
            for seen, address in ((floor, bare.addresses[0]), (ours, part.address)):
                rate, p99_ms = await _load(address)
                if number:  # the first round warms up
                    seen.rates.append(rate)
                    seen.p99s_ms.append(p99_ms)
        tasks.cancel_scope.cancel()
    await bare.cleanup()
    return floor, ours


def _bare() -> web.Application:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/health", handler)
    return app


async def _load(address: object) -> tuple[float, float]:
    assert isinstance(address, tuple)
    done = await anyio.run_process([sys.executable, str(LOAD), str(address[1]), str(CONNECTIONS), str(REQUESTS)])
    answer = json.loads(done.stdout)
    return answer["rate"], answer["p99_ms"]


def _turned() -> None:
    """Nobody counts the turns here."""


if __name__ == "__main__":
    for figure in run():
        print(figure)
