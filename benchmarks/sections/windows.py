"""Windows (one asset, 64 sessions, 8 features) into batches of 256, beside the loaders of torch and GluonTS.

The prices are the NASDAQ file of the data folder, or a simulated market of the same size without it. Every side
delivers shuffled batches of windows of the same bars: ours and torch's with features, length, asset, bar, target and
weight, GluonTS' with its own fields. CPU seconds of one thread, the best of three turns taken in alternation.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from nasdaq import nasdaq_panel
from peers import peer_python
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from quantdl.market.panel import Panel
from quantdl.sequences import NEXT_SESSION, ObservedBars, WindowLoader
from quantdl.simulation import panel_of_closes

LENGTH, N_FEATURES, BATCH = 64, 8, 256
TURNS, PEER_BATCHES = 3, 400


@dataclass(frozen=True, eq=False)
class Windows(Dataset[tuple[Tensor | int, ...]]):
    """The same windows as a map-style dataset: an item is a window, and what belongs to it is indexed.

    Attributes:
        features: (N, F).
        begin: Row of the first bar of each row's asset.
        belongings: Asset, bar, target and weight of each row: tensors, which torch's own TensorDataset indexes too, or,
            to see how much faster an item can be made, numbers in plain lists where that is quicker.
    """

    features: Tensor
    begin: list[int]
    belongings: tuple[Sequence[Tensor | int], ...]

    @staticmethod
    def of(bars: ObservedBars, plain: bool) -> "Windows":
        """Lay out what every item needs, so that none has to be searched for."""
        first, counts = torch.from_numpy(bars.first), torch.from_numpy(np.diff(bars.first))
        asset = torch.arange(len(counts)).repeat_interleave(counts)
        begin = first[:-1].repeat_interleave(counts).tolist()
        if plain:
            return Windows(
                bars.features, begin, (asset.tolist(), bars.bar.tolist(), bars.target, bars.observed.float())
            )
        return Windows(bars.features, begin, (asset, bars.bar, bars.target, bars.observed.float()))

    def __len__(self) -> int:
        return len(self.begin)

    def __getitem__(self, row: int) -> tuple[Tensor | int, ...]:
        start = max(row + 1 - LENGTH, self.begin[row])
        window = self.features[start : row + 1]
        if len(window) < LENGTH:
            window = torch.cat([window, window.new_zeros(LENGTH - len(window), window.shape[1])])
        return window, row + 1 - start, *(of_all[row] for of_all in self.belongings)


def market() -> tuple[str, Panel]:
    panel = nasdaq_panel()
    if panel is not None:
        return "nasdaq_ohlcv.parquet", panel
    returns = 0.02 * np.random.default_rng(0).standard_normal((2504, 1026))
    return "simulated, as the data folder is absent", panel_of_closes(50.0 * np.exp(returns.cumsum(axis=0)))


def batches_of_ours(loader: WindowLoader) -> Iterator[int]:
    for batch in loader.batches(loader.start(epoch=0)):
        yield len(batch.lengths)


def batches_of_torch(windows: Windows) -> Iterator[int]:
    order = torch.Generator().manual_seed(0)
    for features, *_ in DataLoader(windows, batch_size=BATCH, shuffle=True, generator=order):
        yield len(features)


def rate(batches: Callable[[], Iterable[int]], n_batches: int | None) -> float:
    """Windows a CPU second, without the time until the first batch."""
    running = iter(batches())
    next(running)
    started = time.process_time()
    n_windows = sum(islice(running, n_batches))
    return n_windows / (time.process_time() - started)


def gluonts_rate(bars: ObservedBars) -> float | str:
    """Windows a CPU second of GluonTS' training loader on these bars, or why there is none."""
    python = peer_python("gluonts")
    if isinstance(python, str):
        return python
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "features.npy", bars.features.numpy())
        np.save(Path(folder) / "target.npy", bars.target[:, 0].numpy())
        np.save(Path(folder) / "first.npy", bars.first)
        command = [python, Path(__file__).with_name("gluonts_loader.py"), folder, str(LENGTH), str(BATCH)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode:
        return f"skipped: {done.stderr.strip().splitlines()[-1]}"
    return float(json.loads(done.stdout.splitlines()[-1])["windows_per_cpu_s"])


def report(what: str, ours: float, turns: Sequence[float | str]) -> None:
    """The best turn, or why there is none."""
    rates = [turn for turn in turns if isinstance(turn, float)]
    if not rates:
        print(json.dumps({"what": what, "windows_per_cpu_s": turns[0]}), flush=True)
        return
    figures = {"what": what, "windows_per_cpu_s": round(max(rates)), "ours_over_it": round(ours / max(rates), 1)}
    print(json.dumps(figures), flush=True)


def main() -> None:
    torch.set_num_threads(1)
    source, panel = market()
    rows = ObservedBars.of(panel, [NEXT_SESSION])
    bars = replace(rows, features=rows.features[:, :N_FEATURES].contiguous())
    loader, tensors, lists = WindowLoader(bars, LENGTH, BATCH, seed=0), Windows.of(bars, False), Windows.of(bars, True)
    ours, from_tensors, from_lists, gluonts = [], [], [], []
    for _ in range(TURNS):
        ours.append(rate(lambda: batches_of_ours(loader), None))
        from_tensors.append(rate(lambda: batches_of_torch(tensors), PEER_BATCHES))
        from_lists.append(rate(lambda: batches_of_torch(lists), PEER_BATCHES))
        gluonts.append(gluonts_rate(bars))
    print(json.dumps({"what": "windows", "source": source, "n_windows": loader.n_windows, "n_batches": loader.n_steps}))
    report("quantdl WindowLoader", max(ours), ours)
    report(f"torch {torch.__version__} DataLoader, default collate, items from tensors", max(ours), from_tensors)
    report(f"torch {torch.__version__} DataLoader, default collate, numbers from lists", max(ours), from_lists)
    report("GluonTS training loader", max(ours), gluonts)


if __name__ == "__main__":
    main()
