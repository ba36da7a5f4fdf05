"""Newton's method and the barrier against minima that are known in closed form."""

from functools import partial

import numpy as np
import pytest

from quantdl.portfolio.convex import Local, along_central_path, newton_minimum


def entropy(point):
    """x log x - x of each unknown, for positive ones: least where each is one."""
    if not point.min() > 0:
        return None
    return Local(float((point * np.log(point) - point).sum()), np.log(point), np.diag(1.0 / point))


def quadratic_below_one(sharpness, point):
    """(x - 2)^2 / 2 of each unknown, each at most 1."""
    slack = 1.0 - point
    if not slack.min() > 0:
        return None
    value = sharpness * float(((point - 2.0) ** 2).sum()) / 2.0 - float(np.log(slack).sum())
    return Local(value, sharpness * (point - 2.0) + 1.0 / slack, np.diag(sharpness + 1.0 / slack**2))


def test_newton_finds_the_minimum_of_a_quadratic_function_in_one_step():
    matrix, pull = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, -4.0])
    seen = []

    def around(point):
        seen.append(point)
        return Local(float(point @ matrix @ point) / 2.0 - float(pull @ point), matrix @ point - pull, matrix)

    np.testing.assert_allclose(
        newton_minimum(around, np.array([50.0, -7.0])), np.linalg.solve(matrix, pull), rtol=1e-13
    )
    assert len(seen) == 2


@pytest.mark.parametrize("start", [1e-6, 0.3, 40.0])
def test_newton_stays_in_the_domain(start):
    np.testing.assert_allclose(newton_minimum(entropy, np.full(3, start)), 1.0, rtol=1e-8)


def test_a_start_outside_of_the_domain_is_refused():
    with pytest.raises(ValueError, match="outside of the domain"):
        newton_minimum(entropy, np.array([-1.0]))


def test_a_function_without_a_minimum_ends():
    """Minus the logarithm falls for ever: each full step doubles the unknown."""

    def around(point):
        return Local(-float(np.log(point[0])), -1.0 / point, np.diag(1.0 / point**2)) if point[0] > 0 else None

    assert newton_minimum(around, np.ones(1))[0] > 1e9


def test_the_barrier_ends_at_the_edge():
    """Least at 1, where the multiplier is 1: so the slack is the inverse of the sharpness."""
    for sharpness in (1e4, 1e9):
        found = along_central_path(lambda at: partial(quadratic_below_one, at), np.zeros(2), 1.0, sharpness)
        np.testing.assert_allclose((1.0 - found) * sharpness, 1.0, rtol=1e-3)


def test_a_curvature_that_rounding_made_singular_is_no_end():
    """Two unknowns of which only the sum matters: any point with the right sum is least."""
    ones = np.ones((2, 2))

    def around(point):
        return Local(float(point.sum() - 3.0) ** 2 / 2.0, np.full(2, point.sum() - 3.0), ones)

    assert newton_minimum(around, np.zeros(2)).sum() == pytest.approx(3.0)
