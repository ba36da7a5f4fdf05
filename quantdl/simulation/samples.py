"""Ready-made markets with one known feature each: a skewed law, a spill-over, jumps of correlation, sector shocks."""

from dataclasses import dataclass

import numpy as np
from scipy import signal, stats

from quantdl.market.panel import Panel
from quantdl.simulation.panels import panel_of_closes

_DAILY_VOLATILITY = 0.012


@dataclass(frozen=True, eq=False)
class SimulatedMarket:
    """A market and its true densities.

    Attributes:
        panel: Closes on XNYS sessions, as a model sees them.
        true_log_density: (T, A) log density of each session's log return given everything before it; NaN in the first
            session, which has no return.
    """

    panel: Panel
    true_log_density: np.ndarray


def skewed_bimodal_market(n_sessions: int, n_assets: int, seed: int) -> SimulatedMarket:
    """Independent returns from a mixture of two normal laws: many small gains, and losses around a mode of their own.

    In units of 1.2 % the law is ``0.75 N(0.5, 0.35**2) + 0.25 N(-1.5, 0.5**2)``: mean 0, variance 0.904, skew -1.04,
    two modes.
    """
    generator = np.random.default_rng(seed)
    weights, centers, spreads = np.array([0.75, 0.25]), np.array([0.5, -1.5]), np.array([0.35, 0.5])
    component = generator.choice(2, size=(n_sessions, n_assets), p=weights)
    standard = centers[component] + spreads[component] * generator.standard_normal((n_sessions, n_assets))
    density = sum(w * stats.norm.pdf(standard, c, s) for w, c, s in zip(weights, centers, spreads, strict=True))
    log_density = np.log(density) - np.log(_DAILY_VOLATILITY)
    return _market(standard * _DAILY_VOLATILITY, log_density)


def spill_over_market(n_sessions: int, n_groups: int, group_size: int, strength: float, seed: int) -> SimulatedMarket:
    """Returns that carry over to the other members of the group one session later.

    Surprises are normal and correlated 0.5 within a group, which is how a graph can find the group; the mean of an
    asset's return is ``strength`` times the mean of yesterday's returns of the others in its group.

    Args:
        n_sessions: ``T``.
        n_groups: Number of groups.
        group_size: Assets in each.
        strength: Share of the others' mean return that carries over; below 1.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    n_assets = n_groups * group_size
    group = np.repeat(np.arange(n_groups), group_size)
    others = (group[:, None] == group) & ~np.eye(n_assets, dtype=bool)
    carry = strength * others / (group_size - 1)
    common = generator.standard_normal((n_sessions, n_groups))[:, group]
    surprise = _DAILY_VOLATILITY * np.sqrt(0.5) * (common + generator.standard_normal((n_sessions, n_assets)))
    returns = np.zeros((n_sessions, n_assets))
    for session in range(n_sessions):
        mean = carry @ returns[session - 1] if session else 0.0
        returns[session] = mean + surprise[session]
    log_density = stats.norm.logpdf(surprise, 0.0, _DAILY_VOLATILITY)
    return _market(returns, log_density)


def sector_shock_market(
    n_sessions: int, n_sectors: int, sector_size: int, seed: int, memory: float = 0.8, spread: float = 0.6
) -> SimulatedMarket:
    """Independent normal returns whose volatility is one hidden number for each sector and session.

    The log of a sector's volatility is an autoregression: all assets of a sector are shaken together and, by default,
    calm down within days. One asset's return says little of it, the returns of a sector together nearly all. Sectors of
    one asset are stochastic volatility as Taylor (1982) has it. The true density is the one given the volatility, which
    no model can know: the scores of models lie above it.

    Args:
        n_sessions: ``T``.
        n_sectors: Number of sectors; asset ``a`` is in sector ``a // sector_size``.
        sector_size: Assets in each.
        seed: Of the draws.
        memory: Coefficient of the autoregression, below 1.
        spread: Standard deviation of the log volatility in the long run.
    """
    generator = np.random.default_rng(seed)
    surprise = spread * np.sqrt(1.0 - memory**2) * generator.standard_normal((n_sessions, n_sectors))
    surprise[0] = spread * generator.standard_normal(n_sectors)
    log_multiple = signal.lfilter([1.0], [1.0, -memory], surprise, axis=0)
    volatility = _DAILY_VOLATILITY * np.exp(log_multiple).repeat(sector_size, axis=1)
    returns = volatility * generator.standard_normal(volatility.shape)
    return _market(returns, stats.norm.logpdf(returns, 0.0, volatility))


def correlation_jump_market(correlation: np.ndarray, n_assets: int, seed: int) -> SimulatedMarket:
    """Normal returns whose common correlation is given session by session.

    Args:
        correlation: (T,) correlation of every pair, between 0 and 1.
        n_assets: ``A``.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    n_sessions = len(correlation)
    common = generator.standard_normal((n_sessions, 1))
    own = generator.standard_normal((n_sessions, n_assets))
    share = np.asarray(correlation)[:, None]
    returns = _DAILY_VOLATILITY * (np.sqrt(share) * common + np.sqrt(1.0 - share) * own)
    return _market(returns, stats.norm.logpdf(returns, 0.0, _DAILY_VOLATILITY))


def _market(log_returns: np.ndarray, log_density: np.ndarray) -> SimulatedMarket:
    """Closes from log returns; the first row only sets the level."""
    log_returns, log_density = log_returns.copy(), log_density.copy()
    log_returns[0], log_density[0] = 0.0, np.nan
    closes = 100.0 * np.exp(np.cumsum(log_returns, axis=0))
    return SimulatedMarket(panel_of_closes(closes), log_density)
