"""Stochastic volatility of one asset, fitted by Markov chain Monte Carlo: the slow reference for what volatility hides.

It is a function of the library and no kind of model in a config. The posterior of one asset takes minutes where a
GARCH fit takes a tenth of a second, and what ties the hidden volatilities of a thousand assets together is another
model; so it would serve no book. It is here to say how much a quick model leaves on the table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyro
import torch
from pyro.distributions import Beta, HalfNormal, Normal
from pyro.infer import MCMC, NUTS
from pyro.ops.stats import split_gelman_rubin
from scipy import stats
from torch import Tensor

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT, MixtureForecast
from quantdl.errors import DataError

_FEWEST, _MOST = 100, 4000
_LARGEST_PERSISTENCE = 0.999  # beyond it the grid of the filter is too coarse
_GRID, _GRID_REACH = 161, 5.0  # points and standard deviations on either side


@dataclass(frozen=True, eq=False)
class StochasticVolatility:
    r"""Posterior draws of a stochastic-volatility model.

    .. math:: r_t = s \, e^{h_t / 2} \epsilon_t, \qquad h_{t+1} = \mu + \phi (h_t - \mu) + \sigma \eta_t

    with independent standard normal shocks.

    Attributes:
        scale: :math:`s`, the standard deviation of the returns that were fitted.
        level: :math:`\mu`, (S,).
        persistence: :math:`\phi`, (S,).
        volatility: :math:`\sigma` of the log variance, (S,).
        split_r_hat: Largest Gelman-Rubin statistic of the three over both halves of the chain; near 1 when it has
            converged.

    References:
        | Stochastic Volatility: Likelihood Inference and Comparison with ARCH Models (Kim, Shephard and Chib, 1998)
        | The No-U-Turn Sampler (Hoffman and Gelman, 2014)
    """

    scale: float
    level: np.ndarray
    persistence: np.ndarray
    volatility: np.ndarray
    split_r_hat: float

    def forecasts(self, returns: np.ndarray, seed: int) -> MixtureForecast:
        """The law of each return given the ones before it: row ``t`` reads ``returns[:t]`` only.

        Every member is one posterior draw of the parameters and, in each row, one draw of the hidden state given them
        and the past, which an exact filter on a grid weighs. So the mixture holds both what is not known of the
        parameters and what is not known of the state.

        Args:
            returns: (n,) log returns of the asset, of which the first may be those of the fit.
            seed: Of the draws of the state.

        Returns:
            A law with batch_shape (n + 1,) and event_shape (1,); the last row concerns the return after the last.
        """
        states = _predicted_states(self, returns / self.scale, np.random.default_rng(seed))
        scales = torch.from_numpy(self.scale * np.exp(0.5 * states))
        rows = len(returns) + 1
        dependence = FactorStudentT(torch.full((rows,), torch.inf).double(), torch.zeros(rows, 1, 1).double())
        present = torch.ones(rows, 1, dtype=torch.bool)
        center = torch.zeros(rows, 1, dtype=torch.float64)
        members = [CopulaForecast(AffineMarginals(center, scale[:, None]), dependence, present) for scale in scales]
        return MixtureForecast(members)


def fit_stochastic_volatility(
    returns: np.ndarray,
    seed: int,
    draws: int = 300,
    warm_up: int = 300,
    progress: Callable[[str, int, int], None] | None = None,
) -> StochasticVolatility:
    """Draw from the posterior of the parameters and of all hidden states by the No-U-Turn sampler.

    The states are written in their own independent shocks (non-centred), without which the sampler stalls where the
    volatility of the log variance is small. The cost grows a little faster than the number of returns; on one core
    1,000 returns with the default draws take minutes. The caller's random state is left alone.

    Args:
        returns: (n,) log returns of one asset, between 100 and 4,000 of them.
        seed: Of the chain.
        draws: S, kept after the warm-up.
        warm_up: Draws in which step size and metric are found.
        progress: Called after each draw.

    Raises:
        DataError: If there are too few or too many returns, or they do not vary.
    """
    scale = float(np.std(returns))
    if not _FEWEST <= len(returns) <= _MOST:
        raise DataError(
            f"stochastic volatility by Monte Carlo takes {_FEWEST} to {_MOST:,} returns of one asset, got "
            f"{len(returns):,}. Give the last {_MOST:,}, or fit GARCH, which takes a fraction of a second."
        )
    if not (np.isfinite(scale) and scale > 0.0):
        raise DataError(f"the returns must be finite and vary; their standard deviation is {scale}.")
    observed = torch.from_numpy(np.asarray(returns / scale, dtype=np.float64))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sampler = NUTS(_model, max_tree_depth=6)
        chain = MCMC(sampler, draws, warm_up, disable_progbar=True, hook_fn=_told(progress, draws + warm_up))
        chain.run(observed)
    kept = {name: chain.get_samples()[name] for name in ("level", "persistence", "volatility")}
    worst = max(float(split_gelman_rubin(values[None])) for values in kept.values())
    level, persistence, volatility = (values.numpy() for values in kept.values())
    return StochasticVolatility(scale, level, 2.0 * persistence - 1.0, volatility, worst)


def _told(progress: Callable[[str, int, int], None] | None, total: int) -> Callable[..., None]:
    done = [0]

    def hook(*_: object) -> None:
        done[0] += 1
        if progress:
            progress("sampling", done[0], total)

    return hook


def _model(observed: Tensor) -> None:
    """The priors of Kim, Shephard and Chib (1998): (phi + 1) / 2 is Beta(20, 1.5), the level is vague."""
    zero, one = observed.new_zeros(()), observed.new_ones(())
    level = pyro.sample("level", Normal(zero, 2.0 * one))
    share = pyro.sample("persistence", Beta(20.0 * one, 1.5 * one))
    volatility = pyro.sample("volatility", HalfNormal(one))
    shocks = pyro.sample("shocks", Normal(torch.zeros_like(observed), 1.0).to_event(1))
    persistence = (2.0 * share - 1.0).clamp(max=_LARGEST_PERSISTENCE)
    first = shocks[:1] / (1.0 - persistence.square()).sqrt()
    state = level + volatility * autoregression(torch.cat([first, shocks[1:]]), persistence)
    pyro.sample("returns", Normal(torch.zeros_like(observed), (0.5 * state).exp()).to_event(1), obs=observed)


def autoregression(shocks: Tensor, persistence: Tensor) -> Tensor:
    """Sum of past shocks, ``y[t] = persistence * y[t - 1] + shocks[t]``, in a logarithmic number of steps.

    Example:
        >>> autoregression(torch.tensor([1.0, 0.0, 0.0, 8.0]), torch.tensor(0.5))
        tensor([1.0000, 0.5000, 0.2500, 8.1250])
    """
    total, reach, weight = shocks, 1, persistence
    while reach < len(shocks):
        total = torch.cat([total[:reach], total[reach:] + weight * total[:-reach]])
        reach, weight = 2 * reach, weight.square()
    return total


def _predicted_states(fitted: StochasticVolatility, observed: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One draw of each next state per posterior draw, (S, n + 1), by the exact filter on a grid of states."""
    level, volatility = fitted.level[:, None], fitted.volatility[:, None]
    persistence = np.clip(fitted.persistence, -_LARGEST_PERSISTENCE, _LARGEST_PERSISTENCE)[:, None]
    spread = volatility / np.sqrt(1.0 - persistence**2)
    place = np.linspace(-_GRID_REACH, _GRID_REACH, _GRID)
    grid = level + spread * place  # (S, G)
    step = (grid[:, None, :] - (level + persistence * (grid - level))[:, :, None]) / volatility[:, :, None]
    moves = np.exp(-0.5 * step**2)
    moves /= moves.sum(axis=-1, keepdims=True)
    predicted = np.broadcast_to(stats.norm.pdf(place), grid.shape)
    predicted = predicted / predicted.sum(axis=-1, keepdims=True)
    drawn = np.empty((len(grid), len(observed) + 1))
    for bar in range(len(observed) + 1):
        drawn[:, bar] = _draw(grid, predicted, generator)
        if bar < len(observed):
            log_density = -0.5 * (grid + observed[bar] ** 2 * np.exp(-grid))
            weight = predicted * np.exp(log_density - log_density.max(axis=-1, keepdims=True))
            weight /= weight.sum(axis=-1, keepdims=True)
            predicted = np.einsum("sg,sgh->sh", weight, moves)
    return drawn


def _draw(grid: np.ndarray, weights: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One state per row, spread evenly over the step of the grid that it falls on.

    The probabilities that pick the states of all rows are stratified: one from each of S equal parts.
    """
    count = len(grid)
    chosen = (generator.permutation(count) + generator.random(count)) / count
    index = (weights.cumsum(axis=-1) < chosen[:, None]).sum(axis=-1).clip(max=grid.shape[1] - 1)
    width = grid[:, 1] - grid[:, 0]
    return np.asarray(grid[np.arange(count), index] + width * (generator.random(count) - 0.5))
