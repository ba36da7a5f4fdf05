"""skfolio's optimisers on a law: what they find must be what the law says, found without them."""

import numpy as np
import pandas as pd
import pytest
import torch
from skfolio import RiskMeasure
from skfolio.optimization import HierarchicalRiskParity, MeanRisk
from skfolio.prior import BlackLitterman
from sklearn.base import clone

from quantdl.portfolio import (
    ScenarioPrior,
    least_shortfall_weights,
    minimum_variance_weights,
    predicted_returns,
)
from quantdl.risk.measures.scenarios import Scenarios
from tests.portfolio.books import limits, market, shortfall, terms

NAMES = ("A", "B", "C", "D")


def law(draws=None, probabilities=None):
    draws = market(500, 4, 1) if draws is None else draws
    return Scenarios(NAMES, torch.from_numpy(np.expm1(draws)), bars=21, probabilities=probabilities)


def past(seed=0):
    """Returns that say something else than the law does."""
    return np.random.default_rng(seed).normal(0.0, [0.05, 0.01, 0.02, 0.03], (200, 4))


def test_the_least_variance_and_shortfall_of_skfolio_are_ours_whatever_the_past_was():
    draws = market(500, 4, 1)
    prior = ScenarioPrior(law(draws))
    calm = MeanRisk(prior_estimator=prior).fit(past()).weights_
    np.testing.assert_allclose(calm, minimum_variance_weights(draws, limits(4), terms(4)), atol=2e-4)
    safe = MeanRisk(risk_measure=RiskMeasure.CVAR, cvar_beta=0.9, prior_estimator=prior).fit(past()).weights_
    ours = shortfall(draws, least_shortfall_weights(draws, 0.9, limits(4), terms(4)), 0.9)
    assert ours <= shortfall(draws, safe, 0.9) <= ours * (1 + 1e-4)


def test_probabilities_of_scenarios_count_as_copies():
    draws, copies = market(300, 4, 2), np.random.default_rng(2).integers(1, 5, 300)
    weighed = law(draws, torch.from_numpy(copies / copies.sum()))
    found = MeanRisk(risk_measure=RiskMeasure.CVAR, prior_estimator=ScenarioPrior(weighed)).fit(past()).weights_
    copied = law(np.repeat(draws, copies, axis=0))
    expected = MeanRisk(risk_measure=RiskMeasure.CVAR, prior_estimator=ScenarioPrior(copied)).fit(past()).weights_
    np.testing.assert_allclose(found, expected, atol=2e-3)
    moments = ScenarioPrior(weighed).fit(past()).return_distribution_
    np.testing.assert_allclose(moments.mu, np.repeat(np.expm1(draws), copies, axis=0).mean(axis=0), rtol=1e-9)


def test_hierarchical_risk_parity_of_independent_assets_is_the_inverse_variance():
    """With one level of two clusters of two equal assets each, every split is by inverse variance."""
    generator = np.random.default_rng(3)
    half = generator.normal(size=(4000, 4))
    half = half @ np.linalg.inv(np.linalg.cholesky(np.cov(half, rowvar=False))).T * [0.01, 0.02, 0.01, 0.02]
    scenarios = law(np.log1p(np.vstack([half, -half])))
    found = HierarchicalRiskParity(prior_estimator=ScenarioPrior(scenarios)).fit(predicted_returns(scenarios)).weights_
    np.testing.assert_allclose(found, np.array([4.0, 1.0, 4.0, 1.0]) / 10.0, atol=0.01)


def test_black_litterman_starts_from_the_law_and_moves_the_mean_towards_the_view():
    table = pd.DataFrame(past(), columns=NAMES)
    own = ScenarioPrior(law()).fit(table).return_distribution_
    # He and Litterman (1999): mean + tau S P'(P tau S P' + Omega)^-1 (q - P mean), Omega = diag(P tau S P').
    tau, pick, view = 0.05, np.array([[1.0, 0, 0, 0]]), np.array([own.mu[0] + 0.02])
    spread = tau * own.covariance @ pick.T
    expected = own.mu + (spread @ np.linalg.solve(2.0 * pick @ spread, view - pick @ own.mu)).ravel()
    model = BlackLitterman([f"A == {view[0]}"], prior_estimator=ScenarioPrior(law()), tau=tau).fit(table)
    np.testing.assert_allclose(model.return_distribution_.mu, expected, atol=1e-9)
    best = MeanRisk(prior_estimator=BlackLitterman([f"A == {view[0]}"], prior_estimator=ScenarioPrior(law()))).fit(
        table
    )
    assert best.weights_.sum() == pytest.approx(1.0)


def test_an_asset_of_which_nothing_is_known_gets_no_weight():
    draws = market(500, 4, 4)
    draws[:, 2] = np.nan
    found = MeanRisk(prior_estimator=ScenarioPrior(law(draws))).fit(past()).weights_
    assert found[2] == 0.0 and found.sum() == pytest.approx(1.0)


def test_other_assets_than_those_of_the_law_are_refused_and_a_clone_holds_the_same_law():
    prior = ScenarioPrior(law())
    with pytest.raises(ValueError, match="of A, B, C, D, but the returns of D, C, B, A"):
        prior.fit(pd.DataFrame(past(), columns=NAMES[::-1]))
    with pytest.raises(ValueError, match="3 columns"):
        prior.fit(past()[:, :3])
    assert clone(prior).scenarios.assets == NAMES
