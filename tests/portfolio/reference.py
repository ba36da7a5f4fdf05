"""The same programs, written down for cvxpy and solved by Clarabel: what the optimum must be."""

import cvxpy
import numpy as np


def constraints(weights, bound, terms, invested, least=None):
    """Each cap as the field `Limits` states it."""
    size = cvxpy.abs(weights)
    found = [cvxpy.sum(weights) == invested, size <= bound.max_weight, cvxpy.sum(size) <= bound.max_gross]
    if bound.long_only:
        found.append(weights >= 0)
    for group in range(len(bound.group_names)):
        inside = np.flatnonzero(bound.group_of == group)
        found.append(cvxpy.sum(size[inside]) <= bound.max_group_gross)
        found.append(cvxpy.abs(cvxpy.sum(weights[inside])) <= bound.max_group_net)
    if terms.max_turnover is not None:
        found.append(cvxpy.norm1(weights - terms.current) <= terms.max_turnover)
    if least is not None:
        mean, floor = least
        found.append(mean @ weights >= floor)
    return found


def solved(objective, rows, tolerance=1e-10):
    """The least value; a cone of norms gets no nearer than 1e-8."""
    problem = cvxpy.Problem(cvxpy.Minimize(objective), rows)
    problem.solve(solver=cvxpy.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance)
    return float(problem.value)


def least_shortfall(draws, level, bound, terms, invested, *, aversion=1.0, reward=None, least=None):
    """Value of aversion * ES + price * traded - reward @ weights."""
    weights, threshold = cvxpy.Variable(draws.shape[1]), cvxpy.Variable()
    losses = -(np.expm1(draws) @ weights)
    shortfall = threshold + cvxpy.sum(cvxpy.pos(losses - threshold)) / ((1 - level) * len(draws))
    objective = aversion * shortfall + terms.price * cvxpy.norm1(weights - terms.current)
    if reward is not None:
        objective -= reward @ weights
    return solved(objective, constraints(weights, bound, terms, invested, least))


def least_variance(covariance, bound, terms, invested, aversion):
    """Value of half the aversion times the variance, plus price * traded."""
    weights = cvxpy.Variable(len(covariance))
    risk = 0.5 * aversion * cvxpy.quad_form(weights, cvxpy.psd_wrap(covariance))
    objective = risk + terms.price * cvxpy.norm1(weights - terms.current)
    return solved(objective, constraints(weights, bound, terms, invested))
