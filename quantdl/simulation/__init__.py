"""Simulated markets whose true conditional law is known, against which models are tested."""

from quantdl.simulation.dependence import Factors
from quantdl.simulation.description import MarketDescription
from quantdl.simulation.filtering import conditional_law
from quantdl.simulation.jumps import Jumps
from quantdl.simulation.laws import TrueLaw
from quantdl.simulation.panels import panel_of_closes
from quantdl.simulation.paths import SimulatedPath, returns_ahead, simulate
from quantdl.simulation.regimes import Regimes
from quantdl.simulation.samples import (
    SimulatedMarket,
    correlation_jump_market,
    sector_shock_market,
    skewed_bimodal_market,
    spill_over_market,
)
from quantdl.simulation.shocks import NormalShocks, Shocks, StudentTShocks
from quantdl.simulation.trading import Delistings, Halts, Listings, Splits
from quantdl.simulation.variance import ConstantVolatility, Garch, Volatility

__all__ = [
    "ConstantVolatility",
    "Delistings",
    "Factors",
    "Garch",
    "Halts",
    "Jumps",
    "Listings",
    "MarketDescription",
    "NormalShocks",
    "Regimes",
    "Shocks",
    "SimulatedMarket",
    "SimulatedPath",
    "Splits",
    "StudentTShocks",
    "TrueLaw",
    "Volatility",
    "conditional_law",
    "correlation_jump_market",
    "panel_of_closes",
    "returns_ahead",
    "sector_shock_market",
    "simulate",
    "skewed_bimodal_market",
    "spill_over_market",
]
