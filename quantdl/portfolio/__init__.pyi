from .constraints import InfeasibleError as InfeasibleError, TradingTerms as TradingTerms
from .diversification import (
    diversification_ratio as diversification_ratio,
    maximum_diversification_weights as maximum_diversification_weights,
)
from .equal_risk import equal_risk_weights as equal_risk_weights, risk_contributions as risk_contributions
from .graph_weights import (
    inverse_centrality_weights as inverse_centrality_weights,
    peripheral_weights as peripheral_weights,
)
from .heuristics import (
    equal_weights as equal_weights,
    fixed_fraction_weights as fixed_fraction_weights,
    inverse_volatility_weights as inverse_volatility_weights,
    volatility_target_weights as volatility_target_weights,
)
from .kelly import expected_growth as expected_growth, kelly_weights as kelly_weights
from .limits import Limits as Limits, ShortfallLimit as ShortfallLimit, within_limits as within_limits
from .minimum_variance import (
    covariance_of as covariance_of,
    minimum_variance_weights as minimum_variance_weights,
    minimum_variance_weights_of as minimum_variance_weights_of,
)
from .risk_budget import (
    position_shortfalls as position_shortfalls,
    predicted_shortfall as predicted_shortfall,
    within_risk_budget as within_risk_budget,
)
from .shortfall import (
    least_shortfall_weights as least_shortfall_weights,
    mean_shortfall_weights as mean_shortfall_weights,
)
from .skfolio_prior import ScenarioPrior as ScenarioPrior, predicted_returns as predicted_returns
