"""Weights that are trained end to end: differentiable layers, and a policy that reads a graph of the assets.

What is learned here is a book's weights; money is counted by the backtest, in float64 and without torch.
"""

from quantdl.portfolio.learned.graph_policy import GraphPolicy
from quantdl.portfolio.learned.layers import capped_simplex, minimum_variance_layer, risk_budget_layer
from quantdl.portfolio.learned.policy_training import PolicyData, fit_policy, net_returns

__all__ = [
    "GraphPolicy",
    "PolicyData",
    "capped_simplex",
    "fit_policy",
    "minimum_variance_layer",
    "net_returns",
    "risk_budget_layer",
]
