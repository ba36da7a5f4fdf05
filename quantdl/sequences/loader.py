"""Windows of one asset each, in batches: shuffled, resumable, shared out among processes, gathered by index."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from quantdl.errors import DataError, RunError
from quantdl.sequences.observed_bars import ObservedBars, Runs, overlapping
from quantdl.sequences.permutation import KeyedPermutation
from quantdl.sequences.window_batch import LoaderState, Shard, WindowBatch
from quantdl.sequences.window_index import buckets_of

_PLANNED_STEPS = 64  # located together, which spreads the cost of the small array operations


class WindowLoader:
    """Every window once an epoch, in an order that is a function of seed and epoch.

    A window reads the bar of its forecast and the observed bars before it, never a later one. Windows of similar length
    share a batch, so little is padded. Nothing is collated window by window: a batch of whole windows is one gather
    from a strided view of the rows, on the device where they lie.

    Each of P processes gets every P-th window of a step. So the processes see disjoint windows and take the same number
    of steps, and all of them together see in a step what one process alone would. With ``step_weight`` their losses add
    up to that of one process: ``(weight * loss).sum() / step_weight``, summed over the processes (where gradients are
    averaged, as in DistributedDataParallel, times their number). A step without any observed target has weight 0, for
    every process alike, and is skipped.

    The loader starts no worker processes and keeps no random state, so nothing else changes the order.

    Args:
        bars: Rows to cut windows from.
        length: Observed bars of a whole window.
        batch_size: Windows a step, over all processes.
        seed: Of the order; None gives the windows in order, asset after asset, for evaluation.
        span: Bars at which windows end; all when None. A window reaches back before the span.
        minimum_length: Windows with fewer bars are left out.
        shard: Which process this is.

    Attributes:
        n_windows: Windows an epoch, over all processes.

    Raises:
        DataError: If no window is left, or a number is out of range.

    Example:
        >>> from quantdl.sequences import NEXT_SESSION
        >>> from quantdl.simulation import panel_of_closes
        >>> closes = 100.0 * np.exp(np.random.default_rng(0).normal(0.0, 0.01, (61, 3)).cumsum(axis=0))
        >>> bars = ObservedBars.of(panel_of_closes(closes), [NEXT_SESSION])  # from the twentieth return on
        >>> loader = WindowLoader(bars, length=16, batch_size=10, seed=0)
        >>> loader.n_windows, sum(int(batch.weight.sum()) for batch in loader.batches(loader.start(epoch=0)))
        (123, 120)
    """

    def __init__(
        self,
        bars: ObservedBars,
        length: int,
        batch_size: int,
        seed: int | None,
        span: range | None = None,
        minimum_length: int = 1,
        shard: Shard | None = None,
    ) -> None:
        self.bars, self.length, self.batch_size, self.seed = bars, length, batch_size, seed
        self.shard = shard or Shard()
        self._check(minimum_length)
        self.buckets = buckets_of(bars, length, minimum_length, span)
        if not self.buckets:
            where = "" if span is None else f" at the bars {span.start}..{span.stop - 1}"
            raise DataError(
                f"No window of at least {minimum_length} bars ends{where}, in {len(bars.features)} observed bars of "
                f"{len(bars.assets)} assets. Lower minimum_length, widen the span, or bring more bars."
            )
        self.n_windows = sum(bucket.n_windows for bucket in self.buckets)
        # The first batch of each bucket, and the number of all batches.
        self._batches_before = np.cumsum([0, *(-(-bucket.n_windows // batch_size) for bucket in self.buckets)])
        widths = [bucket.width for bucket in self.buckets]
        self._views = {width: overlapping(bars.features, width) for width in widths}
        # Whether the windows of a width are inside and whole. One bucket holds the whole windows, and only those. Short
        # ones begin at their asset's first row, from where their bucket's width may reach beyond the last row of all.
        n_rows, latest_start = len(bars.features), bars.first[:-1][np.diff(bars.first) > 0][-1]
        self._kinds = {width: (width == length or latest_start + width <= n_rows, width == length) for width in widths}

    @property
    def n_steps(self) -> int:
        """Batches an epoch, for every process."""
        return int(self._batches_before[-1])

    def start(self, epoch: int) -> LoaderState:
        """Return the beginning of an epoch."""
        return LoaderState(epoch, 0, self.seed, self.length, self.batch_size, self.n_windows)

    def batches(self, state: LoaderState) -> Iterator[WindowBatch]:
        """Give the batches of an epoch from a state on: all of them, or exactly those that were left.

        Raises:
            RunError: If the state is of another order, so that windows would be repeated or left out.
        """
        expected = replace(self.start(state.epoch), step=state.step)
        if state != expected or not (0 <= state.step < self.n_steps and state.epoch >= 0):
            raise RunError(
                f"The pass cannot be resumed: its state is {state}, expected {expected} with a step from 0 to "
                f"{self.n_steps - 1}. Resume with the data, seed, length and batch size that it was begun with."
            )
        for step in range(state.step, self.n_steps, _PLANNED_STEPS):
            yield from self._planned(state.epoch, np.arange(step, min(step + _PLANNED_STEPS, self.n_steps)))

    def _planned(self, epoch: int, steps: np.ndarray) -> Iterator[WindowBatch]:
        """Locate the windows of some steps, look up what followed them at once, then gather step by step."""
        bars, (rank, world_size) = self.bars, (self.shard.rank, self.shard.world_size)
        batch = self._order(self.n_steps, steps, (epoch, 0))
        bucket = np.searchsorted(self._batches_before, batch, side="right") - 1
        asset, row, lengths, real = self._windows(epoch, batch, bucket)
        device = bars.features.device
        rows = torch.from_numpy(row).to(device)
        observed = bars.observed.index_select(0, rows.flatten()).view(*rows.shape, -1)
        weight = observed & torch.from_numpy(real).to(device)[..., None]
        totals = weight.sum(dim=(1, 2), dtype=torch.float64).tolist()
        rows, length = rows[:, rank::world_size], torch.from_numpy(lengths).to(device)[:, rank::world_size]
        pieces = zip(
            rows - (length - 1),
            length,
            torch.from_numpy(asset).to(device)[:, rank::world_size],
            bars.bar.index_select(0, rows.flatten()).view(rows.shape),
            bars.target.index_select(0, rows.flatten()).view(*rows.shape, -1),
            weight[:, rank::world_size].to(bars.features.dtype),
            real[:, rank::world_size].sum(axis=1).tolist(),
            totals,
            strict=True,
        )
        widths = [self.buckets[number].width for number in bucket]
        for step, width, (start, bars_in, of, last, future, counted, n_windows, total) in zip(
            steps.tolist(), widths, pieces, strict=True
        ):
            runs = Runs(start, bars_in, width, *self._kinds[width])
            resume = self._after(epoch, step)
            features = runs.of(bars.features, view=self._views[width])
            yield WindowBatch(features, runs, of, last, future, counted, n_windows, total, resume)

    def _windows(
        self, epoch: int, batch: np.ndarray, bucket: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Asset, last row, length and whether it is no filler, each (steps, B), of the windows of batches."""
        shape = (len(batch), self.batch_size)
        asset, row, lengths = (np.empty(shape, np.int64) for _ in range(3))
        real = np.empty(shape, bool)
        for number in np.unique(bucket):
            windows, chosen = self.buckets[number], bucket == number
            first = (batch[chosen] - self._batches_before[number]) * self.batch_size
            places = first[:, None] + np.arange(self.batch_size)
            real[chosen] = places < windows.n_windows
            places = np.minimum(places, windows.n_windows - 1)  # a filler repeats the last one
            numbers = self._order(windows.n_windows, places, (epoch, 1 + windows.width))
            asset[chosen], row[chosen], lengths[chosen] = windows.locate(numbers)
        return asset, row, lengths, real

    def _order(self, size: int, places: np.ndarray, key: tuple[int, int]) -> np.ndarray:
        return places if self.seed is None else KeyedPermutation(size, (self.seed, *key))(places)

    def _after(self, epoch: int, step: int) -> LoaderState:
        last = step + 1 == self.n_steps
        at = (epoch + 1, 0) if last else (epoch, step + 1)
        return LoaderState(*at, self.seed, self.length, self.batch_size, self.n_windows)

    def _check(self, minimum_length: int) -> None:
        wrong = []
        if not 1 <= minimum_length <= self.length:
            wrong.append(f"minimum_length must lie from 1 to length={self.length}, got {minimum_length}.")
        rank, world_size = self.shard.rank, self.shard.world_size
        if not 0 <= rank < world_size:
            wrong.append(f"rank must lie from 0 to world_size - 1, got rank {rank} of {world_size}.")
        elif self.batch_size < 1 or self.batch_size % world_size:
            wrong.append(
                f"batch_size counts the windows of a step over all processes and must be a positive multiple of their "
                f"number {world_size}, got {self.batch_size}."
            )
        if self.seed is not None and self.seed < 0:
            wrong.append(f"seed must not be negative, got {self.seed}.")
        if not self.bars.features.is_contiguous():
            wrong.append("The rows of features must lie one after another in memory; call contiguous() on them.")
        if wrong:
            raise DataError("Windows cannot be loaded: " + " ".join(wrong))
