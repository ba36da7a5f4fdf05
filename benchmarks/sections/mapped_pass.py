"""One pass over every window of a memory-mapped panel of 10,000 assets x 5,000 sessions x 5 fields.

A first process writes the panel block by block. A fresh one opens it, lays out its observed bars asset after asset, and
gathers every window of 64 bars once, shuffled. What is measured is the private memory (RssAnon) of that second process
above what its imports took: pages of mapped files belong to the system's cache and can be dropped.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import torch

from quantdl.calendars import trading_calendar
from quantdl.features import Feature, FeatureTable
from quantdl.market.card import DataCard, Declaration
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus
from quantdl.market.storage.store import PanelOutline, PanelWriter, open_panel
from quantdl.sequences import NEXT_SESSION, WindowLoader, open_bars, store_bars

N_ASSETS, N_SESSIONS, LENGTH, BATCH = 10_000, 5_000, 64, 256
FIELDS = ("open", "high", "low", "close", "volume")
BLOCK_SESSIONS = 50


@dataclass
class Watch:
    """The largest private memory of this process, looked at fifty times a second."""

    peak: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look until stopped."""
        while not self.stopped.wait(0.02):
            self.peak = max(self.peak, private_bytes())


def private_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))


def write_panel(folder: Path, n_assets: int, n_sessions: int) -> None:
    """Random walks with ranges and volumes; one asset in ten is listed late."""
    calendar = trading_calendar("XNYS")
    sessions = calendar.sessions("1996-01-01", "2019-12-31")[:n_sessions]
    card = DataCard(
        Declaration("simulated", "America/New_York", "1D", "total_return", "XNYS", date(2020, 1, 1), "none"),
        FIELDS,
        "sha256:none",
    )
    assets = tuple(f"A{number:05d}" for number in range(n_assets))
    generator = np.random.default_rng(0)
    logs = np.full(n_assets, np.log(50.0))
    listed = np.where(np.arange(n_assets) % 10, 0, generator.integers(0, n_sessions // 2, n_assets))
    with PanelWriter(folder, PanelOutline(sessions, calendar.closes(sessions), assets, FIELDS, card)) as writer:
        for start in range(0, n_sessions, BLOCK_SESSIONS):
            shape = (min(BLOCK_SESSIONS, n_sessions - start), n_assets)
            path = logs + np.cumsum(0.02 * generator.standard_normal(shape, dtype=np.float32), axis=0, dtype=float)
            logs = path[-1]
            close, spread = np.exp(path), 1.0 + 0.01 * generator.random(shape, dtype=np.float32)
            values = (close / np.sqrt(spread), close * spread, close / spread, close, 1e6 * spread)
            there = np.arange(start, start + shape[0])[:, None] >= listed
            status = np.where(there, CellStatus.TRADED, CellStatus.UNLISTED).astype(np.int8)
            cells = {name: np.where(there, value, np.nan) for name, value in zip(FIELDS, values, strict=True)}
            writer.write_sessions(start, cells, status)


def bar_table(panel: Panel) -> FeatureTable:
    """The five fields of each bar, relative to the close and volume before it."""
    previous = panel.previous_closes()
    with np.errstate(invalid="ignore", divide="ignore"):
        prices = [np.log(panel.fields[name] / previous) for name in FIELDS[:4]]
        volume = np.log(panel.fields["volume"] / np.roll(panel.fields["volume"], 1, axis=0))
    valid = np.isfinite(previous)
    values = np.nan_to_num(np.stack([*prices, volume], axis=-1).astype(np.float32))
    known = np.broadcast_to(valid[..., None], values.shape)
    columns = tuple(Feature(name, look_back_bars=1) for name in FIELDS)
    return FeatureTable(columns, values, np.where(valid, 1.0, np.nan), valid, known, panel.known_at, panel.assets)


def pass_over(panel_folder: Path, bars_folder: Path) -> None:
    """Open, lay out, gather every window once, and print what it took."""
    torch.set_num_threads(1)
    imports = private_bytes()
    watch = Watch()
    threading.Thread(target=watch.run, daemon=True).start()
    started = time.process_time()
    panel = open_panel(panel_folder, verify=False)
    store_bars(panel, bar_table, [NEXT_SESSION], bars_folder, block_assets=64)
    laid_out, layout_peak = time.process_time(), watch.peak
    stored = open_bars(bars_folder)
    loader = WindowLoader(stored.bars, LENGTH, BATCH, seed=0)
    watch.peak, n_windows, checksum = 0, 0, 0.0
    for batch in loader.batches(loader.start(epoch=0)):
        n_windows += len(batch.lengths)
        checksum += float(batch.features[:, -1].sum())  # every batch is looked at
    ended = time.process_time()
    watch.stopped.set()
    figures = {
        "what": f"pass over a mapped panel, {len(panel.assets)} x {len(panel.sessions)} x {len(FIELDS)}",
        "panel_gb": size_gb(panel_folder),
        "windows": loader.n_windows,
        "batches": loader.n_steps,
        "private_gb_above_imports_pass": round((watch.peak - imports) / 1e9, 3),
        "private_gb_above_imports_layout": round((layout_peak - imports) / 1e9, 3),
        "layout_cpu_s": round(laid_out - started, 1),
        "pass_cpu_s": round(ended - laid_out, 1),
        "windows_per_cpu_s": round(n_windows / (ended - laid_out)),
        "finite": bool(np.isfinite(checksum)),
    }
    print(json.dumps(figures), flush=True)


def size_gb(folder: Path) -> float:
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9, 2)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--assets", type=int, default=N_ASSETS)
    arguments.add_argument("--sessions", type=int, default=N_SESSIONS)
    arguments.add_argument("--pass-over", type=Path, nargs=2, help="PANEL BARS: the second process")
    given = arguments.parse_args()
    if given.pass_over:
        pass_over(*given.pass_over)
        return
    with tempfile.TemporaryDirectory() as parent:
        panel, bars = Path(parent) / "panel", Path(parent) / "bars"
        started = time.process_time()
        write_panel(panel, given.assets, given.sessions)
        figures = {"what": "write the panel", "cpu_s": round(time.process_time() - started, 1)}
        print(json.dumps(figures), flush=True)
        subprocess.run([sys.executable, __file__, "--pass-over", panel, bars], check=True)


if __name__ == "__main__":
    main()
