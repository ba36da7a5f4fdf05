"""What one fit passes over: sessions with all of their assets, or windows of one asset each.

`SessionBatches` hold all assets of a session in a row, so that a network learns how they move together; the histories
lie in memory. `AssetBatches` hold one asset in a row, cut from observed bars that may lie in mapped files: for panels
larger than memory, and for networks that are to give marginal laws only.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from quantdl.sequences import Batch, Histories, ObservedBars, WindowLoader, one_asset_batch
from quantdl.sequences.window_batch import LoaderState, Shard
from quantdl.training.execution import Capabilities, rows_on
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans

_PIECE = 1 << 16  # rows read at once to measure features
_VALIDATION_SEED = 0  # of the windows that every pass of every fit is validated on


class TrainingBatches(Protocol):
    """The batches of one fit, in training and in validation."""

    spans: FitSpans
    sessions: pd.DatetimeIndex

    @property
    def device(self) -> torch.device:
        """Where the batches lie."""
        ...

    def feature_moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each feature up to the end of the training span, each (F,)."""
        ...

    def training(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Give the batches of one pass from a step on; labels that end after the training span are not observed."""
        ...

    def validation(self) -> Iterator[Batch]:
        """Give the batches of the validation span, the same ones after every pass."""
        ...


class SessionBatches:
    """Rows of consecutive sessions with all of their assets.

    Args:
        histories: Features and returns of the panel.
        spans: Bars to learn from and bars to choose by.
        context: Observed bars before and at a forecast that the network may read.
        settings: Of the fit.
        seed: Of the order of the batches.
        shard: Which process this is; each takes a share of the rows of every batch.
    """

    def __init__(
        self,
        histories: Histories,
        spans: FitSpans,
        context: int,
        settings: TrainingSettings,
        seed: int,
        shard: Shard | None = None,
    ) -> None:
        self.histories, self.spans, self.sessions = histories, spans, histories.sessions
        self.context, self.settings, self.seed, self.shard = context, settings, seed, shard or Shard()
        self.rows = rows_on(Capabilities.of(self.device), settings)

    @property
    def device(self) -> torch.device:
        """Where the histories lie."""
        return self.histories.last.device

    def feature_moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each feature up to the end of the training span, each (F,)."""
        rows = self.histories.features_through(self.spans.train[-1])
        return rows.mean(0), rows.std(0)

    def training(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Give every session of the training span once, in blocks whose borders move with the pass.

        A process that is left without a row of a batch gets one whose labels are not observed, so that all processes
        take the same number of steps.
        """
        bars, (rank, world_size) = self.spans.train, (self.shard.rank, self.shard.world_size)
        blocks = training_blocks(bars, self.settings.block, self.seed, epoch)
        lengths = [min(int(self._longest[block[-1]]) + 1, self.context + len(block)) for block in blocks]
        for group in islice(bucketed(blocks, lengths, self.rows, self.seed, epoch), start, None):
            own = group[rank::world_size]
            through = bars[-1] if own else -1
            yield self.histories.batch(own or group[:1], self.context, labels_through=through)

    def validation(self) -> Iterator[Batch]:
        """Give every session of the validation span once, in order, over all processes."""
        bars, block = self.spans.validation, self.settings.block
        starts = range(bars.start, bars.stop, block)
        for start in starts[self.shard.rank :: self.shard.world_size]:
            piece = range(start, min(start + block, bars.stop))
            yield self.histories.batch([piece], self.context, labels_through=bars[-1])

    @cached_property
    def _longest(self) -> np.ndarray:
        """(T,) number of the last observed bar of the asset with the longest history."""
        return self.histories.last.max(dim=1).values.cpu().numpy()


class AssetBatches:
    """Windows of one asset each, drawn at random, each forecast at its last ``settings.block`` bars.

    With P forecasts a window, a pass takes one window in P, so that it scores about as many targets as there are; P
    passes see every window once. Validation takes one window in P of its span too, always the same ones.

    Args:
        bars: The observed bars of a panel, in memory or mapped.
        sessions: (T,) labels of the panel's bars.
        spans: Bars to learn from and bars to choose by.
        context: Observed bars before and at a forecast that the network may read.
        n_factors: Columns of trailing loadings that the network reads.
        settings: Of the fit; ``rows`` windows stand in a batch.
        seed: Of the order of the windows.
        shard: Which process this is; ``rows`` is then a multiple of the number of processes.

    Raises:
        DataError: If a span holds no window.
    """

    def __init__(
        self,
        bars: ObservedBars,
        sessions: pd.DatetimeIndex,
        spans: FitSpans,
        context: int,
        n_factors: int,
        settings: TrainingSettings,
        seed: int,
        shard: Shard | None = None,
    ) -> None:
        self.bars, self.sessions, self.spans, self.n_factors = bars, sessions, spans, n_factors
        self.n_forecasts, length = settings.block, context + settings.block - 1
        rows = rows_on(Capabilities.of(self.device), settings)
        self.loader = WindowLoader(bars, length, rows, seed, spans.train, shard=shard)
        self.validator = WindowLoader(bars, length, rows, _VALIDATION_SEED, spans.validation, shard=shard)

    @property
    def device(self) -> torch.device:
        """Where the observed bars lie."""
        return self.bars.features.device

    def feature_moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each feature up to the end of the training span, each (F,).

        Rows are read piece by piece. The sums are of deviations from the first row, in double precision.
        """
        _, after = self.bars.between(range(0, self.spans.train.stop))
        origin = self.bars.features[self.bars.first[0]].double()
        count, total, square = 0, torch.zeros_like(origin), torch.zeros_like(origin)
        for start, stop in zip(self.bars.first[:-1].tolist(), after.tolist(), strict=True):
            for piece in self.bars.features[start:stop].split(_PIECE):
                moved = piece.double() - origin
                count, total, square = count + len(piece), total + moved.sum(0), square + moved.square().sum(0)
        mean = total / count
        variance = (square - count * mean.square()).clamp(min=0.0) / (count - 1)
        return (origin + mean).float(), variance.sqrt().float()

    def training(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Give the windows of one pass."""
        yield from self._batches(self.loader, epoch, self.spans.train, start)

    def validation(self) -> Iterator[Batch]:
        """Give the windows of the validation span that every pass is judged by."""
        yield from self._batches(self.validator, 0, self.spans.validation)

    def _batches(self, loader: WindowLoader, epoch: int, span: range, start: int = 0) -> Iterator[Batch]:
        steps = max(loader.n_steps // self.n_forecasts, 1)
        if start >= steps:
            return
        round_, place = divmod(epoch, loader.n_steps // steps)
        for windows in islice(loader.batches(_at(loader.start(round_), place * steps + start)), steps - start):
            yield one_asset_batch(self.bars, windows, self.n_factors, self.n_forecasts, span)


def _at(state: LoaderState, step: int) -> LoaderState:
    return LoaderState(state.epoch, step, state.seed, state.length, state.batch_size, state.n_windows)


def scored_windows(
    bars: ObservedBars, span: range, context: int, n_factors: int, batch_size: int = 256
) -> Iterator[Batch]:
    """Give every bar of a span once, forecast from the ``context`` observed bars up to it, asset after asset.

    Args:
        bars: The observed bars of a panel, in memory or mapped.
        span: Bars at whose close a forecast is made; targets that end after it are not observed.
        context: Observed bars before and at a forecast.
        n_factors: Columns of trailing loadings that the network reads.
        batch_size: Forecasts at once, in each return window.

    Raises:
        DataError: If the span holds no window.
    """
    loader = WindowLoader(bars, context, batch_size, seed=None, span=span)
    for windows in loader.batches(loader.start(0)):
        yield one_asset_batch(bars, windows, n_factors, span=span)


def training_blocks(bars: range, block: int, seed: int, epoch: int) -> list[range]:
    """Cut bars into consecutive blocks whose borders move with the epoch.

    The same seed and epoch give the same blocks, whatever was drawn before.
    """
    shift = int(np.random.default_rng([seed, epoch, 0]).integers(block))
    borders = [bars.start, *range(bars.start + shift, bars.stop, block), bars.stop]
    return [range(a, b) for a, b in zip(borders[:-1], borders[1:], strict=True) if b > a]


def bucketed(
    blocks: Sequence[range], lengths: Sequence[int], rows: int, seed: int, epoch: int
) -> Iterator[list[range]]:
    """Group blocks of like length into batches and give the batches in random order.

    Args:
        blocks: Blocks of bars; never split over assets, or the joint law would split.
        lengths: Longest history of each block: what its row will be padded to.
        rows: Blocks in a batch.
        seed: Of the run.
        epoch: Number of the pass.
    """
    generator = np.random.default_rng([seed, epoch, 1])
    shuffled = generator.permutation(len(blocks))
    order = sorted(shuffled, key=lambda number: lengths[number])  # stable: random among equals
    batches = [order[start : start + rows] for start in range(0, len(order), rows)]
    for number in generator.permutation(len(batches)):
        yield [blocks[block] for block in batches[number]]
