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
from quantdl.simulation import correlation_jump_market
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import fit
from quantdl.training.posterior_fit import fit_posterior
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans

TRAINING = TrainingSettings(epochs=3, patience=3, block=32, warm_up_steps=5)
SETTINGS = BayesianSettings(5, width=8, heads=2, layers=1, posterior_steps=6, members=4, guide_rank=2)
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


def test_the_same_seed_gives_the_same_members_bit_for_bit_and_another_one_others(histories):
    first, second, other = (with_posterior(histories, seed).members for seed in (0, 0, 1))
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_the_posterior_changes_no_weight_of_the_network_and_no_random_state(histories):
    before = torch.random.get_rng_state()
    fitted, untouched = with_posterior(histories), network(histories)
    assert torch.equal(torch.random.get_rng_state(), before)
    names = dict(untouched.network.named_parameters())
    assert all(torch.equal(value, names[name]) for name, value in fitted.network.named_parameters())


def test_every_step_is_told(histories):
    told = []
    model = network(histories)
    batches = SessionBatches(histories, SPANS, 16, TRAINING, 0)
    fit_posterior(model, batches, SETTINGS, 0.5, 0, lambda *what: told.append(what))
    assert told == [("fitting the posterior", step, 6) for step in range(6)]


def test_a_likelihood_that_is_not_finite_is_refused_with_the_bars_and_the_fix(histories):
    model = network(histories)
    model.network.get_parameter("encoder.enter.bias").data.fill_(torch.nan)
    with pytest.raises(RunError, match=r"is nan on bars \d+ to \d+; .* Lower model.posterior_learning_rate"):
        fit_posterior(model, SessionBatches(histories, SPANS, 16, TRAINING, 0), SETTINGS, 0.5, 0)


def relative_spread(model: BayesianForecaster, batch: Batch) -> float:
    """Mean standard deviation over the members of the 1 % quantile, as a share of the mixture's."""
    with torch.no_grad():
        law = model(batch)
        return (law.spread(lambda member: member.icdf(0.01)) / law.icdf(0.01).abs()).mean().item()


@pytest.mark.slow
def test_the_spread_of_the_members_shrinks_with_the_data_and_grows_off_the_support():
    """At 4 and 16 times as many sessions; off the support, encodings are four times as large as any in training."""
    settings = replace(SETTINGS, horizon=1, members=32, posterior_steps=400, posterior_learning_rate=0.02, guide_rank=8)
    training = replace(TRAINING, epochs=4)
    inside, outside = [], []
    for n in (150, 600, 2400):
        histories = market(n + 200)
        spans = FitSpans(range(30, n), range(n, n + 60))
        model = network(histories)
        batches = SessionBatches(histories, spans, 16, training, seed=0)
        fit(model.network, batches, training, seed=0)
        fit_posterior(model, batches, settings, 0.5, seed=0)
        batch = histories.batch([range(n + 70, n + 130)], 16)
        inside.append(relative_spread(model, batch))
        with model.network.encoder.register_forward_hook(lambda module, given, encoded: 4.0 * encoded):
            outside.append(relative_spread(model, batch))
    print(f"relative spread of the 1 % quantile: inside {inside}, outside {outside}")
    assert inside[0] > 1.3 * inside[1] > 1.3**2 * inside[2]
    assert all(far > 1.5 * near for near, far in zip(inside, outside, strict=True))
