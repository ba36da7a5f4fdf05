"""The fit of a Bayesian forecaster: the network as any other, then the posterior of its last layers."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from quantdl.errors import RunError
from quantdl.models.bayesian import BayesianForecaster, LogLikelihood, posterior_draws
from quantdl.models.settings import BayesianSettings
from quantdl.sequences import Batch
from quantdl.training.batches import TrainingBatches
from quantdl.training.fit import Progress
from quantdl.training.loss import log_loss
from quantdl.training.settings import LossShares


def fit_posterior(
    model: BayesianForecaster,
    batches: TrainingBatches,
    settings: BayesianSettings,
    marginal_share: float,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Replace the members of a forecaster, whose network is fitted, by draws from the posterior of its last layers.

    The likelihood is the one that the network was trained on, the mix of joint and marginal densities (a Gibbs
    posterior: Bissiri, Holmes and Walker, 2016), over the training span. A session counts once however many return
    windows it is forecast in, because they overlap. The caller's random state is left alone.

    Args:
        model: Changed in place and left ready to forecast.
        batches: What the network was fitted on.
        settings: Of the prior and the fit.
        marginal_share: Weight of the marginal densities, see `quantdl.training.settings.LossShares`; a
            likelihood has no books.
        seed: Of the steps and the draws.
        progress: Called at every step.

    Raises:
        RunError: If the likelihood stops being finite.
    """
    device = batches.device
    model.eval().requires_grad_(False)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        likelihoods = _log_likelihoods(model, batches, settings.posterior_steps, marginal_share, progress)
        model.members.copy_(posterior_draws(likelihoods, model.fitted_last_layers(), settings, len(model.members)))


def _log_likelihoods(
    model: BayesianForecaster, batches: TrainingBatches, steps: int, marginal_share: float, progress: Progress | None
) -> Iterator[LogLikelihood]:
    """One batch a step, pass after pass; each stands for all batches of its pass."""
    step, epoch = 0, 0
    while step < steps:
        count = sum(1 for _ in batches.training(epoch))
        for batch in batches.training(epoch):
            if step == steps:
                break
            if progress:
                progress("fitting the posterior", step, steps)
            step += 1
            yield partial(_log_likelihood, model, batch, marginal_share, float(count))
        epoch += 1


def _log_likelihood(
    model: BayesianForecaster, batch: Batch, marginal_share: float, n_batches: float, vector: Tensor
) -> Tensor:
    loss, _ = log_loss(partial(model.member, vector), batch, LossShares(marginal_share, book_share=0.0))
    log_likelihood: Tensor = -loss * n_batches / len(batch.window.unique())
    if not bool(log_likelihood.isfinite()):
        raise RunError(
            f"the likelihood of the last layers is {log_likelihood.item()} on bars {int(batch.bar.min())} to "
            f"{int(batch.bar.max())}; expected a finite number. Lower model.posterior_learning_rate or "
            "model.prior_scale, or look for extreme returns there with `quantdl data check`."
        )
    return log_likelihood
