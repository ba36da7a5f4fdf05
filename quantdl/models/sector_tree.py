"""A network over the tree of market, sectors, industries and assets, which is another one in every session."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from quantdl.distributions import CopulaForecast, Forecast
from quantdl.models.encoder import CausalEncoder
from quantdl.models.forecaster import Forecaster
from quantdl.models.heads import ForecastContext, JohnsonSUHead, MarketStatesHead, unit
from quantdl.models.settings import SectorTreeSettings
from quantdl.sequences import Batch


@dataclass(frozen=True)
class Node:
    """A market, a group or an asset.

    Attributes:
        children: Groups and assets below; none below an asset.
        asset: Number of the asset; None for a group.
    """

    children: tuple["Node", ...] = ()
    asset: int | None = None


def market_tree(paths: Sequence[Sequence[int]], assets: Sequence[int]) -> Node:
    """Return the tree of some assets below one market.

    Args:
        paths: Group of each asset at each depth, from the top down; negative from the depth on at which it has none.
        assets: Numbers of the assets in the tree.

    Example:
        >>> market = market_tree([[0, 0], [0, 1], [1, -1]], [0, 1, 2])
        >>> len(market.children), len(market.children[0].children), market.children[1].children[0].asset
        (2, 2, 2)
    """
    return _subtree(paths, assets, 0)


def _subtree(paths: Sequence[Sequence[int]], assets: Sequence[int], depth: int) -> Node:
    below: dict[int, list[int]] = {}
    children = []
    for asset in assets:
        path = paths[asset]
        if depth < len(path) and path[depth] >= 0:
            below.setdefault(path[depth], []).append(asset)
        else:
            children.append(Node(asset=asset))
    return Node((*(_subtree(paths, members, depth + 1) for members in below.values()), *children))


class TreeEncoder(nn.Module):
    """Encode every asset from its own encoding and those of all others, weighed by how near they are in the tree.

    On the way up a group is summarised from its children's summaries: their mean, corrected by a small network that
    also reads how many there are, so their order plays no part. On the way down every child learns what is above it.
    The networks are the same for all nodes, so any tree is served: of any depth, of one asset, of another set of assets
    in each session. An absent asset is in no tree.

    Args:
        width: Of the encodings.
        by_level: Whether all nodes of one depth are computed at once, in all sessions; otherwise each session's tree is
            walked node by node (`walk`), the same function at another speed.
    """

    def __init__(self, width: int, by_level: bool) -> None:
        super().__init__()
        self.by_level = by_level
        self.norm_child, self.norm_above = nn.LayerNorm(width), nn.LayerNorm(width)
        self.rise = nn.Sequential(nn.Linear(width + 1, width), nn.GELU(), nn.Linear(width, width))
        self.fall = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, hidden: Tensor, groups: Tensor, present: Tensor) -> Tensor:
        """Update the encodings of the present assets.

        Shape:
            - hidden, output: (B, A, width)
            - groups: (B, A, D)
            - present: (B, A)
        """
        if self.by_level:
            return self._all_levels(hidden, groups, present)
        rows = zip(hidden, groups.tolist(), present.tolist(), strict=True)
        return torch.stack([self._one_session(assets, paths, listed) for assets, paths, listed in rows])

    def walk(self, market: Node, hidden: Tensor) -> dict[int, Tensor]:
        """Encode the assets of one session's tree, each (width,), by plain recursion; hidden is (A, width)."""
        summaries: dict[int, Tensor] = {}
        encoded: dict[int, Tensor] = {}
        self._summarise(market, hidden, summaries)
        self._inform(market, summaries, None, encoded)
        return encoded

    def _summarise(self, node: Node, hidden: Tensor, summaries: dict[int, Tensor]) -> Tensor:
        """Children before parents: keep and return the summary of a node."""
        if node.asset is not None:
            summary = hidden[node.asset]
        else:
            below = torch.stack([self._summarise(child, hidden, summaries) for child in node.children])
            summary = self._summary(below.mean(0), hidden.new_tensor([float(len(below))]))
        summaries[id(node)] = summary
        return summary

    def _inform(
        self, node: Node, summaries: dict[int, Tensor], above: Tensor | None, encoded: dict[int, Tensor]
    ) -> None:
        """Parents before children: tell each node what is above it, down to the assets."""
        summary = summaries[id(node)]
        informed = summary if above is None else self._informed(summary, above)
        if node.asset is not None:
            encoded[node.asset] = informed
        for child in node.children:
            self._inform(child, summaries, informed, encoded)

    def _summary(self, mean: Tensor, count: Tensor) -> Tensor:
        """Summary of a group from the mean of its children's, (..., width), and how many there are, (..., 1)."""
        summary: Tensor = mean + self.rise(torch.cat([self.norm_child(mean), count.log()], dim=-1))
        return summary

    def _informed(self, own: Tensor, above: Tensor) -> Tensor:
        """A node's summary after it has learnt what is above, both (..., width)."""
        informed: Tensor = own + self.fall(torch.cat([self.norm_child(own), self.norm_above(above)], dim=-1))
        return informed

    def _one_session(self, hidden: Tensor, paths: list[list[int]], present: list[bool]) -> Tensor:
        listed = [asset for asset, is_present in enumerate(present) if is_present]
        if not listed:
            return hidden
        encoded = self.walk(market_tree(paths, listed), hidden)
        return torch.stack([encoded.get(asset, hidden[asset]) for asset in range(len(hidden))])

    def _all_levels(self, hidden: Tensor, groups: Tensor, present: Tensor) -> Tensor:
        levels = _levels(groups, present)
        leaves, width = hidden.flatten(0, 1), hidden.shape[-1]
        summaries: list[Tensor] = []
        for depth in reversed(range(len(levels))):
            level = levels[depth]
            total, count = leaves.new_zeros((level.size, width)), leaves.new_zeros((level.size, 1))
            total = total.index_add(0, level.of_leaf, leaves[level.leaf])
            count = count.index_add(0, level.of_leaf, count.new_ones((len(level.leaf), 1)))
            if summaries:
                parent, below = levels[depth + 1].parent, summaries[-1]
                total = total.index_add(0, parent, below)
                count = count.index_add(0, parent, count.new_ones((len(parent), 1)))
            count = count.clamp(min=1.0)
            summaries.append(self._summary(total / count, count))
        summaries.reverse()
        above, encoded = summaries[0], leaves
        for depth, level in enumerate(levels):
            if depth:
                above = self._informed(summaries[depth], above[level.parent])
            updated = self._informed(leaves[level.leaf], above[level.of_leaf])
            encoded = encoded.index_copy(0, level.leaf, updated)
        return encoded.view_as(hidden)


@dataclass(frozen=True, eq=False)
class _Level:
    """The groups of one depth in all sessions, numbered from 0.

    Attributes:
        size: How many there are.
        parent: (size,) number of each among those of the depth above; empty at the top.
        leaf: (N,) assets that hang from a group of this depth, as numbers ``b * A + a``.
        of_leaf: (N,) number of the group.
    """

    size: int
    parent: Tensor
    leaf: Tensor
    of_leaf: Tensor


def _levels(groups: Tensor, present: Tensor) -> list[_Level]:
    """Number the groups of present assets depth by depth; at the top there is one market for each session."""
    rows, assets, depth = groups.shape
    listed = present.flatten().nonzero()[:, 0]
    node, size = listed // assets, rows
    parent = listed.new_zeros(0)
    paths, levels = groups.flatten(0, 1)[listed], []
    for level in range(depth + 1):
        deeper = paths[:, level] >= 0 if level < depth else torch.zeros_like(listed, dtype=torch.bool)
        levels.append(_Level(size, parent, listed[~deeper], node[~deeper]))
        listed, node, paths = listed[deeper], node[deeper], paths[deeper]
        if level < depth:
            pairs = torch.stack([node, paths[:, level]])
            found, node = torch.unique(pairs, dim=1, return_inverse=True)
            parent, size = found[0], found.shape[1]
    return levels


class SectorTreeForecaster(Forecaster):
    """Each asset's law and its loadings read off each asset's history and those of its sector and of the market.

    Args:
        n_features: Feature columns.
        n_windows: Return windows the model answers for.
        settings: Of the network.
    """

    def __init__(self, n_features: int, n_windows: int, settings: SectorTreeSettings) -> None:
        super().__init__()
        self.encoder = CausalEncoder(n_features, settings)
        self.tree = TreeEncoder(settings.width, settings.evaluation == "by_level")
        self.context = ForecastContext(settings.width, n_windows)
        self.marginals = JohnsonSUHead(self.context.size, settings.width)
        factors = (settings.trailing_factors, settings.sector_factors)
        self.dependence = MarketStatesHead(self.context.size, settings.width, *factors)

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
        hidden = self.tree(batch.at_read(self.encoder(batch)), batch.groups, batch.present)
        assets, row = self.context(hidden, batch)
        dependence = self.dependence(assets, row, batch.trailing_loadings)
        marginals = self.marginals(assets, unit(batch), dependence.shock_stretch)
        return CopulaForecast(marginals, dependence, batch.present)
