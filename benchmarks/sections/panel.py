"""The NASDAQ file: Parquet to a checked panel, opened again from the cache, and its census."""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nasdaq import ABSENT, DECLARATION, PATH

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.census import take_census
from quantdl.market.panel import Panel
from quantdl.market.sources.parquet import load_parquet
from quantdl.market.storage.cache import cached

TURNS = 3


def timed(what: str, job: Callable[[], object]) -> None:
    """Print the least of three turns; the first alone pays for what is loaded once a process."""
    cpu, wall = [], []
    for _ in range(TURNS):
        started, seen = time.process_time(), time.perf_counter()
        job()
        cpu.append(time.process_time() - started)
        wall.append(time.perf_counter() - seen)
    figures = {"cpu_s": round(min(cpu), 3), "first_cpu_s": round(cpu[0], 3), "wall_s": round(min(wall), 3)}
    print(json.dumps({"what": what} | figures), flush=True)


def load() -> Panel:
    return load_parquet(PATH, DECLARATION)


def main() -> None:
    if not PATH.is_file():
        print(json.dumps({"what": "panel, cache and census", "cpu_s": ABSENT}))
        return
    trading_calendar("NASDAQ")  # imports are not what is measured
    timed("nasdaq_ohlcv.parquet -> checked panel", load)
    with tempfile.TemporaryDirectory() as folder:
        panel = cached(load, "parquet", [PATH], DECLARATION, Path(folder))
        timed("reopened from the cache", lambda: cached(load, "parquet", [PATH], DECLARATION, Path(folder)))
    timed("census", lambda: take_census(panel))
    figures = {"what": "panel", "sessions": len(panel.sessions), "assets": len(panel.assets)}
    print(json.dumps(figures | {"bars": int(panel.traded.sum())}))


if __name__ == "__main__":
    main()
