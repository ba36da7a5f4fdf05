"""The histories of all assets of a panel, and batches of whole sessions gathered from them by index."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from quantdl.features import FeatureTable, feature_table
from quantdl.market.panel import Panel
from quantdl.relations.factors import TrailingFactors, trailing_factors
from quantdl.relations.graphs import NeighbourGraph
from quantdl.sequences.batch import Batch
from quantdl.sequences.observed_bars import ObservedBars, Runs
from quantdl.sequences.returns import ReturnWindow, realised_returns


@dataclass(frozen=True, eq=False)
class Histories:
    """The observed bars of all assets, and what a session knows of each of them.

    Attributes:
        sessions: (T,) session labels.
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
        """Bar number of the last session at or before a day; -1 before the first."""
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
        row = _repeat([len(block) for block in blocks], self.last.device)
        bar = torch.tensor([bar for block in blocks for bar in block], device=self.last.device)
        begin, runs = self._runs(blocks, context)
        position = (self.last[bar] - begin[row]).clamp(min=0)
        windows = torch.arange(len(self.windows), device=row.device)
        row, position, bar = (_for_each(windows, value) for value in (row, position, bar))
        window = windows.repeat_interleave(len(bar) // len(windows))
        observed = self.observed[bar, window]
        if labels_through is not None:
            observed = observed & self._labels_end_by(bar, window, labels_through)[:, None]
        edge_index, edge_weight = self._edges(bar)
        bars = torch.tensor([float(item.bars) for item in self.windows], device=row.device)
        return Batch(
            features=runs.of(self.bars.features),
            bar_index=runs.of(self.bars.bar).long(),
            scale=runs.of(self.bars.scale, fill=1.0),
            returns=runs.of(self.bars.returns),
            lengths=runs.lengths,
            row=row,
            position=position,
            bar=bar,
            window=window,
            window_bars=bars[window],
            present=self.present[bar],
            trailing_loadings=torch.from_numpy(self.factors.at(bar.cpu().numpy())).to(row.device),
            target=self.targets[bar, window],
            target_observed=observed & self.present[bar],
            edge_index=edge_index,
            edge_weight=edge_weight,
            groups=self.groups.expand(len(bar), -1, -1),
        )

    def _runs(self, blocks: Sequence[range], context: int) -> tuple[Tensor, Runs]:
        """First bar within the asset's history, (R, A), and the run of rows, of every history row and asset."""
        opening = self.last[torch.tensor([block[0] for block in blocks], device=self.last.device)]
        closing = self.last[torch.tensor([block[-1] for block in blocks], device=self.last.device)]
        begin = (opening - context + 1).clamp(min=0)
        start, lengths = torch.from_numpy(self.bars.first[:-1]).to(begin.device) + begin, closing - begin + 1
        longest, furthest = torch.stack([lengths.max(), start.max()]).tolist()  # one wait for the device
        width = max(longest, 1)
        return begin, Runs(start, lengths, width, inside=furthest + width <= len(self.bars.features))

    def _labels_end_by(self, bar: Tensor, window: Tensor, limit: int) -> Tensor:
        ends = torch.tensor([item.ends_after for item in self.windows], device=bar.device)
        return bar + ends[window] <= limit

    def _edges(self, bar: Tensor) -> tuple[Tensor, Tensor]:
        if self.graph is None:
            empty = torch.zeros((2, 0), dtype=torch.int64, device=bar.device)
            return empty, torch.zeros(0, device=bar.device)
        index, weight = self.graph.edges(bar.cpu().numpy())
        return torch.from_numpy(index).to(bar.device), torch.from_numpy(weight).to(bar.device)


def _repeat(counts: Sequence[int], device: torch.device) -> Tensor:
    return torch.arange(len(counts), device=device).repeat_interleave(torch.tensor(counts, device=device))


def _for_each(windows: Tensor, value: Tensor) -> Tensor:
    return value.repeat((len(windows),) + (1,) * (value.ndim - 1))


def build_histories(
    panel: Panel,
    windows: Sequence[ReturnWindow],
    graph: NeighbourGraph | None = None,
    table: FeatureTable | None = None,
    n_factors: int = 4,
    groups: np.ndarray | None = None,
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

    Raises:
        DataError: If no asset has a history, which begins after twenty returns.
    """
    table = feature_table(panel) if table is None else table
    bars = ObservedBars.of(panel, windows, table)
    targets, observed = realised_returns(panel, windows)
    return Histories(
        sessions=panel.sessions,
        bars=bars,
        last=torch.from_numpy(np.cumsum(table.valid, axis=0) - 1),
        present=torch.from_numpy(table.valid & panel.eligible),
        targets=torch.from_numpy(targets),
        observed=torch.from_numpy(observed),
        factors=trailing_factors(panel.log_returns(), n_factors),
        groups=torch.from_numpy(np.zeros((len(panel.assets), 0), dtype=np.int64) if groups is None else groups),
        graph=graph,
    )
