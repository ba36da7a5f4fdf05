"""The histories of all assets of a panel, and batches of whole sessions gathered from them by index."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from quantdl.features import FeatureTable, feature_table
from quantdl.market.panel import Panel
from quantdl.relations.factors import TrailingFactors, trailing_factors
from quantdl.relations.graphs import NeighbourGraph
from quantdl.sequences.batch import Batch, Reads
from quantdl.sequences.observed_bars import ObservedBars, Runs, sent
from quantdl.sequences.returns import ReturnWindow, realised_returns


@dataclass(frozen=True, eq=False)
class Histories:
    """The observed bars of all assets, and what a session knows of each of them.

    Attributes:
        sessions: (T,) label of each bar, see `quantdl.market.panel.Panel.bars`.
        bars: The observed bars in rows.
        last: (T, A) number of each asset's last observed bar up to a session, within its own history; -1 without one.
        present: (T, A) whether the asset can be forecast: traded, with enough history, and in the universe as of the
            bar. An asset outside the universe keeps its history, for the day on which it comes back.
        targets: (T, W, A) realised returns, 0 where not observed; see `quantdl.sequences.returns.realised_returns`.
        observed: (T, W, A).
        factors: Common factors as of each session.
        groups: (A, D) int64 group of each asset at each depth, see `quantdl.relations.groups.group_paths`.
        graph: Neighbours as of each session, if a model needs them.
    """

    sessions: pd.DatetimeIndex
    bars: ObservedBars
    last: Tensor
    present: Tensor
    targets: Tensor
    observed: Tensor
    factors: TrailingFactors
    groups: Tensor
    graph: NeighbourGraph | None = None

    @property
    def assets(self) -> tuple[str, ...]:
        """(A,) symbols."""
        return self.bars.assets

    @property
    def windows(self) -> tuple[ReturnWindow, ...]:
        """Return windows of the targets."""
        return self.bars.windows

    @property
    def n_features(self) -> int:
        """Number of feature columns."""
        return self.bars.features.shape[1]

    def bar_of(self, session: pd.Timestamp | str) -> int:
        """Bar number of the last bar at or before a label, see `quantdl.market.panel.Panel.bars`; -1 before the first.

        A day without a time of day lies before the bars within its session.
        """
        return int(self.sessions.searchsorted(pd.Timestamp(session), side="right")) - 1

    def to(self, device: torch.device) -> "Histories":
        """The same histories on another device, on which batches are then gathered."""
        return replace(
            self,
            bars=self.bars.to(device),
            last=self.last.to(device),
            present=self.present.to(device),
            targets=self.targets.to(device),
            observed=self.observed.to(device),
            groups=self.groups.to(device),
        )

    def features_through(self, bar: int) -> Tensor:
        """Feature rows of all assets up to a bar, (N, F): what a scaler may be fitted on."""
        return self.bars.features[self.bars.bar <= bar]

    def batch(self, blocks: Sequence[range], context: int, labels_through: int | None = None) -> Batch:
        """Gather blocks of consecutive bars, every bar of a block forecast in every return window.

        Args:
            blocks: One history row for each, of consecutive bar numbers.
            context: At least this many observed bars (fewer only where the history is shorter) stand before each
                block's first forecast, that bar included.
            labels_through: Last bar that a target may need; later targets count as not observed.
        """
        row = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
        bar = np.array([bar for block in blocks for bar in block], dtype=np.int64)
        begin, runs = self._runs(blocks, context)
        first, count = self._last[[block[0] for block in blocks]] - begin, max(len(block) for block in blocks)
        reads = Reads(self._sent(np.maximum(first, 0)), count) if count < runs.width else None
        position = np.maximum(self._last[bar] - begin[row], 0)
        n_windows = len(self.windows)
        window = np.repeat(np.arange(n_windows), len(bar))
        row, position, bar = np.tile(row, n_windows), np.tile(position, (n_windows, 1)), np.tile(bar, n_windows)
        edge_index, edge_weight, edge_in_group = self._edges(bar)
        in_bars = np.array([item.bars for item in self.windows], dtype=np.float32)
        at_bar, of_window, labels_end = (
            self._sent(bar),
            self._sent(window),
            self._sent(self._labels_end_by(bar, window, labels_through)),
        )
        present, bar_index = self.present[at_bar], runs.of(self.bars.bar).long()
        return Batch(
            features=runs.of(self.bars.features),
            bar_index=bar_index,
            scale=runs.of(self.bars.scale, fill=1.0),
            returns=runs.of(self.bars.returns),
            lengths=runs.lengths,
            row=self._sent(row),
            position=self._sent(position),
            bar=at_bar,
            window=of_window,
            window_bars=self._sent(in_bars[window]),
            present=present,
            trailing_loadings=self._sent(self.factors.at(bar)),
            target=self.targets[at_bar, of_window],
            target_observed=self.observed[at_bar, of_window] & labels_end[:, None] & present,
            edge_index=edge_index,
            edge_weight=edge_weight,
            edge_in_group=edge_in_group,
            groups=self.groups.expand(len(bar), -1, -1),
            reads=reads,
            eligible=self.present[bar_index, torch.arange(len(self.assets), device=bar_index.device)[:, None]],
        )

    def _runs(self, blocks: Sequence[range], context: int) -> tuple[np.ndarray, Runs]:
        """First bar within the asset's history, (R, A), and the run of rows, of every history row and asset."""
        opening = self._last[[block[0] for block in blocks]]
        closing = self._last[[block[-1] for block in blocks]]
        begin = np.maximum(opening - context + 1, 0)
        start, lengths = self.bars.first[:-1] + begin, closing - begin + 1
        width = max(int(lengths.max()), 1)
        inside = int(start.max()) + width <= len(self.bars.features)
        return begin, Runs(self._sent(start), self._sent(lengths), width, inside)

    def _labels_end_by(self, bar: np.ndarray, window: np.ndarray, limit: int | None) -> np.ndarray:
        ends = np.array([item.ends_after for item in self.windows])
        return np.full(len(bar), True) if limit is None else bar + ends[window] <= limit

    def _edges(self, bar: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        if self.graph is None:
            index, weight, in_group = np.zeros((2, 0), np.int64), np.zeros(0, np.float32), np.zeros(0, np.bool_)
        else:
            index, weight, in_group = self.graph.edges(bar)
        return self._sent(index), self._sent(weight), self._sent(in_group)

    @cached_property
    def _last(self) -> np.ndarray:
        """``last`` in the memory of the host, where batches are planned: a batch then never waits for the device."""
        return self.last.cpu().numpy()

    def _sent(self, values: np.ndarray) -> Tensor:
        return sent(values, self.last.device)


def build_histories(
    panel: Panel,
    windows: Sequence[ReturnWindow],
    graph: NeighbourGraph | None = None,
    table: FeatureTable | None = None,
    n_factors: int = 6,
    groups: np.ndarray | None = None,
    factor_groups: np.ndarray | None = None,
) -> Histories:
    """Arrange a panel for batches.

    Only TRADED cells are bars of a history. UNLISTED, MISSING, HALTED and DELISTED ones are left out: they count
    neither as a return of zero nor as a target, and a gap shows as a jump of the bar index. A delisting ends an asset's
    targets at its terminal value.

    Args:
        panel: Prices. A bar is a session, or a part of one in a panel of intraday bars; all counts are in bars.
        windows: Return windows to learn or forecast.
        graph: Neighbours as of each session, for models that use them.
        table: Features of the panel; computed when None.
        n_factors: Trailing factors of the returns' correlation.
        groups: (A, D) int64 group of each asset at each depth, for models that use them.
        factor_groups: (A, D) likewise, for models that have trailing factors of groups beside the principal ones.

    Raises:
        DataError: If no asset has a history, which begins after twenty returns; if no group that is to have a factor
            has three assets.
    """
    table = feature_table(panel) if table is None else table
    bars = ObservedBars.of(panel, windows, table)
    targets, observed = realised_returns(panel, windows)
    return Histories(
        sessions=panel.bars,
        bars=bars,
        last=torch.from_numpy(np.cumsum(table.valid, axis=0) - 1),
        present=torch.from_numpy(table.valid & panel.eligible),
        targets=torch.from_numpy(targets),
        observed=torch.from_numpy(observed),
        factors=trailing_factors(panel.log_returns(), n_factors, groups=factor_groups),
        groups=torch.from_numpy(np.zeros((len(panel.assets), 0), dtype=np.int64) if groups is None else groups),
        graph=graph,
    )
