"""The fit of a Bayesian forecaster: the network as any other, then the posterior of its last layers."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from quantdl.errors import RunError
from quantdl.models.bayesian import BayesianForecaster, LogLikelihood, laplace_draws, posterior_draws
from quantdl.models.settings import BayesianSettings
from quantdl.sequences import Batch
from quantdl.training.batches import TrainingBatches
from quantdl.training.fit import Progress
from quantdl.training.loss import log_gain, log_loss
from quantdl.training.settings import LossShares

_MOST_CORRELATED = 8192  # parameters: half a gigabyte for their precision, and a minute for its root


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
    device, center, n_draws = batches.device, model.fitted_last_layers(), len(model.members)
    model.eval().requires_grad_(False)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        if settings.guide == "laplace":
            _refuse_many(len(center))
            gradients = _session_gradients(model, batches, marginal_share, progress)
            members = laplace_draws(gradients, center, settings.prior_scale, n_draws)
        else:
            likelihoods = _log_likelihoods(model, batches, settings.posterior_steps, marginal_share, progress)
            members = posterior_draws(likelihoods, center, settings, n_draws)
        model.members.copy_(members)


def _refuse_many(n_parameters: int) -> None:
    if n_parameters > _MOST_CORRELATED:
        raise RunError(
            f"the last layers have {n_parameters:,} parameters, and guide: laplace correlates all of them; expected at "
            f"most {_MOST_CORRELATED:,}. State model.guide: low_rank, or lower model.width."
        )


def _session_gradients(
    model: BayesianForecaster, batches: TrainingBatches, marginal_share: float, progress: Progress | None
) -> Iterator[Tensor]:
    """Gradients (N, P) of the log likelihood of each session of a batch, at the fitted weights, over one pass.

    A session forecast in several windows has the mean over them.
    """
    count = sum(1 for _ in batches.training(0))
    for step, batch in enumerate(batches.training(0)):
        if progress:
            progress("fitting the posterior", step, count)
        with model.encoded_once(batch):
            vector = model.fitted_last_layers().requires_grad_()
            gain = log_gain(model.member(vector, batch).observed(batch.target_observed), batch, marginal_share)
            sessions, number = batch.bar.unique(return_inverse=True)
            summed = gain.new_zeros(len(sessions)).index_add(0, number, gain) / len(batch.window.unique())
            _refuse_not_finite(summed.sum(), batch)
            each = torch.eye(len(sessions), dtype=summed.dtype, device=summed.device)
            (gradients,) = torch.autograd.grad(summed, vector, each, is_grads_batched=True)  # all sessions at once
        yield gradients


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
    _refuse_not_finite(log_likelihood, batch)
    return log_likelihood


def _refuse_not_finite(log_likelihood: Tensor, batch: Batch) -> None:
    if not bool(log_likelihood.isfinite()):
        raise RunError(
            f"the likelihood of the last layers is {log_likelihood.item()} on bars {int(batch.bar.min())} to "
            f"{int(batch.bar.max())}; expected a finite number. Lower model.posterior_learning_rate or "
            "model.prior_scale, or look for extreme returns there with `quantdl data check`."
        )
