"""The solver of quadratic programs with penalised rows against closed forms and HiGHS."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from quantdl.portfolio.interior_point import QuadraticProgram, Rows, solve


def boxed(count, low=0.0, high=1.0):
    matrix = sparse.csr_array(sparse.vstack([sparse.eye_array(count), -sparse.eye_array(count)]))
    return Rows(matrix, np.repeat([high, -low], count), np.full(2 * count, np.inf))


def test_a_penalised_row_is_kept_where_its_price_is_higher_than_what_breaking_it_gains():
    """Least of (x - 3)^2 / 2 + c (x - 1)_+: 3 - c down to 1."""
    for price, expected in ((0.5, 2.5), (1.9, 1.1), (5.0, 1.0)):
        rows = (Rows(np.ones((1, 1)), np.ones(1), np.array([price])),)
        program = QuadraticProgram(np.eye(1), np.array([-3.0]), rows, np.zeros((0, 1)), np.zeros(0))
        np.testing.assert_allclose(solve(program, np.zeros(1)), expected, atol=1e-7)


def test_a_projection_on_the_simplex_is_that_of_sorting():
    point = np.array([0.9, 0.5, 0.1, -0.3])
    program = QuadraticProgram(np.eye(4), -point, (boxed(4),), np.ones((1, 4)), np.ones(1))
    np.testing.assert_allclose(solve(program, np.full(4, 0.25)), [0.7, 0.3, 0.0, 0.0], atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dense", [True, False])
def test_linear_programs_have_the_value_that_highs_finds(seed, dense):
    generator = np.random.default_rng(seed)
    matrix, slope = generator.normal(size=(12, 8)), generator.normal(size=8)
    most = generator.uniform(0.1, 1.0, 12)
    rows = Rows(matrix if dense else sparse.csr_array(matrix), most, np.full(12, np.inf))
    program = QuadraticProgram(None, slope, (rows, boxed(8)), np.ones((1, 8)), np.array([0.7]))
    bounds = (0.0, 1.0)
    best = linprog(slope, A_ub=matrix, b_ub=most, A_eq=np.ones((1, 8)), b_eq=[0.7], bounds=bounds, method="highs")
    found = solve(program, np.full(8, 0.1))
    assert best.status in {0, 2}
    if best.status == 0:
        assert slope @ found == pytest.approx(best.fun, abs=1e-7)
    else:
        assert found is None


def test_rows_that_contradict_each_other_give_nothing():
    rows = Rows(np.array([[1.0], [-1.0]]), np.array([0.0, -1.0]), np.full(2, np.inf))
    program = QuadraticProgram(np.eye(1), np.zeros(1), (rows,), np.zeros((0, 1)), np.zeros(0))
    assert solve(program, np.zeros(1)) is None
