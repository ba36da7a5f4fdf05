"""All histories of a panel in one tensor that stays on the device, and batches gathered from it by index."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from quantdl.errors import DataError
from quantdl.features import FeatureTable, feature_table
from quantdl.market.panel import Panel
from quantdl.relations.factors import TrailingFactors, trailing_factors
from quantdl.relations.graphs import NeighbourGraph
from quantdl.sequences.batch import Batch
from quantdl.sequences.returns import ReturnWindow, realised_returns


@dataclass(frozen=True, eq=False)
class Histories:
    """All observed bars of all assets in one tensor, and where each history stands in it.

    Attributes:
        sessions: (T,) session labels.
        assets: (A,) symbols.
        windows: Return windows that can be asked for.
        features: (N, F) features of all observed bars, asset after asset.
        scale: (N,) trailing volatility.
        returns: (N,) log return of each observed bar.
        bar_index: (N,) bar of each row.
        first: (A,) row of each asset's first bar.
        last: (T, A) number of each asset's last observed bar up to a session, within its own history; -1 without one.
        present: (T, A) whether the asset can be forecast: traded, with enough history, and in the universe as of the
            bar. An asset outside the universe keeps its history, for the day on which it comes back.
        targets: (T, W, A) realised returns, 0 where not observed; see `quantdl.sequences.returns.realised_returns`.
        observed: (T, W, A).
        factors: Common factors as of each session.
        graph: Neighbours as of each session, if a model needs them.
    """

    sessions: pd.DatetimeIndex
    assets: tuple[str, ...]
    windows: tuple[ReturnWindow, ...]
    features: Tensor
    scale: Tensor
    returns: Tensor
    bar_index: Tensor
    first: Tensor
    last: Tensor
    present: Tensor
    targets: Tensor
    observed: Tensor
    factors: TrailingFactors
    graph: NeighbourGraph | None = None

    @property
    def n_features(self) -> int:
        """Number of feature columns."""
        return self.features.shape[1]

    def bar_of(self, session: pd.Timestamp | str) -> int:
        """Bar number of the last session at or before a day; -1 before the first."""
        return int(self.sessions.searchsorted(pd.Timestamp(session), side="right")) - 1

    def to(self, device: torch.device) -> "Histories":
        """The same histories on another device, so that batches are gathered there."""
        return replace(
            self,
            features=self.features.to(device),
            scale=self.scale.to(device),
            returns=self.returns.to(device),
            bar_index=self.bar_index.to(device),
            first=self.first.to(device),
            last=self.last.to(device),
            present=self.present.to(device),
            targets=self.targets.to(device),
            observed=self.observed.to(device),
        )

    def features_through(self, bar: int) -> Tensor:
        """Feature rows of all assets up to a bar, (N, F): what a scaler may be fitted on."""
        return self.features[self.bar_index <= bar]

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
        begin, lengths = self._spans(blocks, context)
        index, inside = _padded_index(self.first + begin, lengths)
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
            features=torch.where(inside[..., None], self.features[index], 0.0),
            bar_index=self.bar_index[index],
            scale=torch.where(inside, self.scale[index], 1.0),
            returns=torch.where(inside, self.returns[index], 0.0),
            lengths=lengths,
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
        )

    def _spans(self, blocks: Sequence[range], context: int) -> tuple[Tensor, Tensor]:
        """First bar (within the asset's history) and number of bars of every row and asset, each (R, A)."""
        opening = self.last[torch.tensor([block[0] for block in blocks], device=self.last.device)]
        closing = self.last[torch.tensor([block[-1] for block in blocks], device=self.last.device)]
        begin = (opening - context + 1).clamp(min=0)
        return begin, closing - begin + 1

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


def _padded_index(first: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of the flat tensor for right-padded sequences, (R, A, L), and where they hold a bar."""
    steps = torch.arange(max(int(lengths.max()), 1), device=lengths.device)
    inside = steps < lengths[..., None]
    return torch.where(inside, first[..., None] + steps, 0), inside


def build_histories(
    panel: Panel,
    windows: Sequence[ReturnWindow],
    graph: NeighbourGraph | None = None,
    table: FeatureTable | None = None,
    n_factors: int = 4,
) -> Histories:
    """Lay a panel out for batching.

    Only TRADED cells are bars of a history. UNLISTED, MISSING, HALTED and DELISTED ones are left out: they count
    neither as a return of zero nor as a target, and a gap shows as a jump of the bar index. A delisting ends an asset's
    targets at its terminal value.

    Args:
        panel: Prices. A bar is a session, or a part of one in a panel of intraday bars; all counts are in bars.
        windows: Return windows to learn or forecast.
        graph: Neighbours as of each session, for models that use them.
        table: Features of the panel, if they are at hand; computed otherwise.
        n_factors: Trailing factors of the returns' correlation.

    Raises:
        DataError: If no asset has a history, which begins after twenty returns.
    """
    table = feature_table(panel) if table is None else table
    if not table.valid.any():
        raise DataError(
            f"{panel.card.source}: from {panel.sessions[0]:%Y-%m-%d} to {panel.sessions[-1]:%Y-%m-%d} no asset moved "
            "on 20 bars, after which a history begins. Bring more sessions, or see `quantdl data check`."
        )
    columns, rows = np.nonzero(table.valid.T)
    counts = table.valid.sum(axis=0)
    targets, observed = realised_returns(panel, windows)
    return Histories(
        sessions=panel.sessions,
        assets=panel.assets,
        windows=tuple(windows),
        features=torch.from_numpy(table.values[rows, columns]),
        scale=torch.from_numpy(table.scale[rows, columns].astype(np.float32)),
        returns=torch.from_numpy(panel.log_returns()[rows, columns].astype(np.float32)),
        bar_index=torch.from_numpy(rows),
        first=torch.from_numpy(np.concatenate([[0], np.cumsum(counts)[:-1]])),
        last=torch.from_numpy(np.cumsum(table.valid, axis=0) - 1),
        present=torch.from_numpy(table.valid & panel.eligible),
        targets=torch.from_numpy(targets),
        observed=torch.from_numpy(observed),
        factors=trailing_factors(panel.log_returns(), n_factors),
        graph=graph,
    )
