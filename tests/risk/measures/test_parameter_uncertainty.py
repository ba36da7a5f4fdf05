"""The price of not knowing the parameters, against closed forms of members that are normal."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from scipy import optimize, stats

from quantdl.risk.measures.parameter_uncertainty import parameter_risk

PLACES = torch.from_numpy(stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000))


def test_members_alike_leave_nothing_unknown():
    found = parameter_risk(PLACES.expand(3, -1), torch.ones(3), 0.99)
    assert found.value_at_risk_share == pytest.approx(0.0, abs=1e-3)
    assert found.expected_shortfall_share == pytest.approx(0.0, abs=1e-6)
    assert found.value_at_risk_spread == found.expected_shortfall_spread == found.variance_between == 0.0


def test_the_risk_of_two_normal_members_is_that_of_their_mixture():
    found = parameter_risk(torch.stack([PLACES, 1.0 + 2.0 * PLACES]), torch.tensor([0.7, 0.3]), 0.99)
    quantile = optimize.brentq(lambda x: 0.7 * stats.norm.sf(x) + 0.3 * stats.norm.sf((x - 1) / 2) - 0.01, 0, 20)
    beyond = 0.7 * stats.norm.pdf(quantile)
    place = (quantile - 1) / 2
    beyond += 0.3 * (stats.norm.sf(place) + 2 * stats.norm.pdf(place))
    assert found.value_at_risk == pytest.approx(quantile, rel=2e-3)
    assert found.expected_shortfall == pytest.approx(beyond / 0.01, rel=3e-3)
    known = 0.7 * 2.326347874 + 0.3 * (1 + 2 * 2.326347874)
    assert found.value_at_risk_known == pytest.approx(known, rel=2e-3)
    assert found.value_at_risk_spread == pytest.approx((0.7 * 0.3) ** 0.5 * (1 + 2.326347874), rel=2e-3)
    variance = 0.7 * 0.3 + 0.7 + 0.3 * 4
    assert found.variance_between == pytest.approx(0.7 * 0.3 / variance, rel=2e-3)


@settings(deadline=None, max_examples=15)
@given(
    arrays.arrays(np.float64, (3, 40), elements=st.floats(-1, 1, width=32)),
    arrays.arrays(np.float64, 3, elements=st.floats(0.125, 1.0, width=32)),
)
def test_the_shortfall_of_a_mixture_is_at_least_the_mean_over_its_members(losses, weights):
    found = parameter_risk(torch.from_numpy(losses), torch.from_numpy(weights), 0.9)
    assert found.expected_shortfall >= found.expected_shortfall_known - 1e-12
    assert 0.0 <= found.variance_between <= 1.0


def test_value_at_risk_of_a_mixture_may_be_less_than_the_mean():
    """A member that loses 1 surely, with probability 5 %, is not seen at 90 %."""
    losses = torch.stack([torch.zeros(100), torch.ones(100)]).double()
    found = parameter_risk(losses, torch.tensor([0.95, 0.05]), 0.9)
    assert (found.value_at_risk, found.value_at_risk_known) == (0.0, pytest.approx(0.05))
    assert found.value_at_risk_share is None
    assert found.expected_shortfall == pytest.approx(0.5)


@pytest.mark.parametrize("weights", [torch.ones(3), torch.tensor([-1.0, 2.0]), torch.zeros(2)])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="a weight that is not negative for each member"):
        parameter_risk(torch.ones(2, 200), weights)
