"""The description of a simulated market: its parts, and checks that its true law is known in closed form."""

from dataclasses import dataclass

import numpy as np

from quantdl.errors import ConfigError
from quantdl.simulation.dependence import Factors
from quantdl.simulation.jumps import NO_JUMPS, Jumps
from quantdl.simulation.regimes import SINGLE_REGIME, Regimes
from quantdl.simulation.shocks import NormalShocks, Shocks
from quantdl.simulation.trading import Delistings, Halts, Listings, Splits
from quantdl.simulation.variance import ConstantVolatility, Garch, Volatility


@dataclass(frozen=True)
class MarketDescription:
    r"""A market of assets with the same law, each with its own path.

    The log return of an asset in a session with hidden regime :math:`k` and :math:`n` jumps is

    .. math:: r_t = m + \mu_k + n \mu_J + \sqrt{c_k^2 h_t + n \sigma_J^2}\, \varepsilon_t

    with ``mean`` :math:`m`, the regime's mean :math:`\mu_k` and volatility multiple :math:`c_k`, jumps of mean
    :math:`\mu_J` and volatility :math:`\sigma_J`, the variance :math:`h_t` that the observed returns imply, and a shock
    :math:`\varepsilon_t` of variance one. Every part but the shocks may be left out. With the volatility driven by what
    is observed, the law of the next return is a finite mixture that is known exactly.

    Halts, listings, delistings and splits are independent of the returns, so they tell nothing about them. An asset's
    own process waits while it does not trade: the return over a halt is that of one session.

    Attributes:
        n_sessions: ``T``, at least 2.
        n_assets: ``A``.
        shocks: Shape of the surprises.
        volatility: How the variance follows from past returns.
        mean: Constant part of the mean log return.
        regimes: Hidden Markov chain, common or of each asset; None for none.
        jumps: None for none.
        factors: Correlation of the shocks; None for independent assets.
        halts: None for none.
        listings: Late listings; None for none.
        delistings: None for none.
        splits: None for none.

    Raises:
        ConfigError: If the parts contradict each other, or their true law is not known in closed form: with factors,
            regimes and jumps must be common, and common jumps forbid regimes of each asset's own. All faults are named.
    """

    n_sessions: int
    n_assets: int
    shocks: Shocks = NormalShocks()
    volatility: Volatility = ConstantVolatility()
    mean: float = 0.0
    regimes: Regimes | None = None
    jumps: Jumps | None = None
    factors: Factors | None = None
    halts: Halts | None = None
    listings: Listings | None = None
    delistings: Delistings | None = None
    splits: Splits | None = None

    def __post_init__(self) -> None:
        """Refuse markets that explode or whose law is not known."""
        wrong = [*_size_faults(self), *_law_faults(self)]
        if isinstance(self.volatility, Garch) and self._persistence >= 1:
            wrong.append(
                f"GARCH under these regimes multiplies a large variance by {self._persistence:.4g} a session in the "
                "long run and grows without bound; lower alpha, gamma, beta or the volatility multiples."
            )
        if wrong:
            raise ConfigError("MarketDescription: " + " ".join(wrong))

    @property
    def regimes_or_one(self) -> Regimes:
        """The regimes, or a single one."""
        return self.regimes or SINGLE_REGIME

    @property
    def jumps_or_none(self) -> Jumps:
        """The jumps, or none with certainty."""
        return self.jumps or NO_JUMPS

    @property
    def _persistence(self) -> float:
        """Growth a session of a large variance: the spectral radius over the regimes (Francq and Zakoian, 2001)."""
        regimes = self.regimes_or_one
        kept = self.volatility.persistence(regimes.ones_or(regimes.volatility_multiples))
        return float(np.abs(np.linalg.eigvals(regimes.matrix.T * kept)).max())


def _size_faults(market: MarketDescription) -> list[str]:
    wrong = []
    if market.n_sessions < 2 or market.n_assets < 1:
        given = f"{market.n_sessions} and {market.n_assets}"
        wrong.append(f"n_sessions must be at least 2 and n_assets at least 1, got {given}.")
    if not np.isfinite(market.mean):
        wrong.append(f"mean must be a finite number, got {market.mean}.")
    if market.listings is not None and market.listings.latest >= market.n_sessions:
        wrong.append(f"listings: latest must be before session {market.n_sessions}, got {market.listings.latest}.")
    return wrong


def _law_faults(market: MarketDescription) -> list[str]:
    wrong = []
    regimes, jumps, factors = market.regimes, market.jumps, market.factors
    own_regimes = regimes is not None and not regimes.common
    if factors is None:
        if regimes is not None and regimes.loading_multiples:
            wrong.append("regimes have loading_multiples, but there are no factors to load on; leave one of them out.")
        if own_regimes and jumps is not None and jumps.common:
            wrong.append(
                "common jumps need common regimes, or a jump would tie the hidden regimes of all assets together."
            )
        return wrong
    if len(factors.loadings) != market.n_assets:
        wrong.append(f"factors: loadings are given for {len(factors.loadings)} of {market.n_assets} assets.")
    if own_regimes:
        wrong.append("factors need common regimes: set Regimes(common=True).")
    if jumps is not None and not jumps.common:
        wrong.append("factors need common jumps: set Jumps(common=True).")
    multiples = () if regimes is None else regimes.loading_multiples
    if factors.communality * max((value**2 for value in multiples), default=1.0) >= 1:
        wrong.append("loading_multiples leave an asset no variance of its own; lower them or the loadings.")
    return wrong
