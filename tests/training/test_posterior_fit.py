"""The fit of a posterior of last layers: repeatable, apart from the network, and as wide as the data leave it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.errors import RunError
from quantdl.models.bayesian import BayesianForecaster
from quantdl.models.settings import BayesianSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, Batch, Histories, build_histories
from quantdl.simulation import (
    Factors,
    Garch,
    MarketDescription,
    StudentTShocks,
    correlation_jump_market,
    panel_of_closes,
    simulate,
)
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import fit
from quantdl.training.posterior_fit import fit_posterior
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans

TRAINING = TrainingSettings(epochs=3, patience=3, block=32, warm_up_steps=5)
SETTINGS = BayesianSettings(5, width=8, heads=2, layers=1, posterior_steps=6, members=4, guide_rank=2, guide="low_rank")
LAPLACE = replace(SETTINGS, guide="laplace")
SPANS = FitSpans(range(30, 200), range(200, 260))


def market(n: int) -> Histories:
    return build_histories(correlation_jump_market(np.full(n, 0.4), n_assets=3, seed=1).panel, [NEXT_SESSION])


@pytest.fixture(scope="module")
def histories() -> Histories:
    return market(300)


def network(histories: Histories) -> BayesianForecaster:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        shared = TransformerSettings(5, width=8, heads=2, layers=1)
        model = TransformerForecaster(histories.n_features, len(histories.windows), shared)
    return BayesianForecaster(model, SETTINGS.members)


def with_posterior(histories: Histories, seed: int = 0, settings=SETTINGS) -> BayesianForecaster:
    model = network(histories)
    fit_posterior(model, SessionBatches(histories, SPANS, 16, TRAINING, seed), settings, 0.5, seed)
    return model


@pytest.mark.parametrize("settings", [SETTINGS, LAPLACE], ids=["low_rank", "laplace"])
def test_the_same_seed_gives_the_same_members_bit_for_bit_and_another_one_others(histories, settings):
    first, second, other = (with_posterior(histories, seed, settings).members for seed in (0, 0, 1))
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("settings", [SETTINGS, LAPLACE], ids=["low_rank", "laplace"])
def test_the_posterior_changes_no_weight_of_the_network_and_no_random_state(histories, settings):
    before = torch.random.get_rng_state()
    fitted, untouched = with_posterior(histories, settings=settings), network(histories)
    assert torch.equal(torch.random.get_rng_state(), before)
    names = dict(untouched.network.named_parameters())
    assert all(torch.equal(value, names[name]) for name, value in fitted.network.named_parameters())


def test_every_step_is_told(histories):
    told = []
    model = network(histories)
    batches = SessionBatches(histories, SPANS, 16, TRAINING, 0)
    fit_posterior(model, batches, SETTINGS, 0.5, 0, lambda *what: told.append(what))
    assert told == [("fitting the posterior", step, 6) for step in range(6)]


@pytest.mark.parametrize("settings", [SETTINGS, LAPLACE], ids=["low_rank", "laplace"])
def test_a_likelihood_that_is_not_finite_is_refused_with_the_bars_and_the_fix(histories, settings):
    model = network(histories)
    model.network.get_parameter("encoder.enter.bias").data.fill_(torch.nan)
    with pytest.raises(RunError, match=r"is nan on bars \d+ to \d+; .* Lower model.posterior_learning_rate"):
        fit_posterior(model, SessionBatches(histories, SPANS, 16, TRAINING, 0), settings, 0.5, 0)


def test_members_differ_least_in_the_weights_that_the_sessions_tell_most_of(histories):
    """Beside the inverse of the prior's precision and the sum of squared gradients over sessions, by autograd."""
    model = network(histories)
    model.members.resize_(4000, len(model.fitted_last_layers()))
    batches = SessionBatches(histories, SPANS, 16, TRAINING, 0)
    fit_posterior(model, batches, replace(LAPLACE, prior_scale=0.5), 0.5, 0)
    center = model.fitted_last_layers()
    precision = np.eye(len(center)) / 0.25
    for batch in batches.training(0):
        for bar in batch.bar.unique():
            rows = torch.nonzero(batch.bar == bar)[:, 0]
            vector = center.clone().requires_grad_()
            law, windows = model.member(vector, batch), len(rows)
            gain = (
                0.5 * (law.log_prob(batch.target) + law.marginal_log_prob(batch.target).sum(-1))[rows].sum() / windows
            )
            slope = torch.autograd.grad(gain, vector)[0].double().numpy()
            precision += np.outer(slope, slope)
    expected = np.sqrt(np.diag(np.linalg.inv(precision)))
    np.testing.assert_allclose(model.members.std(0).numpy(), expected, rtol=0.06)
    assert expected.min() < 0.5 * expected.max()


def test_too_many_last_weights_for_all_their_correlations_are_refused(histories, monkeypatch):
    monkeypatch.setattr("quantdl.training.posterior_fit._MOST_CORRELATED", 20)
    with pytest.raises(RunError, match=r"have \d+ parameters, .* at most 20. State model.guide: low_rank"):
        with_posterior(histories, settings=LAPLACE)


def relative_spread(model: BayesianForecaster, batch: Batch) -> float:
    """Mean standard deviation over the members of the 1 % quantile, as a share of the mixture's."""
    with torch.no_grad():
        law = model(batch)
        return (law.spread(lambda member: member.icdf(0.01)) / law.icdf(0.01).abs()).mean().item()


def calm_returns(n_sessions: int, seed: int) -> np.ndarray:
    """Ten assets of .8 % volatility, of which each day's shock changes little."""
    law = Garch(0.05 * 0.008**2, alpha=0.05, beta=0.90)
    loadings = Factors(((0.55,),) * 10)
    market = MarketDescription(n_sessions, 10, StudentTShocks(8.0), law, factors=loadings)
    return np.nan_to_num(simulate(market, seed).panel.log_returns())


def histories_of(returns: np.ndarray) -> Histories:
    return build_histories(panel_of_closes(100.0 * np.exp(returns.cumsum(axis=0))), [NEXT_SESSION])


@pytest.mark.slow
def test_the_spread_of_the_members_shrinks_with_the_data_and_grows_off_the_support():
    """At four times as many sessions; off the support, a market turns five times as volatile, or falls steeply."""
    settings = BayesianSettings(1, width=16, heads=2, layers=1, context=32, members=32)
    training, path = TrainingSettings(epochs=6, patience=6), calm_returns(1000, seed=5)
    start, scored = 700, range(705, 765)
    fallen = path.copy()
    fallen[start : start + 5] -= 0.06
    after = {
        "calm": path,
        "five times as volatile": path * np.where(np.arange(1000) < start, 1.0, 5.0)[:, None],
        "five falls of 6 %": fallen,
        "always five times as volatile": 5.0 * path,
    }
    batches_after = {name: histories_of(returns).batch([scored], 32) for name, returns in after.items()}
    spreads = []
    for n in (600, 2400):
        histories = histories_of(calm_returns(n + 100, seed=0))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = BayesianForecaster(TransformerForecaster(histories.n_features, 1, settings.network_settings()), 32)
        batches = SessionBatches(histories, FitSpans(range(30, n), range(n, n + 99)), 32, training, seed=0)
        fit(model.network, batches, training, seed=0)
        fit_posterior(model, batches, settings, 0.5, seed=0)
        spreads.append({name: relative_spread(model, batch) for name, batch in batches_after.items()})
    print(f"relative spread of the 1 % quantile: {spreads}")
    few, many = spreads
    assert few["calm"] > 1.5 * many["calm"]
    for spread, growth in ((few, 1.2), (many, 1.4)):  # the nearer the posterior is to the prior, the less it can grow
        assert spread["five times as volatile"] > growth * spread["calm"]
        assert spread["five falls of 6 %"] > growth * spread["calm"]
        assert spread["always five times as volatile"] == pytest.approx(spread["calm"], rel=1e-4)  # nothing new in it
