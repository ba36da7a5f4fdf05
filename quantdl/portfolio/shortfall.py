"""The weights of least predicted expected shortfall, by linear programming."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from quantdl.portfolio.limits import Limits


@dataclass(frozen=True, eq=False)
class TradingTerms:
    """What changing the book costs an optimiser.

    Attributes:
        current: (A,) weights held now.
        cost_fraction: Cost of trading one unit of weight, each way.
        turnover_penalty: Extra price per unit of weight traded, beyond its cost, that damps churning.
    """

    current: np.ndarray
    cost_fraction: float
    turnover_penalty: float


def least_shortfall_weights(
    draws: np.ndarray, level: float, limits: Limits, terms: TradingTerms, invested: float = 1.0
) -> np.ndarray:
    r"""Find the long-only weights whose predicted expected shortfall, plus the price of getting there, is least.

    .. math:: \min_w \; \mathrm{ES}_\alpha(-w^\top r) + (c + \lambda) \lVert w - w_0 \rVert_1
              \quad \text{with} \quad \textstyle\sum_i w_i = \text{invested}, \; 0 \le w_i \le \text{cap},
              \; \sum_{i \in g} w_i \le \text{group cap}

    The linear program of Rockafellar and Uryasev has one row per draw. Its dual has one row per asset and a bounded
    variable per draw, is solved some five times faster, and hands back the weights as its multipliers.

    Args:
        draws: (S, A) log returns. A column with a value that is not finite is an asset that cannot be held.
        level: Confidence of the expected shortfall, strictly between 0 and 1.
        limits: The caps. Where they leave no room for ``invested`` the most they allow is invested.
        terms: Weights held and the price of changing them.
        invested: Sum of the weights, at most ``limits.max_gross``.

    Shape:
        - output: (A,)

    Raises:
        ValueError: If ``level`` or ``invested`` is out of range, or the caps allow selling short.
        RuntimeError: If the solver fails, with its message.

    References:
        | Optimization of conditional value-at-risk (Rockafellar and Uryasev, 2000)
        | https://doi.org/10.21314/JOR.2000.038
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}.")
    if not 0 < invested <= limits.max_gross:
        raise ValueError(f"invested must lie above 0 and at most max_gross ({limits.max_gross}), got {invested}.")
    if not limits.long_only:
        raise ValueError("least_shortfall_weights is for long-only books; the limits allow negative weights.")
    present = np.isfinite(draws).all(axis=0)
    weights = np.zeros(len(present))
    if present.any():
        total = min(invested, _room(present, limits))
        weights[present] = _shortfall_program(np.expm1(draws[:, present]), level, limits, terms, present, total)
    return weights


def _room(present: np.ndarray, limits: Limits) -> float:
    """Return the largest sum of weights that the caps allow the present assets."""
    members = limits.group_sums(present.astype(np.float64))
    return float(np.minimum(members * limits.max_weight, limits.max_group_gross).sum())


def _shortfall_program(
    returns: np.ndarray, level: float, limits: Limits, terms: TradingTerms, present: np.ndarray, total: float
) -> np.ndarray:
    """Solve the dual: probabilities of the draws, price of the budget, of the caps, of the groups, and of trading."""
    n_draws, n_assets = returns.shape
    groups, group_of = np.unique(limits.group_of[present], return_inverse=True)
    membership = np.equal.outer(group_of, np.arange(len(groups))).astype(np.float64)
    current, price = terms.current[present], terms.cost_fraction + terms.turnover_penalty
    objective = np.concatenate(
        [
            np.zeros(n_draws),
            [-total],
            np.full(n_assets, limits.max_weight),
            np.full(len(groups), limits.max_group_gross),
            current,
        ]
    )
    identity = np.eye(n_assets)
    rows = -np.hstack([-returns.T, -np.ones((n_assets, 1)), identity, membership, identity])
    tail = 1.0 / ((1.0 - level) * n_draws)
    bounds = np.array(
        [(0.0, tail)] * n_draws
        + [(-np.inf, np.inf)]
        + [(0.0, np.inf)] * (n_assets + len(groups))
        + [(-price, price)] * n_assets
    )
    one = np.concatenate([np.ones(n_draws), np.zeros(1 + 2 * n_assets + len(groups))])[None]
    solution = linprog(
        objective, A_ub=rows, b_ub=np.zeros(n_assets), A_eq=one, b_eq=[1.0], bounds=bounds, method="highs-ds"
    )
    if not solution.success:
        raise RuntimeError(f"The least-shortfall program was not solved: {solution.message}")
    weights = np.clip(-solution.ineqlin.marginals, 0.0, limits.max_weight)
    return np.asarray(weights * (total / weights.sum()))
