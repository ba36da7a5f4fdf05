"""Training of a policy end to end: through its weights, their drift and their costs, to a measure of what it earned."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from quantdl.portfolio.learned.graph_policy import GraphPolicy
from quantdl.risk.measures.losses import expected_shortfall


@dataclass(frozen=True, eq=False)
class PolicyData:
    """What a policy is trained on, period by period, in time order.

    Attributes:
        features: (T, A, F) known before each period.
        returns: (T, A) simple returns of the periods.
        edge_index: (2, E) between nodes numbered ``period * A + asset``.
        edge_weight: (E,).
    """

    features: Tensor
    returns: Tensor
    edge_index: Tensor
    edge_weight: Tensor


def net_returns(weights: Tensor, returns: Tensor, cost_fraction: float) -> Tensor:
    """Return (T,) what books earn after the costs of trading from the weights that were held, drifted with prices.

    Args:
        weights: (T, A) decided before each period; the rest to one is cash that earns nothing.
        returns: (T, A) simple returns of the periods.
        cost_fraction: Cost of trading a unit of weight; the first book is bought from cash.

    Example:
        >>> held = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
        >>> net_returns(held, torch.tensor([[0.1, 0.0], [0.0, 0.2]]), 0.01)
        tensor([0.0900, 0.0900])
    """
    gross = (weights * returns).sum(-1)
    drifted = weights * (1.0 + returns) / (1.0 + gross)[:, None]
    before = torch.cat([torch.zeros_like(weights[:1]), drifted[:-1]])
    return gross - cost_fraction * (weights - before).abs().sum(-1)


def fit_policy(
    policy: GraphPolicy,
    data: PolicyData,
    *,
    aim: Literal["shortfall", "sharpe"] = "shortfall",
    level: float = 0.95,
    cost_fraction: float = 0.0005,
    steps: int = 200,
    learning_rate: float = 0.01,
) -> tuple[float, ...]:
    """Train a policy in place by the whole of a span at each step, and return the loss before each step.

    Args:
        policy: To be trained; its parameters decide device and dtype.
        data: Of the training span only: judge on later periods.
        aim: The expected shortfall of the net returns, or their negative Sharpe ratio a period.
        level: Confidence of the shortfall.
        cost_fraction: Cost of trading a unit of weight.
        steps: Of Adam.
        learning_rate: Of Adam.

    Raises:
        ValueError: If ``level`` is out of range or the span is too short for it.
        FloatingPointError: If the loss is not finite, with the step.
    """
    optimiser = torch.optim.Adam(policy.parameters(), lr=learning_rate)
    losses = []
    for step in range(steps):
        optimiser.zero_grad()
        net = net_returns(policy(data.features, data.edge_index, data.edge_weight), data.returns, cost_fraction)
        loss = expected_shortfall(-net, level) if aim == "shortfall" else -net.mean() / net.std()
        if not bool(torch.isfinite(loss)):
            raise FloatingPointError(
                f"the loss of the policy is {loss.item()} at step {step}; expected a finite one. Look for gaps in "
                "returns and features, or lower the learning rate."
            )
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return tuple(losses)
