"""The observed bars of all assets in rows, one asset after another: what windows are cut from."""

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
        target: (N, W) realised log return, 0 where it is not observed.
        observed: (N, W) whether it is, and the asset could be forecast at the bar.
    """

    assets: tuple[str, ...]
    windows: tuple[ReturnWindow, ...]
    first: np.ndarray
    features: Tensor
    bar: Tensor
    target: Tensor
    observed: Tensor

    @staticmethod
    def of(panel: Panel, windows: Sequence[ReturnWindow], table: FeatureTable | None = None) -> "ObservedBars":
        """The rows of a panel; its default features when no table is given.

        Raises:
            DataError: If no asset has a bar with features.
        """
        table = feature_table(panel) if table is None else table
        rows = rows_of(panel, windows, table)
        if not rows.counts.any():
            raise DataError(f"{panel.card.source}: no asset has a bar with features. Bring more sessions.")
        return ObservedBars(
            assets=panel.assets,
            windows=tuple(windows),
            first=np.concatenate([[0], np.cumsum(rows.counts)]),
            features=torch.from_numpy(rows.features),
            bar=torch.from_numpy(rows.bar),
            target=torch.from_numpy(rows.target),
            observed=torch.from_numpy(rows.observed),
        )

    def to(self, device: torch.device) -> "ObservedBars":
        """The same rows on another device, so that batches are gathered there."""
        return replace(
            self,
            features=self.features.to(device),
            bar=self.bar.to(device),
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
class Rows:
    """The observed bars of some assets in memory, as `ObservedBars` has them, and their number by asset (A,)."""

    counts: np.ndarray
    features: np.ndarray
    bar: np.ndarray
    target: np.ndarray
    observed: np.ndarray


def rows_of(panel: Panel, windows: Sequence[ReturnWindow], table: FeatureTable) -> Rows:
    """Lay the observed bars of a panel out, one asset after another."""
    columns, bars = np.nonzero(table.valid.T)
    target, observed = realised_returns(panel, windows)
    eligible = panel.eligible[bars, columns]
    return Rows(
        counts=table.valid.sum(axis=0),
        features=table.values[bars, columns],
        bar=bars.astype(np.int32),
        target=target[bars, :, columns],
        observed=observed[bars, :, columns] & eligible[:, None],
    )
