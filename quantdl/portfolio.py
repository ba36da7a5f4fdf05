"""From beliefs about returns to weights: equal, inverse volatility, least predicted shortfall, volatility target.

Weights are fractions of equity, float64; what is left to one is cash. An asset that cannot be held gets weight zero.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

# Below this standard deviation of simple returns a price does not move: it is stale, not safe.
STALE_DEVIATION = 1e-8


@dataclass(frozen=True, eq=False)
class Limits:
    """The caps on a book.

    Attributes:
        long_only: Whether negative weights are errors.
        max_weight: Largest absolute weight of one asset.
        max_gross: Largest sum of absolute weights.
        max_net: Largest absolute sum of weights.
        group_of: (A,) index into ``group_names`` of each asset's group.
        group_names: Name of each group.
        max_group_gross: Largest sum of absolute weights inside one group.
        max_group_net: Largest absolute sum of weights inside one group.
    """

    long_only: bool
    max_weight: float
    max_gross: float
    max_net: float
    group_of: np.ndarray
    group_names: tuple[str, ...]
    max_group_gross: float
    max_group_net: float

    def group_sums(self, weights: np.ndarray) -> np.ndarray:
        """Return (G,) the sum of ``weights`` (A,) inside each group."""
        return np.bincount(self.group_of, weights=weights, minlength=len(self.group_names))


def equal_weights(available: np.ndarray) -> np.ndarray:
    """Share equity equally among the available assets.

    Args:
        available: (A,) bool.

    Shape:
        - output: (A,), all zero when nothing is available

    Example:
        >>> equal_weights(np.array([True, False, True])).tolist()
        [0.5, 0.0, 0.5]
    """
    count = int(np.count_nonzero(available))
    return np.where(available, 1.0 / max(count, 1), 0.0)


def inverse_volatility_weights(returns: np.ndarray) -> np.ndarray:
    r"""Weigh each asset by the inverse of its standard deviation.

    .. math:: w_i = \frac{1 / s_i}{\sum_j 1 / s_j}, \quad s_i \text{ with } n - 1 \text{ in the denominator}

    Args:
        returns: (N, A) simple returns. A column with a missing return, or one that hardly moves (s <= 1e-8, a stale
            price), gets weight zero.

    Shape:
        - output: (A,), all zero when no column counts

    Example:
        >>> inverse_volatility_weights(np.array([[0.01, 0.02, np.nan], [-0.01, -0.02, 0.0]])).round(4).tolist()
        [0.6667, 0.3333, 0.0]
    """
    if len(returns) < 2:
        return np.zeros(returns.shape[1])
    complete = np.isfinite(returns).all(axis=0)
    deviations = np.where(complete, returns, 0.0).std(axis=0, ddof=1)
    moving = complete & (deviations > STALE_DEVIATION)
    inverse = np.where(moving, 1.0 / np.where(moving, deviations, 1.0), 0.0)
    return np.asarray(inverse / max(inverse.sum(), np.finfo(np.float64).tiny))


def within_limits(weights: np.ndarray, limits: Limits) -> np.ndarray:
    """Shrink weights until every cap holds; what is cut stays in cash.

    Single weights first, then groups, then gross, then net: each step only shrinks, so no earlier cap breaks again.
    Shrinking one side to obey a net cap would raise nothing either, so the larger side is scaled.

    Args:
        weights: (A,) wanted weights.
        limits: The caps.

    Shape:
        - output: (A,)
    """
    lowest = 0.0 if limits.long_only else -limits.max_weight
    weights = np.clip(weights, lowest, limits.max_weight)
    fullness = limits.group_sums(np.abs(weights)) / limits.max_group_gross
    weights = weights / np.maximum(fullness, 1.0)[limits.group_of]
    for group in range(len(limits.group_names)):
        inside = limits.group_of == group
        weights = np.where(inside, _within_net(weights * inside, limits.max_group_net), weights)
    weights = weights * min(1.0, limits.max_gross / max(np.abs(weights).sum(), limits.max_gross))
    return _within_net(weights, limits.max_net)


def _within_net(weights: np.ndarray, cap: float) -> np.ndarray:
    """Scale the larger side down until the absolute net weight is at most ``cap``."""
    net = float(weights.sum())
    if abs(net) <= cap:
        return weights
    larger = np.sign(weights) == np.sign(net)
    side = float(np.abs(weights[larger]).sum())
    return np.where(larger, weights * (side - (abs(net) - cap)) / side, weights)


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


def volatility_target_weights(
    weights: np.ndarray, draws: np.ndarray, target_volatility: float, max_gross: float
) -> np.ndarray:
    """Scale a book so that its predicted volatility equals the target, or to the gross cap if that comes first.

    Args:
        weights: (A,) book to scale.
        draws: (S, A) log returns over one period: drawn from a law, or the trailing ones. Columns of assets that are
            not held may be NaN.
        target_volatility: Standard deviation of the book's simple return over that period.
        max_gross: Largest sum of absolute weights.

    Shape:
        - output: (A,), all zero where no volatility can be predicted

    Raises:
        ValueError: If the target is not positive.

    Example:
        >>> draws = np.log1p(np.array([[0.02], [-0.02], [0.02], [-0.02]]))
        >>> volatility_target_weights(np.array([1.0]), draws, 0.01, 1.0).round(4).tolist()
        [0.433]
    """
    if not target_volatility > 0:
        raise ValueError(f"target_volatility must be positive, got {target_volatility}.")
    held = weights != 0
    gross = float(np.abs(weights).sum())
    if gross == 0 or len(draws) < 2:
        return np.zeros_like(weights)
    volatility = float((np.expm1(draws[:, held]) @ weights[held]).std(ddof=1))
    if not volatility > STALE_DEVIATION:
        return np.zeros_like(weights)
    return weights * min(target_volatility / volatility, max_gross / gross)
