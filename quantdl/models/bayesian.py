"""A network whose last layers are uncertain: a posterior by variational inference, and the mixture over its members."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pyro
import torch
from pyro.distributions import Normal
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoLowRankMultivariateNormal, AutoNormal
from pyro.infer.autoguide.initialization import init_to_value
from pyro.optim import ClippedAdam
from torch import Tensor, nn
from torch.func import functional_call

from quantdl.distributions import Forecast, MixtureForecast
from quantdl.models.forecaster import Forecaster
from quantdl.models.heads import LastLayer
from quantdl.models.settings import BayesianSettings
from quantdl.sequences import Batch

LogLikelihood = Callable[[Tensor], Tensor]
"""Log likelihood of a vector of parameters, (P,) to (), differentiable."""

_SITE = "last_layers"
_FIRST_SPREAD = 0.01  # of the posterior at the first step
_LAST_RATE = 0.05  # of the learning rate at the last step, as a share of the first


class BayesianForecaster(Forecaster):
    """A network with draws from the posterior of its last layers; the law is the mixture over them.

    The last layers of all heads are one vector of P numbers. Members differ in it and share everything else, so the
    histories are encoded once. Until `members` are drawn all of them are the network as it was built.

    The spread over the members shrinks with the data and grows where the encodings leave what was seen in training. It
    says nothing of the encoder's own weights. Features far out need not be encoded far out, for they are clamped and
    encodings are normalised; they are encoded in directions that training left open, which the posterior knows if it
    has all correlations of the weights.

    Args:
        network: Any network whose heads end in `LastLayer`.
        n_members: S, how many draws the mixture holds.

    Raises:
        ValueError: If the network has no last layers.
    """

    members: Tensor

    def __init__(self, network: Forecaster, n_members: int) -> None:
        super().__init__()
        self.network = network
        last = [name for name, module in network.named_modules() if isinstance(module, LastLayer)]
        self.names = tuple(f"{name}.{part}" for name in last for part in ("weight", "bias"))
        if not last:
            raise ValueError(f"{type(network).__name__} has no LastLayer; end its heads in one.")
        self.register_buffer("members", self.fitted_last_layers().repeat(n_members, 1))

    def fitted_last_layers(self) -> Tensor:
        """The network's own last layers, (P,)."""
        return torch.cat([self.network.get_parameter(name).detach().flatten() for name in self.names])

    def member(self, vector: Tensor, batch: Batch) -> Forecast:
        """The network's law with the last layers of a vector (P,), differentiable in it."""
        own = [self.network.get_parameter(name) for name in self.names]
        pieces = vector.split([value.numel() for value in own])
        swapped = {name: piece.view_as(value) for name, piece, value in zip(self.names, pieces, own, strict=True)}
        law: Forecast = functional_call(self.network, swapped, (batch,))
        return law

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,): the mixture over the members."""
        with self.encoded_once(batch):
            return MixtureForecast([self.member(vector, batch) for vector in self.members])

    @contextmanager
    def encoded_once(self, batch: Batch) -> Iterator[None]:
        """Let the network reuse the encoding of one batch, which no last layer changes."""
        encoder = self.network.get_submodule("encoder")
        self.network.encoder = _Encoded(encoder(batch))
        try:
            yield
        finally:
            self.network.encoder = encoder


class _Encoded(nn.Module):
    def __init__(self, encoding: Tensor) -> None:
        super().__init__()
        self.encoding = encoding

    def forward(self, batch: Batch) -> Tensor:
        return self.encoding


def laplace_draws(gradients: Iterable[Tensor], center: Tensor, prior_scale: float, n_draws: int) -> Tensor:
    """Draw from a normal law around fitted parameters, whose precision is the information of the data and the prior's.

    The information is the sum of outer products of the gradients of the log likelihood of independent parts of the
    data (the empirical Fisher information). Random numbers come from torch's current state.

    Args:
        gradients: (N, P) of some parts each, at ``center``.
        center: (P,) where the likelihood is largest.
        prior_scale: Standard deviation of independent normal priors.
        n_draws: S.

    Returns:
        Draws, (S, P).

    References:
        | MacKay (1992), A practical Bayesian framework for backpropagation networks
        | Daxberger, Kristiadi, Immer, Eschenhagen, Bauer and Hennig (2021), Laplace redux
    """
    precision = torch.eye(len(center), dtype=torch.float64, device=center.device) / prior_scale**2
    for part in gradients:
        precision += part.double().T @ part.double()
    root = torch.linalg.cholesky(precision)
    standard = torch.randn((len(center), n_draws), dtype=torch.float64, device=center.device)
    away = torch.linalg.solve_triangular(root.T, standard, upper=True)
    draws: Tensor = center + away.T.to(center)
    return draws


def posterior_draws(
    log_likelihoods: Iterable[LogLikelihood], center: Tensor, settings: BayesianSettings, n_draws: int
) -> Tensor:
    """Draw from the posterior of a vector with independent normal priors of mean zero, by variational inference.

    A normal law is fitted to the posterior by stochastic gradients of the evidence lower bound, one step for each
    estimate of the log likelihood. Pyro's store of parameters is a global one: this fit has one of its own, which is
    gone when it ends. Random numbers come from torch's current state.

    Args:
        log_likelihoods: Unbiased estimates of the log likelihood of all data, for instance that of a part times the
            number of parts; one for each step.
        center: (P,) where the fit begins.
        settings: Of the prior and the fit.
        n_draws: S.

    Returns:
        Draws, (S, P).

    References:
        | Hoffman, Blei, Wang and Paisley (2013), Stochastic variational inference
        | Kristiadi, Hein and Hennig (2020), Being Bayesian, even just a bit, fixes overconfidence in ReLU networks
    """

    def model(log_likelihood: LogLikelihood) -> None:
        prior = Normal(torch.zeros_like(center), settings.prior_scale).to_event(1)
        pyro.factor("log_likelihood", log_likelihood(pyro.sample(_SITE, prior)))

    with pyro.get_param_store().scope():
        guide = _guide(model, center, settings)
        decay = _LAST_RATE ** (1.0 / settings.posterior_steps)
        optimizer = ClippedAdam({"lr": settings.posterior_learning_rate, "lrd": decay})
        inference = SVI(model, guide, optimizer, Trace_ELBO())
        for log_likelihood in log_likelihoods:
            inference.step(log_likelihood)
        with torch.no_grad():
            return torch.stack([guide(None)[_SITE] for _ in range(n_draws)])


def _guide(
    model: Callable[[LogLikelihood], None], center: Tensor, settings: BayesianSettings
) -> AutoNormal | AutoLowRankMultivariateNormal:
    start = init_to_value(values={_SITE: center})
    if settings.guide == "diagonal":
        return AutoNormal(model, init_loc_fn=start, init_scale=_FIRST_SPREAD)
    return AutoLowRankMultivariateNormal(model, init_loc_fn=start, init_scale=_FIRST_SPREAD, rank=settings.guide_rank)
