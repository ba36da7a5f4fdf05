r"""Layers that solve a small program, and whose derivative is that of its solution.

Each finds its optimum without derivatives and then states it again, by equations that hold around it: the active caps
stay active, the other unknowns solve a linear system. What autograd makes of these is the implicit function theorem,
exact where no cap is just touched.

References:
    | OptNet: differentiable optimization as a layer in neural networks (Amos and Kolter, 2017)
    | https://arxiv.org/abs/1703.00443
"""

import numpy as np
import torch
from torch import Tensor

from quantdl.portfolio.constraints import TradingTerms
from quantdl.portfolio.convex import Local, newton_minimum
from quantdl.portfolio.limits import Limits
from quantdl.portfolio.minimum_variance import minimum_variance_weights_of

_TOUCHES = 1e-7  # nearer to its cap a weight is at its cap
_ROUNDING = 1e-12  # relative: 49 times 1 / 49 is a little less than one


def capped_simplex(scores: Tensor, cap: float = 1.0, invested: float = 1.0) -> Tensor:
    r"""Project on the long-only books with a cap: the nearest weights that add to ``invested``.

    .. math:: w_i = \min(\max(v_i - \tau, 0), \text{cap}), \quad \tau \text{ such that } \textstyle\sum_i w_i
              = \text{invested}

    Args:
        scores: (*, A), finite; any dtype, any device.
        cap: Largest weight.
        invested: Sum of the weights.

    Shape:
        - output: (*, A)

    Raises:
        ValueError: If the caps leave no room for ``invested``.

    References:
        | Projection onto the capped simplex (Wang and Lu, 2015), https://arxiv.org/abs/1503.01002

    Example:
        >>> capped_simplex(torch.tensor([0.9, 0.5, 0.1, -0.3])).tolist()
        [0.699999988079071, 0.30000001192092896, 0.0, 0.0]
    """
    count = scores.shape[-1]
    if not 0 < invested <= cap * count * (1.0 + _ROUNDING):
        raise ValueError(f"{count} weights of at most {cap:g} cannot add to {invested:g}.")
    with torch.no_grad():
        shift = _shift(scores.detach().double(), cap, invested)
        moved = scores.detach().double() - shift
        free, full = (moved > 0) & (moved < cap), moved >= cap
    number = free.sum(-1, keepdim=True).clamp(min=1)
    over = (scores * free + cap * full.to(scores.dtype)).sum(-1, keepdim=True) - invested
    weights = torch.where(free, scores - over / number, scores.new_zeros(()))
    return torch.where(full, scores.new_tensor(cap), weights)


def _shift(scores: Tensor, cap: float, invested: float) -> Tensor:
    """Return (*, 1) the shift: the sum of weights falls by straight pieces between 2 A places."""
    places = torch.cat([scores, scores - cap], dim=-1).sort(dim=-1).values
    sums = (scores[..., None, :] - places[..., :, None]).clamp(0.0, cap).sum(-1)
    below = (sums >= invested).sum(-1, keepdim=True).clamp(1, places.shape[-1] - 1) - 1
    left, right = places.gather(-1, below), places.gather(-1, below + 1)
    high, low = sums.gather(-1, below), sums.gather(-1, below + 1)
    part = (high - invested) / (high - low).clamp(min=1e-300)
    return left + part.clamp(0.0, 1.0) * (right - left)


def minimum_variance_layer(covariance: Tensor, cap: float = 1.0) -> Tensor:
    r"""Return the long-only weights of least variance, differentiable in the covariance.

    With F the weights strictly between zero and the cap C, those at it: :math:`\Sigma_{FF} w_F + \nu 1 = -\Sigma_{FC}
    w_C` and :math:`1^\top w_F = 1 - 1^\top w_C`.

    Args:
        covariance: (A, A) positive definite, of any floating dtype; solved in float64 on the CPU.
        cap: Largest weight.

    Shape:
        - output: (A,), of the dtype and device of the covariance

    Raises:
        ValueError: If the covariance is not one, or the caps leave no room.

    Example:
        >>> minimum_variance_layer(torch.diag(torch.tensor([0.01, 0.04]).double())).tolist()
        [0.8, 0.2]
    """
    count = len(covariance)
    matrix = covariance.double()
    limits = Limits(True, cap, 1.0, 1.0, np.zeros(count, dtype=np.int64), ("all",), 1.0, 1.0)
    found = minimum_variance_weights_of(matrix.detach().cpu().numpy(), limits, TradingTerms(np.zeros(count), 0.0, 0.0))
    at = torch.from_numpy(found).to(matrix.device)
    full = at > cap - _TOUCHES
    free = (at > _TOUCHES) & ~full
    fixed = torch.where(full, matrix.new_tensor(cap), matrix.new_zeros(()))
    if not bool(free.any()):
        return fixed.to(covariance.dtype)
    number = int(free.sum())
    system = matrix.new_zeros(number + 1, number + 1)
    system[:number, :number] = matrix[free][:, free]
    system[:number, -1] = system[-1, :number] = 1.0
    wanted = torch.cat([-(matrix[free] @ fixed), (1.0 - fixed.sum())[None]])
    solved = torch.linalg.solve(system, wanted)[:number]
    return fixed.masked_scatter(free, solved).to(covariance.dtype)


def risk_budget_layer(covariance: Tensor, budgets: Tensor) -> Tensor:
    r"""Return the long-only weights whose variance contributions are in proportion to budgets; differentiable in both.

    The sizes y with :math:`\Sigma y = b / y`, found by Newton's method; one more step of it, with its matrix held
    fixed, has the derivative of the solution.

    Args:
        covariance: (A, A) positive definite.
        budgets: (A,) positive.

    Shape:
        - output: (A,), sums to one

    Raises:
        ValueError: If a budget is not positive.

    Example:
        >>> risk_budget_layer(torch.diag(torch.tensor([0.01, 0.04]).double()), torch.ones(2).double()).round(decimals=6)
        tensor([0.6667, 0.3333], dtype=torch.float64)
    """
    if not bool((budgets > 0).all()):
        raise ValueError("budgets must be positive.")
    matrix, shares = covariance.double(), budgets.double()
    sigma, wanted = matrix.detach().cpu().numpy(), shares.detach().cpu().numpy()

    def around(sizes: np.ndarray) -> Local | None:
        if not sizes.min() > 0:
            return None
        value = 0.5 * float(sizes @ sigma @ sizes) - float(wanted @ np.log(sizes))
        return Local(value, sigma @ sizes - wanted / sizes, sigma + np.diag(wanted / sizes**2))

    found = newton_minimum(around, np.sqrt(wanted / np.diag(sigma)))
    at = torch.from_numpy(found).to(matrix.device)
    slope = torch.from_numpy(sigma + np.diag(wanted / found**2)).to(matrix.device)
    sizes = at - torch.linalg.solve(slope, matrix @ at - shares / at)
    weights: Tensor = sizes / sizes.sum()
    return weights.to(covariance.dtype)
