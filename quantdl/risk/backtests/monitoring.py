r"""Are the risk forecasts still right? E-processes that may be read after every session and never wear out.

An e-process is the money of a gambler who plays against the forecasts with a stake of one: at each session he bets
before the outcome is known, at odds that are fair or worse for him if the forecasts are right. Then his money reaches
:math:`1 / a` with probability a at most, over a run of any length (Ville's inequality), so one may look every day and
stop at 20 with a false alarm in 5 % of the runs at most. A p-value that is looked at every day has no such promise.

Three kinds of bets: on exceptions, on the size of losses beyond the value-at-risk, and on where losses fall in their
predicted law. Each is five gamblers with shares of the money. Losses are positive when money is lost; everything is a
function of sequences.

References:
    | Testing, betting and martingales: Game-theoretic statistics and safe anytime-valid inference (Ramdas, Gruenwald,
      Vovk and Shafer, 2023), https://arxiv.org/abs/2210.01948
    | E-backtesting (Wang, Wang and Ziegel, 2022), https://arxiv.org/abs/2209.00991
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0)
"""How many times as many exceptions as promised each gambler expects."""

CELLS = 20
"""Equal parts of (0, 1) by which bets on probability integral transforms tell them apart."""

RESTART = 1.0 / 500.0
"""Share of the money that gamblers on transforms divide anew before every session: what drifted late is found, too."""

# Directions of the gamblers on transforms: one holds cash, the others expect larger losses, smaller ones, more of both
# ends, and more of the middle.
_SLOPE, _CURVATURE = 0.5, 0.5
_SMALLEST = 1e-12  # what is left of a stake at worst, so that its logarithm is a number


@dataclass(frozen=True, eq=False)
class LossBets:
    """What each gambler's money is multiplied by at a loss: a straight line on each stretch between two knots.

    Attributes:
        knots: (19,) rising losses, infinite where there are fewer; the stretch after a knot begins beyond it.
        intercepts: (5, 20) of each gambler on each stretch.
        slopes: (5, 20) likewise, per unit of loss.
    """

    knots: FloatArray
    intercepts: FloatArray
    slopes: FloatArray

    def factors(self, loss: float) -> FloatArray:
        """Return (5,) the factors at a loss, never below 1e-12."""
        at = int(np.searchsorted(self.knots, loss, side="left"))
        return np.maximum(self.intercepts[:, at] + self.slopes[:, at] * loss, _SMALLEST)


def stakes(level: float) -> FloatArray:
    r"""Return (5,) the share of its money that each gambler stakes, at most one half.

    A stake of :math:`\lambda` expects :math:`q = p + \lambda (1 - p)` exceptions a session in place of
    :math:`p = 1 - \mathrm{level}`; they are those of 1.5 to 10 times p.

    Raises:
        ValueError: If ``level`` is not strictly between 0.5 and 1.

    Example:
        >>> stakes(0.99).round(4).tolist()
        [0.0051, 0.0101, 0.0202, 0.0404, 0.0909]
    """
    if not 0.5 < level < 1.0:
        raise ValueError(f"level must lie strictly between 0.5 and 1, got {level}.")
    tail = 1.0 - level
    return np.asarray(np.minimum((np.array(RATIOS) - 1.0) * tail / (1.0 - tail), 0.5))


def exception_bets(value_at_risk: float, level: float) -> LossBets:
    r"""Bet on an exception: the e-value is :math:`1\{L > \mathrm{VaR}\} / (1 - \mathrm{level})`."""
    staked = stakes(level)
    return _lines([value_at_risk], [1.0 - staked, 1.0 - staked + staked / (1.0 - level)], [0.0 * staked] * 2)


def shortfall_bets(value_at_risk: float, expected_shortfall: float, level: float) -> LossBets:
    r"""Bet on large losses: the e-value of Wang, Wang and Ziegel.

    .. math:: e = \frac{(L - \mathrm{VaR})^+}{(1 - \mathrm{level}) (\mathrm{ES} - \mathrm{VaR})}

    Its mean is one at most where VaR is right and ES is not too small. It is more than one where VaR is wrong and ES is
    exact, so it tests both. Where ES does not lie above VaR nothing is staked.
    """
    staked, width = stakes(level), (1.0 - level) * (expected_shortfall - value_at_risk)
    if not width > 0.0:
        return no_bets()
    beyond = 1.0 - staked - staked * value_at_risk / width
    return _lines([value_at_risk], [1.0 - staked, beyond], [0.0 * staked, staked / width])


def no_bets() -> LossBets:
    """Stake nothing, whatever is lost: for a session without a prediction."""
    return _lines([], [np.ones(len(RATIOS))], [np.zeros(len(RATIOS))])


def transform_bets(edges: ArrayLike) -> LossBets:
    """Bet on where a loss falls between the (19,) edges of 20 equally likely parts of its predicted law."""
    densities = transform_densities()
    return _lines(list(np.asarray(edges, np.float64)), list(densities.T), [np.zeros(len(densities))] * CELLS)


def transform_densities() -> FloatArray:
    r"""Return (5, 20) the densities that the gamblers on transforms expect, the means over each part.

    One, :math:`1 \pm \frac12 (2u - 1)` and :math:`1 \pm \frac12 (6 u^2 - 6 u + 1)`, each with the mean one.
    """
    edge = np.linspace(0.0, 1.0, CELLS + 1)
    first, second = edge**2 - edge, 2.0 * edge**3 - 3.0 * edge**2 + edge  # integrals of the two polynomials
    slope, curvature = np.diff(first) * CELLS, np.diff(second) * CELLS
    one = np.ones(CELLS)
    return np.stack(
        [one, one + _SLOPE * slope, one - _SLOPE * slope, one + _CURVATURE * curvature, one - _CURVATURE * curvature]
    )


def transform_edges(losses: ArrayLike) -> FloatArray | None:
    """Return (19,) losses that part equally likely ones into 20 parts, each with the same chance to hold the next one.

    The rank of the next loss among n others is one of n + 1 equally likely ones; the last 20 k - 1 losses are used, so
    that each part holds k ranks, and chances are equal without error.

    Args:
        losses: (S,) equally likely losses.

    Returns:
        The edges, or None where there are fewer than 19 losses.

    Example:
        >>> transform_edges(np.arange(1.0, 40.0)).tolist()[:3]
        [2.0, 4.0, 6.0]
    """
    values = np.asarray(losses, np.float64)
    each = (len(values) + 1) // CELLS
    if each < 1:
        return None
    ordered = np.sort(values[-(each * CELLS - 1) :])
    return np.asarray(ordered[each * np.arange(1, CELLS) - 1])


def exception_process(losses: ArrayLike, value_at_risk: ArrayLike, level: float) -> FloatArray:
    """Return (T,) the money after each session of those who bet on exceptions.

    Args:
        losses: Fractions lost, in time order, (T,).
        value_at_risk: Forecasts made before each, (T,).
        level: Their confidence.

    Raises:
        ValueError: If lengths differ, a value is not finite, or ``level`` is not strictly between 0.5 and 1.

    Example:
        >>> exception_process([0.0, 0.03, 0.03], [0.02, 0.02, 0.02], 0.99).round(3).tolist()
        [0.967, 4.06, 25.983]
    """
    loss, var = _series(losses, {"value_at_risk": value_at_risk})
    return e_process(np.array([exception_bets(v, level).factors(x) for x, v in zip(loss, var, strict=True)]))


def shortfall_process(
    losses: ArrayLike, value_at_risk: ArrayLike, expected_shortfall: ArrayLike, level: float
) -> FloatArray:
    """Return (T,) the money after each session of those who bet on losses beyond what the shortfall allows.

    Args:
        losses: Fractions lost, in time order, (T,).
        value_at_risk: Forecasts made before each, (T,).
        expected_shortfall: Forecasts made before each, (T,).
        level: Confidence of both.

    Raises:
        ValueError: If lengths differ, a value is not finite, or ``level`` is not strictly between 0.5 and 1.
    """
    loss, var, shortfall = _series(losses, {"value_at_risk": value_at_risk, "expected_shortfall": expected_shortfall})
    rows = zip(loss, var, shortfall, strict=True)
    return e_process(np.array([shortfall_bets(v, e, level).factors(x) for x, v, e in rows]))


def transform_process(pit: ArrayLike) -> FloatArray:
    """Return (T,) the money after each session of those who bet that transforms are not uniform.

    It finds a shift, a width that is wrong, and either of them that began late. It bets on no dependence in time.

    Args:
        pit: Predicted probability of a loss this small or smaller, in time order, (T,).

    Raises:
        ValueError: If nothing is given or a value is no probability.
    """
    values = np.asarray(pit, np.float64)
    if values.ndim != 1 or values.size == 0 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("pit must be one series of probabilities between 0 and 1.")
    cells = np.minimum((values * CELLS).astype(np.int64), CELLS - 1)
    return e_process(transform_densities().T[cells], RESTART)


def e_process(factors: ArrayLike, restart: float = 0.0) -> FloatArray:
    """Return (T,) the money of gamblers together, who begin with equal shares of one.

    Args:
        factors: (T, K) what each one's money is multiplied by in each session; with a mean of one at most, given what
            was known before, it is an e-process.
        restart: Share of all money that is divided equally among them before each session.

    Raises:
        ValueError: If the table is empty, a factor is negative or not finite, or ``restart`` is outside [0, 1).
    """
    table = np.asarray(factors, np.float64)
    if table.ndim != 2 or table.size == 0 or not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError(f"factors must be finite and not negative, sessions by gamblers, got shape {table.shape}.")
    if not 0.0 <= restart < 1.0:
        raise ValueError(f"restart is a share from 0 on and below 1, got {restart}.")
    logs, found = np.zeros(table.shape[1]), np.empty(len(table))
    for t, row in enumerate(np.log(np.maximum(table, _SMALLEST))):
        logs = redivided(logs, restart) + row
        found[t] = money(logs)
    return found


def redivided(logs: FloatArray, restart: float) -> FloatArray:
    """Return the logarithms of the gamblers' money after a share of all of it was divided equally among them."""
    if restart == 0.0:
        return logs
    highest = float(logs.max())
    held = np.exp(logs - highest)
    return np.asarray(highest + np.log((1.0 - restart) * held + restart * held.mean()))


def money(logs: FloatArray) -> float:
    """Return the mean of the gamblers' money from its logarithms, at most 1e300 so that it stays a number."""
    highest = float(logs.max())
    return float(np.exp(min(highest, 690.0)) * np.exp(logs - highest).mean())


def greedy_process(e_values: ArrayLike, most: float = 0.5) -> FloatArray:
    r"""Return (T,) the money of one gambler who stakes what would have grown fastest so far: GREE of the paper.

    .. math:: \lambda_t = \arg\max_{0 \le \lambda \le m} \sum_{s < t} \log (1 - \lambda + \lambda e_s)

    Args:
        e_values: (T,) e-values, for instance of `shortfall_e_values`.
        most: m, the largest stake.

    Raises:
        ValueError: If nothing is given, an e-value is negative or not finite, or ``most`` is outside (0, 1).

    References:
        | E-backtesting (Wang, Wang and Ziegel, 2022), section 5
    """
    values = np.asarray(e_values, np.float64)
    if values.ndim != 1 or values.size == 0 or not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError("e_values must be one series of finite numbers that are not negative.")
    if not 0.0 < most < 1.0:
        raise ValueError(f"most is the largest stake, strictly between 0 and 1, got {most}.")
    staked = np.array([_best_stake(values[:t], most) for t in range(len(values))])
    return np.asarray(np.exp(np.cumsum(np.log1p(staked * (values - 1.0)))))


def exception_e_values(losses: ArrayLike, value_at_risk: ArrayLike, level: float) -> FloatArray:
    """Return (T,) one over the tail for a loss beyond its value-at-risk, else 0: mean one at most if it is right."""
    loss, var = _series(losses, {"value_at_risk": value_at_risk})
    return np.asarray((loss > var) / (1.0 - _checked(level)))


def shortfall_e_values(
    losses: ArrayLike, value_at_risk: ArrayLike, expected_shortfall: ArrayLike, level: float
) -> FloatArray:
    """Return (T,) the e-values of `shortfall_bets`; one where the shortfall does not lie above the value-at-risk."""
    loss, var, shortfall = _series(losses, {"value_at_risk": value_at_risk, "expected_shortfall": expected_shortfall})
    width = (1.0 - _checked(level)) * (shortfall - var)
    return np.where(width > 0, np.maximum(loss - var, 0.0) / np.where(width > 0, width, 1.0), 1.0)


def _best_stake(past: FloatArray, most: float) -> float:
    """Return the stake that would have grown fastest, by halving: the growth is concave in the stake."""
    if len(past) == 0 or past.mean() <= 1.0:
        return 0.0
    gains, low, high = past - 1.0, 0.0, most
    if (gains / (1.0 + most * gains)).sum() >= 0.0:
        return most
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if (gains / (1.0 + middle * gains)).sum() > 0.0 else (low, middle)
    return low


def _lines(knots: list[float], intercepts: list[FloatArray], slopes: list[FloatArray]) -> LossBets:
    """Return bets with all stretches filled: those that no loss reaches are as the last one."""
    padded = np.full(CELLS - 1, math.inf)
    padded[: len(knots)] = knots
    rest = CELLS - len(intercepts)
    return LossBets(
        padded,
        np.column_stack([*intercepts, *[intercepts[-1]] * rest]),
        np.column_stack([*slopes, *[slopes[-1]] * rest]),
    )


def _series(losses: ArrayLike, forecasts: Mapping[str, ArrayLike]) -> list[FloatArray]:
    found = [np.asarray(losses, np.float64)]
    if found[0].ndim != 1 or found[0].size == 0 or not np.isfinite(found[0]).all():
        raise ValueError("losses must be one finite series with at least one observation.")
    for name, values in forecasts.items():
        series = np.asarray(values, np.float64)
        if series.shape != found[0].shape or not np.isfinite(series).all():
            raise ValueError(f"{name} must be finite and as long as losses, {len(found[0])}, got shape {series.shape}.")
        found.append(series)
    return found


def _checked(level: float) -> float:
    stakes(level)
    return level
