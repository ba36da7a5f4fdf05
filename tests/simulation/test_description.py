"""Tests of what markets may be described: those whose true law is known."""

import pytest

from quantdl.errors import ConfigError
from quantdl.simulation import Factors, Garch, Jumps, Listings, MarketDescription, Regimes

OWN = Regimes(transition=((0.9, 0.1), (0.1, 0.9)))
COMMON = Regimes(transition=((0.9, 0.1), (0.1, 0.9)), common=True)
STRETCHED = Regimes(transition=((0.9, 0.1), (0.1, 0.9)), loading_multiples=(1.0, 1.7), common=True)
FACTORS = Factors(loadings=((0.6,), (0.6,)))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"n_sessions": 1}, "n_sessions must be at least 2"),
        ({"n_assets": 0}, "n_assets at least 1"),
        ({"mean": float("nan")}, "mean must be a finite number"),
        ({"listings": Listings(0.5, latest=100)}, "latest must be before session 100"),
        ({"regimes": OWN, "factors": FACTORS}, r"common regimes: set Regimes\(common=True\)"),
        ({"jumps": Jumps(0.1, 0.0, 0.1), "factors": FACTORS}, r"common jumps: set Jumps\(common=True\)"),
        ({"jumps": Jumps(0.1, 0.0, 0.1, common=True), "regimes": OWN}, "common jumps need common regimes"),
        ({"regimes": STRETCHED}, "no factors to load on"),
        ({"regimes": STRETCHED, "factors": FACTORS}, "no variance of its own"),
        ({"factors": Factors(loadings=((0.5,),))}, "for 1 of 2 assets"),
    ],
)
def test_a_market_without_a_known_law_is_refused_with_the_fix(arguments, named):
    with pytest.raises(ConfigError, match=named):
        MarketDescription(**{"n_sessions": 100, "n_assets": 2, **arguments})


def test_garch_that_explodes_under_its_regimes_is_refused():
    """In the wild regime a variance grows by 0.1 * 4 + 0.85 = 1.25 a session, and the regime lasts."""
    wild = Regimes(transition=((0.99, 0.01), (0.01, 0.99)), volatility_multiples=(0.5, 2.0))
    with pytest.raises(ConfigError, match=r"by 1\.238 a session"):
        MarketDescription(100, 1, volatility=Garch(omega=1e-6, alpha=0.1, beta=0.85), regimes=wild)
    short = Regimes(transition=((0.99, 0.01), (0.9, 0.1)), volatility_multiples=(0.5, 2.0))
    MarketDescription(100, 1, volatility=Garch(omega=1e-6, alpha=0.1, beta=0.85), regimes=short)


def test_all_faults_are_named_at_once():
    jumps = Jumps(0.1, 0.0, 0.1)
    with pytest.raises(ConfigError, match=r"n_sessions.*for 2 of 3 assets.*common regimes.*common jumps"):
        MarketDescription(0, 3, regimes=OWN, jumps=jumps, factors=FACTORS)


def test_parts_that_go_together_are_accepted():
    common_jumps = Jumps(0.1, 0.0, 0.1, common=True)
    MarketDescription(100, 2, regimes=COMMON, jumps=common_jumps, factors=FACTORS, volatility=Garch(1e-6, 0.05, 0.9))
    MarketDescription(100, 2, regimes=COMMON, jumps=Jumps(0.1, 0.0, 0.1))
    MarketDescription(100, 2, regimes=OWN, jumps=Jumps(0.1, 0.0, 0.1))
