"""What the parts of the networks cost: a walked tree beside one computed by level, and what checkpointing keeps.

CPU milliseconds of forward and backward, one thread; peak memory of one training step in a process of its own.
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from quantdl.models.encoder import CausalEncoder
from quantdl.models.sector_tree import TreeEncoder
from quantdl.models.settings import TransformerSettings
from quantdl.sequences import Batch

SECTORS, WIDTH = 11, 32


def tree_milliseconds(sessions: int, assets: int) -> dict[str, float]:
    """CPU time of one pass, walked and by level, over trees in which a tenth of the assets is absent."""
    torch.manual_seed(0)
    groups = (torch.arange(assets) % SECTORS).view(1, assets, 1).expand(sessions, -1, -1)
    hidden = torch.randn(sessions, assets, WIDTH, requires_grad=True)
    present = torch.rand(sessions, assets) > 0.1
    found = {}
    for name, by_level, passes in (("by_level", True, 10), ("recursive", False, 1)):
        encoder = TreeEncoder(WIDTH, by_level)
        encoder(hidden, groups, present).sum().backward()
        start = time.process_time()
        for _ in range(passes):
            encoder(hidden, groups, present).square().sum().backward()
        found[name] = round(1e3 * (time.process_time() - start) / passes, 1)
    return found


def long_history(length: int, assets: int = 20) -> Batch:
    """One row of random histories; an encoder reads nothing else of a batch."""
    shape = (1, assets, length)
    none, flags = torch.zeros(1, assets), torch.ones(1, assets, dtype=torch.bool)
    return Batch(
        features=torch.randn(*shape, 2),
        bar_index=torch.arange(length).expand(shape),
        scale=torch.ones(shape),
        returns=torch.zeros(shape),
        lengths=torch.full((1, assets), length),
        row=torch.zeros(1, dtype=torch.int64),
        position=torch.full((1, assets), length - 1),
        bar=torch.zeros(1, dtype=torch.int64),
        window=torch.zeros(1, dtype=torch.int64),
        window_bars=torch.ones(1),
        present=flags,
        trailing_loadings=torch.zeros(1, assets, 1),
        target=none,
        target_observed=flags,
        edge_index=torch.zeros((2, 0), dtype=torch.int64),
        edge_weight=torch.zeros(0),
        groups=torch.zeros((1, assets, 0), dtype=torch.int64),
    )


def training_step(length: int, checkpoint: bool) -> dict[str, float]:
    """Growth of the peak memory in one step and its CPU time; call it in a process of its own."""
    torch.manual_seed(0)
    settings = replace(TransformerSettings(1), layers=4, checkpoint_activations=checkpoint)
    encoder, batch = CausalEncoder(2, settings).train(), long_history(length)
    encoder(long_history(8)).sum().backward()
    before, start = peak_megabytes(), time.process_time()
    encoder(batch).square().sum().backward()
    return {"megabytes": round(peak_megabytes() - before), "seconds": round(time.process_time() - start, 2)}


def peak_megabytes() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak) / 1024.0


def main() -> None:
    """Print all figures, or those of one training step."""
    torch.set_num_threads(1)
    if len(sys.argv) == 3:
        print(json.dumps(training_step(int(sys.argv[1]), sys.argv[2] == "checkpoint")))
        return
    for sessions, assets in ((64, 20), (16, 200)):
        print(f"tree, {sessions} sessions x {assets} assets, ms: {tree_milliseconds(sessions, assets)}")
    for length in (256, 1024):
        for kind in ("keep", "checkpoint"):
            command = [sys.executable, __file__, str(length), kind]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(f"20 histories of {length} bars, 4 blocks, {kind}: {done.stdout.strip()}")


if __name__ == "__main__":
    main()
