"""From a decision to share targets: the caps it must obey, the cuts the engine makes, and what costs leave over."""

import numpy as np
import pandas as pd

from quantdl.errors import RunError
from quantdl.portfolio import Limits

# Room for rounding in weights that sum to a cap.
TOLERANCE = 1e-9

# Positions are cut to this share of what the fast exit allows: an order fills a session after it was sized, and a move
# of up to a tenth until then must not break the promise.
EXIT_ROOM = 0.9


def target_quantities(
    weights: np.ndarray, equity: float, quantities: np.ndarray, prices: np.ndarray, cost_fraction: float
) -> np.ndarray:
    r"""Return the shares at which every asset has its weight of equity *after* the costs of getting there.

    The value after costs solves :math:`v = v_0 - c \sum_i |w_i v - q_i p_i|`. The right side falls more slowly than the
    left rises (c times gross below one), so iterating it converges to the only solution.

    Args:
        weights: (A,) target weights.
        equity: Value before costs, positive.
        quantities: (A,) shares held.
        prices: (A,) price per share; NaN only where the weight is zero and nothing is held.
        cost_fraction: Cost of trading each way.

    Shape:
        - output: (A,)

    Example:
        >>> target_quantities(np.array([1.0]), 1000.0, np.array([0.0]), np.array([10.0]), 0.001).round(4).tolist()
        [99.9001]
    """
    prices = np.where(np.isfinite(prices), prices, 1.0)
    held = quantities * prices
    value = equity
    for _ in range(200):
        after = equity - cost_fraction * float(np.abs(weights * value - held).sum())
        if abs(after - value) <= 1e-16 * equity:
            break
        value = after
    return np.asarray(weights * value / prices)


def check_decision(
    weights: np.ndarray,
    rules: tuple[str, ...],
    limits: Limits,
    listed: np.ndarray,
    assets: tuple[str, ...],
    session: pd.Timestamp,
) -> None:
    """Refuse weights that are not numbers, hold what cannot be held, or break a cap.

    Raises:
        RunError: Naming session, asset or group, weight, cap and rule.
    """
    day = f"{session:%Y-%m-%d}"
    for index in np.flatnonzero(~np.isfinite(weights)):
        raise RunError(
            f"{day}: weight of {assets[index]} is {weights[index]} (rule '{rules[index]}'). Give a number, 0 for none."
        )
    for index in np.flatnonzero((weights != 0) & ~listed):
        raise RunError(
            f"{day}: weight {weights[index]:g} on {assets[index]}, which is not listed, or not in the universe, then "
            f"(rule '{rules[index]}'). Use view.listed to leave it out."
        )
    if limits.long_only and (weights < 0).any():
        index = weights.argmin()
        raise RunError(
            f"{day}: weight {weights[index]:g} on {assets[index]}, but the plan is long-only (rule '{rules[index]}'). "
            "Use zero, or set sizing.long_only to false and state the borrow terms."
        )
    _check_caps(weights, rules, limits, assets, day)


def _check_caps(weights: np.ndarray, rules: tuple[str, ...], limits: Limits, assets: tuple[str, ...], day: str) -> None:
    absolute = np.abs(weights)
    largest = int(absolute.argmax())
    tags = ", ".join(f"'{rule}'" for rule in sorted(set(rules)))
    group_gross, group_net = limits.group_sums(absolute), np.abs(limits.group_sums(weights))
    fullest, most_one_sided = int(group_gross.argmax()), int(group_net.argmax())
    for name, given, cap, what in (
        ("sizing.max_weight", absolute[largest], limits.max_weight, assets[largest]),
        ("sizing.max_gross", absolute.sum(), limits.max_gross, "the book, gross"),
        ("sizing.max_net", abs(weights.sum()), limits.max_net, "the book, net"),
        (
            "related_positions.max_group_gross",
            group_gross[fullest],
            limits.max_group_gross,
            limits.group_names[fullest],
        ),
        (
            "related_positions.max_group_net",
            group_net[most_one_sided],
            limits.max_group_net,
            f"{limits.group_names[most_one_sided]}, net",
        ),
    ):
        if given > cap + TOLERANCE:
            raise RunError(
                f"{day}: weight {given:g} of {what} breaks {name} = {cap:g} (rule {tags}). "
                "quantdl.portfolio.within_limits(weights, view.limits) shrinks weights into the caps."
            )


def check_cadence(
    weights: np.ndarray, current: np.ndarray, rules: tuple[str, ...], assets: tuple[str, ...], session: pd.Timestamp
) -> None:
    """Refuse a larger position between two sessions of the plan's cadence; reducing one is always allowed.

    Raises:
        RunError: Naming session, asset and weights.
    """
    larger = (np.abs(weights) > np.abs(current) + TOLERANCE) | (weights * current < 0)
    for index in np.flatnonzero(larger):
        raise RunError(
            f"{session:%Y-%m-%d}: weight {weights[index]:g} of {assets[index]} against {current[index]:g} held "
            f"(rule '{rules[index]}'), but the plan's cadence has no rebalance then. Decide when view.rebalance_due "
            "is true, or change horizon.rebalance."
        )


def reduced_only(weights: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return the targets with every weight cut to what is held on the same side."""
    same_side = weights * current > 0
    return np.where(same_side, np.sign(weights) * np.minimum(np.abs(weights), np.abs(current)), 0.0)


def exit_values(tradable_dollars: np.ndarray, max_sessions: int) -> np.ndarray:
    """Return (A,) the largest positions, in money, that can be left within the plan's fast exit."""
    return tradable_dollars * max_sessions
