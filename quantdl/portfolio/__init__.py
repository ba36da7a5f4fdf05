"""From forecasts or past returns to weights: equal, inverse volatility, least predicted shortfall, volatility target.

Weights are fractions of equity, float64; what is left to one is cash. An asset that cannot be held gets weight zero.
"""

from quantdl.portfolio.heuristics import equal_weights, inverse_volatility_weights, volatility_target_weights
from quantdl.portfolio.limits import Limits, within_limits
from quantdl.portfolio.shortfall import TradingTerms, least_shortfall_weights

__all__ = [
    "Limits",
    "TradingTerms",
    "equal_weights",
    "inverse_volatility_weights",
    "least_shortfall_weights",
    "volatility_target_weights",
    "within_limits",
]
