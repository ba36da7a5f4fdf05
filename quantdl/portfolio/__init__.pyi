from .heuristics import (
    equal_weights as equal_weights,
    inverse_volatility_weights as inverse_volatility_weights,
    volatility_target_weights as volatility_target_weights,
)
from .limits import Limits as Limits, within_limits as within_limits
from .shortfall import TradingTerms as TradingTerms, least_shortfall_weights as least_shortfall_weights
