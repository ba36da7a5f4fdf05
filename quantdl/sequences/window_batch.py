"""A batch of windows of one asset each, where a pass over them stands, and the batch that networks read."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from quantdl.sequences.batch import Batch, Reads
from quantdl.sequences.observed_bars import ObservedBars, Runs, sent


@dataclass(frozen=True)
class Shard:
    """Which process this is.

    Attributes:
        rank: Its number, from 0.
        world_size: Number of processes.
    """

    rank: int = 0
    world_size: int = 1


@dataclass(frozen=True)
class LoaderState:
    """Where a pass stands. Plain numbers, to be stored as JSON; the same for any number of processes.

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
        runs: The rows of the windows, to gather anything else of theirs.
        asset: (B,) int64 number of the asset.
        bar: (B,) int32 number of the window's last bar on the panel's axis.
        target: (B, W) realised log return, 0 where it is not observed.
        weight: (B, W) float32 1 where the target is observed, else 0. What only fills
            up has weight 0 throughout.
        n_windows: How many of the windows count. Those behind them only fill up the last batch of their length.
        step_weight: Sum of the weights of this step over all processes.
        resume: Where a later pass goes on after this batch.
    """

    features: Tensor
    runs: Runs
    asset: Tensor
    bar: Tensor
    target: Tensor
    weight: Tensor
    n_windows: int
    step_weight: float
    resume: LoaderState

    @property
    def lengths(self) -> Tensor:
        """(B,) int64 bars of each window; the last of them is the bar of the forecast."""
        return self.runs.lengths

    @property
    def padding(self) -> Tensor:
        """(B, L) true where a position holds no bar."""
        return self.runs.padding


def one_asset_batch(
    bars: ObservedBars, windows: WindowBatch, n_factors: int, forecasts: int = 1, span: range | None = None
) -> Batch:
    """Return windows as a batch whose every row holds one asset, which any network can be trained on or scored by.

    A law of one asset is its marginal law: the joint and the marginal score are the same, and factors, which relate
    assets, play no part.

    Args:
        bars: What the windows were cut from.
        windows: As the loader gives them.
        n_factors: Columns of the trailing loadings that the network reads; they are 0.
        forecasts: P, how many bars at the end of each window are forecast from, each in every return window.
        span: Only targets of forecasts made in these bars, whose return ends in them, count as observed; all when None.

    Shape:
        - R windows; B = W * R * P forecasts, by return window, then by window, then by bar; A = 1
    """
    runs, n_windows, device = windows.runs, len(bars.windows), bars.features.device
    position = runs.lengths[:, None] - forecasts + torch.arange(forecasts, device=device)  # (R, P)
    inside, position = position >= 0, position.clamp(min=0)
    counts = torch.arange(len(runs.start), device=device) < windows.n_windows
    rows = (runs.start[:, None] + position).flatten()
    bar = bars.bar.index_select(0, rows).long()
    observed = bars.observed.index_select(0, rows) & (inside & counts[:, None]).flatten()[:, None]
    if span is not None:
        ends_after = sent(np.array([window.ends_after for window in bars.windows]), device)
        observed &= (bar[:, None] >= span.start) & (bar[:, None] + ends_after < span.stop)
    numbers = torch.arange(n_windows, device=device).repeat_interleave(len(rows))
    in_bars = sent(np.array([window.bars for window in bars.windows], dtype=np.float32), device)
    return Batch(
        features=windows.features[:, None],
        bar_index=runs.of(bars.bar).long()[:, None],
        scale=runs.of(bars.scale, fill=1.0)[:, None],
        returns=runs.of(bars.returns)[:, None],
        lengths=runs.lengths[:, None],
        row=torch.arange(len(runs.start), device=device).repeat_interleave(forecasts).repeat(n_windows),
        position=position.flatten().repeat(n_windows)[:, None],
        bar=bar.repeat(n_windows),
        window=numbers,
        window_bars=in_bars[numbers],
        present=inside.flatten().repeat(n_windows)[:, None],
        trailing_loadings=torch.zeros(len(numbers), 1, n_factors, device=device),
        target=bars.target.index_select(0, rows).T.flatten()[:, None],
        target_observed=observed.T.flatten()[:, None],
        edge_index=torch.zeros((2, 0), dtype=torch.int64, device=device),
        edge_weight=torch.zeros(0, device=device),
        groups=torch.zeros((len(numbers), 1, 0), dtype=torch.int64, device=device),
        reads=Reads(position[:, :1], forecasts) if forecasts < windows.features.shape[1] else None,
    )
