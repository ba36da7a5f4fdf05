"""A graph network that outputs weights: each asset's score is read off its own features and those of its neighbours."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv, SAGEConv

from quantdl.portfolio.learned.layers import capped_simplex


class GraphPolicy(nn.Module):
    """Long-only capped weights of a book, as a function of features of assets and of the graph between them.

    Two rounds of messages, a score an asset, a softmax over the session's assets, and the projection on the cap.
    Parameters are shared, so it serves any assets in any order. It begins at equal weights.

    Args:
        n_features: Features of an asset.
        width: Of the hidden layers.
        cap: Largest weight of an asset.
        messages: ``"sage"`` averages neighbours (Hamilton, Ying and Leskovec, 2017, https://arxiv.org/abs/1706.02216),
            ``"attention"`` weighs them, with the strength of an edge as its feature (GATv2: Brody, Alon and Yahav,
            2022, https://arxiv.org/abs/2105.14491).

    Raises:
        ValueError: If ``cap`` is not above 0 and at most 1.
    """

    def __init__(
        self, n_features: int, width: int = 16, cap: float = 1.0, messages: Literal["sage", "attention"] = "sage"
    ) -> None:
        super().__init__()
        if not 0 < cap <= 1:
            raise ValueError(f"cap must lie above 0 and at most at 1, got {cap}.")
        self.cap = cap
        self.enter = nn.Linear(n_features, width)
        self.rounds = nn.ModuleList(
            SAGEConv(width, width) if messages == "sage" else GATv2Conv(width, width, edge_dim=1) for _ in range(2)
        )
        self.weighs_edges = messages == "attention"
        self.score = nn.Linear(width, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, features: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Return the weights of sessions.

        Args:
            features: (B, A, F).
            edge_index: (2, E) sources above targets, of nodes numbered ``row * A + asset``, as from
                `quantdl.relations.graphs.NeighbourGraph.edges`.
            edge_weight: (E,) strength of each edge; read by attention only.

        Returns:
            (B, A), each row adding to one.

        Raises:
            ValueError: If the cap leaves no room for so few assets.
        """
        rows, assets = features.shape[:2]
        nodes = torch.relu(self.enter(features)).reshape(rows * assets, -1)
        for layer in self.rounds:
            heard = layer(nodes, edge_index, edge_weight[:, None]) if self.weighs_edges else layer(nodes, edge_index)
            nodes = nodes + torch.relu(heard)
        scores = self.score(nodes).reshape(rows, assets)
        return capped_simplex(torch.softmax(scores, dim=-1), self.cap)
