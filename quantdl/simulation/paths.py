"""A simulated path of a described market: its prices, its true law and its hidden states."""

from dataclasses import dataclass

import numpy as np

from quantdl.errors import ConfigError
from quantdl.market.actions import CorporateActions, Delisting, Split
from quantdl.market.card import Adjustment
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus
from quantdl.simulation.description import MarketDescription
from quantdl.simulation.filtering import components, conditional_law
from quantdl.simulation.laws import TrueLaw
from quantdl.simulation.panels import asset_names, panel_of_cells, simulated_sessions
from quantdl.simulation.regimes import Regimes
from quantdl.simulation.trading import Trading, draw_trading

_FIRST_CLOSE = 100.0


@dataclass(frozen=True, eq=False)
class SimulatedPath:
    """A path, its true law and its hidden states; a function of the description and the seed.

    Attributes:
        panel: Closes on XNYS sessions adjusted for splits, in units of each asset's first share. Its actions
            hold the delistings, their terminal values in the same units.
        raw: The same assets as they would have traded, with splits and delistings among the actions.
        log_returns: (T, A) log returns as drawn, from the previous price; NaN where there is none.
        law: The law of every session's returns given what could be observed before it.
        regimes: (T, 1) or (T, A) hidden regime of each session, common or of each asset.
        jumps: (T, 1) or (T, A) hidden number of jumps.
    """

    panel: Panel
    raw: Panel
    log_returns: np.ndarray
    law: TrueLaw
    regimes: np.ndarray
    jumps: np.ndarray

    @property
    def true_log_density(self) -> np.ndarray:
        """(T, A) log density of each return given everything observable before it; NaN where there is no return."""
        return self.law.log_density(self.log_returns)


def simulate(market: MarketDescription, seed: int) -> SimulatedPath:
    """Draw one path of a market.

    Each part draws from a stream of its own: a part that is added or left out changes no other part's draws, and a
    longer simulation begins with the shorter one.

    Args:
        market: What to simulate.
        seed: Of the draws.

    Example:
        >>> path = simulate(MarketDescription(n_sessions=250, n_assets=3), seed=0)
        >>> path.panel.closes.shape, path.law.log_density(path.log_returns).shape
        ((250, 3), (250, 3))
    """
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(9)]
    trading = draw_trading(
        market.n_sessions,
        market.n_assets,
        market.halts,
        market.listings,
        market.delistings,
        market.splits,
        streams[5:],
    )
    returning = trading.returning
    regimes = _regime_path(market, returning, streams[0])
    jumps = _jump_path(market, streams[1])
    shocks = _shock_path(market, regimes, streams[2:5])
    log_returns = _return_path(market, returning, regimes, jumps, shocks)
    law = conditional_law(market, log_returns)
    panel, raw = _panels(market, trading, log_returns)
    return SimulatedPath(panel, raw, log_returns, law, regimes, jumps)


def returns_ahead(
    market: MarketDescription, variance: np.ndarray, sessions: int, n_draws: int, seed: int
) -> np.ndarray:
    """Draw the log returns of the next sessions from a state of the market, each asset by itself.

    Sums of them are draws from the true law of a return over several sessions, which has no closed form where the
    variance follows past returns.

    Args:
        market: Without regimes and jumps, so that the variance of the next return is all there is to its state.
        variance: Of each asset's next return.
        sessions: ``H``.
        n_draws: ``S``.
        seed: Of the draws.

    Raises:
        ConfigError: If the market has regimes or jumps, which are hidden.

    Shape:
        - variance: any shape (*)
        - output: (S, H, *)
    """
    if market.regimes is not None or market.jumps is not None:
        raise ConfigError("returns_ahead: given a market with regimes or jumps; expected a variance and shocks alone.")
    generator = np.random.default_rng(seed)
    shape = (n_draws, *np.shape(variance))
    current, drawn = np.broadcast_to(variance, shape), np.empty((n_draws, sessions, *shape[1:]))
    for session in range(sessions):
        size = market.shocks.mixing(generator, shape)
        deviation = np.sqrt(current) * generator.standard_normal(shape) * size
        drawn[:, session] = market.mean + deviation
        current = market.volatility.next_variance(current, deviation)
    return drawn


def _regime_path(market: MarketDescription, returning: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(T, 1) or (T, A) regimes; an asset's own chain moves only from one of its returns to the next."""
    chain: Regimes = market.regimes_or_one
    draws = generator.random((len(returning), 1 if chain.common else returning.shape[1]))
    moves = np.ones_like(draws, dtype=bool) if chain.common else returning
    path = np.empty(draws.shape, dtype=np.int64)
    path[0] = _chosen(draws[0], np.broadcast_to(chain.stationary, (draws.shape[1], len(chain.stationary))))
    for session in range(1, len(draws)):
        before = path[session - 1]
        path[session] = np.where(moves[session], _chosen(draws[session], chain.matrix[before]), before)
    return path


def _chosen(draws: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The outcome of each draw (A,) under probabilities (A, K)."""
    steps = np.cumsum(probabilities, axis=1)[:, :-1]
    return np.asarray((draws[:, None] >= steps).sum(axis=1))


def _jump_path(market: MarketDescription, generator: np.random.Generator) -> np.ndarray:
    jumps = market.jumps_or_none
    draws = generator.random((market.n_sessions, 1 if jumps.common else market.n_assets))
    steps = np.cumsum(jumps.count_probabilities)[:-1]
    return np.asarray((draws[..., None] >= steps).sum(axis=-1))


def _shock_path(market: MarketDescription, regimes: np.ndarray, generators: list[np.random.Generator]) -> np.ndarray:
    """(T, A) shocks of variance one: own draws, factors and the mixing of heavy tails from a stream each."""
    shape = market.n_sessions, market.n_assets
    normal = generators[0].standard_normal(shape)
    if market.factors is None:
        return np.asarray(normal * market.shocks.mixing(generators[2], shape))
    factors = generators[1].standard_normal((market.n_sessions, market.factors.matrix.shape[1]))
    chain = market.regimes_or_one
    multiples = chain.ones_or(chain.loading_multiples)[regimes]
    joined = market.factors.join(factors, normal, multiples)
    return np.asarray(joined * market.shocks.mixing(generators[2], (market.n_sessions, 1)))


def _return_path(
    market: MarketDescription, returning: np.ndarray, regimes: np.ndarray, jumps: np.ndarray, shocks: np.ndarray
) -> np.ndarray:
    """(T, A) log returns; the variance of each follows from those before it."""
    parts = components(market)
    state = regimes * len(market.jumps_or_none.count_probabilities) + jumps  # regimes outermost, see `components`
    locations, multiples, added = (
        np.broadcast_to(values.ravel()[state], shocks.shape)
        for values in (parts.locations, parts.variance_multiples, parts.added_variances)
    )
    log_returns = np.full(shocks.shape, np.nan)
    variance = np.full(shocks.shape[1], market.volatility.initial_variance)
    for session, shock in enumerate(shocks):
        drawn = locations[session] + np.sqrt(variance * multiples[session] + added[session]) * shock
        log_returns[session] = np.where(returning[session], drawn, np.nan)
        moved = market.volatility.next_variance(variance, drawn - market.mean)
        variance = np.where(returning[session], moved, variance)
    return log_returns


def _panels(market: MarketDescription, trading: Trading, log_returns: np.ndarray) -> tuple[Panel, Panel]:
    """The panel in units of the first share, and the raw one."""
    values = _FIRST_CLOSE * np.exp(np.cumsum(np.nan_to_num(log_returns), axis=0))
    shares = np.cumprod(trading.ratios, axis=0)
    session = np.arange(market.n_sessions)[:, None]
    status = np.full(log_returns.shape, CellStatus.TRADED, dtype=np.int8)
    status[trading.halted] = CellStatus.HALTED
    status[session < trading.first] = CellStatus.UNLISTED
    status[session > trading.last] = CellStatus.DELISTED
    days, assets = simulated_sessions(market.n_sessions), asset_names(market.n_assets)
    gone = [number for number in range(market.n_assets) if trading.last[number] < market.n_sessions - 1]
    ended = {assets[number]: days[trading.last[number]].date() for number in gone}
    splits = tuple(
        Split(days[row].date(), assets[column], float(trading.ratios[row, column]))
        for row, column in np.argwhere(trading.ratios != 1.0)
    )

    def panel(prices: np.ndarray, adjustment: Adjustment, splits: tuple[Split, ...]) -> Panel:
        final = {number: prices[trading.last[number], number] for number in gone}
        delistings = tuple(sorted(Delisting(ended[assets[n]], assets[n], _terminal(market, final[n])) for n in gone))
        closes = np.where(trading.traded, prices, np.nan)
        actions = CorporateActions(splits=splits, delistings=delistings)
        return panel_of_cells(closes, status, adjustment, actions, ended)

    return panel(values, "total_return", ()), panel(values / shares, "raw", splits)


def _terminal(market: MarketDescription, last_price: float) -> float | None:
    fraction = market.delistings.terminal_fraction if market.delistings is not None else None
    return None if fraction is None else float(fraction * last_price)
