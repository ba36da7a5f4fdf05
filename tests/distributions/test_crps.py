"""The continuous ranked probability score against closed forms, integrals, published values and mpmath."""

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT, crps_by_quantiles, crps_student_t
from tests.distributions import exact

FAR = [-1e3, -50.0, -8.0, -3.0, -1.0, -0.25, 0.0, 0.1, 0.5, 2.0, 6.0, 40.0, 1e4]


class Bimodal:
    """Half N(-1, 0.3), half N(1, 0.5): no closed quantile function."""

    def cdf(self, x):
        return 0.5 * stats.norm.cdf(x, -1, 0.3) + 0.5 * stats.norm.cdf(x, 1, 0.5)

    def ppf(self, p):
        low, high = np.full_like(p, -100.0), np.full_like(p, 100.0)
        for _ in range(70):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return 0.5 * (low + high)

    def crps(self, y):
        """E|X - y| - E|X - X'| / 2 from folded normal means."""
        parts = [(0.5, -1.0, 0.3), (0.5, 1.0, 0.5)]
        to_y = sum(w * _folded(m - y, s) for w, m, s in parts)
        between = sum(w * v * _folded(m - n, math.hypot(s, t)) for w, m, s in parts for v, n, t in parts)
        return to_y - 0.5 * between


def _folded(mean, sd):
    return sd * math.sqrt(2 / math.pi) * np.exp(-((mean / sd) ** 2) / 2) + mean * (1 - 2 * stats.norm.cdf(-mean / sd))


def _crps_t(y, df):
    """Jordan, Krueger and Lerch (2019), written again from the paper."""
    c = 2 * np.sqrt(df) / (df - 1) * np.exp(special.betaln(0.5, df - 0.5) - 2 * special.betaln(df / 2, 0.5))
    return y * (2 * stats.t.cdf(y, df) - 1) + 2 * stats.t.pdf(y, df) * (df + y**2) / (df - 1) - c


def _scores(law, points):
    def quantile(probability):
        return torch.from_numpy(law.ppf(probability.expand(len(points)).numpy()))

    value = torch.tensor(points, dtype=torch.float64)
    return crps_by_quantiles(lambda x: torch.from_numpy(law.cdf(x.numpy())), quantile, value).numpy()


@pytest.mark.parametrize(
    ("df", "error"), [(1.5, 3e-4), (2.1, 5e-5), *((df, 1e-5) for df in (3.0, 4.0, 5.0, 8.0, 12.0, 30.0))]
)
def test_crps_by_quantiles_is_the_closed_form_of_student_t(df, error):
    np.testing.assert_allclose(_scores(stats.t(df), FAR), _crps_t(np.array(FAR), df), rtol=error)


def test_crps_by_quantiles_is_the_closed_form_of_the_normal():
    y = np.array(FAR)
    expected = y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / math.sqrt(math.pi)
    np.testing.assert_allclose(_scores(stats.norm(), FAR), expected, rtol=1e-7)


def test_crps_by_quantiles_is_the_closed_form_of_a_bimodal_mixture():
    points = list(np.linspace(-4, 4, 41))
    np.testing.assert_allclose(_scores(Bimodal(), points), Bimodal().crps(np.array(points)), rtol=1e-5)


def test_crps_by_quantiles_of_a_skewed_law_is_the_integral_of_its_squared_distribution():
    law = stats.gumbel_r()
    y = 0.7
    left = integrate.quad(lambda x: law.cdf(x) ** 2, -20, y)[0]
    right = integrate.quad(lambda x: law.sf(x) ** 2, y, 60)[0]
    np.testing.assert_allclose(_scores(law, [y]), left + right, rtol=1e-6)


def test_crps_reference_values_of_the_standard_normal():
    score = _scores(stats.norm(), [0.0, 1.0])
    np.testing.assert_allclose(score, [0.2336949773, 0.6024413576], rtol=1e-6)
    zero, one, infinite = torch.tensor(0.0), torch.tensor(1.0), torch.tensor(math.inf)
    assert float(crps_student_t(zero, zero, one, infinite)) == pytest.approx(0.2336949773, abs=1e-8)
    assert float(crps_student_t(one, zero, one, infinite)) == pytest.approx(0.6024413576, abs=1e-8)


@pytest.mark.parametrize("df", [1.5, 3.0, 7.0, 30.0])
def test_closed_form_of_student_t_is_that_of_the_paper(df):
    y = torch.tensor(FAR, dtype=torch.float64)
    score = crps_student_t(2.0 * y + 1.0, torch.tensor(1.0), torch.tensor(2.0), torch.tensor(df))
    np.testing.assert_allclose(score, 2.0 * _crps_t(np.array(FAR), df), rtol=1e-9)


def test_crps_of_a_float32_forecast_is_close_to_its_closed_form():
    location, scale = torch.full((3, 2), 0.001), torch.full((3, 2), 0.02)
    df = torch.tensor([3.0, 5.0, 20.0])
    present = torch.ones(3, 2, dtype=torch.bool)
    law = CopulaForecast(AffineMarginals(location, scale), FactorStudentT(df, torch.ones(3, 2, 1)), present)
    target = torch.tensor([[0.0, 0.3], [-0.02, 0.05], [0.001, -0.2]])
    expected = crps_student_t(target, location.double(), scale.double(), df[:, None])
    torch.testing.assert_close(crps_by_quantiles(law.cdf, law.icdf, target), expected, rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("df", [1.1, 2.5, 30.0, 199.0, 200.0, 201.0, 1e4, 1e8, 1e12, math.inf])
@pytest.mark.parametrize("y", [0.0, 0.7, -3.0, 40.0])
def test_closed_form_of_student_t_is_exact_for_every_number_of_degrees_of_freedom(df, y):
    """The paper's formula at eighty digits by mpmath."""
    with mp.workdps(80):
        tail = exact.lower_tail(abs(y), df)
        if df == math.inf:
            spread, peak = 1 / mp.sqrt(mp.pi), 2 * mp.exp(exact.log_density(y, df))
        else:
            freedom = mp.mpf(df)
            ratio = mp.beta(mp.mpf(1) / 2, freedom - mp.mpf(1) / 2) / mp.beta(mp.mpf(1) / 2, freedom / 2) ** 2
            spread = 2 * mp.sqrt(freedom) / (freedom - 1) * ratio
            peak = 2 * mp.exp(exact.log_density(y, df)) * (freedom + mp.mpf(y) ** 2) / (freedom - 1)
        expected = float(abs(y) * (1 - 2 * tail) + peak - spread)
    arguments = (torch.tensor(value, dtype=torch.float64) for value in (y, 0.0, 1.0, df))
    assert crps_student_t(*arguments).item() == pytest.approx(expected, rel=1e-12)
