"""A batch of windows of one asset each, and where a pass over them stands."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Shard:
    """Which process this is.

    Attributes:
        rank: Its number, from 0.
        world_size: How many there are.
    """

    rank: int = 0
    world_size: int = 1


@dataclass(frozen=True)
class LoaderState:
    """Where a pass stands. Plain numbers, to be stored as JSON; the same for every process, however many there are.

    Attributes:
        epoch: Number of the pass.
        step: Next batch of it.
        seed: Of the order; None for windows in order.
        length: Of a whole window in bars.
        batch_size: Windows a step, over all processes.
        n_windows: Windows an epoch.
    """

    epoch: int
    step: int
    seed: int | None
    length: int
    batch_size: int
    n_windows: int


@dataclass(frozen=True, eq=False)
class WindowBatch:
    """One process's windows of one step.

    Attributes:
        features: (B, L, F), right-padded with 0; L is the longest window of the bucket.
        lengths: (B,) int64 bars of each window; the last of them is the bar of the forecast.
        asset: (B,) int64 number of the asset.
        bar: (B,) int32 number of the window's last bar on the panel's axis.
        target: (B, W) realised log return, 0 where it is not observed.
        weight: (B, W) float32 1 where the target is observed, else 0. A window that only fills up the last batch of its
            length has weight 0 throughout.
        step_weight: Sum of the weights of this step over all processes.
        resume: Where a later pass goes on after this batch.
    """

    features: Tensor
    lengths: Tensor
    asset: Tensor
    bar: Tensor
    target: Tensor
    weight: Tensor
    step_weight: float
    resume: LoaderState

    @property
    def padding(self) -> Tensor:
        """(B, L) true where a position holds no bar."""
        return torch.arange(self.features.shape[1], device=self.features.device) >= self.lengths[:, None]
