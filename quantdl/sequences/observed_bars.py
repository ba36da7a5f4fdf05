"""The observed bars of all assets in rows, one asset after another, and how runs of them are gathered.

Both kinds of batch are gathered from this one layout: `quantdl.sequences.histories.Histories` keep the assets of a
session together, `quantdl.sequences.loader.WindowLoader` cuts windows of one asset each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from quantdl.errors import DataError
from quantdl.features import FeatureTable, feature_table
from quantdl.market.panel import Panel
from quantdl.sequences.returns import ReturnWindow, realised_returns


@dataclass(frozen=True, eq=False)
class ObservedBars:
    """Rows of features with what followed them; the tensors may lie on a device or in mapped files.

    Attributes:
        assets: (A,) symbols.
        windows: The W return windows of the targets.
        first: (A + 1,) int64 row of each asset's first bar, and N at the end.
        features: (N, F) float32.
        bar: (N,) int32 number of each row's bar on the panel's axis, increasing within an asset.
        scale: (N,) float32 trailing volatility of one bar's log return.
        returns: (N,) float32 log return of the bar.
        target: (N, W) float32 realised log return, 0 where it is not observed.
        observed: (N, W) whether it is, and the asset could be forecast at the bar.
    """

    assets: tuple[str, ...]
    windows: tuple[ReturnWindow, ...]
    first: np.ndarray
    features: Tensor
    bar: Tensor
    scale: Tensor
    returns: Tensor
    target: Tensor
    observed: Tensor

    @staticmethod
    def of(panel: Panel, windows: Sequence[ReturnWindow], table: FeatureTable | None = None) -> "ObservedBars":
        """The rows of a panel; its default features when no table is given.

        Raises:
            DataError: If no asset has a bar with features, or on raw prices with splits.
        """
        table = feature_table(panel) if table is None else table
        rows = rows_of(panel, windows, table)
        if not rows.counts.any():
            raise no_rows(panel)
        tensors = {name: torch.from_numpy(values) for name, values in rows.arrays.items()}
        return ObservedBars(panel.assets, tuple(windows), np.concatenate([[0], np.cumsum(rows.counts)]), **tensors)

    def to(self, device: torch.device) -> "ObservedBars":
        """The same rows on another device, on which batches are then gathered."""
        return replace(
            self,
            features=self.features.to(device),
            bar=self.bar.to(device),
            scale=self.scale.to(device),
            returns=self.returns.to(device),
            target=self.target.to(device),
            observed=self.observed.to(device),
        )

    def between(self, bars: range) -> tuple[np.ndarray, np.ndarray]:
        """First row and the row after the last, each (A,), of every asset's rows in consecutive bars."""
        first, after = np.empty(len(self.assets), np.int64), np.empty(len(self.assets), np.int64)
        for asset, (start, stop) in enumerate(zip(self.first[:-1], self.first[1:], strict=True)):
            first[asset], after[asset] = start + np.searchsorted(self._bars[start:stop], [bars.start, bars.stop])
        return first, after

    @cached_property
    def _bars(self) -> np.ndarray:
        return self.bar.cpu().numpy()


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of consecutive rows, right-padded to one width.

    Attributes:
        start: (*S,) int64 row of each run's first bar.
        lengths: (*S,) int64 bars of each run, at most ``width``.
        width: L.
        inside: Whether ``width`` rows stand from every start on. Then whole runs are copied and what follows a shorter
            one is overwritten, several times as fast as row by row.
        whole: Whether every run has the full width, so that nothing is padded.
    """

    start: Tensor
    lengths: Tensor
    width: int
    inside: bool
    whole: bool = False

    @cached_property
    def padding(self) -> Tensor:
        """(*S, L) true where a run has ended."""
        return torch.arange(self.width, device=self.start.device) >= self.lengths[..., None]

    def of(self, rows: Tensor, fill: float = 0.0, view: Tensor | None = None) -> Tensor:
        """Gather (*S, L, *) from rows (N, *), ``fill`` in the padding.

        Args:
            rows: What to gather from.
            fill: Stands in the padding.
            view: The `overlapping` view of ``rows`` in this width, if it is at hand.
        """
        if self.inside:
            view = overlapping(rows, self.width) if view is None else view
            gathered = view.index_select(0, self.start if self.start.ndim == 1 else self.start.flatten())
        else:
            gathered = rows.index_select(0, self._rows).view(-1, self.width, *rows.shape[1:])
        if self.start.ndim != 1:
            gathered = gathered.view(*self.start.shape, self.width, *rows.shape[1:])
        if self.whole:
            return gathered
        padding = self.padding if rows.ndim == 1 else self.padding[..., None]
        return gathered.masked_fill_(padding, fill)

    @cached_property
    def _rows(self) -> Tensor:
        steps = torch.arange(self.width, device=self.start.device)
        return (self.start[..., None] + steps).masked_fill_(self.padding, 0).flatten()


def sent(values: np.ndarray, device: torch.device) -> Tensor:
    """Return planned numbers on a device; the copy is queued there and not waited for."""
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def overlapping(rows: Tensor, width: int) -> Tensor:
    """View rows (N, *) as all their runs of ``width``, (N - width + 1, width, *), without a copy."""
    size = (max(len(rows) - width + 1, 0), width, *rows.shape[1:])
    return rows.as_strided(size, (rows.stride(0), *rows.stride()), rows.storage_offset())


@dataclass(frozen=True, eq=False)
class Rows:
    """The observed bars of some assets in memory.

    Attributes:
        counts: (A,) rows of each asset.
        arrays: The tensors of `ObservedBars` by name.
    """

    counts: np.ndarray
    arrays: dict[str, np.ndarray]


def rows_of(panel: Panel, windows: Sequence[ReturnWindow], table: FeatureTable) -> Rows:
    """Arrange the observed bars of a panel in rows, one asset after another.

    Raises:
        DataError: On raw prices with splits.
    """
    columns, bars = np.nonzero(table.valid.T)
    target, observed = realised_returns(panel, windows)
    eligible = panel.eligible[bars, columns]
    arrays = {
        "features": table.values[bars, columns],
        "bar": bars.astype(np.int32),
        "scale": table.scale[bars, columns].astype(np.float32),
        "returns": panel.log_returns()[bars, columns].astype(np.float32),
        "target": target[bars, :, columns],
        "observed": observed[bars, :, columns] & eligible[:, None],
    }
    return Rows(table.valid.sum(axis=0), arrays)


def no_rows(panel: Panel) -> DataError:
    """The error that a panel has no bar to learn from."""
    return DataError(
        f"{panel.card.declaration.source}: no asset has a bar with features: from {panel.sessions[0]:%Y-%m-%d} to "
        f"{panel.sessions[-1]:%Y-%m-%d} no asset moved on 20 bars, after which a history begins. Bring more sessions, "
        "or see `quantdl data check`."
    )
