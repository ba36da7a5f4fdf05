"""From observed returns to the law of the next ones: variances by their recursion, regimes by Hamilton's filter."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from quantdl.simulation.description import MarketDescription
from quantdl.simulation.joint import joint_state_density
from quantdl.simulation.laws import TrueLaw


@dataclass(frozen=True, eq=False)
class Components:
    """The states a session can be in, laid out as (J shared, M of an asset's own); K regimes and N numbers of jumps.

    Attributes:
        regime: (J, M) regime of each state.
        jumps: (J, M) number of jumps in each state.
        locations: (J, M) means in log return.
        variance_multiples: (J, M) what the variance of the volatility recursion is multiplied by.
        added_variances: (J, M) variance that the jumps add.
    """

    regime: np.ndarray
    jumps: np.ndarray
    locations: np.ndarray
    variance_multiples: np.ndarray
    added_variances: np.ndarray

    def scales(self, variances: np.ndarray) -> np.ndarray:
        """Return standard deviations (T, A, J, M) where the recursion gives ``variances`` (T, A)."""
        spread = variances[:, :, None, None] * self.variance_multiples + self.added_variances
        return np.asarray(np.sqrt(spread))


def components(market: MarketDescription) -> Components:
    """Return the states of a market: regimes outermost, then numbers of jumps, shared ones before own ones."""
    regimes, jumps = market.regimes_or_one, market.jumps_or_none
    n_regimes, n_counts = len(regimes.transition), len(jumps.count_probabilities)
    regime, count = (axis.ravel() for axis in np.meshgrid(np.arange(n_regimes), np.arange(n_counts), indexing="ij"))
    shared = (n_regimes if regimes.common else 1) * (n_counts if jumps.common else 1)
    means = np.array(regimes.means or (0.0,) * n_regimes)
    values = (
        regime,
        count,
        market.mean + means[regime] + count * jumps.mean,
        np.square(regimes.ones_or(regimes.volatility_multiples))[regime],
        count * jumps.volatility**2,
    )
    return Components(*(value.reshape(shared, -1) for value in values))


def filtered_variances(market: MarketDescription, log_returns: np.ndarray) -> np.ndarray:
    """Return (T, A) the variance that the returns before each session imply; it waits where there is no return."""
    variances = np.empty(log_returns.shape)
    variance = np.full(log_returns.shape[1], market.volatility.initial_variance)
    for session, returns in enumerate(log_returns):
        variances[session] = variance
        moved = market.volatility.next_variance(variance, returns - market.mean)
        variance = np.where(np.isfinite(returns), moved, variance)
    return variances


def filtered_regimes(transition: np.ndarray, initial: np.ndarray, log_density: np.ndarray) -> np.ndarray:
    """Return the probability of each regime in each session given everything before it (Hamilton, 1989).

    Args:
        transition: (K, K), row: from, column: to.
        initial: (K,) law of the regime in the first session.
        log_density: (T, ..., K) log density of what was observed in each session under each regime. A NaN says that the
            chain waited in that session: nothing was observed and it did not move.

    Shape:
        - output: (T, ..., K)
    """
    predicted = np.empty(log_density.shape)
    prior = np.broadcast_to(initial, log_density.shape[1:])
    for session, density in enumerate(log_density):
        predicted[session] = prior
        with np.errstate(divide="ignore"):  # a regime that cannot be has log probability minus infinity
            joint = np.log(prior) + density
        weight = np.exp(joint - joint.max(axis=-1, keepdims=True))
        posterior = weight / weight.sum(axis=-1, keepdims=True)
        moved = (posterior[..., :, None] * transition).sum(axis=-2)
        prior = np.where(np.isnan(density), prior, moved)
    return predicted


def regime_probabilities(market: MarketDescription, log_returns: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Return the probability of each regime in each session given the returns before it.

    Shape:
        - log_returns, variances: (T, A)
        - output: (T, K) for common regimes, (T, A, K) for those of each asset
    """
    regimes, parts = market.regimes_or_one, components(market)
    if len(regimes.transition) == 1:
        return np.ones((len(log_returns), 1) if regimes.common else (*log_returns.shape, 1))
    counts = market.jumps_or_none.count_probabilities
    locations, scales = parts.locations, parts.scales(variances)
    if regimes.common:
        own = np.ones((1, 1, 1)) if market.jumps_or_none.common else counts[None, None]
        density = joint_state_density(market.shocks, own, locations, scales, correlations(market), log_returns)
        if market.jumps_or_none.common:
            density = special.logsumexp(density.reshape(len(density), -1, len(counts)), axis=-1, b=counts)
    else:
        standard = (log_returns[:, :, None, None] - locations) / scales
        density = (market.shocks.log_density(standard) - np.log(scales)).reshape(*log_returns.shape, -1, len(counts))
        density = special.logsumexp(density, axis=-1, b=counts)
    return filtered_regimes(regimes.matrix, regimes.stationary, np.asarray(density))


def correlations(market: MarketDescription) -> np.ndarray | None:
    """Return (J, A, A) the correlation of the shocks in each shared state; None without factors."""
    if market.factors is None:
        return None
    regimes = market.regimes_or_one
    by_regime = np.stack([market.factors.correlation(value) for value in regimes.ones_or(regimes.loading_multiples)])
    return np.asarray(by_regime[components(market).regime[:, 0]])


def conditional_law(market: MarketDescription, log_returns: np.ndarray) -> TrueLaw:
    """Return the law of every session's returns given those of the sessions before, without the hidden states.

    An asset's first return follows from the initial variance of the description and the long-run law of the regimes.

    Args:
        market: What the returns came from.
        log_returns: (T, A), NaN where an asset made none.
    """
    regimes, jumps = market.regimes_or_one, market.jumps_or_none
    variances = filtered_variances(market, log_returns)
    regime = regime_probabilities(market, log_returns, variances)
    counts, parts = jumps.count_probabilities, components(market)
    shared, own = np.ones((len(log_returns), 1)), np.ones((*log_returns.shape, 1))
    if regimes.common:
        shared = regime
    else:
        own = regime
    if jumps.common:
        shared = _times(shared, counts)
    else:
        own = _times(own, counts)
    return TrueLaw(market.shocks, shared, own, parts.locations, parts.scales(variances), correlations(market))


def _times(probabilities: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Probabilities (..., K) of regimes and (N,) of counts to those of both (..., K * N)."""
    both = probabilities[..., :, None] * counts
    return np.asarray(both.reshape(*both.shape[:-2], -1))
