"""The weights of least predicted expected shortfall, and those that set it against the predicted mean."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from quantdl.portfolio.constraints import Constraints, InfeasibleError, TradingTerms, book_constraints
from quantdl.portfolio.interior_point import QuadraticProgram, Rows, solve
from quantdl.portfolio.limits import Limits

_KEPT_TAILS = 4  # draws that the first program looks at, in tails of the book held
_FEWEST_KEPT = 1000
_NOTHING = 1e-9  # smaller weights are what the method left of zero
_ROUNDING = 1e-9  # of a sum of up to millions of probabilities


def least_shortfall_weights(
    draws: np.ndarray,
    level: float,
    limits: Limits,
    terms: TradingTerms,
    invested: float = 1.0,
    probabilities: np.ndarray | None = None,
) -> np.ndarray:
    r"""Find the weights whose predicted expected shortfall, plus the price of getting there, is least.

    .. math:: \min_w \; \mathrm{ES}_\alpha(-w^\top r) + (c + \lambda) \lVert w - w_0 \rVert_1
              \quad \text{with} \quad \textstyle\sum_i w_i = \text{invested}

    under the caps on weights, groups, gross and net weights, and on turnover. The program of Rockafellar and Uryasev
    has one row per draw; only those in the tail of the optimum matter. So the program is solved on the draws that are
    worst for the book held, those are added that turn out to lie beyond its threshold, and so on until none does: then
    its optimum is that of all draws, because what was left out is never negative.

    Args:
        draws: (S, A) log returns. A column with a value that is not finite is an asset that cannot be held.
        level: Confidence of the expected shortfall, strictly between 0 and 1.
        limits: The caps. Where those of a long-only book leave less room than ``invested``, the most they allow is.
        terms: Weights held, the price of changing them, and the cap on turnover.
        invested: Sum of the weights; of a book with both sides at most ``limits.max_gross``.
        probabilities: (S,) of the draws; equal where None.

    Shape:
        - output: (A,)

    Raises:
        ValueError: If ``level`` or ``invested`` is out of range, or the tail holds not even one draw.
        InfeasibleError: If no book keeps all constraints, with those that collide.
        RuntimeError: If the solver fails.

    References:
        | Optimization of conditional value-at-risk (Rockafellar and Uryasev, 2000)
        | https://doi.org/10.21314/JOR.2000.038

    Example:
        >>> calm_and_wild = np.log1p(np.array([[0.01, 0.02], [-0.01, -0.02], [0.02, 0.04], [-0.02, -0.04]]))
        >>> limits = Limits(True, 1.0, 1.0, 1.0, np.zeros(2, int), ("all",), 1.0, 1.0)
        >>> least_shortfall_weights(calm_and_wild, 0.5, limits, TradingTerms(np.zeros(2), 0.0, 0.0)).round(6).tolist()
        [1.0, 0.0]
    """
    present = np.isfinite(draws).all(axis=0)
    _check(level, invested, math.inf if limits.long_only else limits.max_gross, _shares(len(draws), probabilities))
    if limits.long_only:
        invested = min(invested, _room(present, limits))
    return _weights(draws, _Aim(level, 1.0, np.zeros(len(present)), None), limits, terms, invested, probabilities)


def mean_shortfall_weights(
    draws: np.ndarray,
    level: float,
    limits: Limits,
    terms: TradingTerms,
    *,
    least_return: float | None = None,
    risk_aversion: float | None = None,
    expected: np.ndarray | None = None,
    invested: float = 1.0,
    probabilities: np.ndarray | None = None,
) -> np.ndarray:
    r"""Find the weights that set predicted expected shortfall against the predicted mean of the simple return.

    With ``least_return`` m: :math:`\min_w \mathrm{ES}_\alpha + (c + \lambda) \lVert w - w_0 \rVert_1` with
    :math:`w^\top \mu \ge m`. With ``risk_aversion`` a: :math:`\max_w w^\top \mu - a \, \mathrm{ES}_\alpha
    - (c + \lambda) \lVert w - w_0 \rVert_1`. The mean of draws is known far worse than their tails: say
    where ``expected`` comes from, and read the result beside that of `least_shortfall_weights`.

    Args:
        draws: (S, A) log returns. A column with a value that is not finite is an asset that cannot be held.
        level: Confidence of the expected shortfall.
        limits: The caps.
        terms: Weights held, the price of changing them, and the cap on turnover.
        least_return: Least predicted mean of the book over the period of the draws, a fraction of equity.
        risk_aversion: What a unit of shortfall counts in units of the mean; positive.
        expected: (A,) means of the simple returns that replace those of the draws; finite for each asset that can be
            held.
        invested: Sum of the weights, at most ``limits.max_gross``.
        probabilities: (S,) of the draws; equal where None.

    Shape:
        - output: (A,)

    Raises:
        ValueError: If not exactly one of ``least_return`` and ``risk_aversion`` is given, a value is out of range, the
            tail holds not even one draw, or ``expected`` does not fit the assets.
        InfeasibleError: If no book keeps all constraints, with those that collide.
        RuntimeError: If the solver fails.

    References:
        | Portfolio optimization with conditional value-at-risk objective and constraints (Krokhmal, Palmquist and
        | Uryasev, 2002), https://doi.org/10.21314/JOR.2002.057
    """
    shares = _shares(len(draws), probabilities)
    _check(level, invested, limits.max_gross, shares)
    if (least_return is None) == (risk_aversion is None):
        raise ValueError("give exactly one of least_return and risk_aversion.")
    if risk_aversion is not None and not risk_aversion > 0:
        raise ValueError(f"risk_aversion must be positive, got {risk_aversion}.")
    present = np.isfinite(draws).all(axis=0)
    mean = shares @ np.expm1(np.where(present, draws, 0.0)) if expected is None else _means(expected, present)
    slope = np.zeros(len(mean)) if risk_aversion is None else -mean
    floor = None if least_return is None else (mean, least_return)
    aim = _Aim(level, risk_aversion or 1.0, slope, floor)
    return _weights(draws, aim, limits, terms, invested, probabilities)


@dataclass(frozen=True, eq=False)
class _Aim:
    """What is minimised: ``aversion`` times the shortfall plus ``slope`` (A,) times the weights; and a floor."""

    level: float
    aversion: float
    slope: np.ndarray
    floor: tuple[np.ndarray, float] | None


def _check(level: float, invested: float, most: float, shares: np.ndarray) -> None:
    tail = round(1.0 - level, 12)
    if not (0 < level < 1 and tail > 0):
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}.")
    largest = float(shares.max()) if len(shares) else 1.0
    if largest > tail * (1.0 + _ROUNDING):
        needed = math.ceil(round(1.0 / tail, 6))
        likeliest = f"the likeliest of {len(shares)} has a probability of {largest:.3g}" if len(shares) else "got none"
        raise ValueError(
            f"level {level:g} needs at least {needed} draws if all are equally likely; {likeliest}, and the tail holds "
            f"{tail:.3g}. Take more draws or a lower level."
        )
    if not 0 < invested <= most:
        raise ValueError(f"invested must lie above 0 and at most max_gross ({most}), got {invested}.")


def _shares(count: int, probabilities: np.ndarray | None) -> np.ndarray:
    """(S,) adding to one."""
    shares = np.ones(count) if probabilities is None else np.asarray(probabilities, np.float64)
    if shares.shape != (count,) or not (np.isfinite(shares) & (shares >= 0)).all() or (count and not shares.sum() > 0):
        raise ValueError(f"probabilities must be ({count},), finite, not negative and not all zero.")
    return np.asarray(shares / max(shares.sum(), np.finfo(float).tiny))


def _means(expected: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(A,) expected simple returns, checked; what stands for an absent asset is not read."""
    means = np.asarray(expected, np.float64)
    if means.shape != present.shape:
        raise ValueError(f"expected must be {present.shape}, a mean an asset of the draws, got {means.shape}.")
    broken = np.flatnonzero(present & ~np.isfinite(means))
    if len(broken):
        raise ValueError(
            f"expected must be finite for each asset with finite draws; at position {broken[0]} it is "
            f"{means[broken[0]]}. State a mean, or make the draws of that asset NaN to leave it out."
        )
    return np.where(present, means, 0.0)


def _room(present: np.ndarray, limits: Limits) -> float:
    """Return the largest sum of weights that the caps allow a long-only book of the present assets."""
    members = limits.group_sums(present.astype(np.float64))
    groups = np.minimum(members * limits.max_weight, min(limits.max_group_gross, limits.max_group_net))
    return min(float(groups.sum()), limits.max_gross, limits.max_net)


def _weights(
    draws: np.ndarray,
    aim: _Aim,
    limits: Limits,
    terms: TradingTerms,
    invested: float,
    probabilities: np.ndarray | None,
) -> np.ndarray:
    present = np.isfinite(draws).all(axis=0)
    weights = np.zeros(len(present))
    if not present.any() or invested == 0:
        return weights
    keep = book_constraints(limits, present, invested, terms)
    if aim.floor is not None:
        mean, least = aim.floor
        keep = keep.with_row(-mean[present], -least, f"a predicted mean of at least {least:g} (least_return)")
    tail = _Tail(np.expm1(draws[:, present]), _shares(len(draws), probabilities), aim, present, keep, terms)
    found = tail.optimum()
    if found is None:
        colliding = keep.colliding()
        if colliding:
            raise InfeasibleError(colliding)
        raise RuntimeError("the program of least shortfall was not solved, though some book keeps all constraints.")
    weights[present] = np.where(np.abs(found) < _NOTHING, 0.0, found)
    return np.asarray(weights * (invested / weights.sum()))


@dataclass(frozen=True, eq=False)
class _Tail:
    """The program on the draws that matter, in units in which an asset's return is of order one."""

    returns: np.ndarray
    shares: np.ndarray
    aim: _Aim
    present: np.ndarray
    keep: Constraints
    terms: TradingTerms

    def optimum(self) -> np.ndarray | None:
        """Return (A,) weights, or None where no book was found."""
        scale = float(np.sqrt((self.returns**2).mean())) or 1.0
        scaled, count = self.returns / scale, self.returns.shape[1]
        held = self.terms.current[self.present]
        begin = held if held.sum() > 0.5 * self.keep.invested else np.full(count, self.keep.invested / count)
        losses = -(scaled @ begin)
        kept = np.zeros(len(losses), dtype=bool)
        fewest = max(_FEWEST_KEPT, round(_KEPT_TAILS * (1.0 - self.aim.level) * len(losses)))
        kept[np.argsort(-losses, kind="stable")[:fewest]] = True
        while True:
            found = self._optimum_of(scaled[kept], self.shares[kept], scale, begin)
            if found is None:
                return None
            weights, threshold = found[:count], found[-1]
            beyond = ~kept & (-(scaled @ weights) > threshold)
            if not beyond.any():
                return weights
            kept |= -(scaled @ weights) > threshold - 0.25 * abs(threshold)

    def _optimum_of(
        self, returns: np.ndarray, shares: np.ndarray, scale: float, begin: np.ndarray
    ) -> np.ndarray | None:
        count, width = len(begin), self.keep.matrix.shape[1]
        excesses = np.zeros((len(returns), width + 1))
        excesses[:, :count], excesses[:, -1] = -returns, -1.0
        price = np.maximum(shares, 1e-300) / (1.0 - self.aim.level)
        kept, cost = _widened(self.keep.rows()), self.terms.price / scale / self.aim.aversion
        if cost > 0:
            kept = _stacked(kept, _trading(self.terms.current[self.present], cost, width + 1))
        rows = (Rows(excesses, np.zeros(len(returns)), price), kept)
        slope = np.zeros(width + 1)
        slope[:count], slope[-1] = self.aim.slope[self.present] / scale / self.aim.aversion, 1.0
        start = np.concatenate([begin, np.zeros(width - count), [np.quantile(-(returns @ begin), 0.5)]])
        total = np.append(self.keep.total, 0.0)[None]
        return solve(QuadraticProgram(None, slope, rows, total, np.array([self.keep.invested])), start)


def _widened(rows: Rows) -> Rows:
    """Return the rows with a column of zeros for the threshold."""
    matrix = rows.matrix
    if sparse.issparse(matrix):
        wide = sparse.csr_array((matrix.data, matrix.indices, matrix.indptr), (matrix.shape[0], matrix.shape[1] + 1))
        return Rows(wide, rows.most, rows.price)
    return Rows(np.hstack([matrix, np.zeros((len(matrix), 1))]), rows.most, rows.price)


def _trading(current: np.ndarray, price: float, width: int) -> Rows:
    """Return rows whose excess is the distance of each weight from the one held."""
    asset = np.eye(len(current), width)
    dense = np.vstack([asset, -asset])
    return Rows(
        dense if dense.size <= 40_000 else sparse.csr_array(dense),
        np.concatenate([current, -current]),
        np.full(2 * len(current), price),
    )


def _stacked(one: Rows, other: Rows) -> Rows:
    """Return both as one block: a step costs less for every block that there is not."""
    if sparse.issparse(one.matrix) or sparse.issparse(other.matrix):
        matrix = sparse.csr_array(sparse.vstack([sparse.csr_array(one.matrix), sparse.csr_array(other.matrix)]))
    else:
        matrix = np.vstack([one.matrix, other.matrix])
    return Rows(matrix, np.concatenate([one.most, other.most]), np.concatenate([one.price, other.price]))
