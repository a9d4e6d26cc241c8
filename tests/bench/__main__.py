"""`python -m tests.bench`: every figure, printed and written to build/bench.json.

Each is a ratio to a floor measured in the same run, because this machine's speed is not that of the next one.
"""

import json
import sys
from pathlib import Path

from tests.bench import (
    bench_backup,
    bench_daemon,
    bench_health,
    bench_http,
    bench_journal,
    bench_notices,
    bench_service,
    bench_start,
    bench_trade,
    bench_watch,
)
from tests.bench.figure import Figure, row

TARGET = Path(__file__).parents[2] / "build" / "bench.json"
SUITES = {
    "watch": bench_watch.run,
    "notices": bench_notices.run,
    "trade": bench_trade.run,
    "start": bench_start.run,
    "daemon": bench_daemon.run,
    "health": bench_health.run,
    "service": bench_service.run,
    "http": bench_http.run,
    "journal": bench_journal.run,
    "backup": bench_backup.run,
}


def main() -> int:
    """All suites, or those that are named."""
    names = sys.argv[1:] or list(SUITES)
    figures: list[Figure] = []
    for name in names:
        for figure in SUITES[name]():
            print(row(figure), flush=True)
            figures.append(figure)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"written: {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
